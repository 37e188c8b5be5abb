/* Who may touch what. The run lies in the request's arena and is shared by the threads on which its steps finish. Its lock guards the
 * sets of steps and the counts; a tensor is written by the thread that ends its step, before that step is over, and read only after.
 * `users` counts the thread that started the run and every step that is queued; who gives the last one up ends the run, on whatever
 * thread that is, and touches nothing of it afterwards.
 *
 * An arena belongs to one thread. The request's own is lent to one step at a time: on the thread that asks that is each step in
 * turn, so a graph of cheap models needs no other. A step that finds it lent gets an arena of its own, and in the end the outputs are
 * copied to the request's. The trace of a request goes with its arena.
 *
 * The steps' order is that of their needs only (Kahn 1962, with sets as words of bits). */
#include "core/serve/graph_run.h"

#include <stdio.h>

#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/serve/graph_link.h"

struct graph_run;
struct step_run {
    struct graph_run *run;
    size_t index;
    struct op op;
    struct arena *arena;         /* its own, or NULL */
    bool lent;                   /* it has the request's */
    bool queued;
    enum err err;                /* of an optional step that failed; its text is in op */
    struct infer_request r;
    struct infer_answer answer;
};
struct graph_run {
    struct serve_call call;
    const struct graph *g;
    struct tensor *tensors;      /* by place; TENSOR_TYPE_COUNT: not there */
    struct step_run *steps;
    bool made_unit;              /* the unit's id is a number of ours: it names nobody */
    struct serve_call *bare;     /* whose outputs are wanted and nothing else; NULL: answer and count */
    /* Under lock. */
    struct mutex lock;
    uint64_t needed, started, over;
    size_t users, own_arenas;
    bool lent;                   /* the request's arena */
    bool begun;                  /* later->begin was called; by the first thread only */
    int failed;                  /* step that ended the run; -1: none */
};

static const struct graph_step *step_of(const struct step_run *sr)
{
    return &sr->run->g->plan->steps[sr->index];
}

static const struct tensor *tensor_there(const struct graph_run *run, uint16_t place)
{
    return run->tensors[place].type == TENSOR_TYPE_COUNT ? NULL : &run->tensors[place];
}

/* ---- what a step does ---- */

static enum err conditions_hold(struct step_run *sr, const struct graph_when *list, size_t n, bool *ret)
{
    const struct infer_request *r = sr->run->call.r;
    *ret = true;
    for (size_t i = 0; i < n && *ret; i++) {
        const struct tensor *t = list[i].parameter ? NULL : tensor_there(sr->run, list[i].tensor);
        enum err e = graph_when_holds(&sr->op, &list[i], t, r ? r->params : NULL, r ? r->param_count : 0, ret);
        if (e)
            return e;
    }
    return OK;
}

/* *ret_case SIZE_MAX: it is passed over. */
static enum err case_choose(struct step_run *sr, size_t *ret_case)
{
    const struct graph_step *s = step_of(sr);
    bool holds = false;
    enum err e = conditions_hold(sr, s->when, s->when_count, &holds);
    *ret_case = SIZE_MAX;
    if (e || !holds)
        return e;
    if (s->kind == GRAPH_SPLIT) {
        struct rollout_pick pick;
        rollout_choose(s->split, sr->run->call.rows.unit, &pick);
        *ret_case = (size_t)pick.version - 1;
        return OK;
    }
    for (size_t i = 0; !e && s->kind == GRAPH_SWITCH && i < s->case_count; i++) {
        e = conditions_hold(sr, s->cases[i].when, s->cases[i].when_count, &holds);
        if (e || holds) {
            *ret_case = i;
            return e;
        }
    }
    *ret_case = s->kind == GRAPH_SWITCH ? SIZE_MAX : 0;
    return e;
}

