#include "core/serve/endpoint.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"

enum err serve_features_match(struct op *op, const struct engine_info *info, const struct feature_view *view)
{
    if (info->features != view->len)
        return op_fail(op, E_INVALID, "the model wants %zu features, view %.*s has %zu", info->features, STR_FMT(view->name), view->len);
    for (size_t i = 0; info->feature_names && i < view->len; i++)
        if (!str_eq(info->feature_names[i], view->features[i].name))
            return op_fail(op, E_INVALID, "feature %zu is \"%.*s\" in the model, \"%.*s\" in view %.*s", i, STR_FMT(info->feature_names[i]),
                           STR_FMT(view->features[i].name), STR_FMT(view->name));
    return OK;
}

static void info_fill(struct serve_endpoint *ep, const struct serve_state *state)
{
    struct serve_info *info = &ep->info;
    const struct feature_view *view = state->table ? feature_table_view(state->table) : NULL;
    struct serve_version *live = serve_endpoint_version(ep, state->live);
    int64_t *versions = arena_alloc(ep->arena, LIMIT_SERVE_VERSIONS * sizeof(int64_t));
    for (size_t i = 0; i < ep->loaded_len; i++)
        versions[i] = ep->loaded[i]->version;
    *info = (struct serve_info){.name = str_dup(ep->arena, state->name),
                                .model = ep->spec.model,
                                .id_field = ep->spec.id_field.len || !view ? ep->spec.id_field : view->id_field,
                                .config = ep->spec.doc,
                                .view = view,
                                .ready = live != NULL,
                                .live = state->live,
                                .weights = state->weights,
                                .version_count = ep->loaded_len,
                                .versions = versions,
                                .format = STR("")};
    if (!live)
        return;
    const struct engine_info *model = model_info(live->model);
    info->features = model->features;
    info->outputs = model->outputs;
    info->feature_names = model->feature_names;
    info->format = model->format;
}

enum err serve_endpoint_make(struct op *op, const struct serve_state *state, struct serve_endpoint **ret)
{
    struct arena *arena = arena_create(LIMIT_SERVE_CONFIG_BYTES * 16);
    struct serve_endpoint *ep = arena_new(arena, struct serve_endpoint);
    struct op sub = *op; /* what is parsed lives as long as the state */
    struct json *doc = NULL;
    sub.arena = arena;
    ep->arena = arena;
    enum err e = json_parse(&sub, state->config_text, JSON_STRICT, &doc);
    if (!e)
        e = serve_spec_parse(&sub, str_dup(arena, state->name), doc, &ep->spec);
    if (e) {
        e = op_fail(op, e, "%s", sub.msg);
        arena_destroy(arena);
        return e;
    }
    for (size_t i = 0; i < state->loaded_len; i++) {
        size_t at = ep->loaded_len++;
        for (; at && ep->loaded[at - 1]->version > state->loaded[i]->version; at--)
            ep->loaded[at] = ep->loaded[at - 1];
        ep->loaded[at] = serve_version_ref(state->loaded[i]);
    }
    ep->table = state->table;
    ep->monitor = state->monitor;
    ep->batcher = state->batcher;
    ep->problem = str_dup(arena, state->problem);
    atomic_init(&ep->refs, 1);
    info_fill(ep, state);
    *ret = ep;
    return OK;
}

