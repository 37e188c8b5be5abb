/* engine.h - what the scan and the writer of adapter/duckdb share. Internal. */
#ifndef INGOT_ADAPTER_DUCKDB_ENGINE_H
#define INGOT_ADAPTER_DUCKDB_ENGINE_H

#include "adapter/duckdb/lib.h"
#include "base/thread.h"
#include "port/table.h"

struct duck_engine {
    struct table_engine port;
    const struct duck_lib *lib;
    duckdb_database db;
    struct mutex writers_lock;
    struct table_writer *writers; /* open ones, found by their number */
    int64_t writer_number;
};

/* Registers the table function from which the writers' COPY statements read. */
enum err duck_writer_register(struct op *op, struct duck_engine *d, duckdb_connection c);

enum err duck_scan_open(void *self, struct op *op, struct str sql, struct table_scan **ret, const struct table_schema **ret_schema);
enum err duck_scan_next(struct op *op, struct table_scan *s, const struct table_chunk **ret);
void duck_scan_close(struct table_scan *s);
enum err duck_writer_open(void *self, struct op *op, struct str path, const struct table_schema *schema, struct table_writer **ret);
enum err duck_writer_append(struct op *op, struct table_writer *w, const struct table_chunk *chunk);
enum err duck_writer_finish(struct op *op, struct table_writer *take_w, uint64_t *ret_rows);
void duck_writer_discard(struct table_writer *take_w);

#endif
