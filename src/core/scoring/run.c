#include "core/scoring/run.h"

#include <unistd.h>

#include "base/limits.h"
#include "core/scoring/folder.h"
#include "core/scoring/manifest.h"

struct running {
    struct op *op;
    const struct scoring_config *c;
    struct scoring_result *result;
    bool file, csv;              /* the output is one file; parts are text */
    struct str folder, old;      /* of the parts; the manifest that stands there */
    struct scoring_file *files;
    size_t file_count;
    struct infer_signature signature;
    struct scoring_binding binding;
    struct scoring_plan plan;
    uint64_t from, to, *done, done_count;
};

static bool out_is_file(struct str out, bool *ret_csv)
{
    bool csv = str_ends(out, STR(".csv")), parquet = str_ends(out, STR(".parquet")) || str_ends(out, STR(".pq"));
    *ret_csv = csv;
    return csv || parquet;
}

static struct str parts_folder(struct op *op, struct str out)
{
    return str_from(op_printf(op, "%.*s.parts", STR_FMT(out)));
}

/* ---- what there is ---- */

static enum err earlier_read(struct running *r)
{
    enum err e = OK;
    if (r->c->resume == SCORING_RESTART)
        e = scoring_folder_clear(r->op, r->folder, false);
    if (!e)
        e = scoring_folder_read(r->op, r->folder, &r->old);
    if (!e && r->c->resume == SCORING_RESUME_MUST && !r->old.len)
        e = op_fail(r->op, E_NOT_FOUND, "there is nothing to resume in '%.*s'", STR_FMT(r->folder));
    return e;
}

static enum err schema_read(struct op *op, struct table_engine *t, const struct scoring_file *f, struct table_schema *ret)
{
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    struct str path = table_quote(op, f->path);
    const char *sql = op_printf(op, "SELECT * FROM %s(%.*s%s) LIMIT 0", f->parquet ? "read_parquet" : "read_csv", STR_FMT(path), f->parquet ? "" : ", header = true");
    enum err e = table_scan_open(op, t, str_from(sql), &scan, &schema);
    if (e)
        return op_context(op, "'%.*s'", STR_FMT(f->path));
    struct table_field *fields = arena_array(op->arena, schema->len + 1, struct table_field);
    for (size_t i = 0; fields && i < schema->len; i++)
        fields[i] = (struct table_field){str_dup(op->arena, schema->fields[i].name), schema->fields[i].type};
    *ret = (struct table_schema){fields, schema->len};
    table_scan_close(t, scan);
    return fields ? OK : op_fail(op, E_TOO_LARGE, "no memory for the columns");
}

/* Every file is bound before the first row is scored, so that no job ends in its middle by a file that could not be read. */
static enum err files_bind(struct running *r)
{
    const struct scoring_config *c = r->c;
    struct op *op = r->op;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(256)); /* bindings of the other files */
    for (size_t i = 0; i < r->file_count; i++) {
        struct table_schema schema;
        struct scoring_binding other;
        struct op one = *op;
        one.arena = i ? arena : op->arena;
        struct scoring_file *f = &r->files[i];
        enum err e = schema_read(&one, c->tables, f, &schema);
        if (!e)
            e = scoring_bind(&one, &r->signature, serve_endpoint_info(c->endpoint), &c->wish, &schema, f->path, !f->parquet, &other);
        if (!e && i)
            e = scoring_bind_join(&one, &r->binding, &other, f->path, !f->parquet);
        else if (!e)
            r->binding = other;
        if (e)
            return op_fail(op, e, "%s", one.msg);
        arena_reset(arena);
    }
    return OK;
}