struct serve_endpoint *serve_endpoint_ref(struct serve_endpoint *e)
{
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void serve_release(struct serve_endpoint *e)
{
    if (!e || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < e->loaded_len; i++)
        serve_version_unref(e->loaded[i]);
    arena_destroy(e->arena);
}

struct serve_version *serve_endpoint_version(const struct serve_endpoint *e, int64_t version)
{
    for (size_t i = 0; i < e->loaded_len; i++)
        if (e->loaded[i]->version == version)
            return e->loaded[i];
    return NULL;
}

const struct serve_info *serve_endpoint_info(const struct serve_endpoint *e)
{
    return &e->info;
}

/* Which version answers, and in which arm. */
static enum err version_pick(struct op *op, const struct serve_endpoint *e, const struct serve_request *r, struct serve_version **ret, int *ret_arm)
{
    *ret_arm = ROLLOUT_ARM_NONE;
    int64_t version = r->version ? r->version : e->info.live;
    if (!r->version && e->info.weights.active)
        version = rollout_pick(&e->info.weights, r->unit_id, ret_arm);
    *ret = serve_endpoint_version(e, version);
    if (*ret)
        return OK;
    if (r->version)
        return op_fail(op, E_NOT_FOUND, "version %lld of \"%.*s\" is not loaded", (long long)version, STR_FMT(e->info.name));
    return op_fail(op, E_BUSY, "\"%.*s\" is not ready: version %lld is not loaded", STR_FMT(e->info.name), (long long)version);
}

static enum err features_get(struct op *op, const struct serve_endpoint *e, const struct serve_request *r, const float **ret)
{
    if (r->features) {
        *ret = r->features;
        return OK;
    }
    if (!e->table)
        return op_fail(op, E_INVALID, "\"%.*s\" has no feature view: send the features themselves", STR_FMT(e->info.name));
    const size_t width = e->info.view->len;
    float *x = arena_array(op->arena, r->rows * width, float);
    if (!x)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu rows", r->rows);
    for (size_t i = 0; i < r->rows; i++) {
        enum err err = feature_online_get(op, e->table, &r->entities[i], x + i * width);
        if (err)
            return r->rows > 1 ? op_context(op, "row %zu", i) : err;
    }
    *ret = x;
    return OK;
}

/* `scores` NULL: the request failed. */
static void record(struct op *op, const struct serve_endpoint *e, const struct serve_request *r, const struct serve_version *v, int arm,
                   const float *features, const float *scores)
{
    if (!e->monitor)
        return;
    struct prediction one, *p = r->rows == 1 ? &one : arena_array(op->arena, r->rows, struct prediction);
    if (!p)
        return;
    int64_t us = (time_mono_ns() - r->started_ns) / 1000;
    const struct engine_info *info = model_info(v->model);
    uint64_t first = r->ids ? 0 : hash64(r->unit_id.p, r->unit_id.len, 0);
    for (size_t i = 0; i < r->rows; i++)
        p[i] = (struct prediction){.id = r->ids ? r->ids[i] : (int64_t)(first + i),
                                   .event_us = r->event_us ? r->event_us[i] : op->now_us,
                                   .version = v->version,
                                   .score = scores ? scores[i * info->outputs] : NAN,
                                   .latency_us = us < 0 ? 0 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us,
                                   .arm = (uint8_t)arm,
                                   .ok = scores != NULL,
                                   .features = features ? features + i * info->features : NULL,
                                   .feature_count = (uint32_t)info->features};
    if (r->rows == 1)
        monitor_record(e->monitor, e->info.name, p);
    else
        monitor_record_many(e->monitor, e->info.name, p, r->rows);
}

enum err serve_predict(struct op *op, struct serve_endpoint *e, const struct serve_request *r, struct serve_answer *ret)
{
    struct serve_version *v = NULL;
    const float *features = NULL;
    int arm = ROLLOUT_ARM_NONE;
    if (!r->rows || r->rows > LIMIT_SERVE_ROWS)
        return op_fail(op, E_INVALID, "%zu rows; a request may have 1 to %d", r->rows, LIMIT_SERVE_ROWS);
    enum err err = version_pick(op, e, r, &v, &arm);
    if (err)
        return err;
    const size_t outputs = model_info(v->model)->outputs;
    float *scores = arena_array(op->arena, r->rows * outputs, float);
    err = scores ? features_get(op, e, r, &features) : op_fail(op, E_TOO_LARGE, "no memory for %zu rows", r->rows);
    if (err) {
        if (err_http(err) >= 500) /* a wrong request is not the model's failure */
            record(op, e, r, v, arm, NULL, NULL);
        return err;
    }
    model_predict(v->model, features, r->rows, scores);
    record(op, e, r, v, arm, features, scores);
    *ret = (struct serve_answer){.scores = scores, .outputs = outputs, .version = v->version, .arm = arm};
    return OK;
}
