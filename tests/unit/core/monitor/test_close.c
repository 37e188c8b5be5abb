#include "core/monitor/close.h"

#include "core/audit/audit.h"
#include "monitor_fixture.h"

/* A label call that fails must leave everything as it was: the sink is made to fail, then the database. */
struct sink_state {
    int calls;
    bool fail;
    uint64_t rows, labelled;
    int64_t revision;
};

static uint64_t requests_seen(const struct watched *e)
{
    uint64_t n = 0;
    for (int i = 0; i < LIMIT_ROLLOUT_ARMS; i++)
        n += e->requests.slot[i] ? e->requests.slot[i]->n : 0;
    return n;
}

static enum err sink_fn(void *arg, struct op *op, const struct monitor_batch *b)
{
    struct sink_state *s = arg;
    s->calls++;
    if (s->fail)
        return op_fail(op, E_IO, "no space left");
    s->revision = b->revision;
    s->rows += b->rows;
    for (size_t i = 0; i < b->rows; i++)
        s->labelled += b->label[i] >= 0;
    return OK;
}

/* A database whose commits fail while `broken` is set; everything else goes to the real one. */
struct broken_db {
    struct db_ops ops;
    struct db db, *real;
    bool broken;
};

static enum err broken_write(void *self, struct op *op, db_fn fn, void *arg)
{
    struct broken_db *b = self;
    enum err e = b->real->ops->write(b->real->self, op, fn, arg);
    return e ? e : b->broken ? op_fail(op, E_IO, "commit failed") : OK;
}

static enum err broken_read(void *self, struct op *op, db_fn fn, void *arg)
{
    struct broken_db *b = self;
    return b->real->ops->read(b->real->self, op, fn, arg);
}

static void record_day(struct watched *e, int day)
{
    for (int64_t i = 0; i < 500; i++) {
        struct prediction p = {.id = day * 1000 + i, .event_us = T0 + day * DAY + i, .version = 1, .score = 0.5f, .latency_us = 100,
                               .arm = ROLLOUT_ARM_CONTROL, .ok = true};
        watched_record(e, &p, 1);
    }
}

static void failures_leave_no_trace(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct broken_db broken = {.ops = *f.db->ops, .real = f.db};
    broken.ops.write = broken_write;
    broken.ops.read = broken_read;
    broken.db = (struct db){&broken.ops, &broken};
    struct sink_state s = {.fail = true};
    struct prediction_sink sink = {&s, sink_fn};
    struct watched *e = watched_create(STR("delay"));
    record_day(e, 0);
    int64_t ids[500], times[500];
    uint8_t labels[500];
    for (int i = 0; i < 500; i++) {
        ids[i] = i;
        labels[i] = i % 5 == 0;
        times[i] = T0 + DAY + i;
    }
    struct label_batch batch = {ids, labels, times, 500, T0 + 2 * DAY, true};
    struct monitor_report *r = NULL;
    assert_err(&f, close_labels(&f.op, f.db, e, &sink, 1, &batch, &r), E_IO);
    assert_true(r == NULL && s.calls == 1 && e->open_rows == 500 && predbuf_labelled(e->open[0]) == 0 && requests_seen(e) == 500);
    assert_true(e->closed_until_us == INT64_MIN && e->watermark_us == INT64_MIN && e->counts.labels_joined == 0);
    labels[3] = 2; /* a bad label refuses all of them */
    assert_err(&f, close_labels(&f.op, f.db, e, &sink, 1, &batch, &r), E_INVALID);
    assert_true(e->open_rows == 500 && predbuf_labelled(e->open[0]) == 0);
    labels[3] = 0;
    /* The second time everything is there. */
    s.fail = false;
    assert_ok(&f, close_labels(&f.op, f.db, e, &sink, 1, &batch, &r));
    assert_true(r->joined == 500 && r->duplicates == 0 && r->window_count == 1 && r->windows[0].labelled == 500 && s.labelled == 500);
    assert_true(e->open_rows == 0 && e->closed_until_us == T0 + DAY && e->watermark_us == T0 + 2 * DAY && requests_seen(e) == 0);
    /* A latecomer of the closed day opens a revision. */
    struct prediction late = {.id = 77777, .event_us = T0 + 9, .version = 1, .score = 0.5f, .arm = 2, .ok = true};
    watched_record(e, &late, 1);
    assert_true(e->counts.late == 1);
    batch.n = 0;
    assert_ok(&f, close_labels(&f.op, f.db, e, &sink, 1, &batch, &r));
    assert_true(r->window_count == 1 && r->windows[0].revision == 1 && r->windows[0].predictions == 1 && s.revision == 1);
    /* The commit fails: the window comes back, the row's label goes. */
    record_day(e, 1);
    batch = (struct label_batch){ids, labels, times, 500, T0 + 3 * DAY, true};
    for (int i = 0; i < 500; i++)
        ids[i] = 1000 + i;
    broken.broken = true;
    assert_err(&f, close_labels(&f.op, &broken.db, e, &sink, 1, &batch, &r), E_IO);
    assert_true(e->open_rows == 500 && predbuf_labelled(e->open[0]) == 0 && e->closed_until_us == T0 + DAY && requests_seen(e) == 500);
    watched_destroy(e);
    fixture_close(&f);
}

static void flush_keeps_what_the_sink_refuses(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct sink_state s = {.fail = true};
    struct prediction_sink sink = {&s, sink_fn};
    struct watched *e = watched_create(STR("delay"));
    record_day(e, 0);
    record_day(e, 1);
    assert_err(&f, close_flush(&f.op, e, &sink), E_IO);
    assert_true(e->open_rows == 1000 && e->open_count == 2);
    s.fail = false;
    assert_ok(&f, close_flush(&f.op, e, &sink));
    assert_true(e->open_rows == 0 && s.rows == 1000 && s.revision == INT64_MIN);
    watched_destroy(e);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(failures_leave_no_trace), cmocka_unit_test(flush_keeps_what_the_sink_refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
