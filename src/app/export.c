#include "app/export.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "api/mlflow/encode.h"
#include "base/file.h"
#include "base/limits.h"
#include "core/registry/model.h"
#include "core/track/logged_model.h"
#include "core/track/points.h"
#include "core/track/store.h"
#include "sql_gen.h"

#define PAGE 100
#define POINTS_PER_LINE 10000
#define COPY_BYTES LIMIT_KIB(256)

static const char *const kind_names[EXPORT_KINDS] = {"experiments", "runs", "points", "logged_models", "models", "versions", "artifacts"};

const char *export_kind_name(enum export_kind k)
{
    return (size_t)k < ARRAY_LEN(kind_names) ? kind_names[k] : "?";
}

struct exporting {
    struct op *op;          /* the whole's; page ops are made anew */
    struct db_tx *tx;
    struct blob_store *blobs;
    const char *dir;
    FILE *file;             /* of the kind at hand */
    enum export_kind kind;
    struct export_report report;
};

/* One line: {"mlflow": ..., "more": {...}}, or any object. */
struct line {
    struct exporting *x;
    struct op *op;
    struct buf b;
    struct json_out w;
};

static void line_begin(struct exporting *x, struct op *op, struct line *l)
{
    l->x = x;
    l->op = op;
    buf_init(&l->b, LIMIT_JSON_BYTES);
    json_out_init(&l->w, &l->b, 0);
    json_begin_object(&l->w);
}

static enum err line_end(struct line *l, int64_t counted)
{
    json_end_object(&l->w);
    buf_add_char(&l->b, '\n');
    enum err e = OK;
    if (l->b.failed)
        e = op_fail(l->op, E_TOO_LARGE, "a line of %s.jsonl is larger than %zu bytes", kind_names[l->x->kind], LIMIT_JSON_BYTES);
    else if (fwrite(l->b.p, 1, l->b.len, l->x->file) != l->b.len)
        e = op_fail_errno(l->op, "write %s.jsonl", kind_names[l->x->kind]);
    buf_clear(&l->b);
    l->x->report.counts[l->x->kind] += e ? 0 : counted;
    return e;
}

/* ---- each kind: a page of ids, then the objects; `*after` is where the next page begins ---- */

typedef enum err (*page_fn)(struct exporting *x, struct op *op, struct db_val *after, size_t *ret_n);

struct id_row {
    int64_t id;
    struct str name;
};

static enum err ids_page(struct exporting *x, struct op *op, const struct sql *sql, bool named, struct db_val *after, struct id_row ids[PAGE], size_t *ret_n)
{
    struct db_rows *rows = NULL;
    bool row = false;
    size_t n = 0;
    enum err e = db_query(op, x->tx, sql, DB_ARGS(*after, DB_I64(PAGE)), &rows);
    while (!e && !(e = db_step(op, x->tx, rows, &row)) && row) {
        ids[n] = (struct id_row){db_col_i64(x->tx, rows, 0), named ? db_col_dup(op, x->tx, rows, 1) : STR("")};
        *after = DB_I64(ids[n].id);
        n++;
    }
    db_end(x->tx, rows);
    *ret_n = n;
    return e;
}

static enum err experiments_page(struct exporting *x, struct op *op, struct db_val *after, size_t *ret_n)
{
    struct id_row ids[PAGE];
    enum err e = ids_page(x, op, &sql_export_experiments, false, after, ids, ret_n);
    for (size_t i = 0; !e && i < *ret_n; i++) {
        struct experiment one;
        struct line l;
        if ((e = experiment_find(op, x->tx, ids[i].id, false, &one)) || (e = store_kvs(op, x->tx, &sql_track_experiment_tags, one.id, &one.tags)))
            return e;
        line_begin(x, op, &l);
        json_key(&l.w, "mlflow");
        encode_experiment(&l.w, &one);
        e = line_end(&l, 1);
    }
    return e;
}

static enum err runs_page(struct exporting *x, struct op *op, struct db_val *after, size_t *ret_n)
{
    struct track_run runs[PAGE];
    int64_t deleted_ms[PAGE];
    struct db_rows *rows = NULL;
    bool row = false;
    size_t n = 0;
    enum err e = db_query(op, x->tx, &sql_export_runs, DB_ARGS(*after, DB_I64(PAGE)), &rows);
    while (!e && !(e = db_step(op, x->tx, rows, &row)) && row) {
        track_run_row(op, x->tx, rows, &runs[n]);
        deleted_ms[n] = db_col_i64(x->tx, rows, 10);
        *after = DB_I64(runs[n].row);
        n++;
    }
    db_end(x->tx, rows);
    for (size_t i = 0; !e && i < n; i++) {
        struct line l;
        if ((e = track_run_fill(op, x->tx, &runs[i])))
            break;
        line_begin(x, op, &l);
        json_key(&l.w, "mlflow");
        encode_run(&l.w, &runs[i]);
        json_key(&l.w, "more");
        json_begin_object(&l.w);
        json_kv_i64(&l.w, "deleted_ms", deleted_ms[i]);
        json_end_object(&l.w);
        e = line_end(&l, 1);
    }
    *ret_n = n;
    return e;
}

