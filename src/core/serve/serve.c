/* Changes of endpoints that have a row in the database (or, on a server without one, in memory only).
 *
 * What is live. The row says which version is live; a rollout that ends commits its verdict in its own transaction, with
 * the labels it was decided on. endpoint_follow() brings the row up to date with the ends it has not seen (`rollout_seen`),
 * so a crash between the two is mended at the next start and calling it twice does nothing. */
#include "core/serve/serve.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/log.h"
#include "core/audit/audit.h"
#include "core/serve/chained.h"
#include "core/serve/graph_link.h"
#include "core/serve/repository.h"
#include "core/serve/table.h"
#include "sql_gen.h"

struct referring {
    struct op *op;
    struct str bytes;
    struct monitor_reference *ref;
    enum err err;
};

static void reference_parse(void *arg)
{
    struct referring *r = arg;
    r->err = monitor_reference_parse(r->op, r->bytes, r->ref);
}

/* Gives the monitor what the version saw in training. A version without a reference leaves the old one standing. */
static enum err reference_set(struct op *op, struct serve *s, struct str name, struct str model, int64_t version)
{
    struct serve_files files = {.reference = STR("")};
    struct monitor_reference ref;
    if (!s->config.monitor)
        return OK;
    struct op sub = *op;
    sub.arena = arena_create(LIMIT_SERVE_LOAD_ARENA);
    enum err e = s->config.source.fetch(&s->config.source, &sub, model, version, &files);
    const bool has = !e && files.reference.len;
    struct referring r = {.op = &sub, .bytes = files.reference, .ref = &ref};
    if (has) {
        loader_run(s->loader, reference_parse, &r);
        e = r.err;
    }
    if (has && !e) {
        ref.version = version;
        e = monitor_set_reference(&sub, s->config.monitor, name, &ref);
    }
    if (e)
        e = op_fail_from(op, &sub);
    loader_bury_arena(s->loader, sub.arena);
    return e ? op_context(op, "%.*s version %lld: reference", STR_FMT(model), (long long)version) : OK;
}

/* ---- rows ---- */

static void row_take(struct op *op, struct db_tx *tx, struct db_rows *rows, struct serve_row *ret)
{
    *ret = (struct serve_row){.name = db_col_dup(op, tx, rows, 0), .model = db_col_dup(op, tx, rows, 1), .version = db_col_i64(tx, rows, 2),
                        .config = db_col_dup(op, tx, rows, 3), .rollout_seen = db_col_i64(tx, rows, 4)};
}

static enum err row_get(struct op *op, struct db_tx *tx, struct str name, struct serve_row *ret)
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
    struct serve_row row;
    bool remove;
    const char *verb;
    const struct serve_source *source;
};

/* Loading took its time; the registry keeps what is in use, but only from this transaction on. */
static enum err check_there(struct op *op, struct db_tx *tx, const struct serve_source *source, struct str model, int64_t version)
{
    return source->check ? source->check(source, op, tx, model, version) : OK;
}

static enum err audit_detail(struct op *op, struct db_tx *tx, const char *verb, const struct serve_row *row)
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
    const struct serve_row *r = &c->row;
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
    struct serve_row row;
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

/* Versions that are loaded already, beside those that the present state has. */
struct at_hand {
    struct serve_version *versions[LIMIT_ROLLOUT_ARMS];
    size_t len;
};

static void at_hand_auto(struct at_hand *h)
{
    for (size_t i = 0; i < h->len; i++)
        serve_version_unref(h->versions[i]);
}

static struct serve_version *at_hand_find(const struct at_hand *h, int64_t version)
{
    for (size_t i = 0; h && i < h->len; i++)
        if (h->versions[i]->version == version)
            return h->versions[i];
    return NULL;
}

