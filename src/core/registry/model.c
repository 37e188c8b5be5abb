#include "core/registry/model.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/registry/history.h"
#include "core/registry/policy.h"
#include "core/registry/tag.h"
#include "core/registry/usage.h"
#include "core/track/store.h"
#include "core/webhook/raise.h"
#include "sql_gen.h"

#include <inttypes.h>

struct model_arg {
    struct str name, new_name, description, key, value;
    const struct track_kv *tags;
    size_t tag_count;
    struct registry_model m;
};

static enum err load_aliases(struct op *op, struct db_tx *tx, struct registry_model *m)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_registry_aliases, DB_ARGS(DB_I64(m->row)), &rows);
    if (e)
        return e;
    VEC(struct registry_alias) v = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct registry_alias *a = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!a) {
            e = op_fail(op, E_TOO_LARGE, "too many aliases to hold in memory");
            break;
        }
        *a = (struct registry_alias){db_col_dup(op, tx, rows, 0), db_col_i64(tx, rows, 1)};
    }
    db_end(tx, rows);
    m->aliases = v.p;
    m->alias_count = v.len;
    return e;
}

static enum err load_latest(struct op *op, struct db_tx *tx, struct registry_model *m)
{
    enum err e = registry_version_newest(op, tx, m->name, &m->latest, &m->latest_count);
    for (size_t i = 0; !e && i < m->latest_count; i++)
        e = registry_version_fill(op, tx, &m->latest[i]);
    return e;
}

static enum err model_load(struct op *op, struct db_tx *tx, struct str name, struct registry_model *ret)
{
    struct db_val v[5];
    enum err e = db_query_one(op, tx, &sql_registry_model_by_name, DB_ARGS(DB_TEXT(name)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "Registered Model with name=%.*s not found", STR_FMT(name));
    }
    if (e)
        return e;
    struct registry_model m = {.row = v[0].i, .name = v[1].s, .created_ms = v[3].i, .updated_ms = v[4].i};
    if (v[2].type == DB_TYPE_TEXT)
        m.description = v[2].s;
    e = store_kvs(op, tx, &sql_registry_model_tags, m.row, &m.tags);
    if (!e)
        e = load_aliases(op, tx, &m);
    if (!e)
        e = load_latest(op, tx, &m);
    if (!e)
        *ret = m;
    return e;
}

enum err registry_model_check_name(struct op *op, struct str name)
{
    if (str_trim(name).len == 0)
        return op_fail_field(op, "name", "Missing value for required parameter 'name'.");
    if (str_find_char(name, '/') != SIZE_MAX || str_find_char(name, ':') != SIZE_MAX)
        return op_fail_field(op, "name", "Invalid model name '%.*s'. Names cannot contain '/' or ':'.", STR_FMT(name));
    enum err e = names_check_no_path(op, name, "name");
    return e ? e : names_check_length(op, "name", name, LIMIT_REGISTRY_NAME);
}

static enum err name_taken(struct op *op, struct db_tx *tx, const struct model_arg *a)
{
    struct registry_model old = {0};
    enum err e = model_load(op, tx, a->name, &old);
    if (e)
        return e;
    bool was = registry_tags_are_prompt(old.tags.p, old.tags.len), is = registry_tags_are_prompt(a->tags, a->tag_count);
    if (was != is)
        return op_fail(op, E_EXISTS,
                       "Tried to create a %s with name '%.*s', but the name is already taken by a %s. MLflow does not allow "
                       "creating a model and a prompt with the same name.",
                       is ? "prompt" : "registered model", STR_FMT(a->name), was ? "prompt" : "registered model");
    return op_fail(op, E_EXISTS, "%s (name=%.*s) already exists.", is ? "Prompt" : "Registered Model", STR_FMT(a->name));
}

