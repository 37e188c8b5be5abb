/* import_models.c - logged models, and the registry. Sources and locations that lay in the artifacts of a run or a logged
 * model are told anew in terms of where these lie here. */
#include <inttypes.h>
#include <math.h>

#include "core/registry/version.h"
#include "core/track/logged_model.h"
#include "core/track/run.h"
#include "core/track/store.h"
#include "core/transfer/importing.h"
#include "sql_gen.h"

/* ---- logged models ---- */

struct model_arg {
    struct importing *im;
    const struct origin_logged_model *m;
    bool added;
};

static enum err model_texts(struct op *op, struct db_tx *tx, int64_t row, const struct origin_logged_model *m)
{
    struct track_kvs params = import_kvs(m->params), tags = import_kvs(m->tags);
    enum err e = store_put_kvs(op, tx, &sql_track_model_param_insert, row, params.p, params.len);
    if (!e)
        e = store_put_kvs(op, tx, &sql_track_model_tag_put, row, tags.p, tags.len);
    for (size_t i = 0; !e && i < m->metric_count; i++) {
        const struct origin_model_metric *v = &m->metrics[i];
        e = db_exec(op, tx, &sql_track_model_metric_put,
                    DB_ARGS(DB_I64(row), DB_TEXT(v->key), DB_TEXT(v->run_id), DB_TEXT(v->dataset_name), DB_TEXT(v->dataset_digest),
                            DB_I64(v->is_nan ? 0 : store_from_f64(v->value)), DB_I64(v->is_nan), DB_I64(v->time_ms), DB_I64(v->step)), NULL);
    }
    return e;
}

static enum err model_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct model_arg *a = arg;
    const struct origin_logged_model *m = a->m;
    struct str mark, location;
    int64_t experiment = 0, added = 0;
    enum err e = import_mark_find(op, tx, a->im, MARK_MODEL, m->model_id, &mark);
    if (!e)
        e = import_experiment_here(op, tx, a->im, m->experiment_id, &experiment, &location);
    if (e)
        return e;
    if (m->status < LOGGED_MODEL_PENDING || m->status > LOGGED_MODEL_UPLOAD_FAILED)
        return op_fail(op, E_INVALID, "its status %d is none", m->status);
    bool keep = a->im->o->keep_artifacts && m->artifact_uri.len;
    struct str uri = keep ? m->artifact_uri : import_location(op, location, true, m->model_id);
    e = db_exec(op, tx, &sql_import_model_insert,
                DB_ARGS(DB_TEXT(m->model_id), DB_I64(experiment), DB_TEXT(m->name), DB_TEXT(m->model_type), DB_TEXT(m->source_run_id), DB_TEXT(uri),
                        DB_I64(m->status), DB_TEXT(m->status_message), DB_I64(m->deleted), DB_I64(m->created_ms), DB_I64(m->updated_ms)), &added);
    struct db_val row[12];
    if (!e)
        e = db_query_one(op, tx, &sql_track_model_by_id, DB_ARGS(DB_TEXT(m->model_id)), row, ARRAY_LEN(row));
    a->added = added > 0;
    if (e || (!added && !mark.p))
        return e; /* it was here before */
    if (!added)
        e = db_exec(op, tx, &sql_import_model_update,
                    DB_ARGS(row[0], DB_I64(m->status), DB_TEXT(m->status_message), DB_I64(m->deleted), DB_I64(m->updated_ms)), NULL);
    if (!e)
        e = model_texts(op, tx, row[0].i, m);
    if (!e && added)
        e = import_mark_set(op, tx, a->im, MARK_MODEL, m->model_id, STR("added"));
    return !e && added ? import_mark_set(op, tx, a->im, MARK_URI, m->model_id, m->artifact_uri) : e;
}

/* ---- registered models and versions ---- */

struct registered_arg {
    struct importing *im;
    const struct origin_model *m;
    const struct origin_version *v;
    bool aliases; /* the second walk: every version is here */
    bool added;
};

static enum err registered_aliases(struct op *op, struct db_tx *tx, struct registered_arg *a, int64_t model)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < a->m->aliases.len; i++) {
        const struct origin_kv *alias = &a->m->aliases.p[i];
        int64_t version = 0;
        struct db_val row[2];
        if (!str_parse_i64(alias->value, &version))
            return op_fail(op, E_INVALID, "alias '%.*s' names no version", STR_FMT(alias->key));
        e = db_query_one(op, tx, &sql_import_version_find, DB_ARGS(DB_I64(model), DB_I64(version)), row, ARRAY_LEN(row));
        if (e == E_NOT_FOUND) {
            op_clear(op);
            return op_fail(op, E_INVALID, "alias '%.*s' names version %" PRId64 ", which is not here", STR_FMT(alias->key), version);
        }
        if (!e)
            e = db_exec(op, tx, &sql_registry_alias_put, DB_ARGS(DB_I64(model), DB_TEXT(alias->key), DB_I64(version)), NULL);
    }
    return e;
}

