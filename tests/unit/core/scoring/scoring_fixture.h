/* scoring_fixture.h - what tests of batch scoring share: a folder, DuckDB, and a serve of one toy model (x [n, 2], s text; answers sum,
 * echo, pair). Files are written by SQL's own means through the port. */
#ifndef TESTS_CORE_SCORING_FIXTURE_H
#define TESTS_CORE_SCORING_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "../serve/toy_engine.h"
#include "adapter/duckdb/duckdb.h"
#include "base/file.h"
#include "base/limits.h"
#include "contract/scratch.h"
#include "core/scoring/job.h"
#include "core/serve/infer.h"

struct fixture {
    struct scratch s;
    struct table_engine *tables;
    struct serve *serve;
    struct serve_endpoint *endpoint;
    struct infer_signature signature;
};

#define CHECK(call)                                                                               \
    do {                                                                                          \
        enum err check_ = (call);                                                                 \
        if (check_)                                                                               \
            fail_msg("%s: %s", err_name(check_), f->s.op.msg ? f->s.op.msg : "no text");          \
    } while (0)

/* Fails with this error and a text that holds `part`. */
static inline void refused(struct fixture *f, enum err want, enum err got, const char *part)
{
    const char *text = f->s.op.msg ? f->s.op.msg : "";
    if (got != want || !strstr(text, part))
        fail_msg("%s '%s'; %s with '%s' was expected", err_name(got), text, err_name(want), part);
    op_clear(&f->s.op);
}

static const char *fixture_model = "toy";

static inline enum err fixture_list(const struct serve_source *self, struct op *op, struct serve_source_model **ret, size_t *ret_len)
{
    static const int64_t one[] = {1};
    (void)self;
    *ret = op_new(op, struct serve_source_model);
    **ret = (struct serve_source_model){.name = STR("toy"), .versions = one, .version_count = 1, .problem = STR("")};
    *ret_len = 1;
    return OK;
}

static inline enum err fixture_fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    (void)self;
    (void)op;
    (void)model;
    (void)version;
    *ret = (struct serve_files){.model = str_from(fixture_model), .reference = STR("")};
    return OK;
}

static inline int fixture_setup(void **state)
{
    static const struct engine_ops *const engines[] = {&toy_engine, NULL};
    struct fixture *f = calloc(1, sizeof(*f));
    const struct serve_config config = {.engines = engines, .source = {.fetch = fixture_fetch, .list = fixture_list}};
    scratch_init(&f->s);
    CHECK(duckdb_engine_open(&f->s.op, &(struct duckdb_config){.threads = 2}, &f->tables));
    CHECK(serve_open(&f->s.op, &config, &f->serve));
    CHECK(serve_acquire(&f->s.op, f->serve, STR("toy"), &f->endpoint));
    CHECK(serve_signature(&f->s.op, f->endpoint, 0, &f->signature));
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    serve_release(f->endpoint);
    serve_close(f->serve);
    table_engine_close(f->tables);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

/* A Parquet file of `rows` rows: id BIGINT, a DOUBLE (i / 2 + 0.25, null where id % 7 is 3), b FLOAT, s VARCHAR. Returns its path. */
static inline struct str fixture_parquet(struct fixture *f, const char *name, int64_t rows)
{
    struct str path = str_from(scratch_path(&f->s, name));
    struct frame *fr = NULL;
    const char *sql = op_printf(&f->s.op,
                                "SELECT i AS id, CASE WHEN i %% 7 <> 3 THEN i * 0.5::DOUBLE + 0.25 END AS a, (i %% 10)::FLOAT AS b, 'text ' || i AS s "
                                "FROM range(%lld) t(i)", (long long)rows);
    CHECK(frame_load(&f->s.op, f->tables, str_from(sql), LIMIT_MIB(256), &fr));
    CHECK(frame_save(&f->s.op, f->tables, fr, path));
    frame_destroy(fr);
    return path;
}

static inline struct str fixture_text(struct fixture *f, const char *name, const char *text)
{
    struct str path = str_from(scratch_path(&f->s, name));
    CHECK(file_write(&f->s.op, path.p, str_from(text)));
    return path;
}

static inline struct str fixture_bytes(struct fixture *f, struct str path)
{
    struct str bytes = STR("");
    CHECK(file_read(&f->s.op, str_cstr(f->s.arena, path), LIMIT_MIB(64), &bytes));
    return bytes;
}

#endif
