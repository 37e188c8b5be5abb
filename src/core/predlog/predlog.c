#include "core/predlog/predlog.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "core/predlog/columns.h"
#include "sql_gen.h"

struct predlog {
    struct db *db;
    struct blob_store *blobs;
    struct predlog_tables tables;
    char *tmp_dir;
};

/* Columns before and after the features. */
enum { COL_ID, COL_EVENT_TIME, COLS_BEFORE };
enum { COL_SCORE, COL_VERSION, COL_ARM, COL_OK, COL_LATENCY, COL_LABEL, COL_LABEL_TIME, COLS_AFTER };

struct predlog *predlog_create(struct db *db, struct blob_store *blobs, const struct predlog_tables *tables, struct str tmp_dir)
{
    struct predlog *p = calloc(1, sizeof *p);
    char *dir = malloc(tmp_dir.len + 1);
    if (!p || !dir)
        abort();
    memcpy(dir, tmp_dir.p, tmp_dir.len);
    dir[tmp_dir.len] = 0;
    *p = (struct predlog){db, blobs, *tables, dir};
    return p;
}

void predlog_destroy(struct predlog *p)
{
    if (!p)
        return;
    free(p->tmp_dir);
    free(p);
}

static enum err schema_of(struct op *op, const struct monitor_batch *b, struct table_schema *ret)
{
    static const struct table_field before[COLS_BEFORE] = {
        [COL_ID] = {STR_INIT("id"), TABLE_I64}, [COL_EVENT_TIME] = {STR_INIT("event_time"), TABLE_TIMESTAMP}};
    static const struct table_field after[COLS_AFTER] = {
        [COL_SCORE] = {STR_INIT("score"), TABLE_F32},   [COL_VERSION] = {STR_INIT("version"), TABLE_I64},
        [COL_ARM] = {STR_INIT("arm"), TABLE_I64},       [COL_OK] = {STR_INIT("ok"), TABLE_BOOL},
        [COL_LATENCY] = {STR_INIT("latency_us"), TABLE_I64}, [COL_LABEL] = {STR_INIT("label"), TABLE_I64},
        [COL_LABEL_TIME] = {STR_INIT("label_time"), TABLE_TIMESTAMP}};
    size_t n = COLS_BEFORE + b->features + COLS_AFTER;
    struct table_field *fields = arena_alloc(op->arena, n * sizeof *fields);
    memcpy(fields, before, sizeof before);
    memcpy(fields + COLS_BEFORE + b->features, after, sizeof after);
    struct column_names names;
    column_names_init(op, &names);
    enum err e = OK;
    for (size_t i = 0; !e && i < COLS_BEFORE + COLS_AFTER; i++)
        e = column_names_take(op, &names, "", i < COLS_BEFORE ? before[i].name : after[i - COLS_BEFORE].name, "", "", &(struct str){0});
    for (size_t i = 0; !e && i < b->features; i++) {
        fields[COLS_BEFORE + i].type = TABLE_F32;
        e = column_names_take(op, &names, "", b->names[i], "feature_", "", &fields[COLS_BEFORE + i].name);
    }
    *ret = (struct table_schema){fields, n};
    return e;
}

/* Scratch of one chunk: widened columns and validity bits. */
struct chunk_scratch {
    int64_t arm[TABLE_CHUNK_ROWS], latency[TABLE_CHUNK_ROWS], label[TABLE_CHUNK_ROWS];
    uint64_t label_valid[TABLE_CHUNK_ROWS / 64], time_valid[TABLE_CHUNK_ROWS / 64];
    uint64_t (*feature_valid)[TABLE_CHUNK_ROWS / 64];
};

static void bits_of_floats(const float *v, size_t n, uint64_t *bits)
{
    memset(bits, 0, TABLE_CHUNK_ROWS / 8);
    for (size_t i = 0; i < n; i++)
        if (v[i] == v[i])
            bits[i / 64] |= 1ULL << (i % 64);
}

