#include "core/registry/version.h"

#include "base/limits.h"
#include "base/vec.h"
#include "core/registry/history.h"
#include "core/registry/move.h"
#include "core/registry/policy.h"
#include "core/registry/release.h"
#include "core/registry/source.h"
#include "core/registry/tag.h"
#include "core/registry/usage.h"
#include "core/track/logged_model.h"
#include "core/track/store.h"
#include "core/webhook/raise.h"
#include "sql_gen.h"

#include <inttypes.h>

static const char *const stage_names[REGISTRY_STAGES] = {"None", "Staging", "Production", "Archived"};

const char *registry_stage_name(enum registry_stage s)
{
    return s < REGISTRY_STAGES ? stage_names[s] : stage_names[0];
}

enum err registry_stage_parse(struct op *op, struct str name, enum registry_stage *ret)
{
    for (unsigned i = 0; i < REGISTRY_STAGES; i++) {
        if (str_ieq(name, str_from(stage_names[i]))) {
            *ret = (enum registry_stage)i;
            return OK;
        }
    }
    return op_fail_field(op, "stage",
                         "Invalid Model Version stage: %.*s. Value must be one of None, Staging, Production, Archived.",
                         STR_FMT(name));
}

enum err registry_version_parse(struct op *op, struct str text, int64_t *ret)
{
    if (!str_parse_i64(text, ret))
        return op_fail_field(op, "version", "Parameter 'version' must be an integer, got '%.*s'.", STR_FMT(text));
    return OK;
}

static struct str col_or_none(struct op *op, struct db_tx *tx, struct db_rows *rows, int i)
{
    return db_col_null(tx, rows, i) ? (struct str){0} : db_col_dup(op, tx, rows, i);
}

static void version_row(struct op *op, struct db_tx *tx, struct db_rows *rows, struct registry_version *v)
{
    *v = (struct registry_version){
        .row = db_col_i64(tx, rows, 0),
        .name = db_col_dup(op, tx, rows, 1),
        .version = db_col_i64(tx, rows, 2),
        .created_ms = db_col_i64(tx, rows, 3),
        .updated_ms = db_col_i64(tx, rows, 4),
        .description = col_or_none(op, tx, rows, 5),
        .user_id = db_col_dup(op, tx, rows, 6),
        .stage = (enum registry_stage)db_col_i64(tx, rows, 7),
        .source = db_col_dup(op, tx, rows, 8),
        .storage_location = db_col_dup(op, tx, rows, 9),
        .run_id = db_col_dup(op, tx, rows, 10),
        .run_link = db_col_dup(op, tx, rows, 11),
        .model_id = db_col_dup(op, tx, rows, 12),
        .data_version = db_col_dup(op, tx, rows, 13),
        .signature = db_col_dup(op, tx, rows, 14),
        .model_row = db_col_i64(tx, rows, 15),
    };
}

/* All rows of a statement whose columns are those of registry_version_get. */
static enum err version_rows(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, struct registry_version **ret, size_t *ret_len)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, sql, args, n, &rows);
    if (e)
        return e;
    VEC(struct registry_version) v = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct registry_version *x = store_room(op, 0) ? NULL : vec_push(&v, op->arena);
        if (!x) {
            e = op_fail(op, E_TOO_LARGE, "too many versions to hold in memory");
            break;
        }
        version_row(op, tx, rows, x);
    }
    db_end(tx, rows);
    if (e)
        return e;
    *ret = v.p;
    *ret_len = v.len;
    return OK;
}

enum err registry_version_find(struct op *op, struct db_tx *tx, struct str name, int64_t version, struct registry_version *ret)
{
    struct registry_version *v = NULL;
    size_t n = 0;
    enum err e = version_rows(op, tx, &sql_registry_version_get, DB_ARGS(DB_TEXT(name), DB_I64(version)), &v, &n);
    if (!e && n == 0)
        return op_fail(op, E_NOT_FOUND, "Model Version (name=%.*s, version=%" PRId64 ") not found", STR_FMT(name), version);
    if (!e)
        *ret = v[0];
    return e;
}

