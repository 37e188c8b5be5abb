/* telemetry.h - hands finished traces to whoever collects them. Calls block; one thread at a time. */
#ifndef INGOT_PORT_TELEMETRY_H
#define INGOT_PORT_TELEMETRY_H

#include <stdatomic.h>

#include "base/op.h"
#include "base/trace.h"

struct telemetry_answer {
    int64_t retry_after_ms;  /* the receiver's wish; -1: none */
    uint64_t rejected;       /* spans of a message that was taken, which the receiver did not want */
};
struct telemetry_ops {
    const char *name;
    /* One message. OK: it was taken. E_BUSY, E_IO, E_TIMEOUT: it may be tried again; E_CANCELLED: *stop became true; E_INVALID: the receiver
     * will never take it. `ret` is written in any case. */
    enum err (*send)(void *self, struct op *op, const struct trace *const *traces, size_t n, const atomic_bool *stop, struct telemetry_answer *ret);
    void (*close)(void *self);
};
struct telemetry {
    const struct telemetry_ops *ops;
    void *self;
};
MUST_USE enum err telemetry_send(struct op *op, struct telemetry *t, const struct trace *const *traces, size_t n, const atomic_bool *stop,
                                 struct telemetry_answer *ret);
void telemetry_close(struct telemetry *t); /* NULL is ignored */

#endif