static enum err registered_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct registered_arg *a = arg;
    const struct origin_model *m = a->m;
    struct str mark;
    int64_t added = 0;
    struct db_val row[5];
    enum err e = import_mark_find(op, tx, a->im, MARK_REGISTERED, m->name, &mark);
    if (!e && !a->aliases)
        e = db_exec(op, tx, &sql_import_registered_insert,
                    DB_ARGS(DB_TEXT(m->name), m->description.p ? DB_TEXT(m->description) : DB_NULL, DB_I64(m->created_ms), DB_I64(m->updated_ms)), &added);
    if (!e)
        e = db_query_one(op, tx, &sql_registry_model_by_name, DB_ARGS(DB_TEXT(m->name)), row, ARRAY_LEN(row));
    if (e)
        return e;
    a->added = added > 0;
    if (!added && !mark.p)
        return OK; /* it was here before, with versions of its own; those keep their numbers (see version_tx) */
    if (a->aliases)
        return registered_aliases(op, tx, a, row[0].i);
    struct track_kvs tags = import_kvs(m->tags);
    e = store_put_kvs(op, tx, &sql_registry_model_tag_put, row[0].i, tags.p, tags.len);
    return !e && added ? import_mark_set(op, tx, a->im, MARK_REGISTERED, m->name, STR("added")) : e;
}

/* `uri` moved from the folder `from` there to `to` here; false when it is not below it. */
static bool rebase(struct op *op, struct str uri, struct str from, struct str to, struct str *ret)
{
    while (from.len && from.p[from.len - 1] == '/')
        from.len--;
    if (!from.len || !str_starts(uri, from) || (uri.len > from.len && uri.p[from.len] != '/'))
        return false;
    *ret = str_from(op_printf(op, "%.*s%.*s", STR_FMT(to), STR_FMT(str_sub(uri, from.len, uri.len))));
    return true;
}

/* A location there as it is called here. Texts that lie in nothing that was imported stay as they are. */
static enum err location_here(struct op *op, struct db_tx *tx, const struct importing *im, struct str run_id, struct str model_id, struct str uri, struct str *ret)
{
    struct str there;
    *ret = uri;
    if (im->o->keep_artifacts || !uri.len)
        return OK;
    enum err e = run_id.len ? import_mark_find(op, tx, im, MARK_URI, run_id, &there) : OK;
    if (!e && run_id.len && there.p) {
        struct db_val run[10];
        e = db_query_one(op, tx, &sql_track_run_by_uuid, DB_ARGS(DB_TEXT(run_id)), run, ARRAY_LEN(run));
        if (e || rebase(op, uri, there, run[9].s, ret))
            return e;
    }
    e = e || !model_id.len ? e : import_mark_find(op, tx, im, MARK_URI, model_id, &there);
    if (!e && model_id.len && there.p) {
        struct db_val model[12];
        e = db_query_one(op, tx, &sql_track_model_by_id, DB_ARGS(DB_TEXT(model_id)), model, ARRAY_LEN(model));
        if (!e)
            (void)rebase(op, uri, there, model[6].s, ret);
    }
    return e;
}

/* "models:/m-..." and "models:/m-.../..." name a logged model. */
static struct str logged_model_of(const struct origin_version *v)
{
    struct str scheme = STR("models:/");
    if (!str_starts(v->source, scheme))
        return STR("");
    struct str id = str_sub(v->source, scheme.len, v->source.len);
    size_t slash = str_find_char(id, '/');
    id = slash == SIZE_MAX ? id : str_sub(id, 0, slash);
    return str_starts(id, STR("m-")) ? id : STR("");
}

static enum err version_add(struct op *op, struct db_tx *tx, struct registered_arg *a, int64_t model, enum registry_stage stage)
{
    const struct origin_version *v = a->v;
    struct str model_id = logged_model_of(v), source, storage;
    enum err e = location_here(op, tx, a->im, v->run_id, model_id, v->source, &source);
    if (!e)
        e = location_here(op, tx, a->im, v->run_id, model_id, v->storage_location, &storage);
    if (!e)
        e = db_exec(op, tx, &sql_import_version_insert,
                    DB_ARGS(DB_I64(model), DB_I64(v->version), DB_I64(v->created_ms), DB_I64(v->updated_ms),
                            v->description.p ? DB_TEXT(v->description) : DB_NULL, DB_TEXT(v->user_id), DB_I64(stage), DB_TEXT(source), DB_TEXT(storage),
                            DB_TEXT(v->run_id), DB_TEXT(v->run_link), DB_TEXT(model_id), DB_TEXT(v->data_version), DB_TEXT(v->signature), DB_I64(v->deleted)), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_import_registered_raise, DB_ARGS(DB_I64(model), DB_I64(v->version)), NULL);
    return e;
}

