#include "core/retention/rules.h"

#include "base/time.h"
#include "core/track/experiment.h"
#include "core/track/run.h"
#include "unit/core/track/fixture.h"

#define DAY_US INT64_C(86400000000)

static struct str ended_run(struct fixture *f, int64_t experiment, const char *tag)
{
    struct op *op = &f->op;
    struct track_run run;
    enum track_run_status done = TRACK_RUN_FINISHED;
    int64_t end_ms = op->now_us / 1000;
    struct track_kv kv = {str_from(tag), STR("true")};
    assert_ok(op, track_run_create(op, f->db, experiment, STR("r"), STR("u"), 1, &kv, tag ? 1 : 0, &run));
    assert_ok(op, track_run_update(op, f->db, run.run_id, &done, &end_ms, STR(""), &run));
    return run.run_id;
}

static struct rules_report apply(struct fixture *f)
{
    struct rules_report r;
    assert_ok(&f->op, retention_apply(&f->op, f->db, &r));
    return r;
}

static void runs_are_deleted_and_then_purged_by_age(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    int64_t id = 0, other = 0;
    struct track_run run;
    assert_ok(op, experiment_create(op, f->db, STR("x"), STR(""), NULL, 0, &id));
    assert_ok(op, experiment_create(op, f->db, STR("y"), STR(""), NULL, 0, &other));
    assert_ok(op, experiment_set_tag(op, f->db, id, STR("ingot.retain_days"), STR("10")));
    assert_ok(op, experiment_set_tag(op, f->db, id, STR("ingot.retain_deleted_days"), STR("5")));
    struct str old = ended_run(f, id, NULL), kept = ended_run(f, id, "ingot.keep"), held = ended_run(f, id, PURGE_HOLD_TAG), elsewhere = ended_run(f, other, NULL);
    assert_ok(op, track_run_create(op, f->db, id, STR("running"), STR("u"), 1, NULL, 0, &run));
    assert_int_equal(apply(f).deleted, 0);
    op->now_us += 10 * DAY_US;
    struct str young = ended_run(f, id, NULL);
    struct rules_report r = apply(f);
    assert_true(r.deleted == 1 && r.purged == 0);
    assert_ok(op, track_run_get(op, f->db, old, &run));
    assert_true(run.deleted);
    assert_ok(op, track_run_delete(op, f->db, held));
    op->now_us += 5 * DAY_US;
    r = apply(f);
    assert_true(r.purged == 1 && r.kept == 1);
    assert_fails(op, track_run_get(op, f->db, old, &run), E_NOT_FOUND, "not found");
    const struct str stay[] = {kept, held, elsewhere, young};
    for (size_t i = 0; i < ARRAY_LEN(stay); i++)
        assert_ok(op, track_run_get(op, f->db, stay[i], &run));
    assert_ok(op, experiment_set_tag(op, f->db, id, STR(PURGE_HOLD_TAG), STR("true")));
    op->now_us += 100 * DAY_US;
    r = apply(f);
    assert_true(r.deleted == 0 && r.purged == 0);
}

/* Cut short at a deadline a round is taken up by the next ones, until all is as one long round would leave it. */
static void rounds_end_in_time(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct rules_report r = {0};
    struct track_run run;
    struct str ids[30];
    int64_t purged = 0, rounds = 0;
    assert_ok(op, experiment_set_tag(op, f->db, 0, STR("ingot.retain_days"), STR("1")));
    assert_ok(op, experiment_set_tag(op, f->db, 0, STR("ingot.retain_deleted_days"), STR("0")));
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = ended_run(f, 0, NULL);
    op->now_us += 2 * DAY_US;
    op->deadline_ms = 1; /* long ago */
    assert_fails(op, retention_apply(op, f->db, &r), E_TIMEOUT, "deadline");
    op->deadline_ms = 0;
    assert_ok(op, track_run_get(op, f->db, ids[0], &run));
    assert_false(run.deleted);
    enum err e = E_TIMEOUT;
    for (; e == E_TIMEOUT; rounds++) {
        op->deadline_ms = time_mono_ms() + 1 + rounds / 100; /* however slow the machine is */
        e = retention_apply(op, f->db, &r);
        purged += r.purged;
        op_clear(op);
    }
    assert_int_equal(e, OK);
    op->deadline_ms = 0;
    purged += apply(f).purged;
    assert_int_equal(purged, ARRAY_LEN(ids));
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        assert_fails(op, track_run_get(op, f->db, ids[i], &run), E_NOT_FOUND, "not found");
}

static void what_is_no_number_of_days_does_nothing(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"", "-1", "1.5", "ten", "36501", "99999999999999999999"};
    ended_run(f, 0, NULL);
    f->op.now_us += 40000 * DAY_US;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_ok(&f->op, experiment_set_tag(&f->op, f->db, 0, STR("ingot.retain_days"), str_from(bad[i])));
        struct rules_report r = apply(f);
        assert_true(r.unreadable == 1 && r.deleted == 0);
    }
}

/* Purging takes an administrator, so setting the clock for it does. */
static void only_an_administrator_sets_the_clock(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_kv kv = {STR("ingot.retain_deleted_days"), STR("0")};
    int64_t id = 0;
    assert_ok(op, experiment_set_tag(op, f->db, 0, STR("ingot.retain_days"), STR("9000")));
    op->actor.perms &= ~(1u << PERM_ADMIN);
    assert_fails(op, experiment_set_tag(op, f->db, 0, kv.key, kv.value), E_DENIED, "administrator");
    assert_fails(op, experiment_delete_tag(op, f->db, 0, STR("ingot.retain_days")), E_DENIED, "administrator");
    assert_fails(op, experiment_create(op, f->db, STR("mine"), STR(""), &kv, 1, &id), E_DENIED, "administrator");
    assert_ok(op, experiment_set_tag(op, f->db, 0, STR("team"), STR("a")));
    op->actor.perms |= 1u << PERM_ADMIN;
    assert_ok(op, experiment_delete_tag(op, f->db, 0, STR("ingot.retain_days")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(runs_are_deleted_and_then_purged_by_age), fixture_test(rounds_end_in_time), fixture_test(what_is_no_number_of_days_does_nothing),
                                       fixture_test(only_an_administrator_sets_the_clock)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
