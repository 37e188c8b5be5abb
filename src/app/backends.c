#include "app/backends.h"

#include <unistd.h>

#include "adapter/linear/linear.h"
#include "adapter/trees/trees.h"
#ifdef INGOT_WITH_DUCKDB
#include "adapter/duckdb/duckdb.h"
#endif
#ifdef INGOT_WITH_LIBLINEAR
#include "adapter/liblinear/liblinear.h"
#endif
#ifdef INGOT_WITH_XGBOOST
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

const struct backend backends[] = {
    {"db", "sqlite", true, "everything", "libsqlite3-dev", NULL},
    {"blob", "localfs", true, "everything", "part of ingot", NULL},
    {"table", "duckdb", BUILT_DUCKDB, "data validation, feature joins, training frames, the prediction log as Parquet",
     "make deps (npm package @duckdb/node-bindings-linux-x64)", duckdb_check},
    {"engine", "trees", true, "serving XGBoost models", "part of ingot", NULL},
    {"engine", "linear", true, "serving linear models", "part of ingot", NULL},
    {"learner", "xgboost", BUILT_XGBOOST, "ingot train --learner xgboost", "libxgboost-dev", xgboost_learner_check},
    {"learner", "logistic", BUILT_LIBLINEAR, "ingot train --learner logistic", "liblinear-dev", NULL},
    {"runner", "local", true, "pipelines", "part of ingot", NULL},
    {0},
};

const struct engine_ops *const backend_engines[] = {&linear_engine, &trees_engine, NULL};

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