static enum err rows_count(struct running *r, size_t i)
{
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    const struct table_chunk *chunk = NULL;
    struct scoring_file *f = &r->files[i];
    struct str sql;
    if (scoring_manifest_rows(r->op, r->old, i, f, &f->rows))
        return OK;
    if (op_is_gone(r->op))
        return op_fail(r->op, E_CANCELLED, "stopped while rows were counted");
    enum err e = scoring_count(r->op, &r->binding, f, r->c->nulls, r->c->null_count, &sql);
    if (!e)
        e = table_scan_open(r->op, r->c->tables, sql, &scan, &schema);
    if (!e)
        e = table_next(r->op, r->c->tables, scan, &chunk);
    if (!e && (!chunk || chunk->rows != 1 || chunk->cols[0].type != TABLE_I64))
        e = op_fail(r->op, E_IO, "the rows cannot be counted");
    if (!e)
        f->rows = (uint64_t)((const int64_t *)chunk->cols[0].data)[0];
    table_scan_close(r->c->tables, scan);
    return e ? op_context(r->op, "'%.*s'", STR_FMT(f->path)) : OK;
}

static enum err plan_make(struct running *r)
{
    const struct scoring_config *c = r->c;
    enum err e = serve_signature(r->op, c->endpoint, 0, &r->signature);
    if (!e)
        e = scoring_files_find(r->op, c->paths, c->path_count, &r->files, &r->file_count);
    if (!e)
        e = files_bind(r);
    for (size_t i = 0; !e && i < r->file_count; i++)
        e = rows_count(r, i);
    uint32_t rows = c->batch_rows ? c->batch_rows : scoring_chunk_rows(r->binding.fields.len);
    if (!e)
        e = scoring_plan_make(r->op, r->files, r->file_count, rows, c->limit, &r->plan);
    r->result->rows = r->plan.rows;
    r->result->parts = r->plan.chunk_count;
    return e;
}

/* Names that clash are found before any row is read; only widths that the model does not tell are left. */
static enum err output_check(struct running *r, const struct scoring_output *out)
{
    struct table_schema schema;
    struct table_chunk chunk;
    const struct scoring_chunk none = {0};
    struct scoring_batch *b = scoring_batch_create(&r->binding, 0);
    if (!b)
        return op_fail(r->op, E_TOO_LARGE, "no memory for %zu columns", r->binding.fields.len);
    scoring_batch_reset(b, &r->binding, &none);
    enum err e = scoring_part_table(r->op, out, b, NULL, &schema, &chunk);
    scoring_batch_destroy(b);
    return e;
}

/* ---- taking up, or beginning ---- */

static enum err manifest_agree(struct running *r, struct str now)
{
    enum err e = scoring_manifest_compare(r->op, r->old, now);
    if (e == E_CONFLICT || e == E_CORRUPT || e == E_UNSUPPORTED)
        return op_context(r->op, "'%.*s' holds parts of another job (--restart discards them)", STR_FMT(r->folder));
    return e;
}

static enum err manifest_settle(struct running *r)
{
    const struct scoring_config *c = r->c;
    const struct scoring_manifest m = {.model = c->model, .version = c->version, .model_sha256 = c->model_sha256, .plan = &r->plan, .wish = &c->wish,
                                       .nulls = c->nulls, .null_count = c->null_count, .output_name = c->output_name, .limit = c->limit, .csv = r->csv};
    struct str now;
    enum err e = scoring_manifest_text(r->op, &m, &now);
    if (!e && !r->old.len && (e = scoring_folder_create(r->op, r->folder, now)) == E_EXISTS) {
        op_clear(r->op); /* another shard was quicker */
        e = scoring_folder_read(r->op, r->folder, &r->old);
    }
    return e || !r->old.len ? e : manifest_agree(r, now);
}

/* ---- the end ---- */

/* How many parts of the whole job are there. */
static enum err parts_look(struct running *r)
{
    uint64_t *done = NULL;
    return scoring_folder_parts(r->op, r->folder, r->csv, 0, r->plan.chunk_count, false, &done, &r->result->parts_there);
}

static enum err job_end(struct running *r)
{
    enum err e = parts_look(r);
    if (e || r->result->parts_there < r->plan.chunk_count)
        return e;
    if (r->file && r->c->shard.count > 1) /* shards that end together must not join the parts twice */
        return OK;
    if (!r->file)
        e = scoring_folder_succeed(r->op, r->folder);
    else
        e = scoring_folder_merge(r->op, r->c->tables, r->folder, r->csv, r->plan.chunk_count, r->c->out);
    if (!e && r->file)
        e = scoring_folder_succeed(r->op, r->folder);
    r->result->whole = !e;
    return e;
}