/* The live version first, then those that the rollout needs; `ret` has room for LIMIT_SERVE_VERSIONS. */
static enum err follow_load(struct op *op, struct serve *s, const struct serve_endpoint *old, const struct at_hand *hand, const struct follow *f,
                            const struct serve_policy *policy, struct serve_version **ret, size_t *len)
{
    int64_t needed[LIMIT_ROLLOUT_ARMS + 1] = {f->row.version};
    const size_t n = 1 + (f->weights.active ? rollout_versions(&f->weights, needed + 1) : 0);
    for (size_t i = 0; i < n; i++) {
        bool twice = i && needed[i] == needed[0];
        struct serve_version *v = twice ? NULL : at_hand_find(hand, needed[i]);
        if (v)
            ret[*len] = serve_version_ref(v);
        enum err e = twice || v ? OK : table_load(op, s, old, f->row.model, needed[i], policy, false, &ret[*len]);
        if (e)
            return e;
        *len += !twice;
    }
    return OK;
}

/* Brings row, memory and monitor to where the rollouts are. A version that cannot be loaded leaves the endpoint as ready as
 * the rest allows; the failure is the answer. */
static enum err endpoint_follow(struct op *op, struct serve *s, struct str name, const struct at_hand *hand, bool set_reference)
{
    AUTO(endpoint) struct serve_endpoint *old = table_find(s, name);
    struct serve_version *needed[LIMIT_SERVE_VERSIONS] = {NULL};
    size_t n = 0;
    struct follow f = {.row.name = name};
    struct serve_spec spec;
    struct json *doc = NULL;
    enum err e = db_write(op, s->config.db, follow_write, &f);
    if (!e)
        e = json_parse(op, f.row.config, JSON_STRICT, &doc);
    if (!e)
        e = serve_spec_parse(op, name, doc, &spec);
    if (e)
        return e;
    enum err loaded = follow_load(op, s, old, hand, &f, &spec.policy, needed, &n);
    if (loaded) /* without its candidate all traffic stays with the live version; nothing of it counts as evidence */
        f.weights.active = false;
    struct op note = *op; /* publishing must not hide the first failure */
    e = table_publish(loaded ? &note : op, s, old, &f.row, &f.weights, needed, n);
    for (size_t i = 0; i < n; i++)
        serve_version_unref(needed[i]);
    if (!loaded && !e && (set_reference || f.moved))
        e = reference_set(op, s, name, f.row.model, f.row.version);
    return loaded ? loaded : e;
}

enum err serve_follow(struct op *op, struct serve *s, struct str name)
{
    return endpoint_follow(op, s, name, NULL, true);
}

/* ---- public changes ---- */

/* A graph whose members are not there is refused here; one that stands in the database waits for them. */
static enum err version_take_linked(struct op *op, struct serve *s, struct str name, struct serve_version **v)
{
    struct serve_version *linked = NULL;
    enum err e = table_link(op, s, name, *v, &linked);
    if (e)
        return e;
    serve_version_unref(*v);
    *v = linked;
    return OK;
}

/* What serve_put and serve_set_version share: load, check, configure the monitor, write, publish. */
static enum err endpoint_set(struct op *op, struct serve *s, const struct serve_row *row, const struct serve_spec *spec, const char *verb)
{
    AUTO(endpoint) struct serve_endpoint *old = table_find(s, row->name);
    AUTO(version) struct serve_version *v = NULL;
    struct rollout_weights weights = {0};
    struct feature_table *table = NULL;
    enum err e = s->config.db ? rollout_weights_load(op, s->config.db, row->name, &weights) : OK;
    if (!e && weights.active && (!old || !str_eq(old->info.model, row->model) || old->info.live != row->version))
        e = op_fail(op, E_CONFLICT, "a rollout of version %lld runs on \"%.*s\"; finish it first", (long long)weights.candidate, STR_FMT(row->name));
    if (!e)
        e = table_view(op, s, spec, &table);
    if (!e)
        e = table_load(op, s, old, row->model, row->version, &spec->policy, false, &v);
    if (!e)
        e = version_take_linked(op, s, row->name, &v);
    if (!e && table)
        e = serve_features_match(op, v->info, feature_table_view(table));
    if (!e)
        e = chained_check(op, spec, table ? feature_table_view(table) : NULL, v);
    if (!e && s->config.monitor)
        e = monitor_set_config(op, s->config.monitor, row->name, &spec->monitor);
    if (!e)
        e = reference_set(op, s, row->name, row->model, row->version);
    if (e)
        return e;
    struct row_change c = {.row = *row, .verb = verb, .source = &s->config.source};
    e = s->config.db ? db_write(op, s->config.db, row_write, &c) : OK;
    if (e)
        return e;
    struct serve_version *needed[LIMIT_SERVE_VERSIONS] = {v};
    int64_t arms[LIMIT_ROLLOUT_ARMS];
    size_t n = 1;
    for (size_t i = 0, k = weights.active && old ? rollout_versions(&weights, arms) : 0; i < k; i++)
        if ((needed[n] = serve_endpoint_version(old, arms[i])))
            n++;
    return table_publish(op, s, old, row, &weights, needed, n);
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
    bool found = false;
    if ((e = table_room(op, s, name, &found)))
        return e;
    const struct serve_row row = {.name = name, .model = spec.model, .config = buf_str(&text), .version = version};
    return endpoint_set(op, s, &row, &spec, found ? "update" : "create");
}

