/* errand.h - one piece of work on foreign bytes, done in a process of its own that ends with it: a file that crashes its reader, or makes it
 * work for ever, costs one answer and nothing else.
 *
 * This program is started again as `ingot errand KIND PARENT MEMORY A B`, with a pipe for the answer and the file to be read, jailed (jail.h):
 * no network, no new processes, nothing written, and, where the kernel has Landlock, no other file opened. It is killed when its time is over,
 * when who asked has left, and when the server ends. A gate lets a few run at a time and few wait. Thread-safe.
 *
 *     static const struct errand_kind kinds[] = {{"rows", rows_prepare, rows_run}, {0}};
 *     if (errand_is(argc, argv)) return errand_main(argc, argv, kinds);        in main() */
#ifndef INGOT_ADAPTER_CHILD_ERRAND_H
#define INGOT_ADAPTER_CHILD_ERRAND_H

#include "base/buf.h"
#include "base/op.h"
#include "base/thread.h"

struct errand_gate {
    struct mutex lock;
    struct cond changed;
    unsigned running, waiting; /* guarded by the lock */
    unsigned max_running, max_waiting;
    int64_t wait_ms;           /* the longest wait */
};
void errand_gate_init(struct errand_gate *g, unsigned max_running, unsigned max_waiting, int64_t wait_ms);
void errand_gate_clear(struct errand_gate *g); /* nobody is inside */

struct errand {
    const char *kind;      /* of the table below */
    int file_fd;           /* open for reading; stays the caller's */
    int64_t a, b;          /* what the kind makes of them */
    int64_t timeout_ms;
    size_t memory_bytes;   /* private memory of the child */
};
/* Appends the answer to `ret`, whose maximum is the answer's. E_BUSY: too many run and wait already, or the wait was too long; E_TIMEOUT: it did
 * not end in time; E_CANCELLED: who asked has left; E_INVALID: it died of the file; E_TOO_LARGE: the answer is longer; else what it says. */
MUST_USE enum err errand_run(struct op *op, struct errand_gate *g, const struct errand *e, struct buf *ret);

/* ---- the child's side ---- */
struct errand_kind {
    const char *name;
    /* Loads libraries, while other files still open; does not look at the file. NULL: nothing. */
    enum err (*prepare)(struct op *op, const char *path);
    /* `path` opens the file again, and is the only one that opens. */
    enum err (*run)(struct op *op, const char *path, int64_t a, int64_t b, struct buf *out);
};
bool errand_is(int argc, char **argv);
/* `kinds` ends with name NULL. Does not return: the process ends. */
int errand_main(int argc, char **argv, const struct errand_kind *kinds);

#endif