enum err registry_version_staged(struct op *op, struct db_tx *tx, struct str name, enum registry_stage stage, int64_t except, struct registry_version **ret, size_t *ret_len)
{
    return version_rows(op, tx, &sql_registry_version_staged, DB_ARGS(DB_TEXT(name), DB_I64(stage), DB_I64(except)), ret, ret_len);
}

enum err registry_version_newest(struct op *op, struct db_tx *tx, struct str name, struct registry_version **ret, size_t *ret_len)
{
    return version_rows(op, tx, &sql_registry_version_newest, DB_ARGS(DB_TEXT(name)), ret, ret_len);
}

static enum err fill_aliases(struct op *op, struct db_tx *tx, struct registry_version *v)
{
    struct db_rows *rows = NULL;
    enum err e = db_query(op, tx, &sql_registry_alias_of_version, DB_ARGS(DB_I64(v->model_row), DB_I64(v->version)), &rows);
    if (e)
        return e;
    VEC(struct str) aliases = {0};
    bool more = false;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct str *s = store_room(op, 0) ? NULL : vec_push(&aliases, op->arena);
        if (!s) {
            e = op_fail(op, E_TOO_LARGE, "too many aliases to hold in memory");
            break;
        }
        *s = db_col_dup(op, tx, rows, 0);
    }
    db_end(tx, rows);
    v->aliases = aliases.p;
    v->alias_count = aliases.len;
    return e;
}

static enum err fill_release(struct op *op, struct db_tx *tx, struct registry_version *v)
{
    struct registry_release r;
    enum err e = registry_release_get(op, tx, v->row, &r);
    if (e)
        return e;
    v->semver = registry_release_text(op, &r);
    v->semver_bump = r.bump;
    v->semver_changes = r.changes;
    return OK;
}

enum err registry_version_fill(struct op *op, struct db_tx *tx, struct registry_version *v)
{
    enum err e = store_kvs(op, tx, &sql_registry_version_tags, v->row, &v->tags);
    if (!e)
        e = fill_aliases(op, tx, v);
    return e ? e : fill_release(op, tx, v);
}

struct version_arg {
    const struct registry_version_new *in;
    struct str name, key, value, description;
    int64_t version;
    struct registry_move move;
    const enum registry_stage *stages;
    size_t stage_count, limit;
    struct registry_version v;
    struct registry_version_page page;
};

static enum err find_filled(struct op *op, struct db_tx *tx, struct version_arg *a)
{
    enum err e = registry_version_find(op, tx, a->name, a->version, &a->v);
    return e ? e : registry_version_fill(op, tx, &a->v);
}

static enum err insert_version(struct op *op, struct db_tx *tx, struct version_arg *a, int64_t model, const struct registry_source *s)
{
    const struct registry_version_new *in = a->in;
    struct db_val last;
    struct str none = STR("");
    int64_t now = store_now_ms(op);
    enum err e = db_exec(op, tx, &sql_registry_model_take_version, DB_ARGS(DB_I64(model), DB_I64(now)), NULL);
    if (!e)
        e = db_query_one(op, tx, &sql_registry_model_last_version, DB_ARGS(DB_I64(model)), &last, 1);
    if (e)
        return e;
    a->version = last.i;
    return db_exec(op, tx, &sql_registry_version_insert,
                   DB_ARGS(DB_I64(model), last, DB_I64(now), in->description.p ? DB_TEXT(in->description) : DB_NULL,
                           DB_TEXT(op->actor.name), DB_TEXT(s->source), DB_TEXT(s->storage_location), DB_TEXT(s->run_id),
                           DB_TEXT(in->run_link.p ? in->run_link : none), DB_TEXT(s->model_id),
                           DB_TEXT(in->data_version.p ? in->data_version : none),
                           DB_TEXT(in->signature.p ? in->signature : none)), NULL);
}

