#include "core/serve/mirror.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/serve/chained.h"
#include "core/serve/record.h"

enum { MIRROR_NICE = 5 };

/* One copy: a call with memory of its own, and what the control said. */
struct copy {
    struct arena *arena;
    struct op op;
    struct serve_call call;         /* holds a reference to its endpoint; v is the shadow */
    bool control_ok;
    float *control;                 /* rows x outputs */
    size_t outputs, bytes;
    uint32_t control_us;
    int64_t *ids, *event_us;
    struct copy *next;
};
struct mirror {
    struct rollout_live *live;
    struct mutex lock;
    struct cond work;
    struct copy *first, **last;
    size_t waiting, bytes;
    uint64_t dropped;
    bool started, stopping;
    pthread_t thread;
};

static void copy_destroy(struct copy *k)
{
    struct serve_endpoint *ep = k->call.ep;
    arena_destroy(k->arena);
    serve_release(ep);
}

/* ---- copying, on the thread that answers ---- */

static void *bytes_copy(struct arena *a, const void *p, size_t n)
{
    char *to = arena_array(a, n + 1, char);
    if (to && n)
        memcpy(to, p, n);
    return to;
}

static bool inputs_copy(struct copy *k, const struct serve_call *c)
{
    struct serve_call *to = &k->call;
    const size_t n = c->rows.count * c->v->info->features;
    if (c->rows.x)
        return (to->rows.x = bytes_copy(k->arena, c->rows.x, n * sizeof(float))) != NULL;
    if (c->rows.x64)
        return (to->rows.x64 = bytes_copy(k->arena, c->rows.x64, n * sizeof(double))) != NULL;
    to->inputs = bytes_copy(k->arena, c->inputs, c->v->input_count * sizeof(struct tensor));
    for (size_t i = 0; to->inputs && i < c->v->input_count; i++)
        if (!tensor_own(k->arena, &to->inputs[i]))
            return false;
    return to->inputs != NULL;
}

static bool facts_copy(struct copy *k, struct serve_call *c, bool ok)
{
    const size_t rows = c->rows.count;
    const float *scores = ok ? call_scores(c, &k->outputs) : NULL;
    k->control_ok = scores != NULL;
    k->control_us = (uint32_t)(c->t.infer / 1000);
    k->ids = arena_array(k->arena, rows, int64_t);
    k->event_us = arena_array(k->arena, rows, int64_t);
    if (scores && !(k->control = bytes_copy(k->arena, scores, rows * k->outputs * sizeof(float))))
        return false;
    for (size_t i = 0; k->ids && k->event_us && i < rows; i++) {
        k->ids[i] = call_row_id(c, i);
        k->event_us[i] = call_row_time(c, i);
    }
    return k->ids && k->event_us;
}

/* A shadow with a transform of its own makes its matrix from what the caller sent. */
static bool raw_copy(struct copy *k, const struct serve_call *c, const struct chain *chain)
{
    struct serve_call *to = &k->call;
    struct tensor *t = arena_new(k->arena, struct tensor);
    if (chained_transform(&k->op, c, chain, t))
        return false;
    to->rows.x = k->call.v->rows && t->type == TENSOR_FP32 ? t->data : NULL;
    to->rows.x64 = k->call.v->rows && t->type == TENSOR_FP64 ? t->data : NULL;
    to->inputs = t;
    return true;
}

static bool text_copy(struct arena *a, struct str *s)
{
    return (s->p = bytes_copy(a, s->p, s->len)) != NULL;
}

/* A graph chooses by the unit and by what the request says beside its tensors. */
static bool request_copy(struct copy *k, const struct serve_call *c)
{
    const size_t n = c->r ? c->r->param_count : 0;
    struct infer_request *r = arena_new(k->arena, struct infer_request);
    struct json_member *params = arena_array(k->arena, n + 1, struct json_member);
    for (size_t i = 0; params && i < n; i++) {
        params[i] = c->r->params[i];
        if (!text_copy(k->arena, &params[i].key) || (params[i].value.type == JSON_STRING && !text_copy(k->arena, &params[i].value.s)))
            return false;
        if (params[i].value.type == JSON_ARRAY || params[i].value.type == JSON_OBJECT)
            params[i].value = (struct json){.type = JSON_NULL}; /* no condition looks inside */
    }
    *r = (struct infer_request){.params = params, .param_count = n, .unit_id = STR(""), .id = STR(""), .sequence = STR("")};
    k->call.r = r;
    k->call.rows.unit = c->rows.unit;
    return params && text_copy(k->arena, &k->call.rows.unit);
}

