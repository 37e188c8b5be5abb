#include "core/rollout/rollout.h"

#include "core/audit/audit.h"
#include "rollout_fixture.h"
#include "sql_gen.h"

/* ---- assignment ---- */
static void picking_is_sticky_and_monotone(void **state)
{
    (void)state;
    struct rollout_weights w = {.control = 3, .candidate = 4, .seed = 99, .active = true};
    static const int steps[] = {0, 1, 50, 100, 250, 500, 800, 1000};
    enum { UNITS = 20000 };
    uint8_t *had = calloc(UNITS, 1), *slice = calloc(UNITS, 1);
    for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
        w.permille = steps[s];
        int counts[3] = {0}, candidates = 0;
        for (int u = 0; u < UNITS; u++) {
            char id[24];
            int arm = -1;
            struct str unit = {id, (size_t)snprintf(id, sizeof id, "%d", u)};
            int64_t v = rollout_pick(&w, unit, &arm);
            assert_true(v == rollout_pick(&w, unit, NULL));
            assert_true(v == 4 || !had[u]); /* whoever had the candidate keeps it */
            assert_true(arm != ROLLOUT_ARM_CANDIDATE || v == 4);
            assert_true(arm != ROLLOUT_ARM_CONTROL || v == 3);
            if (steps[s] <= 500)
                assert_true(!slice[u] || arm == ROLLOUT_ARM_CONTROL);
            slice[u] = arm == ROLLOUT_ARM_CONTROL;
            had[u] = v == 4;
            counts[arm]++;
            candidates += v == 4;
        }
        double share = candidates / (double)UNITS, want = steps[s] / 1000.0;
        assert_true(fabs(share - want) < 5 * sqrt(want * (1 - want) / UNITS) + 1e-12);
        if (steps[s] > 0 && steps[s] < 1000) /* two groups of equal size */
            assert_true(abs(counts[0] - counts[1]) < 5 * sqrt(2.0 * counts[0] + 1));
        if (steps[s] == 1000)
            assert_true(counts[1] == UNITS);
    }
    w.active = false;
    int arm = 0;
    assert_true(rollout_pick(&w, STR("x"), &arm) == 3 && arm == ROLLOUT_ARM_NONE);
    free(had);
    free(slice);
}

/* ---- a life in the database ---- */
struct day_args {
    struct fixture *f;
    struct rollout_outcome *rows;
    size_t n;
    struct rollout_requests requests[2];
    int64_t now_us;
    struct rollout_decision decision;
    bool fail_after;
};

static enum err day_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct day_args *a = arg;
    enum err e = rollout_advance(op, tx, STR("delay"), a->rows, a->n, a->requests, a->now_us, &a->decision);
    if (!e && a->fail_after)
        return op_fail(op, E_INTERNAL, "the caller's own part failed");
    return e;
}

/* One day of 16,000 requests through rollout_pick, then its labels. */
static struct rollout_decision live_a_day(struct fixture *f, int day, double candidate_bias, bool fail_after)
{
    struct rollout_weights w;
    assert_ok(f, rollout_weights_load(&f->op, f->db, STR("delay"), &w));
    struct latency_hist *hist = calloc(2, sizeof *hist);
    struct day_args a = {.f = f, .n = 16000, .now_us = T0 + (day + 1) * DAY, .fail_after = fail_after};
    a.rows = calloc(a.n, sizeof *a.rows);
    for (size_t i = 0; i < a.n; i++) {
        char id[32];
        int arm;
        struct str unit = {id, (size_t)snprintf(id, sizeof id, "%d-%zu", day, i)};
        struct rollout_outcome *o = &a.rows[i];
        o->version = rollout_pick(&w, unit, &arm);
        o->arm = (uint8_t)arm;
        o->event_us = T0 + day * DAY + (int64_t)i;
        o->ok = true;
        draw_request(&f->rng, o->version == w.candidate ? candidate_bias : 0, &o->score, &o->label);
        if (arm < 2) {
            a.requests[arm].version = o->version;
            a.requests[arm].n++;
            latency_hist_add(&hist[arm], 400);
            a.requests[arm].latency = &hist[arm];
        }
    }
    enum err e = db_write(&f->op, f->db, day_tx, &a);
    if (fail_after) {
        assert_int_equal(e, E_INTERNAL);
        op_clear(&f->op);
    } else {
        assert_ok(f, e);
    }
    free(a.rows);
    free(hist);
    return a.decision;
}

