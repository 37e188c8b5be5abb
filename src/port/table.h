/* table.h - columnar data in and out: scans (Parquet, CSV, SQL over them) and Parquet files.
 * A back-end is an embedded or remote analytical engine. Columns come as chunks of up to
 * TABLE_CHUNK_ROWS rows; strings point into the chunk and die with the next one. */
#ifndef INGOT_PORT_TABLE_H
#define INGOT_PORT_TABLE_H

#include "base/op.h"

#define TABLE_CHUNK_ROWS 2048

enum table_type { TABLE_BOOL, TABLE_I64, TABLE_F32, TABLE_F64, TABLE_TIMESTAMP /* int64, microseconds UTC */, TABLE_STRING };
struct table_field {
    struct str name;
    enum table_type type;
};
struct table_schema {
    struct table_field *fields;
    size_t len;
};
struct table_column {
    enum table_type type;
    const void *data;        /* bool: uint8_t; i64/timestamp: int64_t; f32: float; f64: double; string: struct str */
    const uint64_t *valid;   /* bit i set = not null; NULL pointer = all valid */
};
struct table_chunk {
    size_t rows;
    size_t len;
    struct table_column *cols;
};
static inline bool table_valid(const struct table_column *c, size_t row)
{
    return !c->valid || (c->valid[row / 64] >> (row % 64) & 1);
}

struct table_scan;
struct table_writer;

struct table_ops {
    const char *name;
    /* Runs one SELECT of trusted text (a definition in the user's repository or ours, never request input).
     * Integers of any width come as I64, floats as F32/F64, dates and timestamps as TIMESTAMP, decimals as
     * F64, the rest as STRING. E_INVALID: the text or a file in it is wrong; E_NOT_FOUND: a file is missing. */
    enum err (*scan)(void *self, struct op *op, struct str sql, struct table_scan **ret, const struct table_schema **ret_schema);
    /* *ret NULL at the end; the chunk lives until the next call. */
    enum err (*next)(struct op *op, struct table_scan *s, const struct table_chunk **ret);
    void (*scan_close)(struct table_scan *s);
    /* A Parquet file (zstd) at `path`: written under a temporary name, visible and durable at finish. */
    enum err (*writer_open)(void *self, struct op *op, struct str path, const struct table_schema *schema, struct table_writer **ret);
    enum err (*append)(struct op *op, struct table_writer *w, const struct table_chunk *chunk);
    enum err (*finish)(struct op *op, struct table_writer *take_w, uint64_t *ret_rows); /* frees w in any case */
    void (*discard)(struct table_writer *take_w);
    void (*close)(void *self);
};
struct table_engine {
    const struct table_ops *ops;
    void *self;
};

MUST_USE enum err table_scan_open(struct op *op, struct table_engine *t, struct str sql, struct table_scan **ret, const struct table_schema **ret_schema);
MUST_USE enum err table_next(struct op *op, struct table_engine *t, struct table_scan *s, const struct table_chunk **ret);
void table_scan_close(struct table_engine *t, struct table_scan *s); /* NULL is ignored */
MUST_USE enum err table_writer_open(struct op *op, struct table_engine *t, struct str path, const struct table_schema *schema, struct table_writer **ret);
MUST_USE enum err table_append(struct op *op, struct table_engine *t, struct table_writer *w, const struct table_chunk *chunk);
MUST_USE enum err table_finish(struct op *op, struct table_engine *t, struct table_writer *take_w, uint64_t *ret_rows);
void table_discard(struct table_engine *t, struct table_writer *take_w);
void table_engine_close(struct table_engine *t); /* NULL is ignored; frees `t` */
static inline void table_engine_auto(struct table_engine **t) { table_engine_close(*t); }

/* "BIGINT", "VARCHAR" ...; static storage. */
const char *table_type_name(enum table_type type);
/* A path or text as a SQL string literal, in op's arena. */
struct str table_quote(struct op *op, struct str path);
/* The FROM item that reads a data file, by its suffix: .parquet, .pq, .csv, .csv.gz, .tsv (E_INVALID for others).
 * With `row_number` there is a column file_row_number, 0 for the first row. */
MUST_USE enum err table_source_sql(struct op *op, struct str path, bool row_number, struct str *ret);

/* A column of a whole result held in memory, for work that needs random access. Arrays of `rows` items in the
 * op's arena or the frame's own; strings are dictionary-coded: code[i] indexes dict. Nulls: NaN for f64,
 * INT64_MIN for i64/timestamp, code UINT32_MAX for strings. */
struct frame_column {
    struct str name;
    enum table_type type;
    union {
        double *f64;      /* F32 and F64 */
        int64_t *i64;     /* BOOL, I64, TIMESTAMP */
        uint32_t *code;   /* STRING */
    };
    struct str *dict;
    size_t dict_len;
    size_t null_count;
};
/* Saving maps back: NaN, INT64_MIN and UINT32_MAX become null. */
struct frame {
    size_t rows, len;
    struct frame_column *cols;
    struct arena *arena;  /* owns everything */
};
/* Runs the SELECT and keeps all of it. `max_bytes` caps the frame (E_TOO_LARGE). frame_destroy ends it. */
MUST_USE enum err frame_load(struct op *op, struct table_engine *t, struct str sql, size_t max_bytes, struct frame **ret);
void frame_destroy(struct frame *f); /* NULL is ignored */
/* NULL when absent. */
struct frame_column *frame_column(const struct frame *f, struct str name);
/* Writes all columns as one Parquet file. */
MUST_USE enum err frame_save(struct op *op, struct table_engine *t, const struct frame *f, struct str path);

#endif
