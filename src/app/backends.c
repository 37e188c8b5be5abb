#include "app/backends.h"

#include <sys/stat.h>
#include <unistd.h>

#include "adapter/child/child.h"
#include "adapter/declared/declared.h"
#include "adapter/linear/linear.h"
#include "adapter/linear/svm.h"
#include "adapter/sqlite/sqlite.h"
#include "adapter/localfs/datadir.h"
#include "adapter/localfs/localfs.h"
#include "adapter/onnx/onnx.h"
#include "adapter/onnxml/onnxml.h"
#include "adapter/s3/s3.h"
#include "adapter/trees/lightgbm.h"
#include "adapter/trees/trees.h"
#include "core/track/points.h"
#ifdef INGOT_WITH_DUCKDB
#include "adapter/duckdb/duckdb.h"
#endif
#ifdef INGOT_WITH_LIBLINEAR
#include "adapter/liblinear/liblinear.h"
#endif
#ifdef INGOT_WITH_POSTGRES
#include "adapter/postgres/postgres.h"
#define BUILT_POSTGRES true
#else
#define BUILT_POSTGRES false
#endif
#ifdef INGOT_WITH_XGBOOST
#include "adapter/xgboost/predictor.h"
#include "adapter/xgboost/xgboost.h"
#endif

#ifdef INGOT_WITH_DUCKDB
#define BUILT_DUCKDB true
static enum err duckdb_check(struct op *op)
{
    struct table_engine *t = NULL;
    enum err e = backend_tables_open(op, &t);
    if (!e)
        table_engine_close(t);
    return e;
}
#else
#define BUILT_DUCKDB false
#define duckdb_check NULL
#endif
#ifdef INGOT_WITH_XGBOOST
#define BUILT_XGBOOST true
#else
#define BUILT_XGBOOST false
#define xgboost_learner_check NULL
#endif
#ifdef INGOT_WITH_LIBLINEAR
#define BUILT_LIBLINEAR true
#else
#define BUILT_LIBLINEAR false
#endif

#ifdef INGOT_WITH_KAFKA
#define BUILT_KAFKA true
#else
#define BUILT_KAFKA false
#endif

static enum err onnx_row_check(struct op *op)
{
    const char *text = NULL;
    return onnx_check(op, &text);
}
/* In the child: it hosts one model, which makes threads of its own if they pay. */
static enum err onnx_prepare(struct op *op)
{
    onnx_set_threads(1);
    return onnx_row_check(op);
}
CHILD_ENGINE(onnx_hosted_engine, "onnx", onnx_engine);
#ifdef INGOT_WITH_XGBOOST
CHILD_ENGINE(xgboost_hosted_engine, "xgboost", xgboost_engine);
#endif
const struct child_guest backend_guests[] = {
    {&onnx_engine, onnx_prepare},
#ifdef INGOT_WITH_XGBOOST
    {&xgboost_engine, xgboost_prepare},
#endif
    {0}};

const struct backend backends[] = {
    {"db", "sqlite", true, "everything", "libsqlite3-dev", NULL},
    {"db", "postgres", BUILT_POSTGRES, "ingot server --db postgresql://...", "libpq-dev", NULL},
    {"blob", "localfs", true, "everything", "part of ingot", NULL},
    {"blob", "s3", true, "ingot server --blobs s3://bucket/prefix", "libcurl4-gnutls-dev", NULL},
    {"notify", "webhook", true, "webhooks, messages of alert rules", "part of ingot", NULL},
    {"table", "duckdb", BUILT_DUCKDB, "data validation, feature joins, training frames, the prediction log as Parquet",
     "make deps (npm package @duckdb/node-bindings-linux-x64)", duckdb_check},
    {"engine", "trees", true, "serving XGBoost models", "part of ingot", NULL},
    {"engine", "lightgbm", true, "serving LightGBM models", "part of ingot", NULL},
    {"engine", "onnxml", true, "serving scikit-learn's models in ONNX", "part of ingot", NULL},
    {"engine", "linear", true, "serving linear models", "part of ingot", NULL},
    {"engine", "svm", true, "serving models of LIBLINEAR, and of LIBSVM with a linear kernel", "part of ingot", NULL},
    {"engine", "onnx", true, "serving ONNX models that are more than trees and lines", "make deps (npm package onnxruntime-node)", onnx_row_check},
    {"engine", "xgboost", BUILT_XGBOOST, "serving XGBoost's old binary models (.model), in a process of their own", "libxgboost-dev", xgboost_learner_check},
    {"learner", "xgboost", BUILT_XGBOOST, "ingot train --learner xgboost", "libxgboost-dev", xgboost_learner_check},
    {"learner", "logistic", BUILT_LIBLINEAR, "ingot train --learner logistic", "liblinear-dev", NULL},
    {"gpu", "nvml", true, "GPU use of captured runs", "NVIDIA's driver", NULL},
    {"stream", "kafka", BUILT_KAFKA, "ingot stream", "librdkafka-dev", NULL},
    {"runner", "local", true, "pipelines", "part of ingot", NULL},
    {0},
};

