/* openmetrics.h - Prometheus' text (0.0.4) made into OpenMetrics 1.0, for scrapers that ask for it. Our own text only: families in one piece, no
 * timestamps. A counter's family loses "_total"; a counter without that ending, which OpenMetrics does not know, becomes "unknown". */
#ifndef INGOT_API_SYSTEM_OPENMETRICS_H
#define INGOT_API_SYSTEM_OPENMETRICS_H

#include "base/buf.h"

#define OPENMETRICS_TYPE "application/openmetrics-text; version=1.0.0; charset=utf-8"
/* Does an Accept value ask for it? */
bool openmetrics_accepted(struct str accept);
/* Appends to `out`. */
void openmetrics_write(struct str text, struct buf *out);

#endif
