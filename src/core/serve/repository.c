#include "core/serve/repository.h"

#include <stdlib.h>

#include "base/log.h"
#include "core/serve/graph_link.h"
#include "core/serve/infer.h"

static enum err source_list(struct op *op, struct serve *s, struct serve_source_model **ret, size_t *ret_len)
{
    *ret = NULL;
    *ret_len = 0;
    return s->config.source.list ? s->config.source.list(&s->config.source, op, ret, ret_len) : OK;
}

/* An endpoint that is there and says why it does not answer. */
static void problem_publish(struct op *op, struct serve *s, struct str name, struct str problem)
{
    struct serve_endpoint *fresh = NULL;
    const struct serve_state state = {.name = name, .config_text = STR("{}"), .monitor = s->config.monitor, .problem = problem};
    struct op sub = *op;
    enum err e = serve_endpoint_make(&sub, &state, &fresh);
    if (!e)
        e = table_swap(&sub, s, name, fresh);
    if (e)
        log_at(LOG_ERROR, "serve.repository", {"name", LOG_S(name)}, {"error", LOG_C(sub.msg)});
}

/* Did the model go while it was loaded? Then what is wrong is told to who asked for it, and no endpoint stays behind. */
static bool is_gone(struct op *op, struct serve *s, struct str name)
{
    struct op sub = *op; /* its arena; what failed first stays as it is */
    struct serve_source_model *models = NULL;
    size_t n = 0;
    if (source_list(&sub, s, &models, &n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (str_eq(models[i].name, name))
            return false;
    return true;
}

static enum err versions_load(struct op *op, struct serve *s, const struct serve_endpoint *old, const struct serve_source_model *m,
                              const struct serve_spec *spec, bool anew, struct serve_version **list, size_t *len)
{
    if (m->problem.len || !m->version_count)
        return op_fail(op, E_INVALID, "%.*s: %.*s", STR_FMT(m->name), STR_FMT(m->problem.len ? m->problem : STR("there are no versions")));
    if (m->version_count > LIMIT_SERVE_VERSIONS)
        return op_fail(op, E_TOO_LARGE, "%.*s has %zu versions to load; %d are allowed", STR_FMT(m->name), m->version_count, LIMIT_SERVE_VERSIONS);
    for (size_t i = m->version_count; i-- > 0;) { /* the live one first */
        enum err e = table_load(op, s, old, spec->model, m->versions[i], &spec->policy, anew, &list[*len]);
        if (e)
            return e;
        *len += 1;
    }
    return OK;
}

/* A load that somebody asked for: members of a graph that are not there come along, each name once. */
struct loading {
    const struct serve_source_model *models;
    size_t model_count, depth, seen_len;
    struct str seen[LIMIT_SERVE_ENDPOINTS];
};

static enum err model_load_from(struct op *op, struct serve *s, const struct serve_source_model *m, const struct json *config, struct loading *l);

static enum err member_load(struct op *op, struct serve *s, struct str name, struct loading *l)
{
    AUTO(endpoint) struct serve_endpoint *there = table_find(s, name);
    bool seen = l->seen_len == LIMIT_SERVE_ENDPOINTS || l->depth == LIMIT_SERVE_GRAPH_DEPTH;
    for (size_t i = 0; i < l->seen_len; i++)
        seen = seen || str_eq(l->seen[i], name);
    if (seen || (there && there->info.ready))
        return OK;
    l->seen[l->seen_len++] = name;
    for (size_t i = 0; i < l->model_count; i++) {
        if (!str_eq(l->models[i].name, name))
            continue;
        l->depth++;
        enum err e = model_load_from(op, s, &l->models[i], NULL, l);
        l->depth--;
        return e;
    }
    return OK; /* linking says what is missing */
}

static enum err members_load(struct op *op, struct serve *s, const struct graph_plan *p, struct loading *l)
{
    for (size_t i = 0; i < p->step_count; i++) {
        for (size_t k = 0; k < p->steps[i].case_count; k++) {
            enum err e = member_load(op, s, p->steps[i].cases[k].model, l);
            if (e)
                return op_context(op, "step \"%.*s\"", STR_FMT(p->steps[i].name));
        }
    }
    return OK;
}

/* Can all graphs among them be linked? */
static enum err versions_link(struct op *op, struct serve *s, struct str name, struct serve_version *const *list, size_t n, struct loading *l)
{
    for (size_t i = 0; i < n; i++) {
        AUTO(version) struct serve_version *linked = NULL;
        enum err e = list[i]->graph ? members_load(op, s, list[i]->graph->plan, l) : OK;
        if (!e)
            e = table_link(op, s, name, list[i], &linked);
        if (e)
            return e;
    }
    return OK;
}

/* `l` NULL: the server starts, and graphs wait for members that come later. */
static enum err model_load_from(struct op *op, struct serve *s, const struct serve_source_model *m, const struct json *config, struct loading *l)
{
    AUTO(endpoint) struct serve_endpoint *old = table_find(s, m->name);
    AUTO(buf) struct buf text;
    struct serve_version *list[LIMIT_SERVE_VERSIONS] = {NULL};
    size_t n = 0;
    struct json_out w;
    struct serve_spec spec;
    const struct json none = {.type = JSON_OBJECT};
    const struct rollout_weights weights = {0};
    const bool answers = old && old->info.ready;
    buf_init(&text, LIMIT_SERVE_CONFIG_BYTES);
    config = config ? config : m->config ? m->config : &none;
    enum err e = serve_spec_parse(op, m->name, config, &spec), linked = OK;
    json_out_init(&w, &text, 0);
    if (!e)
        json_value(&w, config);
    if (!e && text.failed)
        e = op_fail(op, E_TOO_LARGE, "the configuration is larger than %zu bytes", LIMIT_SERVE_CONFIG_BYTES);
    if (!e && s->config.monitor)
        e = monitor_set_config(op, s->config.monitor, m->name, &spec.monitor);
    if (!e)
        e = versions_load(op, s, old, m, &spec, l != NULL, list, &n);
    if (!e && l)
        linked = versions_link(op, s, m->name, list, n, l);
    const struct serve_row row = {.name = m->name, .model = spec.model, .config = buf_str(&text),
                                  .version = m->version_count ? m->versions[m->version_count - 1] : 0};
    struct op note = *op; /* publishing must not hide the first failure */
    if (!e && !(linked && answers)) /* what the source no longer lists goes, so the old state lends nothing */
        e = table_publish(linked ? &note : op, s, NULL, &row, &weights, list, n);
    for (size_t i = 0; i < n; i++)
        serve_version_unref(list[i]);
    if (e && !answers && (old || !is_gone(op, s, m->name))) /* one that answers goes on with what it has */
        problem_publish(op, s, m->name, str_from(op->msg));
    return e ? e : linked;
}

enum err repository_open(struct op *op, struct serve *s)
{
    struct serve_source_model *models = NULL;
    size_t n = 0;
    if (s->config.explicit_load)
        return OK;
    enum err e = source_list(op, s, &models, &n);
    for (size_t i = 0; !e && i < n; i++) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_COMMAND_ARENA);
        struct op sub = *op;
        sub.arena = arena;
        if (model_load_from(&sub, s, &models[i], NULL, NULL))
            log_at(LOG_ERROR, "serve.endpoint", {"name", LOG_S(models[i].name)}, {"error", LOG_C(sub.msg)});
    }
    return e;
}

