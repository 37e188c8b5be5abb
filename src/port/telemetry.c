#include "port/telemetry.h"

enum err telemetry_send(struct op *op, struct telemetry *t, const struct trace *const *traces, size_t n, const atomic_bool *stop,
                        struct telemetry_answer *ret)
{
    *ret = (struct telemetry_answer){.retry_after_ms = -1};
    return t->ops->send(t->self, op, traces, n, stop, ret);
}

void telemetry_close(struct telemetry *t)
{
    if (t)
        t->ops->close(t->self);
}
