/* metrics.h - /metrics and the judgement behind /health. */
#ifndef INGOT_APP_METRICS_H
#define INGOT_APP_METRICS_H

#include "api/services.h"

void metrics_write(struct services *s, struct buf *out);
bool metrics_healthy(struct services *s);

#endif
