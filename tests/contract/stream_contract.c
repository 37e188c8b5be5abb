/* stream_contract.c - the suite of port/stream: see stream_contract.h.
 * Members of one group live in one process and are polled in turns, as the back-ends' own threads do the waiting. */
#include "contract/stream_contract.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/time.h"
#include "contract/scratch.h"

enum { WAIT_MS = 60000, SLICE_MS = 50 };

static const struct stream_contract *contract;

struct fixture {
    struct arena *arena;
    struct op op;
    char in[64], out[64], group[64], id[64];
};

/* Names of a test's own: a broker outlives a test. */
static int set_up(void **state)
{
    static int number;
    struct fixture *f = calloc(1, sizeof *f);
    f->arena = arena_create(LIMIT_MIB(512));
    op_init(&f->op, f->arena);
    int pid = (int)getpid();
    number++;
    snprintf(f->in, sizeof f->in, "in-%d-%d", pid, number);
    snprintf(f->out, sizeof f->out, "out-%d-%d", pid, number);
    snprintf(f->group, sizeof f->group, "group-%d-%d", pid, number);
    snprintf(f->id, sizeof f->id, "id-%d-%d", pid, number);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static void expect(struct fixture *f, enum err got, enum err want)
{
    if (got != want)
        print_error("got %s (%s), want %s\n", err_name(got), f->op.msg ? f->op.msg : "", err_name(want));
    assert_int_equal(got, want);
    if (want)
        assert_non_null(f->op.msg);
    op_clear(&f->op);
}

static void topics(struct fixture *f, int partitions)
{
    expect(f, contract->topic(&f->op, f->in, partitions), OK);
    expect(f, contract->topic(&f->op, f->out, partitions), OK);
}

static struct stream *member(struct fixture *f, const char *topic, const char *group, const char *suffix)
{
    struct stream *s = NULL;
    expect(f, contract->open(&f->op, topic, group, op_printf(&f->op, "%s-%s", f->id, suffix), &s), OK);
    return s;
}

static struct stream_record text_record(struct fixture *f, const char *topic, int partition, const char *key, const char *value)
{
    (void)f;
    return (struct stream_record){.topic = str_from(topic), .partition = partition, .time_ms = 1700000000000, .has_key = key != NULL, .key = str_from(key),
                                  .has_value = value != NULL, .value = str_from(value)};
}

/* Writes `n` records "0", "1" ... to each of the partitions of `topic`, in one committed transaction. */
static void seed(struct fixture *f, const char *topic, int partitions, int from, int n)
{
    struct stream *s = member(f, NULL, NULL, "seed");
    for (int i = from; i < from + n; i++) {
        for (int p = 0; p < partitions; p++) {
            struct stream_record r = text_record(f, topic, p, NULL, op_printf(&f->op, "%d", i));
            expect(f, stream_put(&f->op, s, &r), OK);
        }
    }
    expect(f, stream_commit(&f->op, s), OK);
    stream_close(s);
}

/* A copy of a record that lives as long as the fixture. */
static struct stream_record keep(struct fixture *f, const struct stream_record *r)
{
    struct stream_record c = *r;
    c.topic = str_dup(f->arena, r->topic);
    c.key = str_dup(f->arena, r->key);
    c.value = str_dup(f->arena, r->value);
    struct stream_header *headers = arena_alloc(f->arena, (r->header_count + 1) * sizeof(*headers));
    for (size_t i = 0; i < r->header_count; i++)
        headers[i] = (struct stream_header){str_dup(f->arena, r->headers[i].name), str_dup(f->arena, r->headers[i].value), r->headers[i].has_value};
    c.headers = headers;
    return c;
}

/* Polls until `n` records came; they are appended to `all`. */
static void read_n(struct fixture *f, struct stream *s, size_t n, struct stream_record *all)
{
    int64_t until = time_mono_ms() + WAIT_MS;
    for (size_t got = 0; got < n;) {
        struct stream_poll p;
        expect(f, stream_poll(&f->op, s, n - got, SLICE_MS, &p), OK);
        for (size_t i = 0; i < p.count; i++)
            all[got++] = keep(f, &p.records[i]);
        assert_true(time_mono_ms() < until);
    }
}

/* All committed records of a topic, read by a group of its own. There are `want` of them: a commit is durable when it returns, but readers may
 * be shown it a moment later. One record too many is found all the same. */
static size_t read_all(struct fixture *f, const char *topic, struct stream_record *all, size_t max, size_t want)
{
    static int readers;
    struct stream *s = member(f, topic, op_printf(&f->op, "%s-reader-%d", f->group, readers), op_printf(&f->op, "reader-%d", readers));
    readers++;
    size_t n = 0;
    struct stream_poll p = {0};
    for (int64_t until = time_mono_ms() + WAIT_MS; !p.at_end || p.count || n < want;) {
        expect(f, stream_poll(&f->op, s, LIMIT_STREAM_POLL, SLICE_MS, &p), OK);
        for (size_t i = 0; i < p.count; i++) {
            assert_true(n < max);
            all[n++] = keep(f, &p.records[i]);
        }
        assert_true(time_mono_ms() < until);
    }
    stream_close(s);
    return n;
}

/* Puts a copy of each record to the same partition of `out`. */
static void echo(struct fixture *f, struct stream *s, const struct stream_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct stream_record r = records[i];
        r.topic = str_from(f->out);
        expect(f, stream_put(&f->op, s, &r), OK);
    }
}

