#include "core/track/experiment.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/track/change.h"
#include "core/track/order.h"
#include "core/track/page.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>
#include <stdlib.h>

static void experiment_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct experiment *x)
{
    *x = (struct experiment){
        .id = db_col_i64(tx, rows, 0),
        .name = db_col_dup(op, tx, rows, 1),
        .artifact_location = db_col_dup(op, tx, rows, 2),
        .deleted = db_col_i64(tx, rows, 3) != 0,
        .created_ms = db_col_i64(tx, rows, 4),
        .updated_ms = db_col_i64(tx, rows, 5),
    };
}

/* One row of a statement with one argument; *ret_found false when there is none. */
static enum err experiment_one(struct op *op, struct db_tx *tx, const struct sql *sql, struct db_val arg, bool *ret_found, struct experiment *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, sql, &arg, 1, &rows);
    if (e)
        return e;
    bool row = false;
    e = db_step(op, tx, rows, &row);
    if (!e && row)
        experiment_row(op, tx, rows, ret);
    db_end(tx, rows);
    *ret_found = row;
    return e;
}

enum err experiment_find(struct op *op, struct db_tx *tx, int64_t id, bool need_active, struct experiment *ret)
{
    bool found = false;
    struct experiment x = {0};
    enum err e = experiment_one(op, tx, &sql_track_experiment_by_id, DB_I64(id), &found, &x);
    if (e)
        return e;
    if (!found)
        return op_fail(op, E_NOT_FOUND, "No Experiment with id=%" PRId64 " exists", id);
    if (need_active && x.deleted)
        return op_fail(op, E_CONFLICT, "The experiment %" PRId64 " must be in the 'active' state. Current state is deleted.", id);
    *ret = x;
    return OK;
}

static struct str id_text(struct op *op, int64_t id)
{
    return str_from(op_printf(op, "%" PRId64, id));
}

struct create_arg {
    struct str name, location, root;
    const struct track_kv *tags;
    size_t tag_count;
    int64_t id;
};

static enum err create_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct create_arg *a = arg;
    enum err e = db_exec(op, tx, &sql_track_experiment_insert,
                         DB_ARGS(DB_TEXT(a->name), DB_TEXT(a->location), DB_I64(store_now_ms(op))), NULL);
    if (e == E_EXISTS) {
        op_clear(op);
        return op_fail(op, E_EXISTS, "Experiment(name=%.*s) already exists.", STR_FMT(a->name));
    }
    if (e)
        return e;
    a->id = db_last_id(tx);
    if (a->location.len == 0) {
        struct str root = a->root.len ? a->root : STR("mlflow-artifacts:");
        struct str location = str_from(op_printf(op, "%.*s%s%" PRId64, STR_FMT(root), str_ends(root, STR("/")) ? "" : "/", a->id));
        e = db_exec(op, tx, &sql_track_experiment_set_location, DB_ARGS(DB_I64(a->id), DB_TEXT(location)), NULL);
    }
    if (!e)
        e = store_put_kvs(op, tx, &sql_track_experiment_tag_put, a->id, a->tags, a->tag_count);
    if (!e)
        e = store_audit(op, tx, "experiment.create", "experiment", id_text(op, a->id),
                        &(struct track_kv){STR("name"), a->name}, 1);
    return e;
}

static enum err check_name(struct op *op, struct str name)
{
    if (name.len == 0)
        return op_fail_field(op, "name", "Invalid experiment name: ''");
    return names_check_length(op, "name", name, LIMIT_TRACK_EXPERIMENT_NAME);
}

static enum err check_tag(struct op *op, struct str key, struct str value)
{
    enum err e = names_check_key(op, key, "key");
    if (!e)
        e = names_check_length(op, "key", key, LIMIT_TRACK_KEY);
    if (!e)
        e = names_check_length(op, "value", value, LIMIT_TRACK_EXPERIMENT_TAG_VALUE);
    return e;
}

enum err experiment_create(struct op *op, struct db *db, struct str name, struct str location, const struct track_kv *tags, size_t tag_count, int64_t *ret_id)
{
    return experiment_create_below(op, db, name, location, STR(""), tags, tag_count, ret_id);
}