static size_t audit_count(struct fixture *f, const char *verb)
{
    struct audit_filter filter = {.verb = str_from(verb)};
    struct audit_row *rows;
    size_t n = 0;
    assert_ok(f, audit_list(&f->op, f->db, &filter, &rows, &n));
    return n;
}

static void a_good_candidate_is_promoted(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan plan;
    rollout_plan_default(&plan);
    int64_t id = 0, other = -1;
    assert_ok(&f, rollout_start(&f.op, f.db, STR("delay"), 1, 2, &plan, T0, 7, &id));
    assert_err(&f, rollout_start(&f.op, f.db, STR("delay"), 1, 3, &plan, T0, 7, &other), E_CONFLICT);
    assert_true(other == -1);
    assert_ok(&f, rollout_start(&f.op, f.db, STR("other"), 1, 3, &plan, T0, 7, &other));
    int seen[5] = {0}, days = 0;
    enum rollout_verdict v = ROLLOUT_HOLD;
    int weight = 50;
    for (; days < 40 && v != ROLLOUT_PROMOTE && v != ROLLOUT_ROLLBACK; days++) {
        struct rollout_decision d = live_a_day(&f, days, 0, false);
        assert_int_equal(d.from_permille, weight);
        v = d.verdict;
        weight = d.to_permille;
        seen[v]++;
        assert_true(d.seq == days + 1 && d.rollout_id == id);
    }
    assert_int_equal(v, ROLLOUT_PROMOTE);
    assert_int_equal(seen[ROLLOUT_ADVANCE], 4);
    struct rollout_weights w;
    assert_ok(&f, rollout_weights_load(&f.op, f.db, STR("delay"), &w));
    assert_false(w.active);
    assert_true(live_a_day(&f, days, 0, false).verdict == ROLLOUT_NO_ROLLOUT);
    assert_true(audit_count(&f, "rollout_start") == 2 && audit_count(&f, "rollout_advance") == 4 && audit_count(&f, "rollout_promote") == 1);
    size_t replayed = 0;
    assert_ok(&f, rollout_replay(&f.op, f.db, id, &replayed));
    assert_int_equal(replayed, days);
    assert_ok(&f, rollout_start(&f.op, f.db, STR("delay"), 2, 3, &plan, T0, 0, &other)); /* the next one may start */
    fixture_close(&f);
}

static void a_bad_candidate_goes_back(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan plan;
    rollout_plan_default(&plan);
    int64_t id;
    assert_ok(&f, rollout_start(&f.op, f.db, STR("delay"), 2, 5, &plan, T0, 0, &id));
    struct rollout_decision d = live_a_day(&f, 0, 2.5, false);
    assert_true(d.verdict == ROLLOUT_ROLLBACK && d.to_permille == 0 && !strcmp(d.reason, "worse") && d.lo > plan.margin);
    assert_true(d.control == 2 && d.candidate == 5 && audit_count(&f, "rollout_rollback") == 1);
    fixture_close(&f);
}

static void nothing_is_half_done(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan plan;
    rollout_plan_default(&plan);
    int64_t id;
    assert_ok(&f, rollout_start(&f.op, f.db, STR("delay"), 2, 5, &plan, T0, 11, &id));
    (void)live_a_day(&f, 0, 2.5, true);
    struct rollout_weights w;
    assert_ok(&f, rollout_weights_load(&f.op, f.db, STR("delay"), &w));
    assert_true(w.active && w.permille == 50 && w.seed == 11 && w.control == 2 && w.candidate == 5);
    size_t replayed = 9;
    assert_ok(&f, rollout_replay(&f.op, f.db, id, &replayed));
    assert_int_equal(replayed, 0);
    assert_int_equal(audit_count(&f, "rollout_rollback"), 0);
    /* Outcomes that do not belong: other versions, other times, no arm, failed. No decision is stored for them. */
    struct rollout_outcome rows[] = {
        {T0 + 1, 2, ROLLOUT_ARM_CANDIDATE, true, true, 0.5f}, {T0 + 1, 9, ROLLOUT_ARM_CONTROL, true, true, 0.5f},
        {T0 - 1, 5, ROLLOUT_ARM_CANDIDATE, true, true, 0.5f}, {T0 + 1, 2, ROLLOUT_ARM_NONE, true, true, 0.5f},
        {T0 + 1, 5, ROLLOUT_ARM_CANDIDATE, false, true, NAN}, {T0 + 1, 5, 77, true, true, 0.5f},
    };
    struct day_args a = {.f = &f, .rows = rows, .n = ARRAY_LEN(rows), .now_us = T0 + DAY};
    assert_ok(&f, db_write(&f.op, f.db, day_tx, &a));
    assert_true(a.decision.verdict == ROLLOUT_HOLD && a.decision.seq == 0 && a.decision.labels_candidate == 0);
    fixture_close(&f);
}