static enum err operator_go(struct step_run *sr, bool *ret_made)
{
    const struct graph_step *s = step_of(sr);
    struct graph_run *run = sr->run;
    struct tensor *in = arena_array(sr->op.arena, s->in_count, struct tensor);
    size_t there = 0;
    if (!in)
        return op_fail(&sr->op, E_TOO_LARGE, "no memory for %zu inputs", s->in_count);
    for (size_t i = 0; i < s->in_count; i++) {
        in[i] = run->tensors[s->in[i].tensor];
        in[i].name = s->in[i].name;
        there += in[i].type != TENSOR_TYPE_COUNT;
    }
    if (there < s->combine.least)
        return OK;
    *ret_made = true;
    return combine_run(&sr->op, &s->combine, in, s->in_count, s->out[0].name, &run->tensors[s->out[0].tensor]);
}

static void *step_begin(void *arg);
static void step_done(void *token, enum err e);

static enum err model_go(struct step_run *sr, size_t which, bool away, bool *ret_made)
{
    struct graph_run *run = sr->run;
    const struct graph_step *s = step_of(sr);
    const struct graph_member *m = &run->g->steps[sr->index].members[which];
    const struct infer_request *outer = run->call.r;
    struct tensor *in = arena_array(sr->op.arena, m->in_count + 1, struct tensor);
    size_t n = 0;
    if (!in)
        return op_fail(&sr->op, E_TOO_LARGE, "no memory for %zu inputs", m->in_count);
    for (size_t i = 0; i < m->in_count; i++) {
        const struct graph_wire *w = &s->in[m->in[i]];
        const struct tensor *t = tensor_there(run, w->tensor);
        if (!t && !m->in_optional[i] && !s->all_inputs)
            return OK;
        if (!t)
            continue;
        in[n] = *t;
        in[n++].name = w->name;
    }
    sr->r = (struct infer_request){.inputs = in, .input_count = n, .outputs = run->g->steps[sr->index].wants, .output_count = s->out_count,
                                   .version = s->cases[which].version, .unit_id = run->made_unit ? STR("") : run->call.rows.unit,
                                   .id = outer ? outer->id : STR(""), .priority = outer ? outer->priority : 0,
                                   .timeout_us = outer ? outer->timeout_us : 0, .sequence = STR(""), .params = outer ? outer->params : NULL,
                                   .param_count = outer ? outer->param_count : 0};
    *ret_made = true;
    return infer_begin(&sr->op, m->ep, &sr->r, &sr->answer, &(struct infer_later){step_begin, step_done, sr}, away);
}

static enum err deadline_set(struct step_run *sr)
{
    const struct graph_step *s = step_of(sr);
    if (op_is_gone(&sr->op))
        return op_fail(&sr->op, E_CANCELLED, "the request was given up");
    enum err e = sr->op.deadline_ms ? op_check_deadline(&sr->op) : OK;
    const int64_t mine = s->timeout_ms ? time_mono_ns() / 1000000 + s->timeout_ms : 0;
    if (mine && (!sr->op.deadline_ms || mine < sr->op.deadline_ms))
        sr->op.deadline_ms = mine;
    return e;
}

/* ---- the end of a step ---- */

static enum err default_fill(struct step_run *sr, const struct graph_wire *w)
{
    struct graph_run *run = sr->run;
    const struct tensor_spec *s = &run->g->tensors[w->tensor];
    const struct json *value = step_of(sr)->dflt;
    struct tensor one = {.name = run->g->plan->tensors[w->tensor].name, .type = value->type == JSON_STRING ? TENSOR_BYTES : TENSOR_FP64, .rank = s->rank};
    double v = value->type == JSON_BOOL ? value->boolean : 0;
    (void)json_as_f64(value, &v);
    for (uint32_t i = 0; i < s->rank; i++)
        one.shape[i] = s->shape[i] >= 0 ? s->shape[i] : i == 0 ? (int64_t)run->call.rows.count : 1;
    if (!tensor_count(one.shape, one.rank, LIMIT_TENSOR_VALUES, &one.count))
        return op_fail(&sr->op, E_TOO_LARGE, "no memory for a default");
    const struct str text = value->type == JSON_STRING ? (struct str){arena_array(sr->op.arena, value->s.len + 1, char), value->s.len} : STR("");
    void *data = arena_try_alloc(sr->op.arena, one.count + 1, sizeof(struct str));
    if (text.p && text.len) /* the plan may be gone when the answer is written */
        memcpy((char *)(uintptr_t)text.p, value->s.p, text.len);
    if (!data || !text.p)
        return op_fail(&sr->op, E_TOO_LARGE, "no memory for a default");
    for (size_t i = 0; i < one.count; i++) {
        if (value->type == JSON_STRING)
            ((struct str *)data)[i] = text;
        else
            ((double *)data)[i] = v;
    }
    one.data = value->type == JSON_STRING ? NULL : data;
    one.texts = value->type == JSON_STRING ? data : NULL;
    return combine_cast(&sr->op, &one, s->type, &run->tensors[w->tensor]);
}

