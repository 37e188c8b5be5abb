#include "core/retention/sweep.h"

#include "base/limits.h"
#include "sql_gen.h"

/* Who names blobs. A column that comes to hold a blob's id gets its line here and its statement in sql/query/retention.sql; the test
 * of this file refuses a new BLOB column that is in neither its list nor this one. */
static const struct {
    const char *column;
    const struct sql *sql;
} references[] = {
    {"track_artifact.sha256", &sql_retention_blob_artifact},
    {"track_upload_part.sha256", &sql_retention_blob_part},
    {"prediction_log.blob", &sql_retention_blob_predictions},
    {"payload_log.blob", &sql_retention_blob_payloads},
};
const char *const sweep_columns[] = {"track_artifact.sha256", "track_upload_part.sha256", "prediction_log.blob", "payload_log.blob", NULL};
_Static_assert(sizeof sweep_columns / sizeof *sweep_columns == sizeof references / sizeof *references + 1, "one list in two shapes");

struct sweeping {
    struct db *db;
    struct blob_store *blobs;
    int64_t before_us;
    bool dry_run;
    struct sweep_report report;
};
struct look {
    const struct blob_id *id;
    bool named;
};

static enum err named_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct look *l = arg;
    for (size_t i = 0; i < ARRAY_LEN(references); i++) {
        struct db_val one;
        enum err e = db_query_one(op, tx, references[i].sql, DB_ARGS(DB_BLOB(((struct str){(const char *)l->id->sha256, sizeof l->id->sha256}))), &one, 1);
        if (e && e != E_NOT_FOUND)
            return e;
        op_clear(op);
        l->named = !e;
        if (l->named)
            return OK;
    }
    return OK;
}

static enum err on_blob(void *arg, struct op *outer, const struct blob_info *info)
{
    struct sweeping *s = arg;
    s->report.blobs++;
    s->report.bytes += (int64_t)info->size_bytes;
    if (info->stored_us >= s->before_us)
        return OK;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    struct look l = {&info->id, false};
    bool removed = s->dry_run;
    op_init(&op, arena);
    enum err e = db_read(&op, s->db, named_tx, &l);
    if (!e && !l.named && !s->dry_run)
        e = blob_remove_old(&op, s->blobs, &info->id, s->before_us, &removed);
    if (e)
        return op_fail(outer, e, "%s", op.msg ? op.msg : err_name(e));
    if (!l.named && removed) {
        s->report.swept++;
        s->report.swept_bytes += (int64_t)info->size_bytes;
    }
    return OK;
}

static enum err names_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct sweep_report *r = arg;
    struct db_val v[2];
    enum err e = db_query_one(op, tx, &sql_retention_logical_bytes, DB_NO_ARGS, v, ARRAY_LEN(v));
    if (!e) {
        r->names = v[0].i;
        r->logical_bytes = v[1].i;
    }
    return e;
}

enum err sweep_run(struct op *op, struct db *db, struct blob_store *blobs, int64_t grace_us, bool dry_run, struct sweep_report *ret)
{
    struct sweeping s = {.db = db, .blobs = blobs, .before_us = op->now_us - grace_us, .dry_run = dry_run};
    enum err e = db_read(op, db, names_tx, &s.report);
    if (!e)
        e = blob_each(op, blobs, on_blob, &s);
    *ret = s.report;
    return e;
}
