/* flights_fixture.h - the real flights and the view over them, for the tests of core/feature. */
#ifndef INGOT_TEST_FLIGHTS_FIXTURE_H
#define INGOT_TEST_FLIGHTS_FIXTURE_H

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
#include "core/feature/join.h"

#define FLIGHTS INGOT_SOURCE_DIR "/node_modules/vega-datasets/data/flights-3m.parquet"
#define FLIGHTS_VIEW INGOT_SOURCE_DIR "/examples/flights/features.yaml"

struct flights {
    struct arena *arena;
    struct op op;
    struct table_engine *tables;
    struct feature_view *view;
    char dir[64];
};

static inline void must(struct flights *f, enum err e)
{
    if (e)
        print_error("%s\n", f->op.msg ? f->op.msg : err_name(e));
    assert_int_equal(e, OK);
}

static inline int flights_setup(void **state)
{
    struct flights *f = calloc(1, sizeof *f);
    f->arena = arena_create(LIMIT_MIB(2048));
    op_init(&f->op, f->arena);
    snprintf(f->dir, sizeof f->dir, "%s", "/tmp/ingot-feature-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    must(f, duckdb_engine_open(&f->op, &(struct duckdb_config){.threads = 2}, &f->tables));
    must(f, feature_view_load(&f->op, FLIGHTS_VIEW, &f->view));
    *state = f;
    return 0;
}

static inline int flights_teardown(void **state)
{
    struct flights *f = *state;
    table_engine_close(f->tables);
    arena_destroy(f->arena);
    rmdir(f->dir);
    free(f);
    return 0;
}

static inline int64_t instant(const char *text)
{
    int64_t us = 0;
    assert_true(time_parse(str_from(text), &us));
    return us;
}

/* The training frame of [start, end). The caller destroys it. */
static inline struct frame *flights_frame(struct flights *f, const char *start, const char *end)
{
    const char *path = op_printf(&f->op, "%s/frame.parquet", f->dir);
    struct feature_join_request q = {.data_path = STR(FLIGHTS), .start_us = instant(start), .end_us = instant(end), .out_path = str_from(path)};
    struct feature_join_result r;
    struct frame *frame = NULL;
    must(f, feature_join(&f->op, f->tables, f->view, &q, &r));
    must(f, frame_load(&f->op, f->tables, str_from(op_printf(&f->op, "SELECT * FROM '%s'", path)), LIMIT_MIB(512), &frame));
    assert_int_equal(frame->rows, r.rows);
    unlink(path);
    return frame;
}

/* A small generator whose sequence never changes. */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

#endif