static enum err points_line_end(struct line *l, int64_t n)
{
    if (!n)
        return OK;
    json_end_array(&l->w);
    return line_end(l, n);
}

/* The points of one metric; a new line for every POINTS_PER_LINE of them. */
struct series_out {
    struct exporting *x;
    struct str run, key;
    struct line l;
    int64_t n;
};

static enum err points_some(struct op *op, void *arg, const struct page_point *p, size_t n)
{
    struct series_out *s = arg;
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++) {
        if (s->n == POINTS_PER_LINE) {
            e = points_line_end(&s->l, s->n);
            s->n = 0;
            if (e)
                break;
        }
        if (!s->n++) {
            line_begin(s->x, op, &s->l);
            json_kv_str(&s->l.w, "run_id", s->run);
            json_kv_str(&s->l.w, "key", s->key);
            json_key(&s->l.w, "points");
            json_begin_array(&s->l.w);
        }
        json_begin_array(&s->l.w);
        json_i64(&s->l.w, p[i].time_ms);
        json_i64(&s->l.w, p[i].step);
        json_f64(&s->l.w, p[i].is_nan ? (double)NAN : store_to_f64(p[i].value));
        json_end_array(&s->l.w);
    }
    return e;
}

/* All metrics of a run, by name. */
static enum err points_of(struct exporting *x, struct op *op, const struct id_row *run)
{
    struct db_val row[2] = {DB_NULL, DB_TEXT(STR(""))};
    enum err e;
    while (!(e = db_query_one(op, x->tx, &sql_export_series, DB_ARGS(DB_I64(run->id), row[1]), row, ARRAY_LEN(row)))) {
        struct series_out s = {.x = x, .run = run->name, .key = row[1].s};
        e = points_read(op, x->tx, row[0].i, NULL, SIZE_MAX, points_some, &s);
        if (!e)
            e = points_line_end(&s.l, s.n);
        else if (s.n)
            buf_clear(&s.l.b);
        if (e)
            return e;
    }
    if (e != E_NOT_FOUND)
        return e;
    op_clear(op);
    return OK;
}

static enum err points_page(struct exporting *x, struct op *op, struct db_val *after, size_t *ret_n)
{
    struct id_row ids[PAGE];
    enum err e = ids_page(x, op, &sql_export_runs, true, after, ids, ret_n);
    for (size_t i = 0; !e && i < *ret_n; i++)
        e = points_of(x, op, &ids[i]);
    return e;
}

static enum err logged_models_page(struct exporting *x, struct op *op, struct db_val *after, size_t *ret_n)
{
    struct id_row ids[PAGE];
    enum err e = ids_page(x, op, &sql_export_logged_models, true, after, ids, ret_n);
    for (size_t i = 0; !e && i < *ret_n; i++) {
        struct logged_model m;
        struct line l;
        if ((e = logged_model_get(op, NULL, ids[i].name, true, &m))) /* joins this read */
            return e;
        line_begin(x, op, &l);
        json_key(&l.w, "mlflow");
        encode_logged_model(&l.w, &m);
        json_key(&l.w, "more");
        json_begin_object(&l.w);
        json_kv_bool(&l.w, "deleted", m.deleted);
        json_end_object(&l.w);
        e = line_end(&l, 1);
    }
    return e;
}

static enum err models_page(struct exporting *x, struct op *op, struct db_val *after, size_t *ret_n)
{
    struct id_row ids[PAGE];
    enum err e = ids_page(x, op, &sql_export_models, true, after, ids, ret_n);
    for (size_t i = 0; !e && i < *ret_n; i++) {
        struct registry_model m;
        struct line l;
        if ((e = registry_model_get(op, NULL, ids[i].name, &m))) /* joins this read */
            return e;
        m.latest_count = 0;
        line_begin(x, op, &l);
        json_key(&l.w, "mlflow");
        encode_model(&l.w, &m);
        e = line_end(&l, 1);
    }
    return e;
}

