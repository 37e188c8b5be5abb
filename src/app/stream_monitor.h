/* stream_monitor.h - /metrics and /health of a streaming job, on a small server of their own. */
#ifndef INGOT_APP_STREAM_MONITOR_H
#define INGOT_APP_STREAM_MONITOR_H

#include "core/streaming/figures.h"

struct stream_monitor_config { /* borrowed; must outlive the monitor */
    struct str host;
    int port;                /* 0: any */
    struct str topic, group, model;
    struct streaming_figures *figures;
};
struct stream_monitor;
/* E_IO: the address. */
MUST_USE enum err stream_monitor_start(struct op *op, const struct stream_monitor_config *config, struct stream_monitor **ret, int *ret_port);
void stream_monitor_stop(struct stream_monitor *m); /* NULL is ignored */

#endif