static enum err create_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    enum err e = db_exec(op, tx, &sql_registry_model_insert,
                         DB_ARGS(DB_TEXT(a->name), a->description.p ? DB_TEXT(a->description) : DB_NULL, DB_I64(store_now_ms(op))), NULL);
    if (e == E_EXISTS) {
        op_clear(op);
        return name_taken(op, tx, a);
    }
    if (!e)
        e = store_put_kvs(op, tx, &sql_registry_model_tag_put, db_last_id(tx), a->tags, a->tag_count);
    if (!e)
        e = store_audit(op, tx, "model.create", "model", a->name, NULL, 0);
    if (!e)
        e = webhook_raise_model(op, tx, a->name, a->description, a->tags, a->tag_count);
    return e ? e : model_load(op, tx, a->name, &a->m);
}

enum err registry_model_create(struct op *op, struct db *db, struct str name, struct str description, const struct track_kv *tags, size_t tag_count, struct registry_model *ret)
{
    enum err e = registry_model_check_name(op, name);
    if (!e)
        e = names_check_length(op, "description", description, LIMIT_REGISTRY_TEXT);
    if (!e)
        e = registry_tags_check(op, tags, tag_count);
    struct model_arg a = {.name = name, .description = description, .tags = tags, .tag_count = tag_count};
    if (!e)
        e = db_write(op, db, create_tx, &a);
    if (!e)
        *ret = a.m;
    return e;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    return model_load(op, tx, a->name, &a->m);
}

enum err registry_model_get(struct op *op, struct db *db, struct str name, struct registry_model *ret)
{
    struct model_arg a = {.name = name};
    enum err e = registry_model_check_name(op, name);
    if (!e)
        e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.m;
    return e;
}

/* May the name go away, so that nothing that stands on it changes unseen? */
static enum err check_leave(struct op *op, struct db_tx *tx, struct str name, int64_t row, const char *what)
{
    enum err e = registry_usage_check(op, tx, name, 0, what);
    return e ? e : registry_policy_check_model(op, tx, name, row, what);
}

static enum err rename_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    int64_t row = 0;
    enum err e = registry_model_row(op, tx, a->name, &row);
    if (!e)
        e = check_leave(op, tx, a->name, row, "giving it another name");
    if (!e)
        e = db_exec(op, tx, &sql_registry_model_rename, DB_ARGS(DB_I64(row), DB_TEXT(a->new_name), DB_I64(store_now_ms(op))), NULL);
    if (e == E_EXISTS) {
        op_clear(op);
        return op_fail(op, E_EXISTS, "Registered Model (name=%.*s) already exists.", STR_FMT(a->new_name));
    }
    struct registry_change c = {.kind = STR("name"), .old_value = a->name, .new_value = a->new_name};
    if (!e)
        e = registry_history_note(op, tx, a->new_name, &c);
    /* The old name's own past ends here, should somebody take it. */
    struct registry_change left = {.kind = STR("model"), .old_value = a->name, .action = STR("renamed")};
    if (!e)
        e = registry_history_note(op, tx, a->name, &left);
    if (!e)
        e = db_exec(op, tx, &sql_registry_approval_rename, DB_ARGS(DB_I64(row), DB_TEXT(a->new_name)), NULL);
    if (!e)
        e = store_audit(op, tx, "model.rename", "model", a->name, &(struct track_kv){STR("to"), a->new_name}, 1);
    return e ? e : model_load(op, tx, a->new_name, &a->m);
}

enum err registry_model_rename(struct op *op, struct db *db, struct str name, struct str new_name, struct registry_model *ret)
{
    struct model_arg a = {.name = name, .new_name = new_name};
    enum err e = registry_model_check_name(op, new_name);
    if (!e)
        e = db_write(op, db, rename_tx, &a);
    if (!e)
        *ret = a.m;
    return e;
}

