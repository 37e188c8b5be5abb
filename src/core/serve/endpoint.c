#include "core/serve/endpoint.h"

#include "core/serve/cache.h"
#include "core/serve/chained.h"
#include "core/serve/extras.h"

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
                                .ready = live && serve_version_answers(live, &ep->problem),
                                .live = state->live,
                                .weights = state->weights,
                                .version_count = ep->loaded_len,
                                .versions = versions,
                                .format = STR("")};
    if (!live)
        return;
    const struct engine_info *model = live->info;
    const bool raw = live->extras && live->extras->transform; /* callers name the transform's columns, as a tensor model's inputs */
    info->features = raw ? 0 : model->features;
    info->outputs = model->outputs;
    info->feature_names = raw ? NULL : model->feature_names;
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
    ep->payload = state->payload;
    ep->batcher = state->batcher;
    ep->cache = cache_ref(state->cache);
    ep->live = state->live_notes;
    ep->mirror = state->mirror;
    ep->problem = str_dup(arena, state->problem);
    atomic_init(&ep->refs, 1);
    info_fill(ep, state);
    sub = *op;
    sub.arena = arena;
    if ((e = chained_make(&sub, ep, state->old))) {
        e = op_fail(op, e, "%s", sub.msg);
        serve_release(ep);
        return e;
    }
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
    cache_unref(e->cache);
    chained_clear(e);
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