enum err experiment_create_below(struct op *op, struct db *db, struct str name, struct str location, struct str root, const struct track_kv *tags, size_t tag_count, int64_t *ret_id)
{
    enum err e = check_name(op, name);
    if (!e)
        e = names_check_artifact_location(op, location);
    for (size_t i = 0; !e && i < tag_count; i++)
        e = check_tag(op, tags[i].key, tags[i].value);
    if (e)
        return e;
    struct create_arg a = {name, location.p ? location : STR(""), root, tags, tag_count, 0};
    e = db_write(op, db, create_tx, &a);
    if (e)
        return e;
    *ret_id = a.id;
    return OK;
}

static enum err root_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct str *location = arg;
    return db_exec(op, tx, &sql_track_experiment_move_default, DB_ARGS(DB_TEXT(*location)), NULL);
}

enum err experiment_default_below(struct op *op, struct db *db, struct str root)
{
    struct str location = str_from(op_printf(op, "%.*s%s0", STR_FMT(root), str_ends(root, STR("/")) ? "" : "/"));
    enum err e = names_check_artifact_location(op, location);
    return e ? op_context(op, "default-artifact-root '%.*s'", STR_FMT(root)) : db_write(op, db, root_tx, &location);
}

struct get_arg {
    int64_t id;
    struct str name;
    struct experiment x;
};

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct get_arg *a = arg;
    bool found = false;
    enum err e;
    if (a->name.p) {
        e = experiment_one(op, tx, &sql_track_experiment_by_name, DB_TEXT(a->name), &found, &a->x);
        if (!e && !found)
            return op_fail(op, E_NOT_FOUND, "Could not find experiment with name '%.*s'", STR_FMT(a->name));
    } else {
        e = experiment_find(op, tx, a->id, false, &a->x);
    }
    return e ? e : store_kvs(op, tx, &sql_track_experiment_tags, a->x.id, &a->x.tags);
}

enum err experiment_get(struct op *op, struct db *db, int64_t id, struct experiment *ret)
{
    struct get_arg a = {.id = id};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.x;
    return e;
}

enum err experiment_get_by_name(struct op *op, struct db *db, struct str name, struct experiment *ret)
{
    struct get_arg a = {.name = name.p ? name : STR("")};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.x;
    return e;
}

struct change_arg {
    int64_t id;
    struct str name, key, value;
};

static enum err delete_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct change_arg *a = arg;
    struct experiment x;
    enum err e = experiment_find(op, tx, a->id, false, &x);
    int64_t now = store_now_ms(op);
    if (!e && x.deleted)
        return op_fail(op, E_NOT_FOUND, "No Experiment with id=%" PRId64 " exists", a->id);
    if (!e)
        e = db_exec(op, tx, &sql_track_experiment_set_deleted, DB_ARGS(DB_I64(a->id), DB_I64(1), DB_I64(now)), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_track_experiment_delete_runs, DB_ARGS(DB_I64(a->id), DB_I64(now)), NULL);
    if (!e)
        e = track_change_note_experiment(op, tx, a->id);
    if (!e)
        e = store_audit(op, tx, "experiment.delete", "experiment", id_text(op, a->id), NULL, 0);
    return e;
}

static enum err restore_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct change_arg *a = arg;
    struct experiment x;
    enum err e = experiment_find(op, tx, a->id, false, &x);
    if (!e && !x.deleted)
        return op_fail(op, E_NOT_FOUND, "No Experiment with id=%" PRId64 " exists", a->id);
    if (!e)
        e = db_exec(op, tx, &sql_track_experiment_set_deleted,
                    DB_ARGS(DB_I64(a->id), DB_I64(0), DB_I64(store_now_ms(op))), NULL);
    if (!e)
        e = store_exec_id(op, tx, &sql_track_experiment_restore_runs, a->id);
    if (!e)
        e = track_change_note_experiment(op, tx, a->id);
    if (!e)
        e = store_audit(op, tx, "experiment.restore", "experiment", id_text(op, a->id), NULL, 0);
    return e;
}

static enum err rename_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct change_arg *a = arg;
    struct experiment x;
    enum err e = experiment_find(op, tx, a->id, false, &x);
    if (!e && x.deleted)
        return op_fail(op, E_CONFLICT, "Cannot rename a non-active experiment.");
    if (!e)
        e = db_exec(op, tx, &sql_track_experiment_rename,
                    DB_ARGS(DB_I64(a->id), DB_TEXT(a->name), DB_I64(store_now_ms(op))), NULL);
    if (e == E_EXISTS) {
        op_clear(op);
        return op_fail(op, E_EXISTS, "Experiment(name=%.*s) already exists.", STR_FMT(a->name));
    }
    struct track_kv detail[] = {{STR("from"), x.name}, {STR("to"), a->name}};
    if (!e)
        e = store_audit(op, tx, "experiment.rename", "experiment", id_text(op, a->id), detail, 2);
    return e;
}

