/* call.h - one request on its way through the model: picked, read, run, answered, counted. Private to core/serve.
 *
 *     call_pick       the version is picked
 *     call_prepare    the chain's first half; tensors become what the model takes. A dear one (call_is_dear) is queued before that
 *     call_cached     the cache is asked
 *     call_run        the model, for this request alone (batch.c joins several, graph_run.c asks others)
 *     call_answer     the chain's second half; outputs become the answer; figures, monitor, cache
 *     call_refuse     instead of the last, when anything before failed
 *
 * A call lives on the stack of who asks while it is answered at once; a queued one is copied to op's arena and holds a reference to
 * its endpoint. It is used by one thread at a time. */
#ifndef INGOT_CORE_SERVE_CALL_H
#define INGOT_CORE_SERVE_CALL_H

#include "core/chain/chain.h"
#include "core/serve/endpoint.h"
#include "core/serve/infer.h"
#include "core/serve/rows.h"

struct serve_call {
    struct op *op;
    struct serve_endpoint *ep;
    const struct infer_request *r;
    struct infer_answer *ret;
    struct serve_version *v;        /* alive through ep */
    struct rollout_pick pick;
    struct tensor_set set;          /* what came, by name */
    /* What the model gets. */
    struct rows rows;               /* of any model: count, ids, times, unit; of a row model: x or x64 */
    struct tensor *inputs;          /* of a tensor model, in its order */
    uint16_t *places;               /* r->outputs[i] is the model's output places[i]; NULL: all are wanted */
    bool *wanted;                   /* the same by the model's outputs; NULL: all */
    /* What it gave. */
    float *scores;                  /* row models: rows.count x outputs */
    struct tensor *outputs;         /* tensor models, in their order */
    const struct chain *chain;      /* of this version; NULL: none */
    const char *warning;            /* what its first half found; NULL: nothing */
    const float *final;             /* its last word on each row's score; NULL: the model's */
    bool cached;
    struct str key;                 /* cache.h: the question in bytes; "": the answer is not kept */
    uint64_t key_hash, lookup_ns;
    /* How long it took. */
    int64_t started_ns, entered_ns, queued_ns; /* arrival; here; into the queue */
    int64_t run_ns, ran_ns;         /* of call_run: begin, end */
    struct stats_times t;
    char unit_text[24];
    /* Queued ones. */
    struct infer_later later;
    void *token;
    struct serve_call *next, *prev;
    int64_t expires_ns;             /* refused from then on; INT64_MAX: never */
    int64_t delays_ns;              /* run last from then on; INT64_MAX: never */
    bool delayed;
    bool raw;                       /* not prepared yet; rows.count is what it seems */
    void *pending;                  /* asked already, by call_run_start, and not answered; NULL: not so */
    size_t bytes;                   /* memory that it held when it came */
    uint32_t level;
};

MUST_USE enum err call_pick(struct serve_call *c);
/* Would call_prepare take too long for an I/O thread? After call_pick; sets rows.count to what the inputs seem to have. */
bool call_is_dear(struct serve_call *c);
/* Picks first, unless that is done. */
MUST_USE enum err call_prepare(struct serve_call *c);
/* Was the same asked before? Then scores or outputs are there. */
bool call_cached(struct serve_call *c);
MUST_USE enum err call_run(struct serve_call *c);
/* The same of a model that is apart (port/engine.h), but after some ms it leaves the rest to call_run, on any thread: c->pending is set then.
 * E_BUSY: nothing was asked. */
MUST_USE enum err call_run_start(struct serve_call *c);
/* Gives up what is pending; without that it does nothing. */
void call_forget(struct serve_call *c);
/* OK, or why the answer could not be made: then the request is refused already. */
MUST_USE enum err call_answer(struct serve_call *c);
/* Counts and records the failure; returns it. */
enum err call_refuse(struct serve_call *c, enum err e);
/* A copy that may outlive the original. */
void call_copy(struct serve_call *to, const struct serve_call *from);

/* infer.c's: serve_infer_start(); `away`: no model runs on this thread, be it ever so cheap. */
MUST_USE enum err infer_begin(struct op *op, struct serve_endpoint *ep, const struct infer_request *r, struct infer_answer *ret,
                              const struct infer_later *later, bool away);
/* infer.c's: starts and waits. `start` has the contract of serve_infer_start. */
MUST_USE enum err infer_wait(enum err (*start)(void *arg, const struct infer_later *later), void *arg);
/* What a row model gave, as a tensor. */
struct tensor call_row_output(const struct serve_call *c);

#endif
