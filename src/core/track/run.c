#include "core/track/run.h"

#include "base/hash.h"
#include "base/limits.h"
#include "base/vec.h"
#include "core/track/change.h"
#include "core/track/experiment.h"
#include "core/track/input.h"
#include "core/track/metric.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>

#define RUN_NAME_TAG "mlflow.runName"
#define MODEL_HISTORY_TAG "mlflow.log-model.history"

static const char *const status_names[] = {
    [TRACK_RUN_RUNNING] = "RUNNING",   [TRACK_RUN_SCHEDULED] = "SCHEDULED", [TRACK_RUN_FINISHED] = "FINISHED",
    [TRACK_RUN_FAILED] = "FAILED",     [TRACK_RUN_KILLED] = "KILLED",
};

const char *track_run_status_name(enum track_run_status s)
{
    return (size_t)s < ARRAY_LEN(status_names) && status_names[s] ? status_names[s] : "RUNNING";
}

bool track_run_status_parse(struct str name, enum track_run_status *ret)
{
    for (size_t i = TRACK_RUN_RUNNING; i < ARRAY_LEN(status_names); i++) {
        if (str_eqc(name, status_names[i])) {
            *ret = (enum track_run_status)i;
            return true;
        }
    }
    return false;
}

void track_run_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct track_run *ret)
{
    *ret = (struct track_run){
        .row = db_col_i64(tx, rows, 0),
        .run_id = db_col_dup(op, tx, rows, 1),
        .experiment_id = db_col_i64(tx, rows, 2),
        .name = db_col_dup(op, tx, rows, 3),
        .user_id = db_col_dup(op, tx, rows, 4),
        .status = (enum track_run_status)db_col_i64(tx, rows, 5),
        .start_ms = db_col_i64(tx, rows, 6),
        .has_end = !db_col_null(tx, rows, 7),
        .end_ms = db_col_i64(tx, rows, 7),
        .deleted = db_col_i64(tx, rows, 8) != 0,
        .artifact_uri = db_col_dup(op, tx, rows, 9),
    };
}

enum err track_run_find(struct op *op, struct db_tx *tx, struct str run_id, bool need_active, struct track_run_head *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_run_head, DB_ARGS(DB_TEXT(run_id)), &rows);
    if (e)
        return e;
    bool row = false;
    struct track_run_head h = {0};
    e = db_step(op, tx, rows, &row);
    if (!e && row)
        h = (struct track_run_head){db_col_i64(tx, rows, 0), db_col_i64(tx, rows, 2), db_col_i64(tx, rows, 1) != 0};
    db_end(tx, rows);
    if (e)
        return e;
    if (!row)
        return op_fail(op, E_NOT_FOUND, "Run with id=%.*s not found", STR_FMT(run_id));
    if (need_active && h.deleted)
        return op_fail(op, E_CONFLICT, "The run %.*s must be in the 'active' state. Current state is deleted.", STR_FMT(run_id));
    *ret = h;
    return OK;
}

static enum err run_load(struct op *op, struct db_tx *tx, struct str run_id, struct track_run *ret)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_track_run_by_uuid, DB_ARGS(DB_TEXT(run_id)), &rows);
    if (e)
        return e;
    bool row = false;
    e = db_step(op, tx, rows, &row);
    if (!e && row)
        track_run_row(op, tx, rows, ret);
    db_end(tx, rows);
    if (!e && !row)
        return op_fail(op, E_NOT_FOUND, "Run with id=%.*s not found", STR_FMT(run_id));
    return e;
}

enum err track_run_fill(struct op *op, struct db_tx *tx, struct track_run *run)
{
    enum err e = store_kvs(op, tx, &sql_track_params, run->row, &run->params);
    if (!e)
        e = store_kvs(op, tx, &sql_track_tags, run->row, &run->tags);
    if (!e)
        e = metric_load_latest(op, tx, run->row, &run->metrics, &run->metric_count);
    if (!e)
        e = input_load(op, tx, run);
    return e;
}

enum err track_run_check_tag(struct op *op, struct str key, struct str value, const char *key_path)
{
    (void)value; /* longer ones are truncated */
    enum err e = names_check_key(op, key, key_path);
    return e ? e : names_check_length(op, key_path, key, LIMIT_TRACK_KEY);
}

struct create_arg {
    int64_t experiment_id, start_ms;
    struct str name, user_id;
    const struct track_kv *tags;
    size_t tag_count;
    struct track_run run;
    struct track_run *ret; /* where the run goes when all is well */
};

