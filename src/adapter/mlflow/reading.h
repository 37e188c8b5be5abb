/* reading.h - what the two halves of origin_db share (inside this folder): the open origin, and how rows become its records. */
#ifndef INGOT_ADAPTER_MLFLOW_READING_H
#define INGOT_ADAPTER_MLFLOW_READING_H

#include "adapter/mlflow/files.h"
#include "adapter/mlflow/schema.h"
#include "base/limits.h"
#include "port/db.h"

#define MLFLOW_PAGE 500
/* Below this much of an arena nothing more is read into it, so that texts of any length fit. */
#define MLFLOW_ROW_BYTES LIMIT_MIB(32)

struct mlflow_db {
    struct db *db;
    struct mlflow_schema schema;
    struct mlflow_files files;
    char *folders[2]; /* what `files` shows */
};

/* One read: where it goes on, and what it found. */
struct reading {
    struct mlflow_db *m;
    struct str *cursor;
    void *items;
    size_t n;
    struct origin_run *run;
    origin_points_fn fn;
    void *arg;
    struct origin_counts counts;
};

enum err reading_no_room(struct op *op); /* E_TOO_LARGE */
/* p NULL for NULL. */
struct str reading_text_or_none(struct op *op, struct db_tx *tx, struct db_rows *rows, int i);
bool reading_is_deleted(struct db_tx *tx, struct db_rows *rows, int i);
struct str reading_number(struct op *op, int64_t v);
/* Two columns per row; the second may be a number. */
MUST_USE enum err reading_kvs(struct op *op, struct db_tx *tx, const struct sql *sql, const struct db_val *args, size_t n, struct origin_kvs *ret);
/* Runs `fn` in a read of the origin's database and hands on what it found. */
MUST_USE enum err reading_page(struct mlflow_db *m, struct op *op, struct str *cursor, db_fn fn, void **ret, size_t *ret_n);

/* The registry's half (origin_models.c): members of struct origin_ops. */
MUST_USE enum err mlflow_logged_models(void *self, struct op *op, struct str *cursor, struct origin_logged_model **ret, size_t *ret_n);
MUST_USE enum err mlflow_models(void *self, struct op *op, struct str *cursor, struct origin_model **ret, size_t *ret_n);
MUST_USE enum err mlflow_versions(void *self, struct op *op, struct str *cursor, struct origin_version **ret, size_t *ret_n);

#endif
