#include "streaming_fixture.h"

static const char *row(struct streaming_fixture *f, int i)
{
    return op_printf(&f->op, "{\"id\": %d, \"a\": %g, \"b\": 0.5, \"else\": [1]}", i, i / 16.0 - 3);
}

static void seed_rows(struct streaming_fixture *f, int n)
{
    const char *values[256];
    for (int i = 0; i < n; i++)
        values[i] = row(f, i);
    streaming_seed(f, values, (size_t)n);
}

static void test_answers_in_order(void **state)
{
    struct streaming_fixture *f = *state;
    seed_rows(f, 100);
    struct stream *s = streaming_member(f, "a");
    struct streaming_job job = streaming_job_of(f, s, "lin");
    job.transaction_records = 30;
    CHECK(streaming_check(&f->op, &job));
    CHECK(streaming_run(&f->op, &job));
    stream_close(s);
    struct stream_record *out = NULL;
    assert_int_equal(streaming_read(f, "out", &out), 100);
    int last[3] = {-1, -1, -1};
    for (size_t k = 0; k < 100; k++) {
        struct json *doc = NULL;
        int64_t id = 0;
        double score = 0;
        CHECK(json_parse(&f->op, out[k].value, JSON_STRICT, &doc));
        CHECK(json_want_i64(&f->op, doc, "id", 0, 99, &id));
        CHECK(json_want_f64(&f->op, json_get(doc, "outputs"), "score", &score));
        assert_true(fabs(score - (double)streaming_score((double)id / 16 - 2)) < 1e-6);
        assert_true(str_eqc(json_get(doc, "model")->s, "lin") && json_get(doc, "version")->i == 1);
        assert_int_equal(out[k].partition, id % 3);
        assert_true((int)id > last[out[k].partition]);
        last[out[k].partition] = (int)id;
        assert_int_equal(out[k].time_ms, 1000 + id);
        assert_true(str_eqc(out[k].key, op_printf(&f->op, "k%d", (int)id)));
        assert_true(str_eqc(streaming_header(&out[k], "who"), "me"));
        assert_true(str_eqc(streaming_header(&out[k], "ingot-source"), op_printf(&f->op, "in/%d/%d", (int)(id % 3), (int)(id / 3))));
        assert_int_equal(streaming_header(&out[k], "traceparent").len, 55);
    }
    struct streaming_counts c = streaming_figures_read(&f->figures);
    assert_int_equal(c.answered, 100);
    assert_int_equal(c.records, 100);
    assert_int_equal(c.commits, 4); /* 30 + 30 + 30 + 10 */
}

static void test_poison_and_tombstones(void **state)
{
    struct streaming_fixture *f = *state;
    const char *values[] = {row(f, 0), "{\"a\": 1}", NULL, "nonsense", row(f, 4), "{\"a\": \"x\", \"b\": 1}", "{\"a\": null, \"b\": true}"};
    streaming_seed(f, values, ARRAY_LEN(values));
    struct stream *s = streaming_member(f, "a");
    struct streaming_job job = streaming_job_of(f, s, "lin");
    CHECK(streaming_run(&f->op, &job));
    stream_close(s);
    struct stream_record *out = NULL, *bad = NULL;
    assert_int_equal(streaming_read(f, "out", &out), 4);
    assert_int_equal(streaming_read(f, "bad", &bad), 3);
    size_t tombstones = 0;
    for (size_t i = 0; i < 4; i++)
        tombstones += !out[i].has_value && str_eqc(out[i].key, "k2");
    assert_int_equal(tombstones, 1);
    for (size_t i = 0; i < 3; i++) {
        assert_true(str_eqc(streaming_header(&bad[i], "ingot-error"), "INVALID"));
        assert_true(streaming_header(&bad[i], "ingot-error-text").len > 0);
        assert_true(str_eqc(streaming_header(&bad[i], "who"), "me"));
        assert_true(bad[i].has_value && bad[i].has_key);
    }
    struct streaming_counts c = streaming_figures_read(&f->figures);
    assert_int_equal(c.answered, 3);
    assert_int_equal(c.tombstones, 1);
    assert_int_equal(c.poison, 3);
    /* The next run of the group finds nothing: what was put aside is acknowledged. */
    s = streaming_member(f, "a");
    job.stream = s;
    CHECK(streaming_run(&f->op, &job));
    stream_close(s);
    assert_int_equal(streaming_read(f, "bad", &bad), 3);
}

