/* Who holds what. `slots` maps names to the present state; the locks guard the pointers and are held for a look-up or a swap only.
 * `change` makes changes of endpoints one after the other; it is held while models load, so it is never taken on an I/O
 * thread. A swap takes the new state's reference into the slot and gives the old state's up; whoever still reads the old state
 * keeps it (and its versions) alive until serve_release(). Lock order: change, locks in their order. */
#include "core/serve/table.h"

#include <stdlib.h>

#include "base/limits.h"
#include "core/serve/cache.h"
#include "core/serve/graph_link.h"

static atomic_uint next_lock;
static _Thread_local unsigned my_lock = SERVE_LOCKS;

static struct mutex *read_lock(struct serve *s)
{
    if (my_lock == SERVE_LOCKS)
        my_lock = atomic_fetch_add(&next_lock, 1) % SERVE_LOCKS;
    mutex_lock(&s->locks[my_lock].m);
    return &s->locks[my_lock].m;
}

static void write_lock(struct serve *s)
{
    for (size_t i = 0; i < SERVE_LOCKS; i++)
        mutex_lock(&s->locks[i].m);
}

static void write_unlock(struct serve *s)
{
    for (size_t i = SERVE_LOCKS; i-- > 0;)
        mutex_unlock(&s->locks[i].m);
}

/* With a lock held. */
static size_t slot_find(const struct serve *s, struct str name, bool *ret_found)
{
    size_t lo = 0, hi = s->len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(s->slots[mid]->info.name, name);
        if (c == 0) {
            *ret_found = true;
            return mid;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *ret_found = false;
    return lo;
}

struct serve_endpoint *table_find(struct serve *s, struct str name)
{
    bool found;
    struct mutex *m = read_lock(s);
    size_t at = slot_find(s, name, &found);
    struct serve_endpoint *e = found ? serve_endpoint_ref(s->slots[at]) : NULL;
    mutex_unlock(m);
    return e;
}

enum err serve_acquire(struct op *op, struct serve *s, struct str name, struct serve_endpoint **ret)
{
    struct serve_endpoint *e = table_find(s, name);
    if (!e)
        return op_fail(op, E_NOT_FOUND, "there is no endpoint \"%.*s\"", STR_FMT(name));
    *ret = e;
    return OK;
}

static enum err table_full(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "there are %d endpoints already", LIMIT_SERVE_ENDPOINTS);
}

enum err table_room(struct op *op, struct serve *s, struct str name, bool *ret_found)
{
    struct mutex *m = read_lock(s);
    slot_find(s, name, ret_found);
    bool full = !*ret_found && s->len == LIMIT_SERVE_ENDPOINTS;
    mutex_unlock(m);
    return full ? table_full(op) : OK;
}

static enum err slot_swap(struct op *op, struct serve *s, struct str name, struct serve_endpoint *take_new)
{
    bool found;
    struct serve_endpoint *old = NULL;
    write_lock(s);
    size_t at = slot_find(s, name, &found);
    bool full = take_new && !found && s->len == LIMIT_SERVE_ENDPOINTS;
    if (found) {
        old = s->slots[at];
        if (take_new) {
            s->slots[at] = take_new;
        } else {
            memmove(s->slots + at, s->slots + at + 1, (s->len - at - 1) * sizeof(*s->slots));
            s->len--;
        }
    } else if (take_new && !full) {
        memmove(s->slots + at + 1, s->slots + at, (s->len - at) * sizeof(*s->slots));
        s->slots[at] = take_new;
        s->len++;
    }
    write_unlock(s);
    serve_release(old);
    if (!full)
        return OK;
    serve_release(take_new);
    return table_full(op);
}

enum err table_swap(struct op *op, struct serve *s, struct str name, struct serve_endpoint *take_new)
{
    char copy[LIMIT_SERVE_NAME]; /* the name may be the old state's */
    const struct str mine = {copy, name.len < sizeof(copy) ? name.len : sizeof(copy)};
    memcpy(copy, name.p, mine.len);
    enum err e = slot_swap(op, s, name, take_new);
    if (!e)
        graph_follow(s, mine);
    return e;
}

size_t serve_list(struct op *op, struct serve *s, struct str **ret)
{
    struct str *names = arena_alloc(op->arena, LIMIT_SERVE_ENDPOINTS * sizeof(*names));
    struct mutex *m = read_lock(s);
    size_t n = s->len;
    for (size_t i = 0; i < n; i++)
        names[i] = str_dup(op->arena, s->slots[i]->info.name);
    mutex_unlock(m);
    *ret = names;
    return n;
}

/* ---- loading and publishing ---- */

