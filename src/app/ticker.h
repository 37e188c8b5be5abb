/* ticker.h - what the server does by itself, by the clock. It looks at every endpoint about once a minute, whether or not labels come:
 * windows whose labels are overdue are closed, and the guardrails of a running rollout see the requests since the last look
 * (monitor_tick). What follows from it is what would follow from labels (core/serve/react.h).
 *
 * Every LIMIT_ROLLOUT_FLUSH_MS, and at the end, it writes what rollouts recorded in memory (rollout_live_flush).
 *
 * Every LIMIT_SERVE_TREND_BEAT_MS, at full seconds, it notes the figures of all endpoints (trend_sample).
 *
 * And once in `retention_ms` it applies the retention rules of experiments (core/retention/rules.h).
 *
 * One thread of its own. A tick that fails is logged and taken again the next time; the next endpoint is looked at regardless. */
#ifndef INGOT_APP_TICKER_H
#define INGOT_APP_TICKER_H

#include "core/serve/react.h"
#include "core/serve/trend.h"

struct ticker;

struct ticker_config {     /* serve and monitor are borrowed and must outlive the ticker, and so must what the retrainer points to */
    struct serve *serve;
    struct monitor *monitor;
    struct retrainer retrainer;
    struct db *db;         /* of the retention rules; borrowed as well */
    int64_t retention_ms;  /* 0: never */
    struct rollout_live *live; /* whose pairs and picks are written; NULL: none */
    struct trend *trend;   /* of the endpoints' figures; borrowed; NULL: it is not kept */
    int64_t interval_ms;   /* between the end of one round and the start of the next; the first comes after one interval */
};

/* Aborts when there is no memory or no thread; the ticker starts with the server. */
struct ticker *ticker_start(const struct ticker_config *config);
/* Returns when the look under way is over. NULL is ignored. */
void ticker_stop(struct ticker *t);

#endif
