/* settings.h - what clients of the V2 protocol may look at and set while the server runs: its extensions "logging" and "trace", the same over
 * REST and gRPC. Of logging the levels are real; the other values are kept and told again, but change nothing: the log is standard error.
 * Of tracing trace_level (OFF, or anything else), trace_rate and trace_count are real when traces are sent somewhere (core/observe/tracer.h): every rate'th
 * inference request leaves a trace until the count is used up; trace_count then tells what is left. They hold for the process and end with it. Thread-safe. */
#ifndef INGOT_API_SETTINGS_H
#define INGOT_API_SETTINGS_H

#include "base/op.h"

enum setting_kind { SETTING_BOOL, SETTING_UINT, SETTING_TEXT, SETTING_LIST };
struct setting {
    struct str name;
    enum setting_kind kind;
    uint64_t number;       /* of a bool: 0 or 1 */
    struct str text;
    const struct str *list; /* SETTING_LIST */
    size_t list_len;
};
/* All of them, in op's arena. */
size_t settings_log_get(struct op *op, struct setting **ret);
/* Takes all changes or none. E_INVALID: unknown name, another kind, or no such value; E_UNSUPPORTED: a log file; E_DENIED: the actor is no
 * administrator. */
MUST_USE enum err settings_log_put(struct op *op, const struct setting *changes, size_t n);

/* What the settings of tracing switch while the server runs; NULL: nothing. To be called before the first request and after the last. */
struct tracer;
void settings_trace_bind(struct tracer *tracer);
/* Values are lists of texts (most have one); of one model they are those of the server. */
size_t settings_trace_get(struct op *op, struct setting **ret);
/* An empty list: back to the default. `model` "": the server's; E_UNSUPPORTED for one model alone. */
MUST_USE enum err settings_trace_put(struct op *op, struct str model, const struct setting *changes, size_t n);

#endif
