#include "core/serve/call.h"

#include <stdatomic.h>

#include "base/limits.h"
#include "base/time.h"
#include "core/serve/cache.h"
#include "core/serve/chained.h"
#include "core/serve/classify.h"
#include "core/serve/graph_run.h"
#include "core/serve/mirror.h"
#include "core/serve/named.h"
#include "core/serve/record.h"
#include "core/serve/spans.h"
#include "core/serve/tell.h"

/* ---- which version ---- */

/* A request that says nothing about itself gets a number, so that a rollout's share is its share of such requests too. */
static struct str unit_make(struct serve_call *c)
{
    static atomic_uint_fast64_t next;
    uint64_t n = atomic_fetch_add_explicit(&next, 1, memory_order_relaxed);
    char *end = c->unit_text + sizeof(c->unit_text), *p = end;
    do {
        *--p = (char)('0' + n % 10);
    } while (n /= 10);
    *--p = '#';
    return (struct str){p, (size_t)(end - p)};
}

/* Who asks: as the request says, else the first id, else a number of its own. */
static enum err unit_find(struct serve_call *c)
{
    c->rows.unit = c->r->unit_id;
    if (c->rows.unit.len || c->r->version || !c->ep->info.weights.active)
        return OK;
    const struct tensor *id = tensor_set_find(&c->set, c->ep->info.id_field, SIZE_MAX);
    enum err e = id ? rows_read_ids(c->op, id, 0, &c->rows) : OK;
    if (!e && !c->rows.unit.len)
        c->rows.unit = unit_make(c);
    return e;
}

static enum err version_pick(struct serve_call *c)
{
    struct str why = STR("");
    const struct serve_info *info = &c->ep->info;
    const int64_t asked = c->r->version;
    c->pick = (struct rollout_pick){.version = asked ? asked : info->live, .arm = ROLLOUT_ARM_NONE, .propensity = 1};
    if (!asked && info->weights.active)
        rollout_choose(&info->weights, c->rows.unit, &c->pick);
    for (size_t i = 0; i < c->ep->loaded_len && !c->v; i++) {
        if (c->ep->loaded[i]->version != c->pick.version)
            continue;
        if (c->ep->unfit[i])
            return op_fail(c->op, E_BUSY, "version %lld does not fit the configuration of \"%.*s\"", (long long)c->pick.version, STR_FMT(info->name));
        c->v = c->ep->loaded[i];
        c->chain = c->ep->chains[i];
    }
    if (c->v && serve_version_answers(c->v, &why))
        return OK;
    if (c->v) {
        c->v = NULL;
        return op_fail(c->op, E_BUSY, "\"%.*s\" is not ready: %.*s", STR_FMT(info->name), STR_FMT(why));
    }
    if (asked)
        return op_fail(c->op, E_NOT_FOUND, "version %lld of \"%.*s\" is not loaded", (long long)asked, STR_FMT(info->name));
    return op_fail(c->op, E_BUSY, "\"%.*s\" is not ready: version %lld is not loaded", STR_FMT(info->name), (long long)c->pick.version);
}

/* ---- what the model gets ---- */

static enum err online_features(struct serve_call *c)
{
    const struct serve_endpoint *e = c->ep;
    const size_t width = e->info.view->len, n = c->rows.count;
    float *x = arena_array(c->op->arena, n * width, float);
    if (!x)
        return op_fail(c->op, E_TOO_LARGE, "no memory for %zu rows", n);
    for (size_t i = 0; i < n; i++) {
        enum err err = feature_online_get(c->op, e->table, &c->rows.entities[i], x + i * width);
        if (err)
            return n > 1 ? op_context(c->op, "row %zu", i) : err;
    }
    c->rows.x = x;
    return OK;
}

