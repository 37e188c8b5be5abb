/* op.h - the operation: what one request or job carries through every layer.
 * It is made on the stack of whoever starts the work (dispatcher, command, scheduler), never stored,
 * and used by one thread at a time. Rule: a function that returns other than OK has called op_fail()
 * (or passed on a callee's failure), so `op->msg` always explains `op->err`. */
#ifndef INGOT_BASE_OP_H
#define INGOT_BASE_OP_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct db_tx;
struct trace; /* base/trace.h */

/* Named authorities; roles map to sets of them. A route row names exactly one. */
enum perm {
    PERM_NONE = 0,  /* not set: the build refuses a route with it */
    PERM_PUBLIC,    /* health, version: no identity needed */
    PERM_READ,      /* see runs, models, features, endpoints, monitors */
    PERM_RUN_WRITE, /* log runs, artifacts, datasets */
    PERM_MODEL_WRITE, /* register versions, aliases, tags */
    PERM_INFER,     /* ask a served model */
    PERM_FEATURE_WRITE,
    PERM_DEPLOY,    /* endpoints, rollouts, monitors */
    PERM_ADMIN,     /* tokens, audit export */
    PERM_COUNT
};

struct actor {
    struct str name;      /* "local", "admin", "scheduler" ...; lives as long as the op */
    uint32_t perms;       /* bit (1u << enum perm) */
};

struct op {
    struct arena *arena;       /* borrowed; answers live in it */
    enum err err;              /* the failure last recorded: what op_fail() returned */
    const char *msg;           /* its text, in the arena; NULL while OK */
    const char *field;         /* the input field at fault, dotted path, or NULL */
    struct actor actor;
    struct str request_id;
    struct str reason;         /* why, as the caller says (X-Ingot-Reason); histories keep it */
    int64_t now_us;            /* wall clock at the start, microseconds since 1970 UTC; tests set it */
    int64_t deadline_ms;       /* CLOCK_MONOTONIC; 0 = none */
    struct trace *trace;       /* what this request's trace records; NULL: it is not sampled, the usual case */
    struct db_tx *tx;          /* the transaction in whose callback we are, or NULL */
    const int *gone;           /* atomic; not 0: nobody waits for the answer any more, work that has not begun may be left. NULL: unknown */
};
static inline bool op_is_gone(const struct op *op) { return op->gone && __atomic_load_n(op->gone, __ATOMIC_RELAXED) != 0; }

/* Fills `op` with the present time, actor "system" with all permissions and no deadline. */
void op_init(struct op *op, struct arena *arena);
/* Forgets a failure that the caller has handled. */
void op_clear(struct op *op);

/* Records the failure and returns `e`. Called again without op_clear(), the later error stands and the
 * earlier text stays behind it as the cause: "outer: inner". op_context() does that without a new error. */
enum err op_fail(struct op *op, enum err e, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same, naming the input field: E_INVALID with op->field set. */
enum err op_fail_field(struct op *op, const char *field, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* E_IO (ENOENT: E_NOT_FOUND, ENOSPC and others: E_IO) with strerror(errno) appended. Keeps errno. */
enum err op_fail_errno(struct op *op, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Puts "text: " before the message of a failure that is passed up; returns op->err. */
enum err op_context(struct op *op, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Records the failure of `sub`, a copy of `op` with an arena of its own: text and field are copied. Returns its error; OK if it has none. */
enum err op_fail_from(struct op *op, const struct op *sub);
/* E_TIMEOUT when the deadline has passed, else OK. */
MUST_USE enum err op_check_deadline(struct op *op);

#define op_new(op, type) arena_new((op)->arena, type)

/* printf into the arena; aborts like arena_alloc when the cap is hit. */
char *op_printf(struct op *op, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
