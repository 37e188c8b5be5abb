/* Who holds what. `slots` maps names to the present state; `lock` guards the pointers and is held for a look-up or a swap
 * only. `change` makes changes of endpoints one after the other; it is held while models load, so it is never taken on an
 * I/O thread. A swap takes the new state's reference into the slot and gives the old state's up; whoever still reads the old
 * state keeps it (and its versions) alive until serve_release(). Lock order: change, lock.
 *
 * What is live. The row says which version is live; a rollout that ends commits its verdict in its own transaction, with
 * the labels it was decided on. endpoint_follow() brings the row up to date with the ends it has not seen (`rollout_seen`),
 * so a crash between the two is mended at the next start and calling it twice does nothing. */
#include "core/serve/serve.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "core/audit/audit.h"
#include "core/serve/endpoint.h"
#include "sql_gen.h"

struct serve {
    struct serve_config config;
    struct mutex lock, change;
    struct serve_endpoint *slots[LIMIT_SERVE_ENDPOINTS]; /* sorted by name */
    size_t len;
};
/* An endpoint's row. */
struct row {
    struct str name, model, config;
    int64_t version, rollout_seen;
};

/* ---- the table of states; `lock` is held ---- */

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

enum err serve_acquire(struct op *op, struct serve *s, struct str name, struct serve_endpoint **ret)
{
    bool found;
    mutex_lock(&s->lock);
    size_t at = slot_find(s, name, &found);
    struct serve_endpoint *e = found ? serve_endpoint_ref(s->slots[at]) : NULL;
    mutex_unlock(&s->lock);
    if (!e)
        return op_fail(op, E_NOT_FOUND, "there is no endpoint \"%.*s\"", STR_FMT(name));
    *ret = e;
    return OK;
}

/* Takes the reference of `take_new` (NULL: the endpoint goes). */
static enum err slot_swap(struct op *op, struct serve *s, struct str name, struct serve_endpoint *take_new)
{
    bool found;
    struct serve_endpoint *old = NULL;
    mutex_lock(&s->lock);
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
    mutex_unlock(&s->lock);
    serve_release(old);
    if (!full)
        return OK;
    serve_release(take_new);
    return op_fail(op, E_TOO_LARGE, "there are %d endpoints already", LIMIT_SERVE_ENDPOINTS);
}

size_t serve_list(struct op *op, struct serve *s, struct str **ret)
{
    struct str *names = arena_alloc(op->arena, LIMIT_SERVE_ENDPOINTS * sizeof(*names));
    mutex_lock(&s->lock);
    size_t n = s->len;
    for (size_t i = 0; i < n; i++)
        names[i] = str_dup(op->arena, s->slots[i]->info.name);
    mutex_unlock(&s->lock);
    *ret = names;
    return n;
}

/* NULL when there is none; else a reference. */
static struct serve_endpoint *state_find(struct serve *s, struct str name)
{
    bool found;
    mutex_lock(&s->lock);
    size_t at = slot_find(s, name, &found);
    struct serve_endpoint *e = found ? serve_endpoint_ref(s->slots[at]) : NULL;
    mutex_unlock(&s->lock);
    return e;
}

static inline void endpoint_auto(struct serve_endpoint **e)
{
    serve_release(*e);
}
static inline void version_auto(struct serve_version **v)
{
    serve_version_unref(*v);
}

/* ---- loading and publishing; `change` is held ---- */

/* The files of a version as a loaded model, reusing the one that `old` has of the same registered model. */
static enum err version_get(struct op *op, struct serve *s, const struct serve_endpoint *old, struct str model, int64_t version,
                            struct serve_version **ret)
{
    struct serve_version *known = old && str_eq(old->info.model, model) ? serve_endpoint_version(old, version) : NULL;
    if (known) {
        *ret = serve_version_ref(known);
        return OK;
    }
    struct serve_files files;
    enum err e = s->config.source.fetch(&s->config.source, op, model, version, &files);
    if (!e)
        e = serve_version_load(op, s->config.engines, files.model, version, ret);
    return e ? op_context(op, "%.*s version %lld", STR_FMT(model), (long long)version) : OK;
}