static enum err row_read(struct op *op, struct db_tx *tx, void *arg)
{
    struct serve_row *r = arg;
    struct str name = r->name;
    return row_get(op, tx, name, r);
}

/* The row under its name: the database's, or without one what is in memory. */
static enum err row_find(struct op *op, struct serve *s, struct serve_row *row)
{
    if (s->config.db)
        return db_read(op, s->config.db, row_read, row);
    AUTO(endpoint) struct serve_endpoint *e = table_find(s, row->name);
    if (!e)
        return op_fail(op, E_NOT_FOUND, "there is no endpoint \"%.*s\"", STR_FMT(row->name));
    struct buf text;
    struct json_out w;
    buf_init(&text, LIMIT_SERVE_CONFIG_BYTES);
    json_out_init(&w, &text, 0);
    json_value(&w, e->spec.doc);
    *row = (struct serve_row){.name = row->name, .model = str_dup(op->arena, e->info.model), .config = str_dup(op->arena, buf_str(&text)),
                              .version = e->info.live};
    buf_clear(&text);
    return OK;
}

enum err serve_set_version(struct op *op, struct serve *s, struct str name, int64_t version)
{
    struct serve_spec spec;
    struct json *doc = NULL;
    LOCK(&s->change);
    struct serve_row row = {.name = name};
    enum err e = row_find(op, s, &row);
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
    struct rollout_weights weights = {0};
    struct row_change c = {.row.name = name, .remove = true, .verb = "delete"};
    const char *user = NULL;
    enum err e = row_find(op, s, &c.row);
    if (!e && s->config.db)
        e = rollout_weights_load(op, s->config.db, name, &weights);
    if (!e && weights.active)
        e = op_fail(op, E_CONFLICT, "a rollout runs on \"%.*s\"; finish it first", STR_FMT(name));
    if (!e && graph_is_used(s, name, &user, op))
        e = op_fail(op, E_CONFLICT, "the graph \"%s\" is made of \"%.*s\"; remove it first", user, STR_FMT(name));
    if (!e && s->config.db)
        e = db_write(op, s->config.db, row_write, &c);
    return e ? e : table_swap(op, s, name, NULL);
}

/* A candidate must take what the live version takes. */
static enum err candidate_check(struct op *op, const struct serve_endpoint *old, const struct serve_version *v)
{
    const char *why = NULL;
    enum err e = chained_check(op, &old->spec, old->info.view, v);
    if (e)
        return e;
    if (old->info.view && v->rows)
        return serve_features_match(op, v->info, old->info.view);
    return serve_version_alike(op, serve_endpoint_version(old, old->info.live), v, &why) ? OK : op_fail(op, E_INVALID, "%s", why);
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
    for (int i = 0; !e && i < b->plan->version_count; i++)
        e = check_there(op, tx, &b->s->config.source, b->model, b->plan->versions[i]);
    return e ? e : rollout_start(op, b->s->config.db, b->name, b->control, b->candidate, b->plan, b->start_us, 0, &b->id);
}