static enum err version_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct registered_arg *a = arg;
    const struct origin_version *v = a->v;
    struct str mark, key = str_from(op_printf(op, "%" PRId64 " %.*s", v->version, STR_FMT(v->name)));
    enum registry_stage stage = REGISTRY_STAGE_NONE;
    struct db_val model[5], row[2];
    enum err e = v->deleted ? OK : registry_stage_parse(op, v->stage, &stage);
    if (!e)
        e = import_mark_find(op, tx, a->im, MARK_VERSION, key, &mark);
    if (!e)
        e = db_query_one(op, tx, &sql_registry_model_by_name, DB_ARGS(DB_TEXT(v->name)), model, ARRAY_LEN(model));
    if (e)
        return e;
    e = db_query_one(op, tx, &sql_import_version_find, DB_ARGS(model[0], DB_I64(v->version)), row, ARRAY_LEN(row));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        e = version_add(op, tx, a, model[0].i, stage);
        a->added = !e;
        if (!e)
            e = db_query_one(op, tx, &sql_import_version_find, DB_ARGS(model[0], DB_I64(v->version)), row, ARRAY_LEN(row));
    } else if (!e && !mark.p) {
        return op_fail(op, E_EXISTS, "a version of that number is here already and did not come from this source");
    } else if (!e) {
        e = db_exec(op, tx, &sql_import_version_update,
                    DB_ARGS(row[0], v->description.p ? DB_TEXT(v->description) : DB_NULL, DB_I64(stage), DB_I64(v->updated_ms), DB_I64(v->deleted)), NULL);
    }
    struct track_kvs tags = import_kvs(v->tags);
    if (!e)
        e = store_put_kvs(op, tx, &sql_registry_version_tag_put, row[0].i, tags.p, tags.len);
    return !e && !mark.p ? import_mark_set(op, tx, a->im, MARK_VERSION, key, STR("added")) : e;
}

/* ---- walking ---- */

/* One object: what cannot be stored is told, what the world refuses ends the import. */
static enum err one(struct importing *im, struct op *op, enum import_kind kind, const char *what, struct str name, db_fn fn, void *arg, const bool *added)
{
    struct import_count *count = &im->report->counts[kind];
    enum err e = db_write(op, im->o->db, fn, arg);
    if (e == E_IO || e == E_CORRUPT || e == E_INTERNAL || e == E_TIMEOUT)
        return e;
    count->there++;
    count->added += !e && *added;
    count->failed += e != OK;
    if (e)
        import_note(im, "%s '%.*s': %s", what, STR_FMT(name), op->msg ? op->msg : err_name(e));
    op_clear(op);
    import_progress(im, kind, count->there);
    return OK;
}

static enum err logged_models_page(struct importing *im, struct op *op, void *arg UNUSED, struct str *cursor, size_t *ret_n)
{
    struct origin_logged_model *models = NULL;
    enum err e = im->o->origin->ops->logged_models(im->o->origin->self, op, cursor, &models, ret_n);
    for (size_t i = 0; !e && i < *ret_n; i++) {
        struct model_arg a = {im, &models[i], false};
        e = one(im, op, IMPORT_LOGGED_MODELS, "logged model", models[i].model_id, model_tx, &a, &a.added);
    }
    return e;
}

enum err import_logged_models(struct importing *im)
{
    return import_pages(im, logged_models_page, NULL);
}

/* `arg`: whether this is the second walk, for the aliases. */
static enum err registered_page(struct importing *im, struct op *op, void *arg, struct str *cursor, size_t *ret_n)
{
    const bool *aliases = arg;
    struct origin_model *models = NULL;
    enum err e = im->o->origin->ops->models(im->o->origin->self, op, cursor, &models, ret_n);
    for (size_t i = 0; !e && i < *ret_n; i++) {
        struct registered_arg a = {.im = im, .m = &models[i], .aliases = *aliases};
        struct import_count before = im->report->counts[IMPORT_MODELS];
        e = one(im, op, IMPORT_MODELS, "registered model", models[i].name, registered_tx, &a, &a.added);
        if (*aliases) /* counted by the first walk */
            im->report->counts[IMPORT_MODELS] = (struct import_count){before.there, before.added, im->report->counts[IMPORT_MODELS].failed};
    }
    return e;
}

static enum err versions_page(struct importing *im, struct op *op, void *arg UNUSED, struct str *cursor, size_t *ret_n)
{
    struct origin_version *versions = NULL;
    enum err e = im->o->origin->ops->versions(im->o->origin->self, op, cursor, &versions, ret_n);
    for (size_t i = 0; !e && i < *ret_n; i++) {
        struct registered_arg a = {.im = im, .v = &versions[i]};
        struct str name = str_from(op_printf(op, "%.*s/%" PRId64, STR_FMT(versions[i].name), versions[i].version));
        e = one(im, op, IMPORT_VERSIONS, "version", name, version_tx, &a, &a.added);
    }
    return e;
}

enum err import_registry(struct importing *im)
{
    bool aliases = false;
    enum err e = import_pages(im, registered_page, &aliases);
    if (!e)
        e = import_pages(im, versions_page, NULL);
    aliases = true;
    return e ? e : import_pages(im, registered_page, &aliases);
}
