/* duckdb.h - the table port on DuckDB (C API, opened by dlopen; adapter/duckdb only). One in-memory database per
 * engine, one connection per scan or writer; nothing is ever downloaded. Thread-safe; a scan or writer
 * belongs to one thread at a time. The library is looked for at $INGOT_DUCKDB, where the build
 * found it, then beside the program. */
#ifndef INGOT_ADAPTER_DUCKDB_DUCKDB_H
#define INGOT_ADAPTER_DUCKDB_DUCKDB_H

#include "port/table.h"

struct duckdb_config {
    int threads;          /* 0 = one per core */
    size_t memory_bytes;  /* 0 = LIMIT_DUCKDB_MEMORY */
    const char *temp_dir; /* where it may spill; NULL = nowhere */
    const char *only_file; /* the one file that statements may name; NULL = any. With it nothing can be written */
};

/* E_UNSUPPORTED: the library is not there or lacks a function (the text names it). table_engine_close() frees it. */
MUST_USE enum err duckdb_engine_open(struct op *op, const struct duckdb_config *config, struct table_engine **ret);
/* The library's version ("v1.5.6") and the path it was loaded from, or NULL when it cannot be loaded. */
const char *duckdb_engine_version(const char **ret_path);

#endif