/* NULL without memory, or when the shadow takes other rows than were asked. */
static struct copy *copy_make(struct serve_call *c, bool ok)
{
    struct serve_version *shadow = serve_endpoint_version(c->ep, c->pick.shadow_version);
    if (!shadow || shadow == c->v || !serve_version_alike(c->op, c->v, shadow, NULL))
        return NULL;
    struct arena *arena = arena_create(LIMIT_SERVE_SHADOW_BYTES);
    struct copy *k = arena_new(arena, struct copy);
    k->arena = arena;
    op_init(&k->op, arena);
    k->call = (struct serve_call){.op = &k->op, .ep = serve_endpoint_ref(c->ep), .v = shadow, .rows.count = c->rows.count};
    const struct chain *chain = chained_find(c->ep, shadow);
    const bool raw = chain && chain->transform;
    if ((!shadow->graph || request_copy(k, c)) && (raw ? raw_copy(k, c, chain) : inputs_copy(k, c)) && facts_copy(k, c, ok)) {
        k->bytes = arena_used(arena);
        return k;
    }
    copy_destroy(k);
    return NULL;
}

/* ---- running ---- */

static void copy_run(struct mirror *m, struct copy *k)
{
    struct serve_call *c = &k->call;
    size_t outputs = 0;
    enum err e = call_run(c);
    const float *answer = e ? NULL : call_scores(c, &outputs);
    if (k->control_ok && answer && outputs != k->outputs)
        answer = NULL;
    outputs = answer ? outputs : k->outputs;
    for (size_t i = 0; i < c->rows.count; i++) {
        const struct rollout_pair pair = {.id = k->ids[i], .event_us = k->event_us[i], .control_ok = k->control_ok, .candidate_ok = answer != NULL,
                                          .control_us = k->control_us, .candidate_us = (uint32_t)(c->t.infer / 1000),
                                          .control_out = k->control_ok ? k->control + i * outputs : NULL,
                                          .candidate_out = answer ? answer + i * outputs : NULL, .outputs = outputs};
        rollout_pair_record(m->live, c->ep->info.name, &c->ep->info.weights, &pair);
    }
}

static void *mirror_thread(void *arg)
{
    struct mirror *m = arg;
    (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), MIRROR_NICE); /* a wish */
    mutex_lock(&m->lock);
    while (!m->stopping) {
        struct copy *k = m->first;
        if (!k) {
            cond_wait(&m->work, &m->lock);
            continue;
        }
        if (!(m->first = k->next))
            m->last = &m->first;
        m->waiting--;
        m->bytes -= k->bytes;
        mutex_unlock(&m->lock);
        copy_run(m, k);
        copy_destroy(k);
        mutex_lock(&m->lock);
    }
    mutex_unlock(&m->lock);
    return NULL;
}

/* ---- from outside ---- */

struct mirror *mirror_create(struct rollout_live *live)
{
    struct mirror *m = calloc(1, sizeof(*m));
    if (!m)
        abort();
    m->live = live;
    m->last = &m->first;
    mutex_init(&m->lock);
    cond_init(&m->work);
    return m;
}

void mirror_stop(struct mirror *m)
{
    if (!m)
        return;
    mutex_lock(&m->lock);
    const bool runs = m->started && !m->stopping;
    m->stopping = true;
    cond_signal(&m->work);
    mutex_unlock(&m->lock);
    if (runs)
        thread_join(m->thread);
}

void mirror_destroy(struct mirror *m)
{
    if (!m)
        return;
    mirror_stop(m);
    for (struct copy *k = m->first, *next; k; k = next) {
        next = k->next;
        copy_destroy(k);
    }
    cond_clear(&m->work);
    mutex_clear(&m->lock);
    free(m);
}

void mirror_figures(struct mirror *m, uint64_t *ret_dropped, uint64_t *ret_waiting)
{
    *ret_dropped = *ret_waiting = 0;
    if (!m)
        return;
    LOCK(&m->lock);
    *ret_dropped = m->dropped;
    *ret_waiting = m->waiting;
}

void mirror_send(struct mirror *m, struct serve_call *c, bool ok)
{
    if (!m || !c->pick.shadow_version || !c->rows.count)
        return;
    mutex_lock(&m->lock);
    bool room = !m->stopping && m->waiting < LIMIT_SERVE_SHADOWS && m->bytes < LIMIT_SERVE_SHADOW_BYTES;
    mutex_unlock(&m->lock);
    struct copy *k = room ? copy_make(c, ok) : NULL;
    if (!k) {
        mutex_lock(&m->lock);
        m->dropped++;
        mutex_unlock(&m->lock);
        rollout_pair_dropped(m->live, c->ep->info.name, &c->ep->info.weights, c->rows.count);
        return;
    }
    mutex_lock(&m->lock);
    *m->last = k;
    m->last = &k->next;
    m->waiting++;
    m->bytes += k->bytes;
    if (!m->started && !m->stopping) {
        m->thread = thread_start("mirror", mirror_thread, m);
        m->started = true;
    }
    cond_signal(&m->work);
    mutex_unlock(&m->lock);
}