static enum err create_tags(struct op *op, struct db_tx *tx, struct create_arg *a)
{
    for (size_t i = 0; i < a->tag_count; i++) {
        struct track_kv kv = {a->tags[i].key, names_clip(a->tags[i].value, LIMIT_TRACK_TAG_VALUE)};
        enum err e = store_put_kvs(op, tx, &sql_track_tag_put, a->run.row, &kv, 1);
        if (e)
            return e;
    }
    return store_put_kvs(op, tx, &sql_track_tag_put, a->run.row, &(struct track_kv){STR(RUN_NAME_TAG), a->name}, 1);
}

static enum err create_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct create_arg *a = arg;
    struct experiment x;
    enum err e = experiment_find(op, tx, a->experiment_id, true, &x);
    if (e)
        return e;
    struct str root = x.artifact_location;
    while (root.len > 0 && root.p[root.len - 1] == '/')
        root.len--;
    a->run = (struct track_run){
        .run_id = str_from(hash_random_hex(op->arena, 16)),
        .experiment_id = a->experiment_id,
        .name = a->name,
        .user_id = a->user_id,
        .status = TRACK_RUN_RUNNING,
        .start_ms = a->start_ms,
    };
    a->run.artifact_uri = str_from(op_printf(op, "%.*s/%.*s/artifacts", STR_FMT(root), STR_FMT(a->run.run_id)));
    e = db_exec(op, tx, &sql_track_run_insert,
                DB_ARGS(DB_TEXT(a->run.run_id), DB_I64(a->experiment_id), DB_TEXT(a->name), DB_TEXT(a->user_id),
                        DB_I64(TRACK_RUN_RUNNING), DB_I64(a->start_ms), DB_TEXT(a->run.artifact_uri)), NULL);
    if (e)
        return e;
    a->run.row = db_last_id(tx);
    e = create_tags(op, tx, a);
    if (!e)
        e = store_kvs(op, tx, &sql_track_tags, a->run.row, &a->run.tags);
    if (!e)
        e = track_change_note(op, tx, a->run.row);
    struct track_kv detail[] = {{STR("name"), a->name},
                                {STR("experiment"), str_from(op_printf(op, "%" PRId64, a->experiment_id))}};
    if (!e)
        e = store_audit(op, tx, "run.create", "run", a->run.run_id, detail, 2);
    if (!e)
        *a->ret = a->run;
    return e;
}

/* Judges what needs no database, and names the run. */
static enum err create_prepare(struct op *op, int64_t experiment_id, struct str name, struct str user_id, int64_t start_ms, const struct track_kv *tags, size_t tag_count, struct create_arg *ret)
{
    struct str tagged = names_find(tags, tag_count, RUN_NAME_TAG);
    if (name.len > 0 && tagged.len > 0 && !str_eq(name, tagged))
        return op_fail_field(op, "run_name",
                             "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different "
                             "values (run_name='%.*s', mlflow.runName='%.*s').",
                             STR_FMT(name), STR_FMT(tagged));
    if (names_check_length(op, "user_id", user_id, LIMIT_TRACK_USER))
        return E_INVALID;
    for (size_t i = 0; i < tag_count; i++) {
        enum err e = track_run_check_tag(op, tags[i].key, tags[i].value, "key");
        if (e)
            return e;
    }
    struct str chosen = name.len > 0 ? name : tagged.len > 0 ? tagged : names_random(op);
    chosen = names_clip(chosen, LIMIT_TRACK_TAG_VALUE);
    *ret = (struct create_arg){experiment_id, start_ms, chosen, user_id.p ? user_id : STR(""), tags, tag_count, {0}, NULL};
    return OK;
}

enum err track_run_create(struct op *op, struct db *db, int64_t experiment_id, struct str name, struct str user_id, int64_t start_ms, const struct track_kv *tags, size_t tag_count, struct track_run *ret)
{
    struct create_arg a;
    enum err e = create_prepare(op, experiment_id, name, user_id, start_ms, tags, tag_count, &a);
    a.ret = ret;
    return e ? e : db_write(op, db, create_tx, &a);
}

enum err track_run_create_start(struct op *op, struct db *db, int64_t experiment_id, struct str name, struct str user_id, int64_t start_ms, const struct track_kv *tags, size_t tag_count, struct track_run *ret, db_done_fn done, void *done_arg)
{
    struct create_arg *a = op_new(op, struct create_arg);
    enum err e = create_prepare(op, experiment_id, name, user_id, start_ms, tags, tag_count, a);
    if (e)
        return e;
    a->ret = ret;
    db_write_start(op, db, create_tx, a, done, done_arg);
    return OK;
}