static enum err listed_load(struct op *op, struct serve *s, struct str name, const struct json *config)
{
    struct serve_source_model *models = NULL;
    size_t n = 0;
    enum err e = source_list(op, s, &models, &n);
    if (e)
        return e;
    struct loading *l = op_new(op, struct loading);
    l->models = models;
    l->model_count = n;
    l->seen[l->seen_len++] = name;
    for (size_t i = 0; i < n; i++)
        if (str_eq(models[i].name, name))
            return model_load_from(op, s, &models[i], config, l);
    return op_fail(op, E_NOT_FOUND, "the repository has no model \"%.*s\"", STR_FMT(name));
}

/* An endpoint with a row; who asks is told when it is a graph that still waits for a member. */
static enum err stored_load(struct op *op, struct serve *s, struct str name)
{
    enum err e = serve_follow(op, s, name);
    AUTO(endpoint) struct serve_endpoint *ep = e ? NULL : table_find(s, name);
    const struct serve_version *live = ep ? serve_endpoint_version(ep, ep->info.live) : NULL;
    struct str why = STR("");
    return !live || serve_version_answers(live, &why) ? e : op_fail(op, E_CONFLICT, "%.*s", STR_FMT(why));
}

enum err serve_repository_load(struct op *op, struct serve *s, struct str name, const struct json *config)
{
    return serve_repository_load_files(op, s, name, config, NULL, 0);
}

enum err serve_repository_load_files(struct op *op, struct serve *s, struct str name, const struct json *config, const struct serve_upload *files,
                                     size_t n)
{
    const struct serve_source *source = &s->config.source;
    bool taken = false;
    if (s->config.db && (config || n))
        return op_fail(op, E_UNSUPPORTED, "this server's endpoints are configured by their own API");
    if (n && !source->override)
        return op_fail(op, E_UNSUPPORTED, "models come from the repository, not with the request");
    LOCK(&s->change);
    if (s->config.db)
        return stored_load(op, s, name);
    struct op sub = *op; /* the list of all models and what came with them are given back on the loader's thread too */
    sub.arena = arena_create(LIMIT_SERVE_LOAD_ARENA);
    enum err e = source->override ? source->override(source, &sub, name, config, files, n, &taken) : OK;
    if (!e && (e = listed_load(&sub, s, name, taken ? NULL : config)) && source->override_undo)
        source->override_undo(source, name);
    if (!e && source->override_keep)
        source->override_keep(source, name);
    if (e)
        e = op_fail_from(op, &sub);
    loader_bury_arena(s->loader, sub.arena);
    return e;
}