/* `made`: its outputs are in the answer, or its operator's tensor where it belongs. */
static void step_over(struct step_run *sr, enum err e, bool made)
{
    struct graph_run *run = sr->run;
    const struct graph_step *s = step_of(sr);
    const bool hard = e == E_CANCELLED || (e && !s->optional);
    for (size_t i = 0; !e && made && s->kind != GRAPH_COMBINE && i < s->out_count; i++) {
        run->tensors[s->out[i].tensor] = sr->answer.outputs[i];
        run->tensors[s->out[i].tensor].name = run->g->plan->tensors[s->out[i].tensor].name;
    }
    if (e && s->kind == GRAPH_COMBINE)
        run->tensors[s->out[0].tensor].type = TENSOR_TYPE_COUNT;
    for (size_t i = 0; !hard && s->dflt && (e || !made) && i < s->out_count; i++) {
        struct op keep = sr->op; /* a default that cannot be made is no worse than what it stands for */
        if (default_fill(sr, &s->out[i]))
            run->tensors[s->out[i].tensor].type = TENSOR_TYPE_COUNT;
        sr->op.err = keep.err, sr->op.msg = keep.msg;
    }
    sr->err = hard ? OK : e;
    LOCK(&run->lock);
    run->over |= UINT64_C(1) << sr->index;
    if (hard && run->failed < 0)
        run->failed = (int)sr->index;
    run->lent = run->lent && !sr->lent;
}

static void step_go(struct step_run *sr, bool away)
{
    struct graph_run *run = sr->run;
    size_t which = 0;
    bool made = false;
    sr->op = *run->call.op;
    op_clear(&sr->op);
    if (!sr->lent) {
        sr->arena = sr->op.arena = arena_create(LIMIT_REQUEST_ARENA);
        sr->op.trace = NULL;
    }
    enum err e = deadline_set(sr);
    if (!e)
        e = case_choose(sr, &which);
    if (!e && which != SIZE_MAX)
        e = step_of(sr)->kind == GRAPH_COMBINE ? operator_go(sr, &made) : model_go(sr, which, away, &made);
    if (!sr->queued)
        step_over(sr, e, made);
}

/* ---- the run ---- */

/* The lock is held. */
static struct step_run *step_next(struct graph_run *run)
{
    const uint64_t left = run->needed & ~run->started;
    for (uint64_t rest = run->failed < 0 ? left : 0; rest; rest &= rest - 1) {
        const size_t i = (size_t)__builtin_ctzll(rest);
        struct step_run *sr = &run->steps[i];
        if (run->g->plan->steps[i].needs & ~run->over)
            continue;
        run->started |= UINT64_C(1) << i;
        sr->run = run;
        sr->index = i;
        sr->lent = !run->lent;
        run->lent = true;
        run->own_arenas += !sr->lent;
        return sr;
    }
    return NULL;
}

static void run_advance(struct graph_run *run, bool away)
{
    mutex_lock(&run->lock);
    for (struct step_run *sr; (sr = step_next(run));) {
        mutex_unlock(&run->lock);
        step_go(sr, away);
        mutex_lock(&run->lock);
    }
    mutex_unlock(&run->lock);
}