static enum err rows_prepare(struct serve_call *c)
{
    const struct serve_info *info = &c->ep->info;
    const struct rows_want want = {.endpoint = info->name, .features = c->v->info->features, .feature_names = c->v->info->feature_names,
                                   .doubles = c->v->doubles, .view = info->view, .id_field = info->id_field};
    const struct str unit = c->rows.unit;
    enum err e = rows_read(c->op, &want, &c->set, &c->rows);
    if (!e && unit.len)
        c->rows.unit = unit;
    return e ? e : c->rows.entities ? online_features(c) : OK;
}

static enum err tensors_prepare(struct serve_call *c)
{
    const struct serve_info *info = &c->ep->info;
    const struct named_want want = {.loose = c->v->graph, .endpoint = info->name, .inputs = c->v->inputs, .input_count = c->v->input_count, .joins = c->v->info->joins,
                                    .id_field = info->id_field, .time_field = info->view ? info->view->timestamp_field : STR("")};
    const struct str unit = c->rows.unit;
    enum err e = named_read(c->op, &want, &c->set, &c->inputs, &c->rows.count, &c->rows);
    if (!e && unit.len)
        c->rows.unit = unit;
    return e;
}

static enum err outputs_prepare(struct serve_call *c)
{
    const struct infer_request *r = c->r;
    const struct post *post = c->chain ? c->chain->post : NULL;
    if (!r->output_count)
        return OK;
    c->places = arena_array(c->op->arena, r->output_count, uint16_t);
    c->wanted = arena_array(c->op->arena, c->v->output_count + 1, bool);
    if (!c->places || !c->wanted || r->output_count > LIMIT_SERVE_OUTPUTS)
        return op_fail(c->op, E_TOO_LARGE, "%zu outputs are wanted; %d may be", r->output_count, LIMIT_SERVE_OUTPUTS);
    enum err e = post ? named_outputs(c->op, c->ep->info.name, r->outputs, r->output_count, post->outputs, post->output_count, c->places)
                      : named_outputs(c->op, c->ep->info.name, r->outputs, r->output_count, c->v->outputs, c->v->output_count, c->places);
    if (post)
        c->wanted[post->source] = true; /* whatever is asked for, the monitor is told the score */
    for (size_t i = 0; !e && i < r->output_count; i++) {
        const size_t at = post ? post->places[c->places[i]].model : c->places[i];
        if (at != SIZE_MAX)
            c->wanted[at] = true;
    }
    return e;
}

void call_copy(struct serve_call *to, const struct serve_call *from)
{
    *to = *from;
    if (from->rows.unit.p >= from->unit_text && from->rows.unit.p < from->unit_text + sizeof(from->unit_text))
        to->rows.unit.p = to->unit_text + (from->rows.unit.p - from->unit_text);
}

enum err call_pick(struct serve_call *c)
{
    enum err e = tensor_set_make(c->op, c->r->inputs, c->r->input_count, &c->set);
    if (!e)
        e = unit_find(c);
    if (!e)
        e = version_pick(c);
    return e ? e : outputs_prepare(c);
}

bool call_is_dear(struct serve_call *c)
{
    const struct serve_version *shadow = c->pick.shadow_version ? serve_endpoint_version(c->ep, c->pick.shadow_version) : NULL;
    const struct chain *other = shadow && shadow != c->v ? chained_find(c->ep, shadow) : NULL; /* its copy is made where the answer is */
    const struct chain_columns in = {.all = c->set.all, .len = c->set.len};
    size_t rows = 1, work = c->chain ? chain_work(c->chain, &in, &rows) : 0;
    work += other ? chain_work(other, &in, &rows) : 0;
    c->rows.count = rows;
    return work > LIMIT_SERVE_INLINE_VALUES;
}