static enum err model_unload_by(struct op *op, struct serve *s, struct str name)
{
    bool found = false;
    enum err e = table_room(op, s, name, &found);
    if (!e && !found)
        e = op_fail(op, E_NOT_FOUND, "there is no endpoint \"%.*s\"", STR_FMT(name));
    if (!e)
        e = table_swap(op, s, name, NULL);
    if (!e && s->config.source.override_forget)
        s->config.source.override_forget(&s->config.source, name);
    return e;
}

enum err serve_repository_unload(struct op *op, struct serve *s, struct str name)
{
    if (s->config.db)
        return op_fail(op, E_UNSUPPORTED, "this server's endpoints are removed by their own API");
    LOCK(&s->change);
    return model_unload_by(op, s, name);
}

enum err serve_repository_unload_members(struct op *op, struct serve *s, struct str name)
{
    if (s->config.db)
        return op_fail(op, E_UNSUPPORTED, "this server's endpoints are removed by their own API");
    LOCK(&s->change);
    struct str *names = arena_array(op->arena, LIMIT_SERVE_ENDPOINTS, struct str);
    size_t n = 0;
    if (!names)
        return op_fail(op, E_TOO_LARGE, "no memory for names");
    names[n++] = str_dup(op->arena, name);
    for (size_t at = 0; at < n; at++) { /* the graph goes first, so that a member that nobody else names is free */
        AUTO(endpoint) struct serve_endpoint *ep = table_find(s, names[at]);
        const char *user = NULL;
        if (at && (!ep || graph_is_used(s, names[at], &user, op)))
            continue;
        for (size_t i = 0; ep && i < ep->loaded_len; i++)
            n = ep->loaded[i]->graph ? graph_names(op, ep->loaded[i]->graph->plan, names, n) : n;
        enum err e = model_unload_by(op, s, names[at]);
        if (e)
            return e;
    }
    return OK;
}

/* ---- the index ---- */

struct index_list {
    struct serve_index_row *rows;
    size_t len, cap;
};

static void index_add(struct op *op, struct index_list *list, struct str name, int64_t version, bool ready, struct str reason)
{
    if (list->len < list->cap)
        list->rows[list->len++] = (struct serve_index_row){str_dup(op->arena, name), version, ready, str_dup(op->arena, reason)};
}

static void index_endpoint(struct op *op, struct index_list *list, const struct serve_endpoint *e)
{
    bool live = false;
    for (size_t i = 0; i < e->loaded_len; i++) {
        struct str why = STR("");
        const bool ready = serve_version_answers(e->loaded[i], &why);
        live = live || e->loaded[i]->version == e->info.live;
        index_add(op, list, e->info.name, e->loaded[i]->version, ready, why);
    }
    if (!live)
        index_add(op, list, e->info.name, e->info.live, false, e->problem.len ? e->problem : STR("not loaded"));
}

static int index_compare(const void *a, const void *b)
{
    const struct serve_index_row *x = a, *y = b;
    int c = str_cmp(x->name, y->name);
    return c ? c : (x->version > y->version) - (x->version < y->version);
}

enum err serve_index(struct op *op, struct serve *s, struct serve_index_row **ret, size_t *ret_len)
{
    struct serve_source_model *models = NULL;
    struct str *names = NULL;
    size_t model_count = 0, n = serve_list(op, s, &names);
    struct serve_source here = s->config.source; /* on this thread: a load may keep the other one for minutes */
    here.loader = NULL;
    enum err e = !s->config.db && here.list ? here.list(&here, op, &models, &model_count) : OK;
    if (e)
        return e;
    struct index_list list = {.cap = n * (LIMIT_SERVE_VERSIONS + 1)};
    for (size_t i = 0; i < model_count; i++)
        list.cap += models[i].version_count + 1;
    list.rows = arena_array(op->arena, list.cap + 1, struct serve_index_row);
    if (!list.rows)
        return op_fail(op, E_TOO_LARGE, "no memory for an index of %zu rows", list.cap);
    for (size_t i = 0; i < n; i++) {
        AUTO(endpoint) struct serve_endpoint *ep = table_find(s, names[i]);
        if (ep)
            index_endpoint(op, &list, ep);
    }
    for (size_t i = 0; i < model_count; i++) {
        bool there = false;
        for (size_t k = 0; k < n; k++)
            there = there || str_eq(names[k], models[i].name);
        for (size_t k = 0; !there && k < models[i].version_count; k++)
            index_add(op, &list, models[i].name, models[i].versions[k], false, models[i].problem.len ? models[i].problem : STR("unloaded"));
        if (!there && !models[i].version_count)
            index_add(op, &list, models[i].name, 0, false, models[i].problem);
    }
    qsort(list.rows, list.len, sizeof(*list.rows), index_compare);
    *ret = list.rows;
    *ret_len = list.len;
    return OK;
}