static enum err set_tag_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct change_arg *a = arg;
    struct experiment x;
    struct track_kv kv = {a->key, a->value};
    enum err e = experiment_find(op, tx, a->id, true, &x);
    if (!e)
        e = store_put_kvs(op, tx, &sql_track_experiment_tag_put, a->id, &kv, 1);
    if (!e)
        e = store_audit(op, tx, "experiment.tag", "experiment", id_text(op, a->id), &kv, 1);
    return e;
}

static enum err delete_tag_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct change_arg *a = arg;
    struct experiment x;
    int64_t changes = 0;
    enum err e = experiment_find(op, tx, a->id, true, &x);
    if (!e)
        e = db_exec(op, tx, &sql_track_experiment_tag_delete, DB_ARGS(DB_I64(a->id), DB_TEXT(a->key)), &changes);
    if (!e && changes == 0)
        return op_fail(op, E_NOT_FOUND, "No tag with name: %.*s in experiment with id %" PRId64, STR_FMT(a->key), a->id);
    if (!e)
        e = store_audit(op, tx, "experiment.untag", "experiment", id_text(op, a->id),
                        &(struct track_kv){STR("key"), a->key}, 1);
    return e;
}

enum err experiment_delete(struct op *op, struct db *db, int64_t id)
{
    return db_write(op, db, delete_tx, &(struct change_arg){.id = id});
}

enum err experiment_restore(struct op *op, struct db *db, int64_t id)
{
    return db_write(op, db, restore_tx, &(struct change_arg){.id = id});
}

enum err experiment_rename(struct op *op, struct db *db, int64_t id, struct str name)
{
    enum err e = check_name(op, name);
    return e ? e : db_write(op, db, rename_tx, &(struct change_arg){.id = id, .name = name});
}

enum err experiment_set_tag(struct op *op, struct db *db, int64_t id, struct str key, struct str value)
{
    enum err e = check_tag(op, key, value);
    return e ? e : db_write(op, db, set_tag_tx, &(struct change_arg){.id = id, .key = key, .value = value});
}

enum err experiment_delete_tag(struct op *op, struct db *db, int64_t id, struct str key)
{
    return db_write(op, db, delete_tag_tx, &(struct change_arg){.id = id, .key = key});
}

/* ---- search ---- */

enum { ATTR_NAME, ATTR_ID, ATTR_CREATED, ATTR_UPDATED };
static const struct filter_attr search_attrs[] = {
    {"name", ATTR_NAME, false, false, false},
    {"experiment_id", ATTR_ID, false, true, false},
    {"creation_time", ATTR_CREATED, true, false, false},
    {"last_update_time", ATTR_UPDATED, true, false, false},
};
static const struct filter_rules search_rules = {
    1u << FILTER_ATTRIBUTE | 1u << FILTER_TAG, search_attrs, ARRAY_LEN(search_attrs)};
static const struct filter_rules order_rules = {1u << FILTER_ATTRIBUTE, search_attrs, ARRAY_LEN(search_attrs)};

struct search_arg {
    const struct experiment_query *q;
    struct filter filter;
    struct filter_order order[LIMIT_TRACK_ORDER_BY + 2];
    size_t order_count;
    int64_t offset;
    struct db_tx *tx;
    const struct experiment *row;
    VEC(struct experiment) found;
    struct experiment_page page;
};

static enum err search_clause(struct op *op, void *arg, const struct filter_clause *c, bool *ret)
{
    struct search_arg *a = arg;
    const struct experiment *x = a->row;
    if (c->entity == FILTER_TAG) {
        bool found = false;
        struct str value = {0};
        enum err e = store_find_text(op, a->tx, &sql_track_experiment_tag_get, x->id, c->key, &found, &value);
        *ret = found ? filter_test_text(c, value) : c->op == FILTER_IS_NULL;
        return e;
    }
    switch (c->attr) {
    case ATTR_NAME:
        *ret = filter_test_text(c, x->name);
        break;
    case ATTR_ID:
        *ret = filter_test_text(c, id_text(op, x->id));
        break;
    default:
        *ret = filter_test_i64(c, c->attr == ATTR_CREATED ? x->created_ms : x->updated_ms);
    }
    return OK;
}