enum err call_prepare(struct serve_call *c)
{
    enum err e = c->v ? OK : call_pick(c);
    if (!e && c->chain)
        e = chained_before(c, &c->set);
    if (!e)
        e = c->v->rows ? rows_prepare(c) : tensors_prepare(c);
    const size_t most = c->ep->spec.policy.batch.max_rows;
    if (!e && most && c->rows.count > most)
        e = op_fail(c->op, E_INVALID, "a request of %zu rows; \"%.*s\" takes %zu at most", c->rows.count, STR_FMT(c->ep->info.name), most);
    if (!e && !c->rows.unit.len && !c->rows.ids && (c->ep->monitor || c->pick.shadow_version || c->v->graph))
        c->rows.unit = unit_make(c);
    return e;
}

bool call_cached(struct serve_call *c)
{
    if (!c->ep->cache)
        return false;
    int64_t from = time_mono_ns();
    c->cached = cache_get(c->ep->cache, c);
    c->lookup_ns = (uint64_t)(time_mono_ns() - from);
    if (!c->cached && c->key.len)
        stats_cache_miss(c->v->stats, c->lookup_ns);
    return c->cached;
}

/* ---- the model ---- */

static enum err tensors_run(struct serve_call *c)
{
    void *pending = c->pending;
    c->pending = NULL;
    if (pending)
        return model_run_finish(c->op, c->v->model, pending, c->outputs);
    c->outputs = arena_array(c->op->arena, c->v->output_count + 1, struct tensor);
    return c->outputs ? model_run(c->op, c->v->model, c->inputs, c->wanted, c->outputs) : op_fail(c->op, E_TOO_LARGE, "no memory for the answer");
}

static void run_timed(struct serve_call *c, int64_t from)
{
    c->run_ns = from;
    c->ran_ns = time_mono_ns();
    c->t.infer = (uint64_t)(c->ran_ns - from);
}

enum err call_run(struct serve_call *c)
{
    struct serve_version *v = c->v;
    if (v->graph)
        return graph_run(c);
    const int64_t from = c->pending ? c->run_ns : time_mono_ns();
    enum err e = OK;
    if (v->rows) {
        c->scores = arena_array(c->op->arena, c->rows.count * v->info->outputs, float);
        if (!c->scores)
            return op_fail(c->op, E_TOO_LARGE, "no memory for the answers of %zu rows", c->rows.count);
        if (c->rows.x)
            model_predict(v->model, c->rows.x, c->rows.count, c->scores);
        else
            model_predict_f64(v->model, c->rows.x64, c->rows.count, c->scores);
    } else {
        e = tensors_run(c);
    }
    run_timed(c, from);
    return e;
}

enum err call_run_start(struct serve_call *c)
{
    const int64_t from = time_mono_ns();
    c->outputs = arena_array(c->op->arena, c->v->output_count + 1, struct tensor);
    if (!c->outputs)
        return op_fail(c->op, E_TOO_LARGE, "no memory for the answer");
    enum err e = model_run_start(c->op, c->v->model, c->inputs, c->wanted, LIMIT_SERVE_LONE_MS, c->outputs, &c->pending);
    run_timed(c, from);
    return e;
}

void call_forget(struct serve_call *c)
{
    if (c->pending)
        model_run_forget(c->v->model, c->pending);
    c->pending = NULL;
}

/* ---- the answer ---- */

struct tensor call_row_output(const struct serve_call *c)
{
    const struct tensor_spec *s = &c->v->outputs[0];
    const size_t rows = c->rows.count, outputs = c->v->info->outputs;
    return (struct tensor){.name = s->name, .type = s->type, .rank = s->rank, .shape = {(int64_t)rows, s->rank > 1 ? (int64_t)outputs : 0},
                           .count = rows * outputs, .data = c->scores};
}

/* The model's outputs as they are wanted. */
static enum err outputs_choose(struct serve_call *c, struct tensor **ret, size_t *ret_len)
{
    const struct infer_request *r = c->r;
    const size_t n = r->output_count ? r->output_count : c->v->output_count;
    struct tensor *out = c->v->rows || r->output_count ? arena_array(c->op->arena, n, struct tensor) : c->outputs;
    if (!out)
        return op_fail(c->op, E_TOO_LARGE, "no memory for %zu outputs", n);
    for (size_t i = 0; i < n && out != c->outputs; i++)
        out[i] = c->v->rows ? call_row_output(c) : c->outputs[c->places[i]];
    *ret = out;
    *ret_len = n;
    return OK;
}

