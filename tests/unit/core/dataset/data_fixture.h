/* data_fixture.h - an engine, a folder, and data files made from SELECTs, for the tests of core/dataset. */
#ifndef INGOT_TEST_DATA_FIXTURE_H
#define INGOT_TEST_DATA_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/duckdb/duckdb.h"
#include "base/limits.h"
#include "base/time.h"

#define FLIGHTS INGOT_SOURCE_DIR "/node_modules/vega-datasets/data/flights-3m.parquet"

struct data {
    struct arena *arena;
    struct op op;
    struct table_engine *tables;
    char dir[64];
    char path[128]; /* dir/data.parquet */
};

static inline void must(struct data *f, enum err e)
{
    if (e)
        print_error("%s\n", f->op.msg ? f->op.msg : err_name(e));
    assert_int_equal(e, OK);
}

static inline int data_setup(void **state)
{
    struct data *f = calloc(1, sizeof *f);
    f->arena = arena_create(LIMIT_MIB(1024));
    op_init(&f->op, f->arena);
    snprintf(f->dir, sizeof f->dir, "%s", "/tmp/ingot-dataset-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/data.parquet", f->dir);
    must(f, duckdb_engine_open(&f->op, &(struct duckdb_config){.threads = 2}, &f->tables));
    *state = f;
    return 0;
}

static inline int data_teardown(void **state)
{
    struct data *f = *state;
    unlink(f->path);
    int rc = rmdir(f->dir); /* anything left behind is a failure */
    table_engine_close(f->tables);
    arena_destroy(f->arena);
    free(f);
    return rc;
}

/* Writes the rows of a SELECT to f->path. */
static inline void data_write(struct data *f, const char *select)
{
    struct frame *rows = NULL;
    must(f, frame_load(&f->op, f->tables, str_from(select), LIMIT_MIB(256), &rows));
    must(f, frame_save(&f->op, f->tables, rows, str_from(f->path)));
    frame_destroy(rows);
}

#endif
