/* streaming_fixture.h - a log in memory with topics "in" (3 partitions), "out" (3), "bad" (1), "narrow" (1); a serve without a database with
 * "lin", a linear model of the features a and b that answers logistic(a + 2b + bias), and "toy" (toy_engine.h); and the records of api/stream. */
#ifndef TESTS_CORE_STREAMING_FIXTURE_H
#define TESTS_CORE_STREAMING_FIXTURE_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../serve/toy_engine.h"
#include "adapter/linear/linear.h"
#include "adapter/mem/log.h"
#include "api/stream/record.h"
#include "base/limits.h"
#include "core/streaming/job.h"

struct streaming_fixture {
    struct arena *arena;
    struct op op;
    struct mem_log *log;
    struct serve_config config;
    struct serve *serve;
    struct stream_codec format;
    struct streaming_codec codec;
    struct streaming_figures figures;
    int stop, readers;
    int64_t bias;            /* of the linear model, when it is loaded */
};

#define CHECK(e)                                                                                                                                    \
    do {                                                                                                                                            \
        if ((e) != OK)                                                                                                                              \
            fail_msg("%s", f->op.msg);                                                                                                              \
    } while (0)

static inline float streaming_score(double x)
{
    return (float)(1 / (1 + exp(-x)));
}

static enum err streaming_fetch(const struct serve_source *self, struct op *op, struct str model, int64_t version, struct serve_files *ret)
{
    const struct streaming_fixture *f = self->arg;
    (void)version;
    if (str_eqc(model, "toy"))
        ret->model = STR("toy width=2 row_us=100");
    else
        ret->model = str_from(op_printf(op, "{\"format\":\"ingot-linear\",\"version\":1,\"objective\":\"binary:logistic\",\"names\":[\"a\",\"b\"],"
                                            "\"mean\":[0,0],\"scale\":[1,1],\"weight\":[1,2],\"bias\":%lld}", (long long)f->bias));
    ret->reference = STR("");
    return OK;
}

static enum err streaming_list(const struct serve_source *self, struct op *op, struct serve_source_model **ret, size_t *ret_len)
{
    static const int64_t one = 1;
    (void)self;
    *ret = arena_alloc(op->arena, 2 * sizeof(**ret));
    (*ret)[0] = (struct serve_source_model){.name = STR("lin"), .versions = &one, .version_count = 1, .problem = STR("")};
    (*ret)[1] = (struct serve_source_model){.name = STR("toy"), .versions = &one, .version_count = 1, .problem = STR("")};
    *ret_len = 2;
    return OK;
}

static int streaming_setup(void **state)
{
    static const struct engine_ops *const engines[] = {&linear_engine, &toy_engine, NULL};
    struct streaming_fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_create(LIMIT_MIB(512));
    op_init(&f->op, f->arena);
    f->log = mem_log_create(0);
    CHECK(mem_log_topic(&f->op, f->log, STR("in"), 3));
    CHECK(mem_log_topic(&f->op, f->log, STR("out"), 3));
    CHECK(mem_log_topic(&f->op, f->log, STR("bad"), 1));
    CHECK(mem_log_topic(&f->op, f->log, STR("narrow"), 1));
    f->config = (struct serve_config){.engines = engines, .source = {.arg = f, .fetch = streaming_fetch, .list = streaming_list}};
    CHECK(serve_open(&f->op, &f->config, &f->serve));
    f->format = (struct stream_codec){.id_field = STR("id"), .key_field = STR(""), .nonfinite = JSON_NONFINITE_NULL};
    f->codec = stream_codec_make(&f->format);
    streaming_figures_init(&f->figures);
    *state = f;
    return 0;
}

static int streaming_teardown(void **state)
{
    struct streaming_fixture *f = *state;
    serve_close(f->serve);
    mem_log_destroy(f->log);
    streaming_figures_clear(&f->figures);
    arena_destroy(f->arena);
    free(f);
    return 0;
}

/* Puts values into `in`; value i goes to partition i modulo 3. NULL: a tombstone. */
static inline void streaming_seed(struct streaming_fixture *f, const char *const *values, size_t n)
{
    static const struct stream_header headers[] = {{STR_INIT("who"), STR_INIT("me"), true}};
    struct stream *s = NULL;
    CHECK(mem_stream_open(&f->op, f->log, STR(""), STR(""), STR("seed"), &s));
    for (size_t i = 0; i < n; i++) {
        struct stream_record r = {.topic = STR("in"), .partition = (int32_t)(i % 3), .time_ms = 1000 + (int64_t)i, .has_key = true,
                                  .key = str_from(op_printf(&f->op, "k%zu", i)), .has_value = values[i] != NULL, .value = str_from(values[i]),
                                  .headers = headers, .header_count = 1};
        CHECK(stream_put(&f->op, s, &r));
    }
    CHECK(stream_commit(&f->op, s));
    stream_close(s);
}

/* All committed records of a topic, in op's arena. */
static inline size_t streaming_read(struct streaming_fixture *f, const char *topic, struct stream_record **ret)
{
    struct stream *s = NULL;
    struct stream_poll p;
    const char *name = op_printf(&f->op, "reader-%d", f->readers++);
    CHECK(mem_stream_open(&f->op, f->log, str_from(topic), str_from(name), str_from(name), &s));
    CHECK(stream_poll(&f->op, s, LIMIT_STREAM_POLL, 0, &p));
    *ret = arena_alloc(f->arena, (p.count + 1) * sizeof(**ret));
    for (size_t i = 0; i < p.count; i++)
        (*ret)[i] = p.records[i]; /* what they point to lives as long as the log */
    size_t n = p.count;
    stream_close(s);
    return n;
}

static inline struct stream *streaming_member(struct streaming_fixture *f, const char *id)
{
    struct stream *s = NULL;
    CHECK(mem_stream_open(&f->op, f->log, STR("in"), STR("g"), str_from(id), &s));
    return s;
}

static inline struct streaming_job streaming_job_of(struct streaming_fixture *f, struct stream *s, const char *endpoint)
{
    return (struct streaming_job){.stream = s, .serve = f->serve, .endpoint = str_from(endpoint), .codec = &f->codec, .in = STR("in"), .out = STR("out"),
                                  .errors = STR("bad"), .flight = 16, .transaction_records = 1000, .transaction_ms = 10000, .until_end = true,
                                  .stop = &f->stop, .figures = &f->figures};
}

static inline struct str streaming_header(const struct stream_record *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (str_eqc(r->headers[i].name, name))
            return r->headers[i].value;
    return STR("");
}

#endif