/* Did an earlier run get as far as its output file, and only not remove the parts? */
static bool is_over(struct running *r)
{
    if (!r->file || !r->old.len || !scoring_folder_succeeded(r->op, r->folder) || access(str_cstr(r->op->arena, r->c->out), F_OK))
        return false;
    struct scoring_progress *p = &r->result->progress;
    for (uint64_t i = r->from; i < r->to; i++)
        p->total += scoring_plan_chunk(&r->plan, i).rows;
    p->rows = p->total;
    r->result->parts_there = r->plan.chunk_count;
    r->result->whole = true;
    return true;
}

static enum err shard_work(struct running *r, const struct scoring_output *out)
{
    const struct scoring_config *c = r->c;
    enum err e = scoring_folder_parts(r->op, r->folder, r->csv, r->from, r->to, true, &r->done, &r->done_count);
    if (e)
        return e;
    const struct scoring_job job = {.tables = c->tables, .endpoint = c->endpoint, .signature = &r->signature, .plan = &r->plan, .binding = &r->binding,
                                    .nulls = c->nulls, .null_count = c->null_count, .output = *out, .folder = r->folder, .from = r->from, .to = r->to,
                                    .done = r->done, .threads = c->threads, .progress = c->progress, .progress_arg = c->progress_arg};
    e = scoring_job_run(r->op, &job, &r->result->progress);
    return e ? e : job_end(r);
}

enum err scoring_run(struct op *op, const struct scoring_config *c, struct scoring_result *ret)
{
    struct running r = {.op = op, .c = c, .result = ret};
    int lock = -1;
    *ret = (struct scoring_result){0};
    if (!c->out.len || memchr(c->out.p, 0, c->out.len))
        return op_fail(op, E_INVALID, "the output's path is empty or holds a NUL byte");
    r.file = out_is_file(c->out, &r.csv);
    r.csv = r.file ? r.csv : c->csv_parts;
    r.folder = r.file ? parts_folder(op, c->out) : c->out;
    enum err e = earlier_read(&r);
    if (!e)
        e = plan_make(&r);
    const struct scoring_output out = {.signature = &r.signature, .name = c->output_name, .csv = r.csv};
    if (!e)
        e = output_check(&r, &out);
    if (!e)
        e = manifest_settle(&r);
    if (e)
        return e;
    scoring_shard_range(&r.plan, c->shard, &r.from, &r.to);
    e = scoring_folder_lock(op, r.folder, c->shard, &lock);
    if (!e && !is_over(&r))
        e = shard_work(&r, &out);
    scoring_folder_unlock(op, r.folder, c->shard, lock);
    if (!e && r.file && ret->whole)
        e = scoring_folder_clear(op, r.folder, true);
    return e;
}

enum err scoring_merge(struct op *op, struct table_engine *t, struct str out, uint64_t *ret_parts)
{
    bool csv = false, of_csv = false;
    struct str text = STR("");
    uint64_t parts = 0, there = 0, *done = NULL;
    if (!out_is_file(out, &csv))
        return op_fail(op, E_INVALID, "'%.*s' is no .parquet or .csv file: the parts of a folder need not be joined", STR_FMT(out));
    struct str folder = parts_folder(op, out);
    enum err e = scoring_folder_read(op, folder, &text);
    if (!e && !text.len)
        e = op_fail(op, E_NOT_FOUND, "there are no parts in '%.*s'", STR_FMT(folder));
    if (!e && (e = scoring_manifest_parts(op, text, &parts, &of_csv)))
        op_context(op, "'%.*s'", STR_FMT(folder));
    if (!e)
        e = scoring_folder_parts(op, folder, of_csv, 0, parts, false, &done, &there);
    if (!e && there < parts)
        e = op_fail(op, E_CONFLICT, "%llu of %llu parts are not there yet", (unsigned long long)(parts - there), (unsigned long long)parts);
    if (!e)
        e = scoring_folder_merge(op, t, folder, of_csv, parts, out);
    if (!e)
        e = scoring_folder_succeed(op, folder);
    if (!e)
        e = scoring_folder_clear(op, folder, true);
    if (!e)
        *ret_parts = parts;
    return e;
}