/* Loads what the plan wants to serve beside the live version. */
static enum err candidates_load(struct op *op, struct serve *s, const struct serve_endpoint *old, const struct rollout_begin *b, struct at_hand *hand)
{
    for (int i = -1; i < b->plan->version_count; i++) {
        const int64_t version = i < 0 ? b->candidate : b->plan->versions[i];
        if (at_hand_find(hand, version))
            continue;
        if (hand->len == ARRAY_LEN(hand->versions))
            return op_fail(op, E_TOO_LARGE, "a rollout may have %d versions", LIMIT_ROLLOUT_ARMS);
        enum err e = table_load(op, s, old, b->model, version, &old->spec.policy, false, &hand->versions[hand->len]);
        if (e)
            return e;
        if ((e = version_take_linked(op, s, b->name, &hand->versions[hand->len++])))
            return e;
        if ((e = candidate_check(op, old, hand->versions[hand->len - 1])))
            return e;
    }
    return OK;
}

enum err serve_start_rollout(struct op *op, struct serve *s, struct str name, int64_t candidate, const struct rollout_plan *plan,
                             int64_t start_us, int64_t *ret_rollout_id)
{
    if (!s->config.db)
        return op_fail(op, E_UNSUPPORTED, "a rollout needs a database");
    LOCK(&s->change);
    AUTO(endpoint) struct serve_endpoint *old = table_find(s, name);
    AUTO(at_hand) struct at_hand hand = {.len = 0};
    if (!old)
        return op_fail(op, E_NOT_FOUND, "there is no endpoint \"%.*s\"", STR_FMT(name));
    if (!old->info.ready)
        return op_fail(op, E_CONFLICT, "\"%.*s\" is not ready: there is nothing to compare with", STR_FMT(name));
    struct rollout_begin b = {s, name, old->info.model, old->info.live, candidate, start_us, plan ? plan : &old->spec.rollout, 0};
    enum err e = candidates_load(op, s, old, &b, &hand);
    if (!e)
        e = db_write(op, s->config.db, rollout_write, &b);
    if (e)
        return e;
    *ret_rollout_id = b.id;
    return endpoint_follow(op, s, name, &hand, false);
}

enum err serve_apply(struct op *op, struct serve *s, struct str name, const struct rollout_decision *decision)
{
    if (decision->verdict == ROLLOUT_NO_ROLLOUT || decision->verdict == ROLLOUT_HOLD || !s->config.db)
        return OK;
    LOCK(&s->change);
    return endpoint_follow(op, s, name, NULL, false);
}

/* ---- life ---- */

struct row_list {
    struct serve_row *rows;
    size_t len;
};

static enum err stored_read(struct op *op, struct db_tx *tx, void *arg)
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
static void endpoint_restore(struct serve *s, const struct serve_row *row)
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
        e = endpoint_follow(&op, s, row->name, NULL, true);
    if (e)
        log_at(LOG_ERROR, "serve.endpoint", {"name", LOG_S(row->name)}, {"error", LOG_C(op.msg)});
}

enum err serve_open(struct op *op, const struct serve_config *config, struct serve **ret)
{
    struct row_list list = {0};
    enum err e = config->db ? db_read(op, config->db, stored_read, &list) : OK;
    if (e)
        return op_context(op, "endpoints");
    struct serve *s = table_create(config);
    for (size_t i = 0; i < list.len; i++)
        endpoint_restore(s, &list.rows[i]);
    if (!config->db && config->source.list && (e = repository_open(op, s))) {
        serve_close(s);
        return e;
    }
    graph_report(s);
    loader_yield(s->loader); /* from now on there are requests */
    *ret = s;
    return OK;
}

void serve_run_quietly(struct serve *s, void (*fn)(void *arg), void *arg)
{
    loader_run(s->loader, fn, arg);
}

void serve_close(struct serve *s)
{
    table_destroy(s);
}
