/* keeper.h - the thread that starts, watches and restarts the children of this process. Children are tied to the thread that starts
 * them (PR_SET_PDEATHSIG), so it is always this one, and it never ends. */
#ifndef INGOT_ADAPTER_CHILD_KEEPER_H
#define INGOT_ADAPTER_CHILD_KEEPER_H

#include "adapter/child/channel.h"
#include "adapter/child/child.h"
#include "base/thread.h"

/* Shared memory with one life of a child; lives until the last question that was asked through it is over. */
struct keeper_line {
    atomic_int refs;
    atomic_bool dead;          /* set before channel_bury */
    struct channel channel;
};
void keeper_line_unref(struct keeper_line *l); /* NULL is ignored */

struct keeper_child {
    /* Set by the owner before keeper_add. */
    const char *engine;
    int model_fd;              /* the model's bytes, sealed */
    size_t slots, memory_bytes;

    struct mutex lock;         /* of what follows */
    struct cond changed;       /* a slot is free, the child died or is ready */
    struct keeper_line *line;  /* NULL: no child now */
    bool ready;                /* it has loaded the model and may be asked */
    uint32_t busy, lost;       /* slots: asked; asked by somebody who could not wait for the answer */
    int64_t lost_ms[LIMIT_CHILD_SLOTS];
    pid_t pid;                 /* 0: none */
    int death;                 /* wait status of the last one */
    unsigned failures;         /* starts in a row whose child did not live long */

    /* The keeper's own. */
    int pidfd;
    bool stopping, added;
    int64_t next_start_ms, started_ms, number;
    uint64_t starts, deaths;
    struct keeper_child *next;
};

/* Starts it as soon as the keeper gets to it. E_TOO_LARGE: LIMIT_CHILDREN. */
MUST_USE enum err keeper_add(struct op *op, struct keeper_child *c);
/* Ends it; afterwards the keeper knows nothing of it. */
void keeper_remove(struct keeper_child *c);
/* Somebody lost a slot: the keeper watches it from now on. */
void keeper_poke(void);
void keeper_stats(struct child_stats *ret);
size_t keeper_figures(struct child_figure *ret, size_t max);

#endif
