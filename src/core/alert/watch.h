/* watch.h - applies the rules to what has changed, and makes the alerts (alert.h).
 *
 * A look reads the change log of runs from where the last look stopped, judges in a read snapshot, and stores everything it decided
 * with its new position in one write: a crash repeats a look or loses nothing. Of two servers that look at once one wins. While
 * there is no rule a look costs one small query. Errors: those of db.h. Thread-safe. */
#ifndef INGOT_CORE_ALERT_WATCH_H
#define INGOT_CORE_ALERT_WATCH_H

#include "core/alert/rule.h"

struct alert_look {
    size_t fired, resolved;
    bool more; /* there is more to look at: come again at once */
};
/* `since_us`: when this server began to look. Before that it cannot tell silence from its own absence. */
MUST_USE enum err alert_look(struct op *op, struct alerts *a, int64_t since_us, struct alert_look *ret);

#endif