static int64_t number_of(const struct stream_record *r)
{
    int64_t v = -1;
    assert_true(str_parse_i64(r->value, &v));
    return v;
}

/* ---- tests ---- */

static void test_record_comes_back_as_it_was(void **state)
{
    struct fixture *f = *state;
    topics(f, 2);
    struct stream *w = member(f, NULL, NULL, "w");
    const struct stream_header headers[] = {{STR("a"), STR("1"), true}, {STR("a"), STR("2"), true}, {STR("none"), STR(""), false}, {STR("empty"), STR(""), true},
                                            {STR("bytes"), {"\0\xff", 2}, true}};
    struct stream_record full = text_record(f, f->in, 1, "key", "value");
    full.headers = headers;
    full.header_count = ARRAY_LEN(headers);
    full.time_ms = 1234567890123;
    struct stream_record tombstone = text_record(f, f->in, 1, "key", NULL), empty = text_record(f, f->in, 1, "", "");
    expect(f, stream_put(&f->op, w, &full), OK);
    expect(f, stream_put(&f->op, w, &tombstone), OK);
    expect(f, stream_put(&f->op, w, &empty), OK);
    expect(f, stream_commit(&f->op, w), OK);
    stream_close(w);
    struct stream_record got[8];
    assert_int_equal(read_all(f, f->in, got, 8, 3), 3);
    assert_int_equal(got[0].partition, 1);
    assert_int_equal(got[0].time_ms, 1234567890123);
    assert_true(str_eqc(got[0].topic, f->in) && str_eqc(got[0].key, "key") && str_eqc(got[0].value, "value"));
    assert_true(got[0].has_key && got[0].has_value);
    assert_int_equal(got[0].header_count, ARRAY_LEN(headers));
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        assert_true(str_eq(got[0].headers[i].name, headers[i].name) && str_eq(got[0].headers[i].value, headers[i].value));
        assert_int_equal(got[0].headers[i].has_value, headers[i].has_value);
    }
    assert_true(got[1].has_key && !got[1].has_value && !got[1].value.len);
    assert_true(got[2].has_key && got[2].has_value && !got[2].key.len && !got[2].value.len);
    assert_true(got[1].offset > got[0].offset && got[2].offset > got[1].offset);
}