/* The semantic version, and the tag that asked for it with the answer in it. */
static enum err insert_release(struct op *op, struct db_tx *tx, struct version_arg *a, int64_t model, int64_t row, const struct registry_source *s)
{
    const struct registry_version_new *in = a->in;
    struct str wish = in->semver.len ? in->semver : names_find(in->tags, in->tag_count, REGISTRY_SEMVER_TAG);
    struct registry_release_new r = {.model_row = model, .version_row = row, .origin_row = s->origin_row, .wanted = str_trim(wish),
                                     .signature = in->signature};
    struct registry_release made;
    if (registry_tags_are_prompt(in->tags, in->tag_count))
        return OK;
    enum err e = registry_release_add(op, tx, &r, &made);
    if (e || !names_find(in->tags, in->tag_count, REGISTRY_SEMVER_TAG).p)
        return e;
    struct track_kv kv = {STR(REGISTRY_SEMVER_TAG), registry_release_text(op, &made)};
    return store_put_kvs(op, tx, &sql_registry_version_tag_put, row, &kv, 1);
}

static enum err create_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct version_arg *a = arg;
    const struct registry_version_new *in = a->in;
    struct registry_source s;
    int64_t model = 0, row = 0;
    enum err e = registry_model_row(op, tx, in->name, &model);
    if (!e)
        e = source_resolve(op, tx, in, &s);
    if (!e)
        e = insert_version(op, tx, a, model, &s);
    if (e)
        return e;
    row = db_last_id(tx);
    e = store_put_kvs(op, tx, &sql_registry_version_tag_put, row, in->tags, in->tag_count);
    if (!e)
        e = insert_release(op, tx, a, model, row, &s);
    if (!e && s.logged_model_row)
        e = logged_model_add_version(op, tx, s.logged_model_row, in->name, a->version);
    if (!e)
        e = find_filled(op, tx, a);
    if (!e)
        e = webhook_raise_version(op, tx, &(struct webhook_version){in->name, s.source, s.run_id, in->description, a->version, in->tags, in->tag_count});
    if (e)
        return e;
    struct track_kv detail[] = {{STR("version"), str_from(op_printf(op, "%" PRId64, a->version))}, {STR("source"), s.source},
                                {STR("run_id"), s.run_id}, {STR("semver"), a->v.semver}};
    return store_audit(op, tx, "model_version.create", "model", in->name, detail, ARRAY_LEN(detail));
}

static enum err check_texts(struct op *op, const struct registry_version_new *in)
{
    const struct track_kv texts[] = {
        {STR("source"), in->source}, {STR("run_id"), in->run_id}, {STR("run_link"), in->run_link}, {STR("model_id"), in->model_id},
        {STR("description"), in->description}, {STR("data_version"), in->data_version}, {STR("signature"), in->signature},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        enum err e = names_check_length(op, texts[i].key.p, texts[i].value, LIMIT_REGISTRY_TEXT);
        if (e)
            return e;
    }
    return names_check_length(op, "data_version", in->data_version, LIMIT_REGISTRY_DATA_VERSION);
}

enum err registry_version_create(struct op *op, struct db *db, const struct registry_version_new *in, struct registry_version *ret)
{
    struct version_arg a = {.in = in, .name = in->name};
    enum err e = registry_tags_check(op, in->tags, in->tag_count);
    if (!e)
        e = check_texts(op, in);
    if (!e)
        e = db_write(op, db, create_tx, &a);
    if (!e)
        *ret = a.v;
    return e;
}

static enum err get_tx(struct op *op, struct db_tx *tx, void *arg)
{
    return find_filled(op, tx, arg);
}

enum err registry_version_get(struct op *op, struct db *db, struct str name, int64_t version, struct registry_version *ret)
{
    struct version_arg a = {.name = name, .version = version};
    enum err e = db_read(op, db, get_tx, &a);
    if (!e)
        *ret = a.v;
    return e;
}

enum err registry_version_uri(struct op *op, struct db *db, struct str name, int64_t version, struct str *ret)
{
    struct registry_version v;
    enum err e = registry_version_get(op, db, name, version, &v);
    if (!e)
        *ret = v.storage_location.len ? v.storage_location : v.source;
    return e;
}

