#include "core/serve/react.h"

enum err serve_react(struct op *op, struct serve *s, const struct retrainer *r, struct str endpoint, const struct monitor_report *report,
                     size_t *ret_started)
{
    size_t n = 0;
    enum err e = serve_apply(op, s, endpoint, &report->rollout);
    for (size_t i = 0; !e && r->trigger && i < report->trigger_count; i++) {
        bool started = false;
        e = r->trigger(r->arg, op, endpoint, &report->triggers[i], &started);
        n += !e && started;
    }
    if (!e)
        *ret_started = n;
    return e;
}
