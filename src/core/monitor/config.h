/* config.h - what an endpoint's monitor looks for. Part of monitor.h's interface. Pure. */
#ifndef INGOT_CORE_MONITOR_CONFIG_H
#define INGOT_CORE_MONITOR_CONFIG_H

#include "base/json.h"

struct monitor_config {
    int64_t window_us;          /* length of a window, aligned to the epoch; 1 day */
    int64_t label_delay_us;     /* a window closes when its end + this <= watermark; 1 day */
    int64_t label_grace_us;     /* monitor_tick closes windows whose labels are later than this; 7 days */
    double threshold;           /* label 1 is predicted at score >= this, for accuracy; 0.5 */
    double p95_us;              /* alert above; 100000 */
    double error_rate;          /* alert above; 0.01 */
    double quality_drop;        /* relative fall of accuracy and AUC against the reference; 0.05 */
    double loss_rise;           /* relative rise of log-loss; 0.10 */
    double ece_max;             /* 0.10 */
    double ks_p, ks_min_d;      /* both must hold: p < 0.05 and D >= 0.1 */
    double psi_max;             /* 0.2 */
    double drift_share;         /* share of features that drift to call the data set drifted; 0.5 */
    int64_t min_rows, min_labels; /* windows with fewer say nothing about drift / quality; 200, 200 */
    int64_t cooldown_windows;   /* after a trigger no other for so many windows; 7 */
};
void monitor_config_default(struct monitor_config *ret);
/* Members as the fields above, absent ones keep the default; unknown or out of range: E_INVALID with the field. NULL: default. */
MUST_USE enum err monitor_config_parse(struct op *op, const struct json *obj, struct monitor_config *ret);
void monitor_config_json(struct json_out *w, const struct monitor_config *config);

#endif