static enum err describe_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct version_arg *a = arg;
    enum err e = registry_version_find(op, tx, a->name, a->version, &a->v);
    if (!e)
        e = db_exec(op, tx, &sql_registry_version_describe,
                    DB_ARGS(DB_I64(a->v.row), DB_TEXT(a->description), DB_I64(store_now_ms(op))), NULL);
    struct track_kv detail = {STR("version"), str_from(op_printf(op, "%" PRId64, a->version))};
    if (!e)
        e = store_audit(op, tx, "model_version.describe", "model", a->name, &detail, 1);
    return e ? e : find_filled(op, tx, a);
}

enum err registry_version_describe(struct op *op, struct db *db, struct str name, int64_t version, struct str description, struct registry_version *ret)
{
    if (!description.p)
        return registry_version_get(op, db, name, version, ret);
    struct version_arg a = {.name = name, .version = version, .description = description};
    enum err e = names_check_length(op, "description", description, LIMIT_REGISTRY_TEXT);
    if (!e)
        e = db_write(op, db, describe_tx, &a);
    if (!e)
        *ret = a.v;
    return e;
}

/* Aliases of a deleted version go, each with its history row. */
static enum err delete_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct version_arg *a = arg;
    int64_t now = store_now_ms(op);
    enum err e = find_filled(op, tx, a);
    if (!e)
        e = registry_usage_check(op, tx, a->name, a->version, "deleting it");
    if (!e)
        e = registry_policy_check_version(op, tx, &a->v, "deleting it");
    if (e)
        return e;
    struct str number = str_from(op_printf(op, "%" PRId64, a->version));
    for (size_t i = 0; !e && i < a->v.alias_count; i++) {
        struct registry_change c = {.kind = STR("alias"), .subject = a->v.aliases[i], .old_value = number, .action = STR("removed")};
        e = db_exec(op, tx, &sql_registry_alias_delete, DB_ARGS(DB_I64(a->v.model_row), DB_TEXT(a->v.aliases[i])), NULL);
        if (!e)
            e = registry_history_add(op, tx, a->name, &c);
    }
    if (!e)
        e = store_exec_id(op, tx, &sql_registry_card_delete, a->v.row);
    if (!e)
        e = store_exec_id(op, tx, &sql_registry_version_tags_delete, a->v.row);
    if (!e)
        e = db_exec(op, tx, &sql_registry_version_delete, DB_ARGS(DB_I64(a->v.row), DB_I64(now)), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_registry_model_touch, DB_ARGS(DB_I64(a->v.model_row), DB_I64(now)), NULL);
    struct track_kv detail[] = {{STR("version"), number}, {STR("source"), a->v.source}, {STR("run_id"), a->v.run_id}};
    return e ? e : store_audit(op, tx, "model_version.delete", "model", a->name, detail, ARRAY_LEN(detail));
}

enum err registry_version_delete(struct op *op, struct db *db, struct str name, int64_t version)
{
    return db_write(op, db, delete_tx, &(struct version_arg){.name = name, .version = version});
}

static enum err tag_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct version_arg *a = arg;
    struct track_kv kv = {a->key, a->value};
    enum err e = registry_version_find(op, tx, a->name, a->version, &a->v);
    if (!e && a->value.p)
        e = store_put_kvs(op, tx, &sql_registry_version_tag_put, a->v.row, &kv, 1);
    else if (!e)
        e = db_exec(op, tx, &sql_registry_version_tag_delete, DB_ARGS(DB_I64(a->v.row), DB_TEXT(a->key)), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_registry_version_touch, DB_ARGS(DB_I64(a->v.row), DB_I64(store_now_ms(op))), NULL);
    if (!e)
        e = webhook_raise_version_tag(op, tx, a->name, a->version, a->key, a->value);
    struct track_kv detail[] = {{STR("version"), str_from(op_printf(op, "%" PRId64, a->version))}, kv};
    return e ? e : store_audit(op, tx, a->value.p ? "model_version.tag" : "model_version.untag", "model", a->name, detail,
                               ARRAY_LEN(detail));
}

enum err registry_version_set_tag(struct op *op, struct db *db, struct str name, int64_t version, struct str key, struct str value)
{
    struct version_arg a = {.name = name, .version = version, .key = key, .value = value.p ? value : STR("")};
    enum err e = registry_tag_check(op, key, value);
    if (!e && str_eqc(key, REGISTRY_SEMVER_TAG))
        return op_fail_field(op, "key", "the tag '%s' is read when a version is made; a semantic version never changes", REGISTRY_SEMVER_TAG);
    return e ? e : db_write(op, db, tag_tx, &a);
}

