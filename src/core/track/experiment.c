#include "core/track/experiment.h"

#include "base/limits.h"
#include "core/track/change.h"
#include "core/track/store.h"
#include "sql_gen.h"

#include <inttypes.h>

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

/* What these tags say is done by the clock, and some of it for good (core/retention/rules.h), as `ingot gc` does it, which takes an
 * administrator. */
static enum err check_may_tag(struct op *op, struct str key, struct str value)
{
    bool hold = str_eqc(key, TRACK_HOLD_TAG) && !str_eqc(value, "true");
    if (hold && !(op->actor.perms & 1u << PERM_ADMIN))
        return op_fail(op, E_DENIED, "only an administrator may take the tag '" TRACK_HOLD_TAG "' from an experiment");
    if (!str_starts(key, STR("ingot.retain_")) || op->actor.perms & 1u << PERM_ADMIN)
        return OK;
    return op_fail(op, E_DENIED, "tag '%.*s' deletes runs by the clock: only an administrator may change it", STR_FMT(str_sub(key, 0, 100)));
}

static enum err check_tag(struct op *op, struct str key, struct str value)
{
    enum err e = check_may_tag(op, key, value);
    if (!e)
        e = names_check_key(op, key, "key");
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
    enum err e = check_may_tag(op, key, STR(""));
    return e ? e : db_write(op, db, delete_tag_tx, &(struct change_arg){.id = id, .key = key});
}
