#include "core/serve/react.h"

enum err serve_react(struct op *op, struct serve *s, const struct retrainer *r, struct str endpoint, const struct monitor_report *report,
                     size_t *ret_started)
{
    size_t n = 0;
    enum err e = OK;
    /* The report comes only once, so a version that cannot be loaded must not keep a wish from being heard. A decision that
     * could not be applied is made up for by the next one and at every start. */
    struct op sub = *op;
    enum err applied = serve_apply(&sub, s, endpoint, &report->rollout);
    for (size_t i = 0; !e && r->trigger && i < report->trigger_count; i++) {
        bool started = false;
        e = r->trigger(r->arg, op, endpoint, &report->triggers[i], &started);
        n += !e && started;
    }
    if (!e && applied)
        e = op_fail(op, applied, "%s", sub.msg);
    if (!e)
        *ret_started = n;
    return e;
}