static void test_by_key_is_stable(void **state)
{
    struct fixture *f = *state;
    topics(f, 3);
    struct stream *w = member(f, NULL, NULL, "w");
    for (int i = 0; i < 60; i++) {
        struct stream_record r = text_record(f, f->in, STREAM_BY_KEY, op_printf(&f->op, "k%d", i % 20), op_printf(&f->op, "%d", i));
        expect(f, stream_put(&f->op, w, &r), OK);
    }
    expect(f, stream_commit(&f->op, w), OK);
    stream_close(w);
    struct stream_record got[64];
    int32_t of_key[20];
    bool used[3] = {0};
    memset(of_key, -1, sizeof of_key);
    assert_int_equal(read_all(f, f->in, got, 64, 60), 60);
    for (size_t i = 0; i < 60; i++) {
        int64_t k = number_of(&got[i]) % 20;
        assert_true(of_key[k] < 0 || of_key[k] == got[i].partition);
        of_key[k] = got[i].partition;
        used[got[i].partition] = true;
    }
    assert_true(used[0] && used[1] && used[2]);
}

static void test_uncommitted_is_not_seen(void **state)
{
    struct fixture *f = *state;
    topics(f, 1);
    seed(f, f->in, 1, 0, 10);
    struct stream *s = member(f, f->in, f->group, "a");
    struct stream_record got[16], out[16];
    read_n(f, s, 10, got);
    echo(f, s, got, 10);
    assert_int_equal(read_all(f, f->out, out, 16, 0), 0);
    expect(f, stream_commit(&f->op, s), OK);
    assert_int_equal(read_all(f, f->out, out, 16, 10), 10);
    stream_close(s);
}

/* An abort takes the outputs back and hands out the same records again, in their order. */
static void test_abort_goes_back(void **state)
{
    struct fixture *f = *state;
    topics(f, 1);
    seed(f, f->in, 1, 0, 20);
    struct stream *s = member(f, f->in, f->group, "a");
    struct stream_record got[32], out[32];
    read_n(f, s, 5, got);
    echo(f, s, got, 5);
    expect(f, stream_commit(&f->op, s), OK);
    for (int again = 0; again < 3; again++) {
        read_n(f, s, 7, got);
        for (int i = 0; i < 7; i++)
            assert_int_equal(number_of(&got[i]), 5 + i);
        echo(f, s, got, 7);
        expect(f, stream_abort(&f->op, s), OK);
    }
    read_n(f, s, 15, got);
    for (int i = 0; i < 15; i++)
        assert_int_equal(number_of(&got[i]), 5 + i);
    echo(f, s, got, 15);
    expect(f, stream_commit(&f->op, s), OK);
    stream_close(s);
    assert_int_equal(read_all(f, f->out, out, 32, 20), 20);
    for (int i = 0; i < 20; i++)
        assert_int_equal(number_of(&out[i]), i);
}

/* Closing without a commit is an abort; the next member goes on where the last commit was. */
static void test_positions_outlive_members(void **state)
{
    struct fixture *f = *state;
    topics(f, 2);
    seed(f, f->in, 2, 0, 20);
    struct stream_record got[64], out[64];
    struct stream *s = member(f, f->in, f->group, "a");
    read_n(f, s, 15, got);
    echo(f, s, got, 15);
    expect(f, stream_commit(&f->op, s), OK);
    read_n(f, s, 10, got);
    echo(f, s, got, 10);
    stream_close(s);
    s = member(f, f->in, f->group, "b");
    read_n(f, s, 25, got);
    echo(f, s, got, 25);
    expect(f, stream_commit(&f->op, s), OK);
    stream_close(s);
    assert_int_equal(read_all(f, f->out, out, 64, 40), 40);
    int64_t next[2] = {0, 0};
    for (int i = 0; i < 40; i++)
        assert_int_equal(number_of(&out[i]), next[out[i].partition]++);
}