static enum err output_missing(struct graph_run *run, const struct graph_output *o)
{
    struct op *op = run->call.op;
    const struct graph_plan *p = run->g->plan;
    for (size_t i = 0; i < p->step_count; i++)
        if (run->steps[i].err)
            return op_fail(op, run->steps[i].err, "output \"%.*s\" could not be made: step \"%.*s\": %s", STR_FMT(o->name), STR_FMT(p->steps[i].name),
                           run->steps[i].op.msg);
    const int step = p->tensors[o->tensor].step;
    return op_fail(op, E_INVALID, "output \"%.*s\" could not be made: step \"%.*s\" was passed over", STR_FMT(o->name),
                   STR_FMT(step >= 0 ? p->steps[step].name : STR("")));
}

/* No step is under way: the request's arena is ours. */
static enum err outputs_gather(struct graph_run *run)
{
    struct serve_call *c = &run->call;
    const struct graph_plan *p = run->g->plan;
    struct tensor *out = arena_array(c->op->arena, p->output_count + 1, struct tensor);
    if (!out)
        return op_fail(c->op, E_TOO_LARGE, "no memory for the answer");
    for (size_t i = 0; i < p->output_count; i++) {
        const struct tensor *t = tensor_there(run, p->outputs[i].tensor);
        if (c->wanted && !c->wanted[i])
            continue;
        if (!t && !p->outputs[i].optional)
            return output_missing(run, &p->outputs[i]);
        out[i] = t ? *t : (struct tensor){.type = TENSOR_TYPE_COUNT};
        if (!t)
            c->key = STR(""); /* the cache keeps whole answers */
        if (t && run->own_arenas && !tensor_own(c->op->arena, &out[i]))
            return op_fail(c->op, E_TOO_LARGE, "no memory for the answer");
        out[i].name = p->outputs[i].name;
    }
    c->outputs = out;
    return OK;
}

/* In what is left of the arena, which the answer may have filled. */
static const char *warning_text(const struct graph_run *run, size_t step)
{
    const struct str name = run->g->plan->steps[step].name;
    const size_t size = name.len + strlen(run->steps[step].op.msg) + 32;
    char *text = arena_array(run->call.op->arena, size, char);
    if (text)
        snprintf(text, size, "step \"%.*s\" failed: %s", STR_FMT(name), run->steps[step].op.msg);
    return text ? text : "a step failed";
}

static const char *run_warning(const struct graph_run *run)
{
    for (size_t i = 0; i < run->g->plan->step_count; i++)
        if (run->steps[i].err)
            return warning_text(run, i);
    return NULL;
}

static enum err run_answer(struct graph_run *run)
{
    struct serve_call *c = &run->call;
    enum err e = OK;
    if (run->failed >= 0) {
        const struct op *sub = &run->steps[run->failed].op;
        e = op_fail(c->op, sub->err, "step \"%.*s\": %s", STR_FMT(run->g->plan->steps[run->failed].name), sub->msg);
    } else {
        e = outputs_gather(run);
    }
    const char *warning = e ? NULL : run_warning(run);
    if (warning)
        c->key = STR(""); /* the next one may be whole */
    c->ran_ns = time_mono_ns();
    c->t.infer = (uint64_t)(c->ran_ns - c->run_ns);
    if (run->bare) {
        run->bare->outputs = c->outputs;
        return e;
    }
    if (e)
        return call_refuse(c, e);
    e = call_answer(c);
    if (!e && !c->ret->warning)
        c->ret->warning = warning;
    if (!e)
        stats_execution(c->v->stats, c->rows.count, &c->t);
    return e;
}