static enum err describe_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    int64_t row = 0;
    enum err e = registry_model_row(op, tx, a->name, &row);
    if (!e)
        e = db_exec(op, tx, &sql_registry_model_describe, DB_ARGS(DB_I64(row), DB_TEXT(a->description), DB_I64(store_now_ms(op))), NULL);
    if (!e)
        e = store_audit(op, tx, "model.describe", "model", a->name, NULL, 0);
    return e ? e : model_load(op, tx, a->name, &a->m);
}

enum err registry_model_describe(struct op *op, struct db *db, struct str name, struct str description, struct registry_model *ret)
{
    struct model_arg a = {.name = name, .description = description.p ? description : STR("")};
    enum err e = names_check_length(op, "description", description, LIMIT_REGISTRY_TEXT);
    if (!e)
        e = db_write(op, db, describe_tx, &a);
    if (!e)
        *ret = a.m;
    return e;
}

static enum err delete_tx(struct op *op, struct db_tx *tx, void *arg)
{
    static const struct sql *const steps[] = {
        &sql_registry_model_delete_version_tags, &sql_registry_model_delete_cards,   &sql_registry_model_delete_releases,
        &sql_registry_model_delete_versions,     &sql_registry_model_delete_aliases, &sql_registry_model_delete_tags,
        &sql_registry_model_delete_policy,       &sql_registry_model_delete};
    struct model_arg *a = arg;
    enum err e = model_load(op, tx, a->name, &a->m);
    if (!e)
        e = check_leave(op, tx, a->name, a->m.row, "deleting it");
    for (size_t i = 0; !e && i < a->m.alias_count; i++) {
        struct registry_change c = {.kind = STR("alias"), .subject = a->m.aliases[i].alias, .action = STR("removed"),
                                    .old_value = str_from(op_printf(op, "%" PRId64, a->m.aliases[i].version))};
        e = registry_history_add(op, tx, a->name, &c);
    }
    struct registry_change gone = {.kind = STR("model"), .old_value = a->name, .action = STR("removed")};
    if (!e)
        e = registry_history_note(op, tx, a->name, &gone);
    if (!e)
        e = db_exec(op, tx, &sql_registry_approval_cancel_model,
                    DB_ARGS(DB_I64(a->m.row), DB_TEXT(op->actor.name), DB_I64(op->now_us)), NULL);
    for (size_t i = 0; !e && i < ARRAY_LEN(steps); i++)
        e = store_exec_id(op, tx, steps[i], a->m.row);
    return e ? e : store_audit(op, tx, "model.delete", "model", a->name, NULL, 0);
}

enum err registry_model_delete(struct op *op, struct db *db, struct str name)
{
    return db_write(op, db, delete_tx, &(struct model_arg){.name = name});
}

static enum err tag_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    struct track_kv kv = {a->key, a->value};
    int64_t row = 0;
    enum err e = registry_model_row(op, tx, a->name, &row);
    if (!e && a->value.p)
        e = store_put_kvs(op, tx, &sql_registry_model_tag_put, row, &kv, 1);
    else if (!e)
        e = db_exec(op, tx, &sql_registry_model_tag_delete, DB_ARGS(DB_I64(row), DB_TEXT(a->key)), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_registry_model_touch, DB_ARGS(DB_I64(row), DB_I64(store_now_ms(op))), NULL);
    if (!e)
        e = webhook_raise_model_tag(op, tx, a->name, a->key, a->value);
    return e ? e : store_audit(op, tx, a->value.p ? "model.tag" : "model.untag", "model", a->name, &kv, 1);
}

enum err registry_model_set_tag(struct op *op, struct db *db, struct str name, struct str key, struct str value)
{
    enum err e = registry_tag_check(op, key, value);
    struct model_arg a = {.name = name, .key = key, .value = value.p ? value : STR("")};
    return e ? e : db_write(op, db, tag_tx, &a);
}

enum err registry_model_delete_tag(struct op *op, struct db *db, struct str name, struct str key)
{
    return db_write(op, db, tag_tx, &(struct model_arg){.name = name, .key = key});
}