/* Records that leave no room for what is put around them: with as many headers as there may be, and as large as the topic takes. */
struct narrow {
    struct stream *inner;
};
static enum err narrow_poll(void *self, struct op *op, size_t max, int wait_ms, struct stream_poll *ret)
{
    return stream_poll(op, ((struct narrow *)self)->inner, max, wait_ms, ret);
}
static enum err narrow_put(void *self, struct op *op, const struct stream_record *r)
{
    size_t bytes = r->key.len + r->value.len;
    for (size_t i = 0; i < r->header_count; i++)
        bytes += r->headers[i].name.len + r->headers[i].value.len;
    return bytes > 600 ? op_fail(op, E_TOO_LARGE, "the topic takes 600 bytes") : stream_put(op, ((struct narrow *)self)->inner, r);
}
static enum err narrow_commit(void *self, struct op *op)
{
    return stream_commit(op, ((struct narrow *)self)->inner);
}
static size_t narrow_lag(void *self, struct op *op, struct stream_lag **ret)
{
    return stream_lag(op, ((struct narrow *)self)->inner, ret);
}
static const struct stream_ops narrow_ops = {.name = "narrow", .poll = narrow_poll, .put = narrow_put, .commit = narrow_commit, .lag = narrow_lag};

static void seed_one(struct streaming_fixture *f, const char *key, const char *value, const struct stream_header *headers, size_t n)
{
    struct stream *s = NULL;
    CHECK(mem_stream_open(&f->op, f->log, STR(""), STR(""), STR("seed"), &s));
    const struct stream_record r = {.topic = STR("in"), .partition = 0, .has_key = true, .key = str_from(key), .has_value = value != NULL, .value = str_from(value),
                                    .headers = headers, .header_count = n};
    CHECK(stream_put(&f->op, s, &r));
    CHECK(stream_commit(&f->op, s));
    stream_close(s);
}