static void chunk_fill(const struct monitor_batch *b, size_t from, size_t n, struct chunk_scratch *s, struct table_column *cols)
{
    memset(s->label_valid, 0, sizeof s->label_valid);
    memset(s->time_valid, 0, sizeof s->time_valid);
    for (size_t i = 0; i < n; i++) {
        s->arm[i] = b->arm[from + i];
        s->latency[i] = b->latency_us[from + i];
        s->label[i] = b->label[from + i];
        if (b->label[from + i] >= 0)
            s->label_valid[i / 64] |= 1ULL << (i % 64);
        if (b->label_us[from + i] != INT64_MIN)
            s->time_valid[i / 64] |= 1ULL << (i % 64);
    }
    cols[COL_ID] = (struct table_column){TABLE_I64, b->id + from, NULL};
    cols[COL_EVENT_TIME] = (struct table_column){TABLE_TIMESTAMP, b->event_us + from, NULL};
    for (size_t f = 0; f < b->features; f++) {
        bits_of_floats(b->feature[f] + from, n, s->feature_valid[f]);
        cols[COLS_BEFORE + f] = (struct table_column){TABLE_F32, b->feature[f] + from, s->feature_valid[f]};
    }
    struct table_column *after = cols + COLS_BEFORE + b->features;
    bits_of_floats(b->score + from, n, s->feature_valid[b->features]);
    after[COL_SCORE] = (struct table_column){TABLE_F32, b->score + from, s->feature_valid[b->features]};
    after[COL_VERSION] = (struct table_column){TABLE_I64, b->version + from, NULL};
    after[COL_ARM] = (struct table_column){TABLE_I64, s->arm, NULL};
    after[COL_OK] = (struct table_column){TABLE_BOOL, b->ok + from, NULL};
    after[COL_LATENCY] = (struct table_column){TABLE_I64, s->latency, NULL};
    after[COL_LABEL] = (struct table_column){TABLE_I64, s->label, s->label_valid};
    after[COL_LABEL_TIME] = (struct table_column){TABLE_TIMESTAMP, b->label_us + from, s->time_valid};
}

static enum err parquet_write(struct op *op, struct predlog *p, const struct monitor_batch *b, struct str path)
{
    struct table_schema schema;
    enum err e = schema_of(op, b, &schema);
    if (e)
        return e;
    struct chunk_scratch *s = arena_new(op->arena, struct chunk_scratch);
    s->feature_valid = arena_alloc(op->arena, (b->features + 1) * sizeof *s->feature_valid);
    struct table_column *cols = arena_alloc(op->arena, schema.len * sizeof *cols);
    struct table_engine *tables = NULL;
    struct table_writer *w = NULL;
    uint64_t rows = 0;
    if ((e = p->tables.open(p->tables.arg, op, &tables)) || (e = table_writer_open(op, tables, path, &schema, &w)))
        return e;
    for (size_t from = 0; from < b->rows; from += TABLE_CHUNK_ROWS) {
        size_t n = b->rows - from < TABLE_CHUNK_ROWS ? b->rows - from : TABLE_CHUNK_ROWS;
        chunk_fill(b, from, n, s, cols);
        struct table_chunk chunk = {n, schema.len, cols};
        if ((e = table_append(op, tables, w, &chunk))) {
            table_discard(tables, w);
            return e;
        }
    }
    return table_finish(op, tables, w, &rows);
}

struct insert_arg {
    const struct monitor_batch *batch;
    const struct blob_id *blob;
    uint64_t size;
};

static enum err entry_insert(struct op *op, struct db_tx *tx, void *arg)
{
    const struct insert_arg *a = arg;
    return db_exec(op, tx, &sql_predlog_insert,
                   DB_ARGS(DB_TEXT(a->batch->endpoint), DB_I64(a->batch->start_us), DB_I64(a->batch->end_us), DB_I64((int64_t)a->batch->rows),
                           DB_I64((int64_t)a->size), DB_BLOB(((struct str){(const char *)a->blob->sha256, sizeof a->blob->sha256}))),
                   NULL);
}

static enum err sink_write(void *arg, struct op *op, const struct monitor_batch *b)
{
    struct predlog *p = arg;
    if (!b->rows)
        return OK;
    struct blob_id id;
    uint64_t size = 0;
    const char *path = op_printf(op, "%s/predictions-%s.parquet", p->tmp_dir, hash_random_hex(op->arena, 8));
    enum err e = parquet_write(op, p, b, str_from(path));
    if (!e)
        e = blob_put_file(op, p->blobs, path, &id, &size);
    if (unlink(path) && errno != ENOENT && !e)
        e = op_fail_errno(op, "remove '%s'", path);
    struct insert_arg a = {b, &id, size};
    return e ? e : db_write(op, p->db, entry_insert, &a);
}

struct prediction_sink predlog_sink(struct predlog *p)
{
    return (struct prediction_sink){p, sink_write};
}

const struct log_files predlog_files = {"prediction log", &sql_predlog_list, &sql_predlog_get};