enum err table_load(struct op *op, struct serve *s, const struct serve_endpoint *old, struct str model, int64_t version,
                    const struct serve_policy *policy, bool anew, struct serve_version **ret)
{
    struct serve_version *known = old && !anew && str_eq(old->info.model, model) ? serve_endpoint_version(old, version) : NULL;
    if (known) {
        *ret = serve_version_ref(known);
        return OK;
    }
    struct serve_files files = {0};
    struct serve_version *v = NULL;
    const size_t most = s->config.memory_max_bytes;
    struct op sub = *op; /* the bytes of a model are given back on the loader's thread, not on the one that ends the request */
    sub.arena = arena_create(LIMIT_SERVE_LOAD_ARENA);
    enum err e = s->config.source.fetch(&s->config.source, &sub, model, version, &files);
    if (!e)
        e = loader_load(&sub, s->loader, s->config.engines, &files, version, policy, &v);
    if (!e && most && loader_memory(s->loader) > most) {
        e = op_fail(&sub, E_TOO_LARGE, "it holds %zu bytes; all models together may hold %zu", v->memory_bytes, most);
        serve_version_unref(v);
    }
    if (e)
        e = op_fail_from(op, &sub);
    loader_bury_arena(s->loader, sub.arena);
    if (e)
        return op_context(op, "%.*s version %lld", STR_FMT(model), (long long)version);
    *ret = v;
    return OK;
}

enum err table_view(struct op *op, struct serve *s, const struct serve_spec *spec, struct feature_table **ret)
{
    *ret = NULL;
    if (!spec->view.len)
        return OK;
    *ret = s->config.features ? feature_online_find(s->config.features, spec->view) : NULL;
    return *ret ? OK : op_fail_field(op, "view", "there is no online feature view \"%.*s\"", STR_FMT(spec->view));
}

static bool list_has(struct serve_version *const *list, size_t n, int64_t version)
{
    for (size_t i = 0; i < n; i++)
        if (list[i]->version == version)
            return true;
    return false;
}

/* What one endpoint's versions may hold: those that are needed must fit, those that are only kept go first. */
static enum err memory_fit(struct op *op, const struct serve_spec *spec, struct serve_version *const *list, size_t needed, size_t *len)
{
    const size_t most = spec->policy.memory_max_bytes;
    size_t sum = 0;
    for (size_t i = 0; i < *len; i++) {
        sum += list[i]->memory_bytes;
        if (!most || sum <= most)
            continue;
        if (i < needed)
            return op_fail_field(op, "memory_max_bytes", "the versions that must be loaded hold %zu bytes; %zu are allowed", sum, most);
        *len = i;
    }
    return OK;
}

/* The old state's cache, if it has the size that is wanted: what it knows of versions that go is never asked for. A reference. */
static struct cache *cache_of(const struct serve_endpoint *old, size_t bytes)
{
    if (!bytes)
        return NULL;
    return old && old->cache && cache_max(old->cache) == bytes ? cache_ref(old->cache) : cache_create(bytes);
}

/* ---- graphs ---- */

static struct serve_version *graph_version(struct serve *s, struct graph *take_g, const struct serve_version *like)
{
    struct serve_version *v = serve_version_of_graph(take_g, like->version, like->stats);
    loader_adopt(s->loader, v);
    return v;
}

enum err table_link(struct op *op, struct serve *s, struct str name, struct serve_version *v, struct serve_version **ret)
{
    struct graph *g = NULL;
    if (!v->graph) {
        *ret = serve_version_ref(v);
        return OK;
    }
    enum err e = graph_link(op, s, name, v->graph->plan, &g);
    if (!e)
        *ret = graph_version(s, g, v);
    return e;
}

/* Linked, or with what is in the way. A reference. */
static struct serve_version *version_linked(struct op *op, struct serve *s, struct str name, struct serve_version *v)
{
    struct serve_version *linked = NULL;
    struct op sub = *op;
    op_clear(&sub);
    if (!table_link(&sub, s, name, v, &linked))
        return linked;
    return graph_version(s, graph_unlinked(v->graph->plan, str_from(sub.msg)), v);
}

struct version_list {
    struct serve_version *v[LIMIT_SERVE_VERSIONS];
    size_t len;
};

static void version_list_auto(struct version_list *l)
{
    for (size_t i = 0; i < l->len; i++)
        serve_version_unref(l->v[i]);
}