/* Gives the monitor what the version saw in training. A version without a reference leaves the old one standing. */
static enum err reference_set(struct op *op, struct serve *s, struct str name, struct str model, int64_t version)
{
    struct serve_files files;
    struct monitor_reference ref;
    if (!s->config.monitor)
        return OK;
    enum err e = s->config.source.fetch(&s->config.source, op, model, version, &files);
    if (e || !files.reference.len)
        return e;
    e = monitor_reference_parse(op, files.reference, &ref);
    if (!e) {
        ref.version = version;
        e = monitor_set_reference(op, s->config.monitor, name, &ref);
    }
    return e ? op_context(op, "%.*s version %lld: reference", STR_FMT(model), (long long)version) : OK;
}

static enum err table_find(struct op *op, struct serve *s, const struct serve_spec *spec, struct feature_table **ret)
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

/* May `v` be asked by its number beside `live`? Requests are read in the live version's shape, so one of another shape would
 * read past their rows. */
static bool takes_same_rows(const struct serve_version *live, const struct serve_version *v)
{
    const struct engine_info *a = model_info(live->model), *b = model_info(v->model);
    if (a->features != b->features || a->outputs != b->outputs)
        return false;
    for (size_t i = 0; a->feature_names && b->feature_names && i < a->features; i++)
        if (!str_eq(a->feature_names[i], b->feature_names[i]))
            return false;
    return true;
}

/* A new state of row, weights and the `needed` versions, the live one first, published in place of `old`; versions of `old`
 * that nobody needs any more stay loaded while there is room. Entries of `needed` may be NULL. */
static enum err state_publish(struct op *op, struct serve *s, const struct serve_endpoint *old, const struct row *row,
                              const struct rollout_weights *weights, struct serve_version *const *needed, size_t needed_len)
{
    struct serve_version *list[LIMIT_SERVE_VERSIONS];
    size_t n = 0;
    for (size_t i = 0; i < needed_len; i++)
        if (needed[i] && !list_has(list, n, needed[i]->version))
            list[n++] = needed[i];
    bool same = old && str_eq(old->info.model, row->model);
    for (size_t i = same ? old->loaded_len : 0; i-- > 0 && n < LIMIT_SERVE_VERSIONS;)
        if (!list_has(list, n, old->loaded[i]->version) && (!needed[0] || takes_same_rows(needed[0], old->loaded[i])))
            list[n++] = old->loaded[i];
    struct serve_spec spec;
    struct json *doc = NULL;
    struct serve_endpoint *fresh = NULL;
    struct serve_state state = {.name = row->name, .config_text = row->config, .live = row->version, .weights = *weights,
                                .loaded = list, .loaded_len = n, .monitor = s->config.monitor};
    enum err e = json_parse(op, row->config, JSON_STRICT, &doc);
    if (!e)
        e = serve_spec_parse(op, row->name, doc, &spec);
    if (!e)
        e = table_find(op, s, &spec, &state.table);
    if (!e)
        e = serve_endpoint_make(op, &state, &fresh);
    return e ? e : slot_swap(op, s, row->name, fresh);
}

/* ---- rows ---- */

static void row_take(struct op *op, struct db_tx *tx, struct db_rows *rows, struct row *ret)
{
    *ret = (struct row){.name = db_col_dup(op, tx, rows, 0), .model = db_col_dup(op, tx, rows, 1), .version = db_col_i64(tx, rows, 2),
                        .config = db_col_dup(op, tx, rows, 3), .rollout_seen = db_col_i64(tx, rows, 4)};
}

static enum err row_get(struct op *op, struct db_tx *tx, struct str name, struct row *ret)
{
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_serve_get, DB_ARGS(DB_TEXT(name)), &rows);
    if (!e)
        e = db_step(op, tx, rows, &more);
    if (!e && more)
        row_take(op, tx, rows, ret);
    if (rows)
        db_end(tx, rows);
    if (!e && !more)
        e = op_fail(op, E_NOT_FOUND, "there is no endpoint \"%.*s\"", STR_FMT(name));
    return e;
}

struct row_change {
    struct row row;
    bool remove;
    const char *verb;
    const struct serve_source *source;
};

/* Loading took its time; the registry keeps what is in use, but only from this transaction on. */
static enum err check_there(struct op *op, struct db_tx *tx, const struct serve_source *source, struct str model, int64_t version)
{
    return source->check ? source->check(source, op, tx, model, version) : OK;
}

static enum err audit_detail(struct op *op, struct db_tx *tx, const char *verb, const struct row *row)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_SERVE_CONFIG_BYTES * 2);
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_str(&w, "model", row->model);
    json_kv_i64(&w, "version", row->version);
    json_end_object(&w);
    enum err e = audit_append(op, tx, str_from(verb), STR("endpoint"), row->name, buf_str(&b));
    buf_clear(&b);
    return e;
}

