/* rules.h - when a window's figures call for attention: the table of alert rules and their k-of-n memory. Pure.
 * struct monitor_alert and struct monitor_trigger are part of monitor.h's interface. */
#ifndef INGOT_CORE_MONITOR_RULES_H
#define INGOT_CORE_MONITOR_RULES_H

#include "core/monitor/figures.h"

struct monitor_alert {
    const char *rule;          /* "p95_latency" ...; static */
    struct str subject;        /* feature name or "" */
    bool firing;               /* false: resolved */
    double value, limit;
    int64_t at_us;             /* end of the window that decided */
};
struct monitor_trigger {
    const char *rule;
    struct str subject;
    double value, limit;
    int64_t window_start_us, window_end_us;
};

/* Memory of one rule for one subject: the last windows as bits (1 = breached, newest lowest), and whether it fires. */
struct rule_state {
    uint32_t history;
    bool firing;
};
/* Slots for an endpoint with so many features: each rule has one, rules on features one per feature. */
size_t rules_slots(size_t features);
/* "feature_ks/hour": the stable name of a slot, in op's arena. */
struct str rules_slot_name(struct op *op, size_t slot, const struct str *names, size_t features);

/* What a step changed. Arrays live in op's arena. */
struct rules_outcome {
    struct monitor_alert *alerts;
    size_t alert_count;
    bool wants_retrain; /* a rule marked so fires: `trigger` says which (the first in the table) */
    struct monitor_trigger trigger;
};
/* Advances the states by one window. `ref` may be NULL. A figure that is not defined leaves its rule as it was. */
MUST_USE enum err rules_step(struct op *op, const struct monitor_config *config, const struct reference *ref,
                             const struct monitor_window *window, struct rule_state *states, size_t features, struct rules_outcome *ret);
/* The table, as a JSON array. */
void monitor_rules_json(struct json_out *w);

#endif