struct run_arg {
    struct str run_id, name, key, value;
    const enum track_run_status *status;
    const int64_t *end_ms;
    bool deleted;
    struct track_run run;
    struct track_run *ret; /* of an update */
};

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_arg *a = arg;
    enum err e = run_load(op, tx, a->run_id, &a->run);
    return e ? e : track_run_fill(op, tx, &a->run);
}

enum err track_run_get(struct op *op, struct db *db, struct str run_id, struct track_run *ret)
{
    struct run_arg a = {.run_id = run_id};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.run;
    return e;
}

static enum err update_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_arg *a = arg;
    struct track_run_head h;
    enum err e = track_run_find(op, tx, a->run_id, true, &h);
    if (!e)
        e = db_exec(op, tx, &sql_track_run_update,
                    DB_ARGS(DB_I64(h.row), a->status ? DB_I64(*a->status) : DB_NULL,
                            a->end_ms ? DB_I64(*a->end_ms) : DB_NULL, a->name.len ? DB_TEXT(a->name) : DB_NULL), NULL);
    if (!e && a->name.len)
        e = store_put_kvs(op, tx, &sql_track_tag_put, h.row, &(struct track_kv){STR(RUN_NAME_TAG), a->name}, 1);
    if (!e)
        e = track_change_note(op, tx, h.row);
    return e ? e : run_load(op, tx, a->run_id, a->ret);
}

enum err track_run_update(struct op *op, struct db *db, struct str run_id, const enum track_run_status *status, const int64_t *end_ms, struct str name, struct track_run *ret)
{
    return db_write(op, db, update_tx, &(struct run_arg){.run_id = run_id, .status = status, .end_ms = end_ms,
                                                         .name = names_clip(name, LIMIT_TRACK_TAG_VALUE), .ret = ret});
}

/* A copy of `a` that lives until the write is over. */
static void run_write_start(struct op *op, struct db *db, db_fn fn, struct run_arg a, db_done_fn done, void *done_arg)
{
    struct run_arg *kept = op_new(op, struct run_arg);
    *kept = a;
    db_write_start(op, db, fn, kept, done, done_arg);
}

enum err track_run_update_start(struct op *op, struct db *db, struct str run_id, const enum track_run_status *status, const int64_t *end_ms, struct str name, struct track_run *ret, db_done_fn done, void *done_arg)
{
    run_write_start(op, db, update_tx, (struct run_arg){.run_id = run_id, .status = status, .end_ms = end_ms,
                                                        .name = names_clip(name, LIMIT_TRACK_TAG_VALUE), .ret = ret}, done, done_arg);
    return OK;
}

static enum err lifecycle_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_arg *a = arg;
    struct track_run_head h;
    enum err e = track_run_find(op, tx, a->run_id, false, &h);
    if (!e)
        e = db_exec(op, tx, &sql_track_run_set_deleted,
                    DB_ARGS(DB_I64(h.row), DB_I64(a->deleted), a->deleted ? DB_I64(store_now_ms(op)) : DB_NULL), NULL);
    if (!e)
        e = track_change_note(op, tx, h.row);
    return e ? e : store_audit(op, tx, a->deleted ? "run.delete" : "run.restore", "run", a->run_id, NULL, 0);
}

enum err track_run_delete(struct op *op, struct db *db, struct str run_id)
{
    return db_write(op, db, lifecycle_tx, &(struct run_arg){.run_id = run_id, .deleted = true});
}

enum err track_run_restore(struct op *op, struct db *db, struct str run_id)
{
    return db_write(op, db, lifecycle_tx, &(struct run_arg){.run_id = run_id});
}

/* Whoever logs to a run may hold it; only its user and administrators let it go. `value`: what the tag is to be, empty when it is deleted. */
static enum err check_hold(struct op *op, struct db_tx *tx, int64_t row, struct str key, struct str value)
{
    bool found = false;
    struct str old = {0};
    struct db_val user;
    if (!str_eqc(key, TRACK_HOLD_TAG) || str_eqc(value, "true") || op->actor.perms & 1u << PERM_ADMIN)
        return OK;
    enum err e = store_find_text(op, tx, &sql_track_tag_get, row, key, &found, &old);
    if (!e && found && str_eqc(old, "true"))
        e = db_query_one(op, tx, &sql_track_run_user, DB_ARGS(DB_I64(row)), &user, 1);
    if (e || !found || !str_eqc(old, "true") || (op->actor.name.len && str_eq(user.s, op->actor.name)))
        return e;
    return op_fail(op, E_DENIED, "the run is held: only the one whose it is or an administrator may change its tag '" TRACK_HOLD_TAG "'");
}