enum err registry_version_delete_tag(struct op *op, struct db *db, struct str name, int64_t version, struct str key)
{
    return db_write(op, db, tag_tx, &(struct version_arg){.name = name, .version = version, .key = key});
}

static enum err stage_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct version_arg *a = arg;
    enum err e = registry_move_make(op, tx, &a->move);
    return e ? e : find_filled(op, tx, a);
}

enum err registry_version_set_stage(struct op *op, struct db *db, struct str name, int64_t version, struct str stage, bool archive_others, struct registry_version *ret)
{
    struct version_arg a = {.name = name, .version = version};
    a.move = (struct registry_move){.model = name, .version = version, .archive_others = archive_others};
    enum err e = registry_stage_parse(op, stage, &a.move.stage);
    if (!e && archive_others && a.move.stage != REGISTRY_STAGE_STAGING && a.move.stage != REGISTRY_STAGE_PRODUCTION)
        return op_fail_field(op, "archive_existing_versions",
                             "Model version transition cannot archive existing model versions because '%.*s' is not an Active "
                             "stage. Valid stages are ['Staging', 'Production']",
                             STR_FMT(stage));
    if (!e)
        e = registry_reason_check(op);
    if (!e)
        e = db_write(op, db, stage_tx, &a);
    if (!e)
        e = registry_move_refusal(op, &a.move);
    if (!e)
        *ret = a.v;
    return e;
}

static enum err latest_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct version_arg *a = arg;
    struct registry_version *all = NULL;
    size_t n = 0;
    int64_t model = 0;
    enum err e = registry_model_row(op, tx, a->name, &model);
    if (!e)
        e = registry_version_newest(op, tx, a->name, &all, &n);
    if (e)
        return e;
    a->page.versions = arena_alloc(op->arena, sizeof *all * REGISTRY_STAGES);
    for (size_t s = 0; s < a->stage_count; s++) {
        size_t i = 0;
        while (i < n && all[i].stage != a->stages[s])
            i++;
        if (i == n)
            continue;
        e = registry_version_fill(op, tx, &all[i]);
        if (e)
            return e;
        a->page.versions[a->page.len++] = all[i];
    }
    return OK;
}

enum err registry_version_latest(struct op *op, struct db *db, struct str name, const struct str *stages, size_t n, struct registry_version_page *ret)
{
    bool wanted[REGISTRY_STAGES] = {false};
    for (size_t i = 0; i < n; i++) {
        enum registry_stage s;
        enum err e = registry_stage_parse(op, stages[i], &s);
        if (e)
            return e;
        wanted[s] = true;
    }
    enum registry_stage list[REGISTRY_STAGES];
    struct version_arg a = {.name = name, .stages = list};
    for (unsigned s = 0; s < REGISTRY_STAGES; s++) {
        if (n ? wanted[s] : true)
            list[a.stage_count++] = (enum registry_stage)s;
    }
    enum err e = db_read(op, db, latest_tx, &a);
    if (!e)
        *ret = a.page;
    return e;
}

static enum err page_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct version_arg *a = arg;
    int64_t model = 0;
    enum err e = registry_model_row(op, tx, a->name, &model);
    if (!e)
        e = version_rows(op, tx, &sql_registry_version_page,
                         DB_ARGS(DB_TEXT(a->name), DB_I64(a->version), DB_I64((int64_t)a->limit)), &a->page.versions, &a->page.len);
    for (size_t i = 0; !e && i < a->page.len; i++)
        e = registry_version_fill(op, tx, &a->page.versions[i]);
    return e;
}

enum err registry_version_page(struct op *op, struct db *db, struct str name, int64_t before, size_t limit, struct registry_version_page *ret)
{
    struct version_arg a = {.name = name, .version = before ? before : INT64_MAX, .limit = limit};
    enum err e = db_read(op, db, page_tx, &a);
    if (!e)
        *ret = a.page;
    return e;
}