static enum err row_write(struct op *op, struct db_tx *tx, void *arg)
{
    const struct row_change *c = arg;
    const struct row *r = &c->row;
    enum err e = c->remove ? OK : check_there(op, tx, c->source, r->model, r->version);
    if (e)
        return e;
    e = c->remove ? db_exec(op, tx, &sql_serve_remove, DB_ARGS(DB_TEXT(r->name)), NULL)
                  : db_exec(op, tx, &sql_serve_put,
                            DB_ARGS(DB_TEXT(r->name), DB_TEXT(r->model), DB_I64(r->version), DB_TEXT(r->config), DB_I64(op->now_us)), NULL);
    return e ? e : audit_detail(op, tx, c->verb, r);
}

/* ---- following the rollouts ---- */

struct follow {
    struct row row;
    struct rollout_weights weights;
    bool moved;              /* the live version is another one now */
};

static enum err ends_apply(struct op *op, struct db_tx *tx, struct follow *f, bool *ret_changed)
{
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_serve_rollout_ends, DB_ARGS(DB_TEXT(f->row.name), DB_I64(f->row.rollout_seen)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &more)) && more) {
        *ret_changed = true;
        f->row.rollout_seen = db_col_i64(tx, rows, 0);
        if (!str_eqc(db_col_str(tx, rows, 2), "promoted"))
            continue;
        f->moved = f->row.version != db_col_i64(tx, rows, 1);
        f->row.version = db_col_i64(tx, rows, 1);
    }
    if (rows)
        db_end(tx, rows);
    return e;
}

static enum err follow_write(struct op *op, struct db_tx *tx, void *arg)
{
    struct follow *f = arg;
    struct str name = f->row.name;
    bool changed = false;
    f->moved = false;
    enum err e = row_get(op, tx, name, &f->row);
    if (!e)
        e = ends_apply(op, tx, f, &changed);
    if (!e && changed)
        e = db_exec(op, tx, &sql_serve_set_version,
                    DB_ARGS(DB_TEXT(name), DB_I64(f->row.version), DB_I64(f->row.rollout_seen), DB_I64(op->now_us)), NULL);
    if (!e && f->moved)
        e = audit_detail(op, tx, "promote", &f->row);
    return e ? e : rollout_weights_tx(op, tx, name, &f->weights);
}

/* Brings row, memory and monitor to where the rollouts are. A version that cannot be loaded leaves the endpoint as ready as
 * the rest allows; the failure is the answer. */
static enum err endpoint_follow(struct op *op, struct serve *s, struct str name, bool set_reference)
{
    AUTO(endpoint) struct serve_endpoint *old = state_find(s, name);
    AUTO(version) struct serve_version *live = NULL;
    AUTO(version) struct serve_version *control = NULL;
    AUTO(version) struct serve_version *candidate = NULL;
    struct follow f = {.row.name = name};
    enum err e = db_write(op, s->config.db, follow_write, &f);
    if (e)
        return e;
    enum err loaded = version_get(op, s, old, f.row.model, f.row.version, &live);
    if (!loaded && f.weights.active && f.weights.control != f.row.version)
        loaded = version_get(op, s, old, f.row.model, f.weights.control, &control);
    if (!loaded && f.weights.active)
        loaded = version_get(op, s, old, f.row.model, f.weights.candidate, &candidate);
    if (loaded) /* without its candidate all traffic stays with the live version; nothing of it counts as evidence */
        f.weights.active = false;
    struct op note = *op; /* publishing must not hide the first failure */
    e = state_publish(loaded ? &note : op, s, old, &f.row, &f.weights, (struct serve_version *[]){live, control, candidate}, 3);
    if (!loaded && !e && (set_reference || f.moved))
        e = reference_set(op, s, name, f.row.model, f.row.version);
    return loaded ? loaded : e;
}

/* ---- public changes ---- */