/* A second writer with our id ends us: what we had open never was, and we cannot go on. */
static void test_second_writer_fences_the_first(void **state)
{
    struct fixture *f = *state;
    topics(f, 1);
    seed(f, f->in, 1, 0, 10);
    struct stream_record got[16], out[32];
    struct stream *first = member(f, f->in, f->group, "same");
    read_n(f, first, 10, got);
    echo(f, first, got, 10);
    struct stream *second = member(f, NULL, NULL, "same");
    enum err e = stream_commit(&f->op, first);
    if (e == E_CONFLICT) { /* the log refused our records before it looked at who we are */
        op_clear(&f->op);
        e = stream_abort(&f->op, first);
    }
    expect(f, e, E_DENIED);
    stream_close(first);
    struct stream_record r = text_record(f, f->out, 0, NULL, "100");
    expect(f, stream_put(&f->op, second, &r), OK);
    expect(f, stream_commit(&f->op, second), OK);
    stream_close(second);
    assert_int_equal(read_all(f, f->out, out, 32, 1), 1);
    assert_int_equal(number_of(&out[0]), 100);
    struct stream *third = member(f, f->in, f->group, "third");
    read_n(f, third, 10, got);
    assert_int_equal(number_of(&got[0]), 0);
    stream_close(third);
}

/* Reads and answers with every member in turns until `total` records were answered and committed. */
static void work(struct fixture *f, struct stream **members, size_t n, size_t total, size_t *done, size_t *open)
{
    int64_t until = time_mono_ms() + WAIT_MS;
    while (*done < total) {
        for (size_t i = 0; i < n; i++) {
            struct stream_poll p;
            expect(f, stream_poll(&f->op, members[i], 7, SLICE_MS, &p), OK);
            if (p.ended == STREAM_COMMITTED)
                *done += open[i];
            if (p.ended != STREAM_OPEN)
                open[i] = 0;
            echo(f, members[i], p.records, p.count);
            open[i] += p.count;
            if (open[i] < 20 && p.count)
                continue;
            enum err e = stream_commit(&f->op, members[i]);
            if (e == E_CONFLICT) {
                op_clear(&f->op);
                expect(f, stream_abort(&f->op, members[i]), OK);
            } else {
                expect(f, e, OK);
                *done += open[i];
            }
            open[i] = 0;
        }
        assert_true(time_mono_ms() < until);
    }
}

static bool both_have_partitions(struct fixture *f, struct stream **members)
{
    struct stream_lag *lag;
    return stream_lag(&f->op, members[0], &lag) == 2 && stream_lag(&f->op, members[1], &lag) == 2;
}

/* Members join and leave while transactions are open: each record is answered exactly once and partitions keep their order. */
static void test_partitions_move(void **state)
{
    struct fixture *f = *state;
    topics(f, 4);
    seed(f, f->in, 4, 0, 100);
    struct stream_record *out = arena_alloc(f->arena, 4096 * sizeof(*out));
    struct stream *members[2] = {member(f, f->in, f->group, "a"), NULL};
    size_t done = 0, open[2] = {0};
    work(f, members, 1, 100, &done, open);
    members[1] = member(f, f->in, f->group, "b");
    for (int64_t until = time_mono_ms() + WAIT_MS; !both_have_partitions(f, members);) {
        work(f, members, 2, done + 1 > 400 ? 400 : done + 1, &done, open);
        if (done >= 400) { /* all was read before the partitions moved */
            seed(f, f->in, 4, 100, 1);
            break;
        }
        assert_true(time_mono_ms() < until);
    }
    size_t total = 400 + (done >= 400 ? 4 : 0);
    work(f, members, 2, total, &done, open);
    stream_close(members[0]);
    seed(f, f->in, 4, 500, 25);
    work(f, &members[1], 1, total + 100, &done, &open[1]);
    stream_close(members[1]);
    assert_int_equal(done, total + 100);
    assert_int_equal(read_all(f, f->out, out, 4096, total + 100), total + 100);
    int64_t last[4] = {-1, -1, -1, -1};
    for (size_t i = 0; i < total + 100; i++) {
        assert_true(number_of(&out[i]) > last[out[i].partition]);
        last[out[i].partition] = number_of(&out[i]);
    }
}