static struct order_key search_key(const struct filter_order *o, const struct experiment *x)
{
    switch (o->attr) {
    case ATTR_NAME:
        return order_text(x->name);
    case ATTR_ID:
        return order_whole(x->id);
    default:
        return order_whole(o->attr == ATTR_CREATED ? x->created_ms : x->updated_ms);
    }
}

static int search_cmp(const void *px, const void *py, void *arg)
{
    const struct search_arg *a = arg;
    for (size_t i = 0; i < a->order_count; i++) {
        struct order_key kx = search_key(&a->order[i], px), ky = search_key(&a->order[i], py);
        int c = order_compare(&a->order[i], 1, &kx, &ky);
        if (c)
            return c;
    }
    return 0;
}

static enum err search_collect(struct op *op, struct db_tx *tx, struct search_arg *a)
{
    struct db_rows *rows = NULL;
    int64_t lo = a->q->view == TRACK_VIEW_DELETED ? 1 : 0, hi = a->q->view == TRACK_VIEW_ACTIVE ? 0 : 1;
    enum err e = db_query(op, tx, &sql_track_experiment_scan, DB_ARGS(DB_I64(lo), DB_I64(hi)), &rows);
    if (e)
        return e;
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct experiment x;
        bool hit = false;
        if ((e = store_room(op, 0)))
            break;
        experiment_row(op, tx, rows, &x);
        a->row = &x;
        e = filter_match(op, &a->filter, search_clause, a, &hit);
        struct experiment *slot = !e && hit ? vec_push(&a->found, op->arena) : NULL;
        if (e)
            break;
        if (slot)
            *slot = x;
        else if (hit) {
            e = op_fail(op, E_TOO_LARGE, "too many experiments to sort");
            break;
        }
    }
    db_end(tx, rows);
    return e;
}

static enum err search_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct search_arg *a = arg;
    a->tx = tx;
    enum err e = search_collect(op, tx, a);
    if (e)
        return e;
    if (a->found.len > 1)
        qsort_r(a->found.p, a->found.len, sizeof *a->found.p, search_cmp, a);
    size_t from = (size_t)a->offset < a->found.len ? (size_t)a->offset : a->found.len;
    size_t n = a->found.len - from;
    if (n > (size_t)a->q->max_results) {
        n = (size_t)a->q->max_results;
        a->page.next_token = page_token(op, (int64_t)(from + n));
    }
    a->page.items = a->found.p ? a->found.p + from : NULL;
    a->page.len = n;
    for (size_t i = 0; i < n && !e; i++)
        e = store_kvs(op, tx, &sql_track_experiment_tags, a->page.items[i].id, &a->page.items[i].tags);
    return e;
}

static enum err search_order(struct op *op, struct search_arg *a)
{
    bool has_id = false;
    enum err e = order_parse(op, &order_rules, a->q->order_by, a->q->order_count, a->order);
    if (e)
        return e;
    a->order_count = a->q->order_count;
    for (size_t i = 0; i < a->order_count; i++)
        has_id = has_id || a->order[i].attr == ATTR_ID;
    if (a->order_count == 0) {
        a->order[a->order_count++] = (struct filter_order){.attr = ATTR_CREATED, .descending = true};
        a->order[a->order_count++] = (struct filter_order){.attr = ATTR_ID};
    } else if (!has_id) {
        a->order[a->order_count++] = (struct filter_order){.attr = ATTR_ID, .descending = true};
    }
    return OK;
}

enum err experiment_search(struct op *op, struct db *db, const struct experiment_query *q, struct experiment_page *ret)
{
    if (q->max_results < 1)
        return op_fail_field(op, "max_results",
                             "Invalid value %" PRId64 " for parameter 'max_results' supplied. It must be a positive integer, but got %" PRId64,
                             q->max_results, q->max_results);
    if (q->max_results > LIMIT_TRACK_SEARCH_EXPERIMENTS)
        return op_fail_field(op, "max_results",
                             "Invalid value %" PRId64 " for parameter 'max_results' supplied. It must be at most %d, but got %" PRId64,
                             q->max_results, LIMIT_TRACK_SEARCH_EXPERIMENTS, q->max_results);
    struct search_arg *a = op_new(op, struct search_arg);
    a->q = q;
    enum err e = page_offset(op, q->page_token, &a->offset);
    if (!e)
        e = filter_parse(op, &search_rules, q->filter, &a->filter);
    if (!e)
        e = search_order(op, a);
    if (!e)
        e = db_read(op, db, search_tx, a);
    if (!e)
        *ret = a->page;
    return e;
}