static enum err version_line(struct exporting *x, struct op *op, struct registry_version *v, bool deleted)
{
    struct line l;
    enum err e = store_kvs(op, x->tx, &sql_registry_version_tags, v->row, &v->tags);
    if (e)
        return e;
    line_begin(x, op, &l);
    json_key(&l.w, "mlflow");
    encode_version(&l.w, v);
    json_key(&l.w, "more");
    json_begin_object(&l.w);
    json_kv_bool(&l.w, "deleted", deleted);
    json_kv_str(&l.w, "storage_location", v->storage_location);
    json_kv_str(&l.w, "data_version", v->data_version);
    json_kv_str(&l.w, "signature", v->signature);
    json_end_object(&l.w);
    return line_end(&l, 1);
}

static enum err versions_page(struct exporting *x, struct op *op, struct db_val *after, size_t *ret_n)
{
    struct registry_version versions[PAGE];
    bool deleted[PAGE];
    struct db_rows *rows = NULL;
    struct db_tx *tx = x->tx;
    bool row = false;
    size_t n = 0;
    enum err e = db_query(op, tx, &sql_export_versions, DB_ARGS(*after, DB_I64(PAGE)), &rows);
    while (!e && !(e = db_step(op, tx, rows, &row)) && row) {
        versions[n] = (struct registry_version){.row = db_col_i64(tx, rows, 0), .name = db_col_dup(op, tx, rows, 1), .version = db_col_i64(tx, rows, 2),
            .created_ms = db_col_i64(tx, rows, 3), .updated_ms = db_col_i64(tx, rows, 4),
            .description = db_col_null(tx, rows, 5) ? (struct str){0} : db_col_dup(op, tx, rows, 5), .user_id = db_col_dup(op, tx, rows, 6),
            .stage = (enum registry_stage)db_col_i64(tx, rows, 7), .source = db_col_dup(op, tx, rows, 8), .storage_location = db_col_dup(op, tx, rows, 9),
            .run_id = db_col_dup(op, tx, rows, 10), .run_link = db_col_dup(op, tx, rows, 11), .model_id = db_col_dup(op, tx, rows, 12),
            .data_version = db_col_dup(op, tx, rows, 13), .signature = db_col_dup(op, tx, rows, 14)};
        deleted[n] = db_col_i64(tx, rows, 15) != 0;
        *after = DB_I64(versions[n].row);
        n++;
    }
    db_end(tx, rows);
    for (size_t i = 0; !e && i < n; i++)
        e = version_line(x, op, &versions[i], deleted[i]);
    *ret_n = n;
    return e;
}

/* ---- files ---- */

static enum err blob_bytes(struct exporting *x, struct op *op, struct blob_reader *r, FILE *f)
{
    char *piece = arena_alloc(op->arena, COPY_BYTES);
    uint64_t at = 0;
    size_t n = 1;
    enum err e = OK;
    while (!e && n) {
        e = blob_read(op, x->blobs, r, at, piece, COPY_BYTES, &n);
        if (!e && n && fwrite(piece, 1, n, f) != n)
            e = op_fail_errno(op, "write a blob");
        at += e ? 0 : n;
    }
    x->report.bytes += (int64_t)at;
    return e;
}

/* Under its name only when it is whole and on the disk. */
static enum err blob_write_file(struct exporting *x, struct op *op, const struct blob_id *id, struct str hex)
{
    const char *folder = op_printf(op, "%s/blobs/%.2s", x->dir, hex.p), *path = op_printf(op, "%s/%.*s", folder, STR_FMT(hex));
    const char *tmp = op_printf(op, "%s.tmp", path);
    if (access(path, F_OK) == 0)
        return OK;
    struct blob_reader *r = NULL;
    uint64_t size = 0;
    enum err e = file_make_dirs(op, folder, 0700);
    if (e || (e = blob_reader_open(op, x->blobs, id, &r, &size)))
        return e;
    FILE *f = fopen(tmp, "wbe");
    e = f ? blob_bytes(x, op, r, f) : op_fail_errno(op, "make '%s'", tmp);
    if (!e && (fflush(f) || fsync(fileno(f))))
        e = op_fail_errno(op, "write '%s'", tmp);
    if (f && fclose(f) && !e)
        e = op_fail_errno(op, "write '%s'", tmp);
    blob_reader_close(x->blobs, r);
    if (!e && rename(tmp, path))
        e = op_fail_errno(op, "rename '%s'", tmp);
    return e;
}

struct artifact_row {
    struct str path;
    struct blob_id id;
    int64_t size;
};