static void test_poison_without_room(void **state)
{
    struct streaming_fixture *f = *state;
    struct stream_header many[LIMIT_STREAM_HEADERS];
    char large[600], longer[600];
    memset(large, 'x', sizeof(large) - 1);
    memset(longer, 'k', sizeof(longer) - 1);
    large[596] = 0; /* with its key as much as the topic takes */
    longer[599] = 0;
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = (struct stream_header){STR("h"), STR(""), true};
    seed_one(f, "good", row(f, 1), NULL, 0);
    seed_one(f, "many", row(f, 1), many, ARRAY_LEN(many));
    seed_one(f, "gone", NULL, many, ARRAY_LEN(many));
    seed_one(f, "big", large, NULL, 0);
    seed_one(f, longer, "", NULL, 0);
    struct narrow narrow = {.inner = streaming_member(f, "a")};
    struct stream s = {&narrow_ops, &narrow};
    struct streaming_job job = streaming_job_of(f, &s, "lin");
    CHECK(streaming_run(&f->op, &job));
    stream_close(narrow.inner);
    struct stream_record *out = NULL, *bad = NULL;
    assert_int_equal(streaming_read(f, "out", &out), 1);
    assert_int_equal(streaming_read(f, "bad", &bad), 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(str_eqc(streaming_header(&bad[i], "ingot-source"), op_printf(&f->op, "in/0/%zu", i + 1)));
    assert_true(str_eqc(bad[0].key, "many") && bad[0].has_value && str_eqc(streaming_header(&bad[0], "ingot-cut"), "headers") && bad[0].header_count == 5);
    assert_true(str_eqc(streaming_header(&bad[0], "ingot-error"), "TOO_LARGE"));
    assert_true(str_eqc(bad[1].key, "gone") && !bad[1].has_value && str_eqc(streaming_header(&bad[1], "ingot-cut"), "headers"));
    assert_true(str_eqc(bad[2].key, "big") && !bad[2].has_value && str_eqc(streaming_header(&bad[2], "ingot-cut"), "headers, value"));
    assert_true(!bad[3].has_value && !bad[3].has_key && str_eqc(streaming_header(&bad[3], "ingot-cut"), "headers, value, key"));
    assert_true(str_eqc(streaming_header(&bad[3], "ingot-error"), "INVALID"));
    struct streaming_counts c = streaming_figures_read(&f->figures);
    assert_true(c.answered == 1 && c.poison == 4 && c.tombstones == 0);
}

static void test_no_errors_topic(void **state)
{
    struct streaming_fixture *f = *state;
    const char *values[] = {row(f, 0), row(f, 1), row(f, 2), "nonsense"};
    streaming_seed(f, values, ARRAY_LEN(values));
    struct stream_record *out = NULL;
    for (int i = 0; i < 2; i++) {
        struct stream *s = streaming_member(f, "a");
        struct streaming_job job = streaming_job_of(f, s, "lin");
        job.errors = STR("");
        assert_int_equal(streaming_run(&f->op, &job), E_INVALID);
        assert_non_null(strstr(f->op.msg, "record in/0/1 cannot be answered"));
        op_clear(&f->op);
        stream_close(s);
        assert_int_equal(streaming_read(f, "out", &out), 0);
    }
}

/* A run of joined records fails for one of them: the others are answered when they are asked again, alone. */
static void test_engine_fails_for_one(void **state)
{
    struct streaming_fixture *f = *state;
    const char *values[30];
    for (int i = 0; i < 30; i++)
        values[i] = op_printf(&f->op, "{\"id\": %d, \"x\": [%d, 1]}", i, i == 7 ? 666 : i);
    streaming_seed(f, values, 30);
    struct stream *s = streaming_member(f, "a");
    struct streaming_job job = streaming_job_of(f, s, "toy");
    job.retries = 2;
    CHECK(streaming_run(&f->op, &job));
    stream_close(s);
    struct stream_record *out = NULL, *bad = NULL;
    assert_int_equal(streaming_read(f, "out", &out), 29);
    assert_int_equal(streaming_read(f, "bad", &bad), 1);
    assert_true(str_eqc(streaming_header(&bad[0], "ingot-error"), "IO"));
    assert_non_null(strstr(str_cstr(f->arena, streaming_header(&bad[0], "ingot-error-text")), "fell over"));
    assert_true(streaming_figures_read(&f->figures).retries >= 2);
    struct json *doc = NULL;
    CHECK(json_parse(&f->op, out[0].value, JSON_STRICT, &doc));
    const struct json *pair = json_path(doc, "outputs.pair");
    assert_true(pair && pair->type == JSON_ARRAY && pair->len == 2);
}

/* ---- a log that refuses commits ---- */

struct refusing {
    struct stream *inner;
    int left;                /* commits to refuse */
    enum err with;
};
static enum err refuse_poll(void *self, struct op *op, size_t max, int wait_ms, struct stream_poll *ret)
{
    return stream_poll(op, ((struct refusing *)self)->inner, max, wait_ms, ret);
}
static enum err refuse_put(void *self, struct op *op, const struct stream_record *r)
{
    return stream_put(op, ((struct refusing *)self)->inner, r);
}
static enum err refuse_commit(void *self, struct op *op)
{
    struct refusing *r = self;
    return r->left-- > 0 ? op_fail(op, r->with, "refused") : stream_commit(op, r->inner);
}
static enum err refuse_abort(void *self, struct op *op)
{
    return stream_abort(op, ((struct refusing *)self)->inner);
}
static size_t refuse_lag(void *self, struct op *op, struct stream_lag **ret)
{
    return stream_lag(op, ((struct refusing *)self)->inner, ret);
}
static const struct stream_ops refusing_ops = {.name = "refusing", .poll = refuse_poll, .put = refuse_put, .commit = refuse_commit, .abort = refuse_abort, .lag = refuse_lag};

static void test_refused_transactions_are_done_again(void **state)
{
    struct streaming_fixture *f = *state;
    seed_rows(f, 60);
    struct refusing r = {.inner = streaming_member(f, "a"), .left = 3, .with = E_CONFLICT};
    struct stream s = {&refusing_ops, &r};
    struct streaming_job job = streaming_job_of(f, &s, "lin");
    job.transaction_records = 20;
    CHECK(streaming_run(&f->op, &job));
    stream_close(r.inner);
    struct stream_record *out = NULL;
    assert_int_equal(streaming_read(f, "out", &out), 60);
    struct streaming_counts c = streaming_figures_read(&f->figures);
    assert_int_equal(c.answered, 60);
    assert_int_equal(c.aborts, 3);
    assert_int_equal(c.records, 120);
}

static void test_fenced(void **state)
{
    struct streaming_fixture *f = *state;
    seed_rows(f, 10);
    struct stream *first = streaming_member(f, "same"), *second = NULL;
    CHECK(mem_stream_open(&f->op, f->log, STR(""), STR(""), STR("same"), &second));
    struct streaming_job job = streaming_job_of(f, first, "lin");
    assert_int_equal(streaming_run(&f->op, &job), E_DENIED);
    assert_non_null(strstr(f->op.msg, "took over"));
    op_clear(&f->op);
    stream_close(first);
    stream_close(second);
    struct stream_record *out = NULL;
    assert_int_equal(streaming_read(f, "out", &out), 0);
}

static void test_stop_commits_what_is_open(void **state)
{
    struct streaming_fixture *f = *state;
    seed_rows(f, 10);
    f->stop = 1;
    struct stream *s = streaming_member(f, "a");
    struct streaming_job job = streaming_job_of(f, s, "lin");
    job.until_end = false;
    CHECK(streaming_run(&f->op, &job));
    stream_close(s);
    struct stream_record *out = NULL;
    assert_int_equal(streaming_read(f, "out", &out), streaming_figures_read(&f->figures).answered);
}

static void test_reload(void **state)
{
    struct streaming_fixture *f = *state;
    int reload = 1;
    f->bias = 100;
    seed_rows(f, 3);
    struct stream *s = streaming_member(f, "a");
    struct streaming_job job = streaming_job_of(f, s, "lin");
    job.reload = &reload;
    CHECK(streaming_run(&f->op, &job));
    stream_close(s);
    assert_int_equal(reload, 0);
    struct stream_record *out = NULL;
    assert_int_equal(streaming_read(f, "out", &out), 3);
    assert_non_null(strstr(str_cstr(f->arena, out[0].value), "\"score\":1.0"));
}

static void test_check(void **state)
{
    struct streaming_fixture *f = *state;
    struct stream *s = streaming_member(f, "a");
    struct streaming_job job = streaming_job_of(f, s, "lin");
    CHECK(streaming_check(&f->op, &job));
    job.out = STR("narrow");
    assert_int_equal(streaming_check(&f->op, &job), E_INVALID);
    job.by_key = true;
    op_clear(&f->op);
    CHECK(streaming_check(&f->op, &job));
    job.out = STR("in");
    assert_int_equal(streaming_check(&f->op, &job), E_INVALID);
    op_clear(&f->op);
    job.out = STR("nowhere");
    assert_int_equal(streaming_check(&f->op, &job), E_NOT_FOUND);
    op_clear(&f->op);
    stream_close(s);
}

#define T(name) cmocka_unit_test_setup_teardown(name, streaming_setup, streaming_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_answers_in_order), T(test_poison_and_tombstones), T(test_poison_without_room), T(test_no_errors_topic), T(test_engine_fails_for_one),
        T(test_refused_transactions_are_done_again), T(test_fenced), T(test_stop_commits_what_is_open), T(test_reload), T(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
