#include "core/transfer/import.h"

#include <inttypes.h>

#include "core/track/experiment.h"
#include "core/track/store.h"
#include "core/transfer/importing.h"
#include "sql_gen.h"

bool import_complete(const struct import_report *r)
{
    for (size_t i = 0; i < IMPORT_KINDS; i++)
        if (r->counts[i].failed)
            return false;
    return r->wrong_latest == 0;
}

/* ---- experiments ---- */

struct experiment_arg {
    struct importing *im;
    const struct origin_experiment *x;
    bool added;
};

/* With its own id if that is free, and a location that this server serves, unless the files stay. */
static enum err experiment_add(struct op *op, struct db_tx *tx, struct experiment_arg *a, int64_t *ret_id)
{
    const struct origin_experiment *x = a->x;
    bool keep = a->im->o->keep_artifacts && x->artifact_location.len;
    struct str location = keep ? x->artifact_location : STR("");
    int64_t id = -1;
    struct db_val taken;
    enum err e = E_EXISTS;
    if (str_parse_i64(x->id, &id) && id >= 0) {
        e = db_query_one(op, tx, &sql_import_experiment_taken, DB_ARGS(DB_I64(id)), &taken, 1);
        if (e && e != E_NOT_FOUND)
            return e;
    }
    struct db_val deleted = DB_I64(x->deleted), created = DB_I64(x->created_ms), updated = DB_I64(x->updated_ms);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        struct db_val max;
        e = db_exec(op, tx, &sql_import_experiment_insert_as, DB_ARGS(DB_I64(id), DB_TEXT(x->name), DB_TEXT(location), deleted, created, updated), NULL);
        if (!e)
            e = db_query_one(op, tx, &sql_import_experiment_ids, DB_NO_ARGS, &max, 1);
    } else {
        e = db_exec(op, tx, &sql_import_experiment_insert, DB_ARGS(DB_TEXT(x->name), DB_TEXT(location), deleted, created, updated), NULL);
        id = e ? -1 : db_last_id(tx);
    }
    if (!e && !keep)
        e = db_exec(op, tx, &sql_track_experiment_set_location,
                    DB_ARGS(DB_I64(id), DB_TEXT(str_from(op_printf(op, "mlflow-artifacts:/%" PRId64, id)))), NULL);
    *ret_id = id;
    return e;
}

static enum err experiment_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct experiment_arg *a = arg;
    const struct origin_experiment *x = a->x;
    struct db_val here[6];
    struct str mark;
    int64_t id = 0;
    enum err e = import_mark_find(op, tx, a->im, MARK_EXPERIMENT, x->id, &mark);
    if (e)
        return e;
    bool known = mark.p && str_parse_i64(mark, &id);
    if (known) {
        e = db_exec(op, tx, &sql_import_experiment_update, DB_ARGS(DB_I64(id), DB_I64(x->deleted), DB_I64(x->updated_ms)), NULL);
    } else if (!(e = db_query_one(op, tx, &sql_track_experiment_by_name, DB_ARGS(DB_TEXT(x->name)), here, ARRAY_LEN(here)))) {
        id = here[0].i; /* runs of two experiments of one name come together */
    } else if (e == E_NOT_FOUND) {
        op_clear(op);
        a->added = true;
        e = experiment_add(op, tx, a, &id);
    }
    if (!e && !known)
        e = import_mark_set(op, tx, a->im, MARK_EXPERIMENT, x->id, str_from(op_printf(op, "%" PRId64, id)));
    struct track_kvs tags = import_kvs(x->tags);
    return e ? e : store_put_kvs(op, tx, &sql_track_experiment_tag_put, id, tags.p, tags.len);
}

static enum err experiments_page(struct importing *im, struct op *op, void *arg UNUSED, struct str *cursor, size_t *ret_n)
{
    struct import_count *count = &im->report->counts[IMPORT_EXPERIMENTS];
    struct origin_experiment *items = NULL;
    enum err e = im->o->origin->ops->experiments(im->o->origin->self, op, cursor, &items, ret_n);
    for (size_t i = 0; !e && i < *ret_n; i++) {
        struct experiment_arg a = {im, &items[i], false};
        e = db_write(op, im->o->db, experiment_tx, &a);
        if (e)
            return op_context(op, "experiment '%.*s'", STR_FMT(items[i].name));
        count->there++;
        count->added += a.added;
        import_progress(im, IMPORT_EXPERIMENTS, count->there);
    }
    return e;
}

/* ---- the whole ---- */

static enum err source_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct importing *im = arg;
    struct db_val id;
    enum err e = db_query_one(op, tx, &sql_import_source_find, DB_ARGS(DB_TEXT(im->o->source)), &id, 1);
    if (!e) {
        im->source = id.i;
        return OK;
    }
    if (e != E_NOT_FOUND)
        return e;
    op_clear(op);
    e = db_exec(op, tx, &sql_import_source_insert, DB_ARGS(DB_TEXT(im->o->source), DB_I64(op->now_us)), NULL);
    im->source = e ? 0 : db_last_id(tx);
    return e;
}

static enum err finish_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct importing *im = arg;
    struct track_kv detail[IMPORT_KINDS];
    for (size_t i = 0; i < IMPORT_KINDS; i++)
        detail[i] = (struct track_kv){str_from(import_kind_name((enum import_kind)i)), str_from(op_printf(op, "%" PRId64, im->report->counts[i].added))};
    return store_audit(op, tx, "import.finish", "import", im->o->source, detail, IMPORT_KINDS);
}

enum err import_run(struct op *op, const struct import_options *o, struct import_report *ret)
{
    struct import_report report = {0};
    struct importing im = {.o = o, .op = op, .report = &report};
    enum err e = db_write(op, o->db, source_tx, &im);
    if (e || (e = o->origin->ops->counts(o->origin->self, op, &im.totals)))
        return e;
    report.traces = im.totals.traces;
    if (report.traces > 0)
        import_note(&im, "%" PRId64 " traces are there; traces are not moved", report.traces);
    if (!(e = import_pages(&im, experiments_page, NULL)) && !(e = import_runs(&im)) && !(e = import_logged_models(&im)) && !(e = import_registry(&im)))
        e = o->keep_artifacts ? OK : import_files(&im);
    if (!e)
        e = db_write(op, o->db, finish_tx, &im);
    *ret = report; /* also of an import that broke off: it tells how far it came */
    return e;
}