static void test_lag_is_told(void **state)
{
    struct fixture *f = *state;
    topics(f, 2);
    seed(f, f->in, 2, 0, 30);
    struct stream *s = member(f, f->in, f->group, "a");
    struct stream_record got[64];
    struct stream_lag *lag = NULL;
    read_n(f, s, 60, got);
    struct stream_poll p = {0};
    for (int64_t until = time_mono_ms() + WAIT_MS; !p.at_end;) {
        expect(f, stream_poll(&f->op, s, 1, SLICE_MS, &p), OK);
        assert_int_equal(p.count, 0);
        assert_true(time_mono_ms() < until);
    }
    assert_int_equal(stream_lag(&f->op, s, &lag), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_true(str_eqc(lag[i].topic, f->in));
        assert_int_equal(lag[i].end - lag[i].position, 0);
    }
    stream_close(s);
}

static void test_topics_are_looked_up(void **state)
{
    struct fixture *f = *state;
    topics(f, 3);
    struct stream *s = member(f, NULL, NULL, "w"), *none = NULL;
    int32_t n = 0;
    expect(f, stream_partitions(&f->op, s, str_from(f->in), &n), OK);
    assert_int_equal(n, 3);
    expect(f, stream_partitions(&f->op, s, STR("nowhere"), &n), E_NOT_FOUND);
    stream_close(s);
    expect(f, contract->open(&f->op, "nowhere", f->group, f->id, &none), E_NOT_FOUND);
    assert_null(none);
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    topics(f, 1);
    struct stream *s = member(f, NULL, NULL, "w");
    struct stream_header *headers = arena_alloc(f->arena, (LIMIT_STREAM_HEADERS + 1) * sizeof(*headers));
    for (size_t i = 0; i <= LIMIT_STREAM_HEADERS; i++)
        headers[i] = (struct stream_header){STR("h"), STR("v"), true};
    struct stream_record r = text_record(f, f->in, 0, NULL, "1");
    r.headers = headers;
    r.header_count = LIMIT_STREAM_HEADERS + 1;
    expect(f, stream_put(&f->op, s, &r), E_TOO_LARGE);
    r.header_count = LIMIT_STREAM_HEADERS;
    expect(f, stream_put(&f->op, s, &r), OK);
    r.header_count = 0;
    r.value = (struct str){arena_alloc(f->arena, LIMIT_STREAM_RECORD_BYTES + 1), LIMIT_STREAM_RECORD_BYTES + 1};
    expect(f, stream_put(&f->op, s, &r), E_TOO_LARGE);
    r.value.len = LIMIT_KIB(900); /* what a topic takes by default is near 1 MiB */
    expect(f, stream_put(&f->op, s, &r), OK);
    expect(f, stream_commit(&f->op, s), OK);
    stream_close(s);
    struct stream_record got[4];
    assert_int_equal(read_all(f, f->in, got, 4, 2), 2);
    assert_int_equal(got[0].header_count, LIMIT_STREAM_HEADERS);
    assert_int_equal(got[1].value.len, LIMIT_KIB(900));
}

/* A poll without records returns in time, and at once when nobody waits any more. */
static void test_stop_ends_a_wait(void **state)
{
    struct fixture *f = *state;
    topics(f, 1);
    struct stream *s = member(f, f->in, f->group, "a");
    struct stream_poll p;
    int gone = 1;
    f->op.gone = &gone;
    int64_t from = time_mono_ms();
    expect(f, stream_poll(&f->op, s, 1, 600000, &p), OK);
    assert_int_equal(p.count, 0);
    assert_true(time_mono_ms() - from < 300000); /* a hundredth of a second, on a machine of its own */
    f->op.gone = NULL;
    stream_close(s);
}

int stream_contract_run(const struct stream_contract *c)
{
    contract = c;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_record_comes_back_as_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_by_key_is_stable, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_uncommitted_is_not_seen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_abort_goes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_positions_outlive_members, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_second_writer_fences_the_first, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_partitions_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lag_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_topics_are_looked_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_ends_a_wait, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