static enum err artifacts_page(struct exporting *x, struct op *op, struct db_val *after, size_t *ret_n)
{
    struct artifact_row found[PAGE];
    struct db_rows *rows = NULL;
    bool row = false;
    size_t n = 0;
    enum err e = db_query(op, x->tx, &sql_export_artifacts, DB_ARGS(after->type == DB_TYPE_TEXT ? *after : DB_TEXT(STR("")), DB_I64(PAGE)), &rows);
    while (!e && !(e = db_step(op, x->tx, rows, &row)) && row) {
        struct str sha = db_col_str(x->tx, rows, 1);
        if (sha.len != sizeof found[n].id.sha256) {
            e = op_fail(op, E_CORRUPT, "an artifact names no blob");
            break;
        }
        memcpy(found[n].id.sha256, sha.p, sha.len);
        found[n].path = db_col_dup(op, x->tx, rows, 0);
        found[n].size = db_col_i64(x->tx, rows, 2);
        n++;
    }
    db_end(x->tx, rows);
    for (size_t i = 0; !e && i < n; i++) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
        struct op one;
        struct line l;
        op_init(&one, arena);
        struct str hex = blob_id_hex(&one, &found[i].id);
        if ((e = blob_write_file(x, &one, &found[i].id, hex)))
            return op_fail(op, e, "artifact '%.*s': %s", STR_FMT(found[i].path), one.msg ? one.msg : err_name(e));
        line_begin(x, op, &l);
        json_kv_str(&l.w, "path", found[i].path);
        json_kv_str(&l.w, "sha256", hex);
        json_kv_i64(&l.w, "size_bytes", found[i].size);
        e = line_end(&l, 1);
    }
    if (n)
        *after = DB_TEXT(str_dup(x->op->arena, found[n - 1].path));
    *ret_n = n;
    return e;
}

/* ---- the whole ---- */

static const page_fn pages[EXPORT_KINDS] = {experiments_page, runs_page, points_page, logged_models_page, models_page, versions_page, artifacts_page};

static enum err kind_write(struct exporting *x)
{
    const char *path = op_printf(x->op, "%s/%s.jsonl", x->dir, kind_names[x->kind]);
    struct db_val after = DB_I64(-1);
    size_t n = 1;
    enum err e = OK;
    x->file = fopen(path, "wbe");
    if (!x->file)
        return op_fail_errno(x->op, "make '%s'", path);
    while (!e && n) {
        AUTO(arena) struct arena *arena = arena_create(LIMIT_COMMAND_ARENA);
        struct op page;
        op_init(&page, arena);
        page.tx = x->tx;
        e = pages[x->kind](x, &page, &after, &n);
        if (e)
            e = op_fail(x->op, e, "%s", page.msg ? page.msg : err_name(e));
    }
    if (!e && (fflush(x->file) || fsync(fileno(x->file))))
        e = op_fail_errno(x->op, "write '%s'", path);
    if (fclose(x->file) && !e)
        e = op_fail_errno(x->op, "write '%s'", path);
    return e;
}

static enum err export_tx(struct op *op UNUSED, struct db_tx *tx, void *arg)
{
    struct exporting *x = arg;
    enum err e = OK;
    x->tx = tx;
    for (int k = 0; !e && k < EXPORT_KINDS; k++) {
        x->kind = (enum export_kind)k;
        e = kind_write(x);
    }
    return e;
}

static enum err manifest_write(struct exporting *x, const char *path)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_KIB(64));
    json_out_init(&w, &b, 2);
    json_begin_object(&w);
    json_kv_cstr(&w, "format", "ingot-export");
    json_kv_i64(&w, "version", 1);
    json_kv_i64(&w, "made_us", x->op->now_us);
    json_key(&w, "counts");
    json_begin_object(&w);
    for (size_t k = 0; k < EXPORT_KINDS; k++)
        json_kv_i64(&w, kind_names[k], x->report.counts[k]);
    json_end_object(&w);
    json_end_object(&w);
    buf_add_char(&b, '\n');
    return file_write(x->op, path, buf_str(&b));
}

enum err export_write(struct op *op, struct db *db, struct blob_store *blobs, const char *dir, struct export_report *ret)
{
    struct exporting x = {.op = op, .blobs = blobs, .dir = dir};
    const char *manifest = op_printf(op, "%s/manifest.json", dir);
    enum err e = file_make_dirs(op, dir, 0700);
    if (e)
        return e;
    if (access(manifest, F_OK) == 0)
        return op_fail(op, E_EXISTS, "'%s' holds an export already", dir);
    e = db_read(op, db, export_tx, &x);
    if (!e)
        e = manifest_write(&x, manifest);
    if (!e)
        *ret = x.report;
    return e;
}