/* One user less; the last one ends the run. *ret_last with its result, if nobody is to be called. */
static void run_leave(struct graph_run *run, bool *ret_last, enum err *ret)
{
    mutex_lock(&run->lock);
    const bool last = --run->users == 0;
    mutex_unlock(&run->lock);
    if (!last)
        return;
    struct serve_endpoint *ep = run->call.ep;
    enum err e = run_answer(run);
    for (size_t i = 0; i < run->g->plan->step_count; i++)
        arena_destroy(run->steps[i].arena);
    atomic_fetch_sub_explicit(&run->call.v->running, 1, memory_order_relaxed);
    mutex_clear(&run->lock);
    if (!run->begun) {
        *ret_last = true;
        *ret = e;
        return;
    }
    void (*done)(void *, enum err) = run->call.later.done;
    done(run->call.token, e);
    serve_release(ep);
}

/* The first step that is queued queues the request; that is on the thread that asks, for later ones follow from earlier ones. */
static void *step_begin(void *arg)
{
    struct step_run *sr = arg;
    struct graph_run *run = sr->run;
    if (!run->begun) {
        run->call.token = run->call.later.begin(run->call.later.arg);
        serve_endpoint_ref(run->call.ep);
        run->begun = true;
    }
    sr->queued = true;
    LOCK(&run->lock);
    run->users++;
    return sr;
}

static void step_done(void *token, enum err e)
{
    struct step_run *sr = token;
    struct graph_run *run = sr->run;
    bool last = false;
    enum err unused = OK;
    step_over(sr, e, true);
    run_advance(run, false);
    run_leave(run, &last, &unused); /* it was begun: somebody is called */
}

static enum err run_make(struct serve_call *c, struct graph_run **ret)
{
    struct arena *a = c->op->arena;
    const struct graph_plan *p = c->v->graph->plan;
    struct graph_run *run = arena_array(a, 1, struct graph_run);
    struct tensor *tensors = arena_array(a, p->tensor_count, struct tensor);
    struct step_run *steps = arena_array(a, p->step_count, struct step_run);
    if (!run || !tensors || !steps)
        return op_fail(c->op, E_TOO_LARGE, "no memory for a graph of %zu steps", p->step_count);
    call_copy(&run->call, c);
    run->g = c->v->graph;
    run->tensors = tensors;
    run->steps = steps;
    for (size_t i = 0; i < p->tensor_count; i++)
        tensors[i].type = TENSOR_TYPE_COUNT;
    memcpy(tensors, c->inputs, p->input_count * sizeof(*tensors));
    run->made_unit = !c->rows.unit.len || (c->rows.unit.p >= c->unit_text && c->rows.unit.p < c->unit_text + sizeof(c->unit_text));
    run->needed = graph_plan_needed(p, c->wanted);
    run->failed = -1;
    run->users = 1;
    mutex_init(&run->lock);
    atomic_fetch_add_explicit(&c->v->running, 1, memory_order_relaxed);
    run->call.run_ns = time_mono_ns();
    run->call.t.input = (uint64_t)(run->call.run_ns - c->entered_ns);
    *ret = run;
    return OK;
}

enum err graph_start(struct serve_call *c, const struct infer_later *later, bool away)
{
    struct graph_run *run = NULL;
    bool last = false;
    enum err e = run_make(c, &run), result = OK;
    if (e)
        return call_refuse(c, e);
    run->call.later = *later;
    if (c->ep->batcher && graph_cost(run->g, c->rows.count) > (double)c->ep->spec.policy.inline_ns)
        away = true;
    run_advance(run, away);
    run_leave(run, &last, &result);
    return last ? result : OK;
}

/* ---- waiting ---- */

static enum err bare_start(void *arg, const struct infer_later *later)
{
    struct graph_run *run = arg;
    bool last = false;
    enum err result = OK;
    run->call.later = *later;
    run_advance(run, false);
    run_leave(run, &last, &result);
    return last ? result : OK;
}

enum err graph_run(struct serve_call *c)
{
    struct graph_run *run = NULL;
    enum err e = run_make(c, &run);
    if (e)
        return e;
    run->bare = c;
    c->run_ns = run->call.run_ns;
    e = infer_wait(bare_start, run);
    c->ran_ns = time_mono_ns();
    c->t.infer = (uint64_t)(c->ran_ns - c->run_ns);
    return e;
}