static void by_hand(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan plan;
    rollout_plan_default(&plan);
    int64_t id;
    struct rollout_decision d;
    assert_err(&f, rollout_finish(&f.op, f.db, STR("delay"), true, STR("x"), T0, &d), E_NOT_FOUND);
    assert_err(&f, rollout_start(&f.op, f.db, STR("delay"), 2, 2, &plan, T0, 0, &id), E_INVALID);
    assert_err(&f, rollout_start(&f.op, f.db, STR("delay"), 2, 3, &plan, INT64_MAX, 0, &id), E_INVALID);
    plan.step_count = 0;
    assert_err(&f, rollout_start(&f.op, f.db, STR("delay"), 2, 3, &plan, T0, 0, &id), E_INVALID);
    rollout_plan_default(&plan);
    assert_ok(&f, rollout_start(&f.op, f.db, STR("delay"), 2, 3, &plan, T0, 0, &id));
    assert_err(&f, rollout_finish(&f.op, f.db, STR("delay"), true, STR("\xff"), T0, &d), E_INVALID);
    assert_ok(&f, rollout_finish(&f.op, f.db, STR("delay"), true, STR("because \"I\" say so"), T0 + 5, &d));
    assert_true(d.verdict == ROLLOUT_PROMOTE && d.to_permille == 1000 && !strcmp(d.reason, "by_hand"));
    size_t replayed = 0;
    assert_ok(&f, rollout_replay(&f.op, f.db, id, &replayed));
    assert_int_equal(replayed, 1);
    assert_err(&f, rollout_replay(&f.op, f.db, 777, &replayed), E_NOT_FOUND);
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    struct json_out w;
    json_out_init(&w, &b, 0);
    assert_ok(&f, rollout_list_json(&f.op, f.db, STR("delay"), &w));
    struct json *j;
    assert_ok(&f, json_parse(&f.op, buf_str(&b), JSON_STRICT, &j));
    assert_int_equal(j->len, 1);
    assert_true(str_eqc(json_get(&j->items[0], "state")->s, "promoted"));
    const struct json *decisions = json_get(&j->items[0], "decisions");
    assert_true(decisions->len == 1 && str_eqc(json_get(&decisions->items[0], "note")->s, "because \"I\" say so"));
    assert_true(json_get(&decisions->items[0], "diff")->type == JSON_NULL);
    fixture_close(&f);
}

/* A changed row does not pass the replay: the stored verdict must follow from the stored evidence. */
static enum err tamper_tx(struct op *op, struct db_tx *tx, void *arg)
{
    static const struct sql change = {.name = "tamper", .text = "UPDATE rollout_decision SET reason = 'not_worse', verdict = 'advance' WHERE seq = 1",
                                      .id = 100000, .param_count = 0, .column_count = 0};
    (void)arg;
    return db_exec(op, tx, &change, DB_NO_ARGS, NULL);
}

static void replay_finds_a_forged_verdict(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan plan;
    rollout_plan_default(&plan);
    int64_t id;
    assert_ok(&f, rollout_start(&f.op, f.db, STR("delay"), 2, 5, &plan, T0, 3, &id));
    (void)live_a_day(&f, 0, 2.5, false);
    size_t n = 0;
    assert_ok(&f, rollout_replay(&f.op, f.db, id, &n));
    enum err e = db_write(&f.op, f.db, tamper_tx, NULL);
    if (e)
        fail_msg("%s", f.op.msg);
    assert_err(&f, rollout_replay(&f.op, f.db, id, &n), E_CORRUPT);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(picking_is_sticky_and_monotone), cmocka_unit_test(a_good_candidate_is_promoted),
        cmocka_unit_test(a_bad_candidate_goes_back),      cmocka_unit_test(nothing_is_half_done),
        cmocka_unit_test(by_hand),                        cmocka_unit_test(replay_finds_a_forged_verdict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