/* What serve_put and serve_set_version share: load, check, configure the monitor, write, publish. */
static enum err endpoint_set(struct op *op, struct serve *s, const struct row *row, const struct serve_spec *spec, const char *verb)
{
    AUTO(endpoint) struct serve_endpoint *old = state_find(s, row->name);
    AUTO(version) struct serve_version *v = NULL;
    struct rollout_weights weights;
    struct feature_table *table = NULL;
    enum err e = rollout_weights_load(op, s->config.db, row->name, &weights);
    if (!e && weights.active && (!old || !str_eq(old->info.model, row->model) || old->info.live != row->version))
        e = op_fail(op, E_CONFLICT, "a rollout of version %lld runs on \"%.*s\"; finish it first", (long long)weights.candidate, STR_FMT(row->name));
    if (!e)
        e = table_find(op, s, spec, &table);
    if (!e)
        e = version_get(op, s, old, row->model, row->version, &v);
    if (!e && table)
        e = serve_features_match(op, model_info(v->model), feature_table_view(table));
    if (!e && s->config.monitor)
        e = monitor_set_config(op, s->config.monitor, row->name, &spec->monitor);
    if (!e)
        e = reference_set(op, s, row->name, row->model, row->version);
    if (e)
        return e;
    struct row_change c = {.row = *row, .verb = verb, .source = &s->config.source};
    e = db_write(op, s->config.db, row_write, &c);
    struct serve_version *candidate = weights.active && old ? serve_endpoint_version(old, weights.candidate) : NULL;
    return e ? e : state_publish(op, s, old, row, &weights, (struct serve_version *[]){v, candidate}, 2);
}

enum err serve_put(struct op *op, struct serve *s, struct str name, const struct json *config, int64_t version)
{
    AUTO(buf) struct buf text;
    struct serve_spec spec;
    struct json_out w;
    buf_init(&text, LIMIT_SERVE_CONFIG_BYTES);
    enum err e = serve_spec_parse(op, name, config, &spec);
    if (e)
        return e;
    if (version < 1)
        return op_fail_field(op, "version", "an endpoint needs a version to serve");
    json_out_init(&w, &text, 0);
    json_value(&w, config);
    if (text.failed)
        return op_fail(op, E_TOO_LARGE, "the configuration is larger than %zu bytes", LIMIT_SERVE_CONFIG_BYTES);
    LOCK(&s->change);
    bool found;
    mutex_lock(&s->lock);
    slot_find(s, name, &found);
    bool full = !found && s->len == LIMIT_SERVE_ENDPOINTS;
    mutex_unlock(&s->lock);
    if (full)
        return op_fail(op, E_TOO_LARGE, "there are %d endpoints already", LIMIT_SERVE_ENDPOINTS);
    const struct row row = {.name = name, .model = spec.model, .config = buf_str(&text), .version = version};
    return endpoint_set(op, s, &row, &spec, found ? "update" : "create");
}

static enum err row_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct row *r = arg;
    struct str name = r->name;
    return row_get(op, tx, name, r);
}

enum err serve_set_version(struct op *op, struct serve *s, struct str name, int64_t version)
{
    struct serve_spec spec;
    struct json *doc = NULL;
    LOCK(&s->change);
    struct row row = {.name = name};
    enum err e = db_read(op, s->config.db, row_read, &row);
    if (!e)
        e = json_parse(op, row.config, JSON_STRICT, &doc);
    if (!e)
        e = serve_spec_parse(op, name, doc, &spec);
    row.version = version;
    return e ? e : endpoint_set(op, s, &row, &spec, "set_version");
}

enum err serve_remove(struct op *op, struct serve *s, struct str name)
{
    LOCK(&s->change);
    struct rollout_weights weights;
    struct row_change c = {.row.name = name, .remove = true, .verb = "delete"};
    enum err e = db_read(op, s->config.db, row_read, &c.row);
    if (!e)
        e = rollout_weights_load(op, s->config.db, name, &weights);
    if (!e && weights.active)
        e = op_fail(op, E_CONFLICT, "a rollout runs on \"%.*s\"; finish it first", STR_FMT(name));
    if (!e)
        e = db_write(op, s->config.db, row_write, &c);
    return e ? e : slot_swap(op, s, name, NULL);
}

/* A candidate must take the live version's rows. */
static enum err candidate_check(struct op *op, const struct serve_endpoint *old, const struct serve_version *v)
{
    const struct engine_info *a = &(const struct engine_info){.features = old->info.features, .feature_names = (struct str *)(uintptr_t)old->info.feature_names};
    const struct engine_info *b = model_info(v->model);
    if (old->info.view)
        return serve_features_match(op, b, old->info.view);
    if (a->features != b->features || old->info.outputs != b->outputs)
        return op_fail(op, E_INVALID, "version %lld takes %zu features and gives %zu values, the live one %zu and %zu", (long long)v->version,
                       b->features, b->outputs, a->features, old->info.outputs);
    for (size_t i = 0; a->feature_names && b->feature_names && i < a->features; i++)
        if (!str_eq(a->feature_names[i], b->feature_names[i]))
            return op_fail(op, E_INVALID, "feature %zu is \"%.*s\" in version %lld, \"%.*s\" in the live one", i, STR_FMT(b->feature_names[i]),
                           (long long)v->version, STR_FMT(a->feature_names[i]));
    return OK;
}