const struct engine_ops *const backend_engines[] = {
    &declared_engine, &declared_spawning_engine, &trees_engine, &lightgbm_engine, &onnxml_engine, &linear_engine, &svm_engine, &onnx_hosted_engine,
#ifdef INGOT_WITH_XGBOOST
    &xgboost_hosted_engine,
#endif
    NULL};

static const struct learner_ops *const learners[] = {
#ifdef INGOT_WITH_XGBOOST
    &xgboost_learner,
#endif
#ifdef INGOT_WITH_LIBLINEAR
    &liblinear_learner,
#endif
    NULL,
};

const struct learner_ops *backend_learner(struct str name)
{
    for (const struct learner_ops *const *l = learners; *l; l++)
        if (str_eqc(name, (*l)->name))
            return *l;
    return NULL;
}

void backend_engines_setup(enum child_isolate isolate, size_t memory_bytes)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    declared_setup(backend_engines);
    child_setup(isolate, memory_bytes ? memory_bytes : pages > 0 && page > 0 ? (size_t)pages * (size_t)page / 2 : 0);
}

enum err backend_tables_open(struct op *op, struct table_engine **ret)
{
#ifdef INGOT_WITH_DUCKDB
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    struct duckdb_config config = {.memory_bytes = pages > 0 && page > 0 ? (size_t)pages * (size_t)page / 4 : 0};
    return duckdb_engine_open(op, &config, ret);
#else
    (void)ret;
    return op_fail(op, E_UNSUPPORTED, "this build has no DuckDB, which reads and writes Parquet: run `make deps`, then build again");
#endif
}

static enum err db_open(struct op *op, struct str db, const char *data_dir, struct db **ret)
{
    if (!db.len)
        return sqlite_open(op, op_printf(op, "%s/ingot.db", data_dir), ret);
#ifdef INGOT_WITH_POSTGRES
    return postgres_open(op, str_cstr(op->arena, db), ret);
#else
    return op_fail(op, E_UNSUPPORTED, "this build has no PostgreSQL: install libpq-dev, then build again");
#endif
}

enum err backend_db_open(struct op *op, struct str db, const char *data_dir, struct db **ret)
{
    struct db *opened = NULL;
    enum err e = db_open(op, db, data_dir, &opened);
    if (!e)
        e = points_upgrade(op, opened);
    if (e)
        db_close(opened);
    else
        *ret = opened;
    return e;
}

enum err backend_db_probe(struct op *op, struct str db, const char **ret_text)
{
#ifdef INGOT_WITH_POSTGRES
    return postgres_probe(op, str_cstr(op->arena, db), ret_text);
#else
    (void)ret_text;
    return op_fail(op, E_UNSUPPORTED, "this build has no PostgreSQL, so '%.*s' cannot be used: install libpq-dev, then build again", STR_FMT(str_sub(db, 0, 12)));
#endif
}

const char *backend_db_place(struct op *op, struct str db, struct str data_dir)
{
#ifdef INGOT_WITH_POSTGRES
    if (db.len)
        return op_printf(op, "postgresql %s", postgres_place(op, str_cstr(op->arena, db)));
#endif
    (void)db;
    return op_printf(op, "%.*s/ingot.db", STR_FMT(data_dir));
}

void backend_db_stats(struct db *db, struct backend_db_stats *ret)
{
#ifdef INGOT_WITH_POSTGRES
    if (postgres_is(db)) {
        struct postgres_stats p;
        postgres_stats(db, &p);
        *ret = (struct backend_db_stats){.writes = p.writes, .commits = p.commits, .reconnects = p.reconnects, .resolved = p.resolved,
                                         .queued = p.queued, .unreachable = p.unreachable};
        return;
    }
#endif
    struct sqlite_stats s;
    sqlite_stats(db, &s);
    *ret = (struct backend_db_stats){
        .writes = s.writes, .commits = s.commits, .checkpoints = s.checkpoints, .queued = s.queued, .failed = s.failed};
}

static bool is_same_folder(const char *a, const char *b)
{
    struct stat sa, sb;
    return !stat(a, &sa) && !stat(b, &sb) && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

enum err backend_blobs_open(struct op *op, struct str blobs, const char *data_dir, struct blob_store **ret, struct datadir **ret_lock)
{
    const char *folder = str_cstr(op->arena, blobs);
    if (!blobs.len || is_same_folder(folder, data_dir)) {
        *ret_lock = NULL;
        return localfs_open(op, data_dir, ret);
    }
    enum err e = localfs_clear_tmp(op, data_dir);
    if (e)
        return e;
    if (str_find(blobs, STR("://")) != SIZE_MAX) {
        struct s3_config config;
        *ret_lock = NULL;
        e = s3_config_parse(op, blobs, &config);
        return e ? e : s3_open(op, &config, NULL, ret);
    }
    struct datadir *lock = NULL;
    if ((e = datadir_lock(op, folder, &lock)))
        return e;
    if ((e = localfs_open(op, folder, ret)))
        datadir_unlock(lock);
    else
        *ret_lock = lock;
    return e;
}
