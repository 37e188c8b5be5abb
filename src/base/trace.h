/* trace.h - what happens within one request, as spans: names with a beginning and an end, and the W3C header that ties them to the spans of
 * other programs (W3C Trace Context, level 2).
 *
 * A trace is made by core/observe/tracer.h for the few requests that are sampled and hangs on their op; everywhere else op->trace is
 * NULL and every function here does nothing, so callers ask only before they compute something for a span alone.
 *     if (op->trace) { int s = trace_note(op->trace, "engine", from_ns, to_ns); trace_attr_i64(op->trace, s, "process.pid", pid); }
 * A span that names no parent belongs to the smallest span that was there while it was (trace_seal decides). Memory: the op's arena, of
 * fixed size; what finds no room is left out and counted. Times are CLOCK_MONOTONIC nanoseconds. Used by one thread at a time, as op is. */
#ifndef INGOT_BASE_TRACE_H
#define INGOT_BASE_TRACE_H

#include "base/arena.h"
#include "base/limits.h"
#include "base/str.h"

/* ---- the header ---- */

enum { TRACE_ID_BYTES = 16, TRACE_SPAN_BYTES = 8, TRACE_PARENT_LEN = 55, TRACE_SAMPLED = 1, TRACE_RANDOM = 2 };
struct trace_context {
    uint8_t trace_id[TRACE_ID_BYTES];
    uint8_t span_id[TRACE_SPAN_BYTES]; /* of the caller's span */
    uint8_t flags;
};
/* "00-<32 hex>-<16 hex>-<2 hex>", lower case; of later versions what version 00 knows. False: not usable, as if it had not come. */
MUST_USE bool trace_context_parse(struct str traceparent, struct trace_context *ret);
/* Writes TRACE_PARENT_LEN bytes and a NUL. */
void trace_context_format(const struct trace_context *c, char *out);
/* May this list of members be passed on? ("k=v,tenant@k=v", at most 32 of them and LIMIT_TRACE_STATE bytes.) */
MUST_USE bool trace_state_check(struct str tracestate);

/* ---- spans ---- */

enum trace_kind { TRACE_INTERNAL = 1, TRACE_SERVER = 2, TRACE_CLIENT = 3 }; /* OpenTelemetry's numbers */
enum { TRACE_NONE = -1 };
enum trace_attr_type { TRACE_ATTR_TEXT, TRACE_ATTR_I64, TRACE_ATTR_F64, TRACE_ATTR_BOOL };
struct trace_text {
    uint16_t at, len;        /* in text[] */
};
struct trace_attr {
    const char *key;         /* static */
    enum trace_attr_type type;
    int16_t span;
    union {
        struct trace_text text;
        int64_t i;
        double f;
        bool b;
    };
};
struct trace_span {
    uint64_t id;             /* not 0 */
    int64_t from_ns, to_ns;
    struct trace_text name, problem; /* `problem`: of a failed one */
    int16_t parent;          /* TRACE_NONE: of the first span the caller's, of others not decided yet */
    uint8_t kind;
    bool failed;
};
struct trace {
    struct trace_context context; /* its span_id is the caller's; all 0: nobody called */
    struct trace_text state;      /* the caller's tracestate, passed on */
    int64_t wall_ns;              /* what CLOCK_REALTIME is ahead of CLOCK_MONOTONIC */
    uint64_t seed;                /* span ids come of it */
    uint32_t dropped;             /* spans and attributes without room */
    uint16_t span_count, attr_count, text_len;
    struct trace_span *spans;     /* the first one is the request itself */
    struct trace_attr *attrs;
    char *text;
};

/* A trace without spans, of random ids. `context` NULL: it begins here. */
struct trace *trace_make(struct arena *arena, const struct trace_context *context, uint64_t random_a, uint64_t random_b, uint64_t random_c);
/* The number of the new span, or TRACE_NONE. `name` is copied. */
int trace_span(struct trace *t, int parent, enum trace_kind kind, struct str name, int64_t from_ns, int64_t to_ns);
int trace_note(struct trace *t, const char *name, int64_t from_ns, int64_t to_ns); /* INTERNAL, parent by time */
/* `key` is static text. A span of TRACE_NONE is ignored. */
void trace_attr_text(struct trace *t, int span, const char *key, struct str value); /* cut to what is left */
void trace_attr_i64(struct trace *t, int span, const char *key, int64_t value);
void trace_attr_f64(struct trace *t, int span, const char *key, double value);
void trace_attr_bool(struct trace *t, int span, const char *key, bool value);
void trace_fail(struct trace *t, int span, struct str problem);
/* Decides the parents that are not decided. Before it is sent. */
void trace_seal(struct trace *t);
/* A copy of its own, as small as can be, in one piece of heap memory (free); *ret_bytes: its size. */
struct trace *trace_copy(const struct trace *t, size_t *ret_bytes);
/* What the next program, or the caller, is told: this trace, span `span`. */
struct trace_context trace_context_of(const struct trace *t, int span);
/* Keeps a copy of `s`, cut to what is left. */
struct trace_text trace_text(struct trace *t, struct str s);
static inline struct str trace_str(const struct trace *t, struct trace_text x) { return (struct str){t->text + x.at, x.len}; }

#endif