enum err track_run_put_tag(struct op *op, struct db_tx *tx, int64_t row, struct str key, struct str value)
{
    struct track_kv kv = {key, names_clip(value, LIMIT_TRACK_TAG_VALUE)};
    bool name = str_eq(key, STR(RUN_NAME_TAG));
    if (name && !value.len)
        return OK; /* a run cannot lose its name */
    enum err e = check_hold(op, tx, row, key, value);
    if (!e)
        e = store_put_kvs(op, tx, &sql_track_tag_put, row, &kv, 1);
    if (!e && name)
        e = db_exec(op, tx, &sql_track_run_update, DB_ARGS(DB_I64(row), DB_NULL, DB_NULL, DB_TEXT(kv.value)), NULL);
    return e;
}

static enum err set_tag_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_arg *a = arg;
    struct track_run_head h;
    enum err e = track_run_find(op, tx, a->run_id, true, &h);
    if (!e)
        e = track_run_put_tag(op, tx, h.row, a->key, a->value);
    return e ? e : track_change_note(op, tx, h.row);
}

static enum err set_tag_check(struct op *op, struct str run_id, struct str key, struct str value)
{
    enum err e = names_check_run_id(op, run_id);
    return e ? e : track_run_check_tag(op, key, value, "key");
}

enum err track_run_set_tag_start(struct op *op, struct db *db, struct str run_id, struct str key, struct str value, db_done_fn done, void *done_arg)
{
    enum err e = set_tag_check(op, run_id, key, value);
    if (!e)
        run_write_start(op, db, set_tag_tx, (struct run_arg){.run_id = run_id, .key = key, .value = value}, done, done_arg);
    return e;
}

enum err track_run_set_tag(struct op *op, struct db *db, struct str run_id, struct str key, struct str value)
{
    enum err e = set_tag_check(op, run_id, key, value);
    return e ? e : db_write(op, db, set_tag_tx, &(struct run_arg){.run_id = run_id, .key = key, .value = value});
}

static enum err delete_tag_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_arg *a = arg;
    struct track_run_head h;
    int64_t changes = 0;
    enum err e = track_run_find(op, tx, a->run_id, true, &h);
    if (!e)
        e = check_hold(op, tx, h.row, a->key, STR(""));
    if (!e)
        e = db_exec(op, tx, &sql_track_tag_delete, DB_ARGS(DB_I64(h.row), DB_TEXT(a->key)), &changes);
    if (!e && changes == 0)
        return op_fail(op, E_NOT_FOUND, "No tag with name: %.*s in run with id %.*s", STR_FMT(a->key), STR_FMT(a->run_id));
    return e ? e : track_change_note(op, tx, h.row);
}

enum err track_run_delete_tag(struct op *op, struct db *db, struct str run_id, struct str key)
{
    return db_write(op, db, delete_tag_tx, &(struct run_arg){.run_id = run_id, .key = key});
}

enum err track_run_delete_tag_start(struct op *op, struct db *db, struct str run_id, struct str key, db_done_fn done, void *done_arg)
{
    run_write_start(op, db, delete_tag_tx, (struct run_arg){.run_id = run_id, .key = key}, done, done_arg);
    return OK;
}

static enum err add_model_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_arg *a = arg;
    struct track_run_head h;
    struct str old = {0};
    bool found = false;
    enum err e = track_run_find(op, tx, a->run_id, true, &h);
    if (!e)
        e = store_find_text(op, tx, &sql_track_tag_get, h.row, STR(MODEL_HISTORY_TAG), &found, &old);
    if (e)
        return e;
    old = str_trim(old);
    bool more = old.len > 2 && old.p[0] == '[' && old.p[old.len - 1] == ']';
    if (a->value.len > LIMIT_TRACK_MODEL_HISTORY || (more ? old.len : 0) + a->value.len + 4 > LIMIT_TRACK_MODEL_HISTORY)
        return op_fail(op, E_TOO_LARGE, "The models of run %.*s need more than %zu bytes", STR_FMT(a->run_id), LIMIT_TRACK_MODEL_HISTORY);
    struct str kept = more ? str_sub(old, 0, old.len - 1) : STR("[");
    struct track_kv kv = {STR(MODEL_HISTORY_TAG), str_from(op_printf(op, "%.*s%s%.*s]", STR_FMT(kept), more ? ", " : "", STR_FMT(a->value)))};
    e = store_put_kvs(op, tx, &sql_track_tag_put, h.row, &kv, 1);
    return e ? e : track_change_note(op, tx, h.row);
}

enum err track_run_add_model(struct op *op, struct db *db, struct str run_id, struct str model_json)
{
    return db_write(op, db, add_model_tx, &(struct run_arg){.run_id = run_id, .value = model_json});
}
