#include "unit/core/track/fixture.h"

#include "core/track/change.h"
#include "core/track/experiment.h"
#include "core/track/input.h"
#include "core/track/metric.h"
#include "core/track/run.h"

struct seen {
    int64_t after, oldest, newest, run, experiment, count;
};

static enum err seen_fn(struct op *op, void *arg, int64_t run_row, int64_t experiment)
{
    (void)op;
    struct seen *s = arg;
    s->run = run_row;
    s->experiment = experiment;
    s->count++;
    return OK;
}

static enum err look_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct seen *s = arg;
    enum err e = track_change_ends(op, tx, &s->oldest, &s->newest);
    return e ? e : track_change_read(op, tx, s->after, seen_fn, s);
}

/* What was noted since the last look. */
static struct seen look(struct fixture *f, struct seen *last)
{
    struct seen s = {.after = last->newest, .experiment = -1};
    assert_ok(&f->op, db_read(&f->op, f->db, look_tx, &s));
    *last = s;
    return s;
}

static void every_writer(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct seen last = {0};
    struct track_run r, r2;
    int64_t experiment = 0;
    assert_int_equal(look(f, &last).count, 0);
    assert_ok(op, experiment_create(op, f->db, STR("x"), STR(""), NULL, 0, &experiment));
    assert_int_equal(look(f, &last).count, 0);
    assert_ok(op, track_run_create(op, f->db, experiment, STR("a"), STR("me"), 5, NULL, 0, &r2));
    assert_ok(op, track_run_create(op, f->db, experiment, STR("a"), STR("me"), 5, NULL, 0, &r));
    assert_int_equal(look(f, &last).run, r.row);

    struct track_metric m = {.key = STR("m"), .value = 1};
    struct track_kv kv = {STR("k"), STR("v")};
    struct track_dataset d = {.name = STR("n"), .digest = STR("g"), .source_type = STR("t"), .source = STR("s")};
    struct track_run_model model = {STR("m-1"), 0};
    enum track_run_status done = TRACK_RUN_FINISHED;
    struct track_batch batches[] = {{.run_id = r.run_id, .metrics = &m, .metric_count = 1},
                                    {.run_id = r.run_id, .params = &kv, .param_count = 1},
                                    {.run_id = r.run_id, .tags = &kv, .tag_count = 1}};
#define NOTED(call)                                                                                        \
    do {                                                                                                   \
        assert_ok(op, (call));                                                                             \
        struct seen s_ = look(f, &last);                                                                   \
        if (s_.count < 1 || s_.run != r.row)                                                               \
            fail_msg("line %d: %d changes, of row %d", __LINE__, (int)s_.count, (int)s_.run);              \
    } while (0)
    for (size_t i = 0; i < ARRAY_LEN(batches); i++)
        NOTED(metric_log_batch(op, f->db, &batches[i]));
    NOTED(track_run_update(op, f->db, r.run_id, &done, NULL, STR("b"), &r));
    NOTED(track_run_set_tag(op, f->db, r.run_id, STR("t"), STR("1")));
    NOTED(track_run_delete_tag(op, f->db, r.run_id, STR("t")));
    NOTED(track_run_add_model(op, f->db, r.run_id, STR("{}")));
    NOTED(input_log(op, f->db, r.run_id, &d, 1, NULL, 0));
    NOTED(input_log_outputs(op, f->db, r.run_id, &model, 1));
    NOTED(track_run_delete(op, f->db, r.run_id));
    NOTED(track_run_restore(op, f->db, r.run_id));
    assert_ok(op, experiment_delete(op, f->db, experiment));
    struct seen s = look(f, &last);
    assert_true(s.count == 1 && s.run == 0 && s.experiment == experiment);
    assert_ok(op, experiment_restore(op, f->db, experiment));
    s = look(f, &last);
    assert_true(s.count == 1 && s.run == 0 && s.experiment == experiment);

    /* A write that fails leaves nothing. */
    kv.value = STR("other");
    assert_fails(op, metric_log_batch(op, f->db, &batches[1]), E_INVALID, "Changing param values");
    assert_int_equal(look(f, &last).count, 0);
}

static enum err note_many_tx(struct op *op, struct db_tx *tx, void *arg)
{
    enum err e = OK;
    for (int64_t i = 0; !e && i < *(int64_t *)arg; i++)
        e = track_change_note(op, tx, 7);
    return e;
}

static void trimmed(void **state)
{
    struct fixture *f = *state;
    int64_t n = LIMIT_TRACK_CHANGES + 1024 * 3;
    struct seen last = {0};
    assert_ok(&f->op, db_write(&f->op, f->db, note_many_tx, &n));
    struct seen s = look(f, &last);
    assert_int_equal(s.newest, n);
    assert_true(s.count >= LIMIT_TRACK_CHANGES && s.count < LIMIT_TRACK_CHANGES + 1024);
    assert_int_equal(s.oldest, n - s.count + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(every_writer), fixture_test(trimmed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