static enum err relinked_swap(struct op *op, struct serve *s, const struct serve_endpoint *old, const struct version_list *l)
{
    AUTO(buf) struct buf text;
    struct serve_endpoint *fresh = NULL;
    struct json_out w;
    buf_init(&text, LIMIT_SERVE_CONFIG_BYTES);
    json_out_init(&w, &text, 0);
    json_value(&w, old->spec.doc);
    const struct serve_state state = {.name = old->info.name, .config_text = buf_str(&text), .live = old->info.live, .weights = old->info.weights,
                                      .loaded = l->v, .loaded_len = l->len, .table = old->table, .monitor = old->monitor, .payload = old->payload,
                                      .batcher = old->batcher, .cache = old->cache, .live_notes = old->live, .mirror = old->mirror, .problem = STR(""),
                                      .old = old};
    enum err e = serve_endpoint_make(op, &state, &fresh);
    return e ? e : slot_swap(op, s, old->info.name, fresh);
}

enum err table_relink(struct op *op, struct serve *s, const struct serve_endpoint *old)
{
    AUTO(version_list) struct version_list l = {.len = 0};
    for (size_t i = 0; i < old->loaded_len; i++)
        l.v[l.len++] = version_linked(op, s, old->info.name, old->loaded[i]);
    struct op sub = *op;
    enum err e = relinked_swap(&sub, s, old, &l);
    if (!e)
        return OK;
    for (size_t i = 0; i < l.len; i++) { /* the members fit, the endpoint's configuration does not fit the members any more */
        struct serve_version *v = l.v[i];
        if (v->graph)
            l.v[i] = graph_version(s, graph_unlinked(v->graph->plan, str_from(sub.msg)), v);
        if (v->graph)
            serve_version_unref(v);
    }
    return relinked_swap(op, s, old, &l);
}

enum err table_publish(struct op *op, struct serve *s, const struct serve_endpoint *old, const struct serve_row *row,
                       const struct rollout_weights *weights, struct serve_version *const *needed, size_t needed_len)
{
    AUTO(version_list) struct version_list made = {.len = 0};
    struct serve_version *list[LIMIT_SERVE_VERSIONS];
    size_t n = 0, must;
    for (size_t i = 0; i < needed_len; i++) {
        if (!needed[i] || list_has(list, n, needed[i]->version))
            continue;
        list[n++] = made.v[made.len++] = version_linked(op, s, row->name, needed[i]);
    }
    must = n;
    /* A request that names no version is read as the live one wants it; one that takes other rows is no way back. */
    bool same = old && str_eq(old->info.model, row->model);
    for (size_t i = same ? old->loaded_len : 0; i-- > 0 && n < LIMIT_SERVE_VERSIONS;)
        if (!list_has(list, n, old->loaded[i]->version) && (!needed[0] || serve_version_alike(op, list[0], old->loaded[i], NULL)))
            list[n++] = old->loaded[i];
    struct serve_spec spec;
    struct json *doc = NULL;
    struct serve_endpoint *fresh = NULL;
    struct serve_state state = {.name = row->name, .config_text = row->config, .live = row->version, .weights = *weights,
                                .loaded = list, .monitor = s->config.monitor, .payload = s->config.payload, .batcher = s->batcher,
                                .live_notes = s->config.live, .mirror = s->mirror, .old = old};
    enum err e = json_parse(op, row->config, JSON_STRICT, &doc);
    if (!e)
        e = serve_spec_parse(op, row->name, doc, &spec);
    if (!e)
        e = table_view(op, s, &spec, &state.table);
    if (!e)
        e = memory_fit(op, &spec, list, must, &n);
    state.loaded_len = n;
    if (!e)
        state.cache = cache_of(old, spec.policy.cache_bytes);
    if (!e)
        e = serve_endpoint_make(op, &state, &fresh);
    cache_unref(state.cache);
    return e ? e : table_swap(op, s, row->name, fresh);
}

struct serve *table_create(const struct serve_config *config)
{
    struct serve *s = aligned_alloc(_Alignof(struct serve), sizeof(*s));
    if (!s)
        abort();
    memset(s, 0, sizeof(*s));
    s->config = *config;
    for (size_t i = 0; i < SERVE_LOCKS; i++)
        mutex_init(&s->locks[i].m);
    mutex_init(&s->change);
    s->loader = s->config.source.loader = loader_create();
    s->batcher = batcher_create(config->threads, config->queue_max_bytes);
    s->mirror = config->live ? mirror_create(config->live) : NULL;
    return s;
}

void table_destroy(struct serve *s)
{
    if (!s)
        return;
    mirror_stop(s->mirror);      /* a copy of a graph waits for the batcher, whose last answers may want copies */
    batcher_destroy(s->batcher); /* its calls hold states, and so do copies */
    mirror_destroy(s->mirror);
    for (size_t i = 0; i < s->len; i++)
        serve_release(s->slots[i]);
    loader_destroy(s->loader);
    for (size_t i = 0; i < SERVE_LOCKS; i++)
        mutex_clear(&s->locks[i].m);
    mutex_clear(&s->change);
    free(s);
}
