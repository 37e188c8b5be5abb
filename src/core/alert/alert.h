/* alert.h - the alerts that rules have raised: those that fire and those that are over. They stay when their rule or run goes. Times
 * are microseconds since 1970 UTC. Thread-safe. */
#ifndef INGOT_CORE_ALERT_ALERT_H
#define INGOT_CORE_ALERT_ALERT_H

#include "core/alert/rule.h"

struct alert {
    int64_t row;
    struct str rule, run_id, metric, reason;
    enum alert_kind kind;
    int64_t experiment;
    bool firing;
    bool has_value;          /* value and step are those of the point at fault */
    double value;
    int64_t step;
    int64_t fired_us, resolved_us; /* 0: not yet */
};
enum alert_which { ALERTS_ALL, ALERTS_FIRING, ALERTS_RESOLVED };
/* Newest first, below row `before` (0: from the newest); `rule` "": of all rules, also of those that are gone. */
MUST_USE enum err alert_list(struct op *op, struct alerts *a, struct str rule, enum alert_which which, int64_t before, size_t limit, struct alert **ret, size_t *ret_len);

#endif