/* Without those that a graph did not make. NULL: no memory. */
static struct tensor *tensors_there(const struct serve_call *c, const struct tensor *all, size_t *len)
{
    struct tensor *out = arena_array(c->op->arena, *len + 1, struct tensor);
    size_t n = 0;
    for (size_t i = 0; out && i < *len; i++)
        if (all[i].type != TENSOR_TYPE_COUNT)
            out[n++] = all[i];
    *len = out ? n : *len;
    return out;
}

static enum err outputs_make(struct serve_call *c)
{
    const struct infer_request *r = c->r;
    const struct post *post = c->chain ? c->chain->post : NULL;
    struct tensor *out = NULL;
    size_t n = 0;
    enum err e = post ? chained_after(c, &out, &n) : outputs_choose(c, &out, &n);
    for (size_t i = 0; !e && i < r->output_count; i++) {
        const struct tensor_spec *s = post ? &post->outputs[c->places[i]] : &c->v->outputs[c->places[i]];
        if (r->outputs[i].classes && out[i].type != TENSOR_TYPE_COUNT)
            e = classify(c->op, &out[i], s->labels, s->label_count, r->outputs[i].classes);
    }
    if (!e && c->v->graph && !(out = tensors_there(c, out, &n)))
        e = op_fail(c->op, E_TOO_LARGE, "no memory for %zu outputs", n);
    if (e)
        return e;
    for (size_t i = 0; i < n; i++) { /* the version and the chain they come from may be gone when the answer is written */
        char *name = arena_array(c->op->arena, out[i].name.len + 1, char);
        if (!name || (post && out[i].type == TENSOR_BYTES && !tensor_own(c->op->arena, &out[i])))
            return op_fail(c->op, E_TOO_LARGE, "no memory for the answer");
        memcpy(name, out[i].name.p, out[i].name.len);
        out[i].name.p = name;
    }
    *c->ret = (struct infer_answer){.outputs = out, .output_count = n, .version = c->v->version, .arm = c->pick.arm,
                                    .propensity = c->pick.propensity, .cached = c->cached, .warning = c->warning};
    return OK;
}

enum err call_answer(struct serve_call *c)
{
    int64_t from = c->ran_ns ? c->ran_ns : time_mono_ns();
    enum err e = outputs_make(c);
    if (e)
        return call_refuse(c, e);
    if (!c->cached && c->ep->cache)
        cache_put(c->ep->cache, c);
    call_record(c, true);
    mirror_send(c->ep->mirror, c, true);
    int64_t now = time_mono_ns();
    c->t.output += (uint64_t)(now - from);
    c->t.total = (uint64_t)(now - c->started_ns);
    if (c->cached)
        stats_cache_hit(c->v->stats, c->lookup_ns, c->t.total);
    else
        stats_success(c->v->stats, c->rows.count, &c->t, c->op->now_us);
    if (c->op->trace)
        call_spans(c, OK);
    if (c->ep->payload)
        call_tell(c, OK);
    return OK;
}

enum err call_refuse(struct serve_call *c, enum err e)
{
    if (c->op->trace)
        call_spans(c, e);
    if (c->ep->payload)
        call_tell(c, e);
    if (!c->v)
        return e;
    stats_fail(c->v->stats, e, (uint64_t)(time_mono_ns() - c->started_ns));
    if (err_http(e) < 500) /* a wrong request is not the model's failure */
        return e;
    call_record(c, false);
    if (e == E_IO && (c->inputs || c->rows.x || c->rows.x64)) /* the engine, not the queue */
        mirror_send(c->ep->mirror, c, false);
    return e;
}