struct rollout_begin {
    struct serve *s;
    struct str name, model;
    int64_t control, candidate, start_us;
    const struct rollout_plan *plan;
    int64_t id;
};

static enum err rollout_write(struct op *op, struct db_tx *tx, void *arg)
{
    struct rollout_begin *b = arg;
    enum err e = check_there(op, tx, &b->s->config.source, b->model, b->candidate);
    return e ? e : rollout_start(op, b->s->config.db, b->name, b->control, b->candidate, b->plan, b->start_us, 0, &b->id);
}

enum err serve_start_rollout(struct op *op, struct serve *s, struct str name, int64_t candidate, const struct rollout_plan *plan,
                             int64_t start_us, int64_t *ret_rollout_id)
{
    LOCK(&s->change);
    AUTO(endpoint) struct serve_endpoint *old = state_find(s, name);
    AUTO(version) struct serve_version *v = NULL;
    if (!old)
        return op_fail(op, E_NOT_FOUND, "there is no endpoint \"%.*s\"", STR_FMT(name));
    if (!old->info.ready)
        return op_fail(op, E_CONFLICT, "\"%.*s\" is not ready: there is nothing to compare with", STR_FMT(name));
    enum err e = version_get(op, s, old, old->info.model, candidate, &v);
    if (!e)
        e = candidate_check(op, old, v);
    struct rollout_begin b = {s, name, old->info.model, old->info.live, candidate, start_us, plan ? plan : &old->spec.rollout, 0};
    if (!e)
        e = db_write(op, s->config.db, rollout_write, &b);
    if (e)
        return e;
    *ret_rollout_id = b.id;
    return endpoint_follow(op, s, name, false);
}

enum err serve_apply(struct op *op, struct serve *s, struct str name, const struct rollout_decision *decision)
{
    if (decision->verdict == ROLLOUT_NO_ROLLOUT || decision->verdict == ROLLOUT_HOLD)
        return OK;
    LOCK(&s->change);
    return endpoint_follow(op, s, name, false);
}

/* ---- life ---- */

struct row_list {
    struct row *rows;
    size_t len;
};

static enum err rows_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct row_list *list = arg;
    struct db_rows *rows = NULL;
    bool more = false;
    list->rows = arena_alloc(op->arena, LIMIT_SERVE_ENDPOINTS * sizeof(*list->rows));
    enum err e = db_query(op, tx, &sql_serve_all, DB_NO_ARGS, &rows);
    while (!e && !(e = db_step(op, tx, rows, &more)) && more && list->len < LIMIT_SERVE_ENDPOINTS)
        row_take(op, tx, rows, &list->rows[list->len++]);
    if (rows)
        db_end(tx, rows);
    return e;
}

/* One stored endpoint; what fails is logged and leaves it not ready. */
static void endpoint_restore(struct serve *s, const struct row *row)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct op op;
    struct serve_spec spec;
    struct json *doc = NULL;
    op_init(&op, arena);
    enum err e = json_parse(&op, row->config, JSON_STRICT, &doc);
    if (!e)
        e = serve_spec_parse(&op, row->name, doc, &spec);
    if (!e && s->config.monitor)
        e = monitor_set_config(&op, s->config.monitor, row->name, &spec.monitor);
    if (!e)
        e = endpoint_follow(&op, s, row->name, true);
    if (e)
        log_at(LOG_ERROR, "serve.endpoint", {"name", LOG_S(row->name)}, {"error", LOG_C(op.msg)});
}

enum err serve_open(struct op *op, const struct serve_config *config, struct serve **ret)
{
    struct row_list list = {0};
    enum err e = db_read(op, config->db, rows_read, &list);
    if (e)
        return op_context(op, "endpoints");
    struct serve *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->config = *config;
    mutex_init(&s->lock);
    mutex_init(&s->change);
    for (size_t i = 0; i < list.len; i++)
        endpoint_restore(s, &list.rows[i]);
    *ret = s;
    return OK;
}

void serve_close(struct serve *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->len; i++)
        serve_release(s->slots[i]);
    mutex_clear(&s->lock);
    mutex_clear(&s->change);
    free(s);
}
