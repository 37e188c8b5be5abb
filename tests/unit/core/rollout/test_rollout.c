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
    const struct rollout_requests *more;
    size_t more_count;
    int64_t now_us;
    struct rollout_decision decision;
    bool fail_after;
};

static enum err day_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct day_args *a = arg;
    enum err e = rollout_advance(op, tx, STR("delay"), a->rows, a->n, a->requests, 2, a->now_us, &a->decision);
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
    assert_ok(&f, rollout_list_json(&f.op, f.db, STR("delay"), NULL, &w));
    struct json *j;
    assert_ok(&f, json_parse(&f.op, buf_str(&b), JSON_STRICT, &j));
    assert_int_equal(j->len, 1);
    assert_true(str_eqc(json_get(&j->items[0], "state")->s, "promoted"));
    const struct json *decisions = json_get(&j->items[0], "decisions");
    assert_true(decisions->len == 1 && str_eqc(json_get(&decisions->items[0], "note")->s, "because \"I\" say so"));
    assert_true(json_get(&decisions->items[0], "diff")->type == JSON_NULL);
    fixture_close(&f);
}

static struct rollout_plan plan_of(struct fixture *f, const char *text)
{
    struct rollout_plan p;
    struct json *j = NULL;
    assert_ok(f, json_parse(&f->op, str_from(text), JSON_STRICT, &j));
    assert_ok(f, rollout_plan_parse(&f->op, j, &p));
    return p;
}

static struct rollout_decision advance(struct fixture *f, struct str endpoint, const struct rollout_outcome *rows, size_t n,
                                       const struct rollout_requests *requests, size_t request_count, int64_t now_us);

/* Four versions: the last one fails, and that alone ends the test; and every decision is taken again. */
static void each_arm_is_judged(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan plan = plan_of(&f, "{\"kind\":\"ab\",\"versions\":[3,4],\"min_step_us\":1,\"latency\":{\"quantile\":0.9,\"method\":\"dkw\"}}");
    static struct latency_hist hist;
    static struct units units[4];
    int64_t id;
    struct rollout_decision d = {0};
    for (int i = 0; i < 1000; i++)
        latency_hist_add(&hist, 300);
    assert_ok(&f, rollout_start(&f.op, f.db, STR("shop"), 1, 2, &plan, T0, 7, &id));
    for (int day = 0; day < 4; day++) {
        struct rollout_requests q[5];
        struct rollout_outcome rows[400];
        for (int i = 0; i < 400; i++) {
            rows[i] = (struct rollout_outcome){.event_us = T0 + day * DAY, .version = 1 + i % 4, .arm = i % 4 ? ROLLOUT_ARM_CANDIDATE : ROLLOUT_ARM_CONTROL, .ok = true};
            draw_request(&f.rng, 0, &rows[i].score, &rows[i].label);
        }
        for (int v = 0; v < 4; v++) {
            for (int u = 0; u < 200; u++) /* the same units come every day */
                units_add(&units[v], (uint64_t)(v * 1000 + u));
            q[v] = (struct rollout_requests){.rollout = id, .version = v + 1, .n = 1000, .errors = v == 3 && day == 3 ? 120 : 1, .latency = &hist, .units = &units[v]};
        }
        q[4] = (struct rollout_requests){.rollout = id + 1, .version = 2, .n = 1000, .errors = 900}; /* of another rollout */
        d = advance(&f, STR("shop"), rows, 400, q, 5, T0 + (day + 1) * DAY);
        assert_true(day == 3 || d.verdict == ROLLOUT_HOLD);
    }
    assert_true(d.verdict == ROLLOUT_ROLLBACK && !strcmp(d.reason, "errors") && d.seq == 4);
    size_t n = 0;
    assert_ok(&f, rollout_replay(&f.op, f.db, id, &n));
    assert_int_equal(n, 4);
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    struct json_out w;
    struct json *j = NULL;
    json_out_init(&w, &b, 0);
    assert_ok(&f, rollout_list_json(&f.op, f.db, STR("shop"), NULL, &w));
    assert_ok(&f, json_parse(&f.op, buf_str(&b), JSON_STRICT, &j));
    const struct json *last = json_get(&json_get(&j->items[0], "decisions")->items[3], "evidence");
    assert_true(str_eqc(json_get(last, "split_by")->s, "units"));
    for (uint32_t v = 0; v < 4; v++) {
        int64_t seen = 0, requests = 0;
        const struct json *arm = &json_get(last, "arms")->items[v];
        assert_true(json_as_i64(json_get(arm, "units"), &seen) && json_as_i64(json_get(arm, "requests"), &requests));
        assert_true(seen == 200 && requests == 4000);
    }
    buf_reset(&b);
    json_out_init(&w, &b, 0);
    assert_ok(&f, rollout_report_json(&f.op, f.db, STR("shop"), id, &w));
    assert_ok(&f, json_parse(&f.op, buf_str(&b), JSON_STRICT, &j));
    const struct json *arm = &json_get(json_get(j, "report"), "arms")->items[3];
    assert_true(str_eqc(json_get(arm, "broken")->s, "errors") && json_get(json_get(arm, "latency"), "control") != NULL);
    fixture_close(&f);
}

static enum err advance_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct day_args *a = arg;
    return rollout_advance(op, tx, STR("shop"), a->rows, a->n, a->more, a->more_count, a->now_us, &a->decision);
}

static struct rollout_decision advance(struct fixture *f, struct str endpoint, const struct rollout_outcome *rows, size_t n,
                                       const struct rollout_requests *requests, size_t request_count, int64_t now_us)
{
    assert_true(str_eqc(endpoint, "shop"));
    struct day_args a = {.f = f, .rows = (struct rollout_outcome *)(uintptr_t)rows, .n = n, .more = requests, .more_count = request_count, .now_us = now_us};
    assert_ok(f, db_write(&f->op, f->db, advance_tx, &a));
    return a.decision;
}

/* Two rollouts of one namespace never have a unit in common. */
static void namespaces_exclude(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan first = plan_of(&f, "{\"kind\":\"ab\",\"namespace\":{\"name\":\"prices\",\"from\":0,\"to\":500}}");
    struct rollout_plan over = plan_of(&f, "{\"kind\":\"canary\",\"namespace\":{\"name\":\"prices\",\"from\":499,\"to\":1000}}");
    struct rollout_plan beside = plan_of(&f, "{\"kind\":\"ab\",\"namespace\":{\"name\":\"prices\",\"from\":500,\"to\":1000}}");
    struct rollout_plan other = plan_of(&f, "{\"kind\":\"ab\",\"namespace\":{\"name\":\"colours\",\"from\":0,\"to\":1000}}");
    struct rollout_plan none = plan_of(&f, "{\"kind\":\"ab\"}");
    int64_t id;
    struct rollout_decision d;
    assert_ok(&f, rollout_start(&f.op, f.db, STR("a"), 1, 2, &first, T0, 7, &id));
    assert_int_equal(rollout_start(&f.op, f.db, STR("b"), 1, 2, &over, T0, 7, &id), E_CONFLICT);
    assert_non_null(strstr(f.op.msg, "'prices'"));
    assert_non_null(strstr(f.op.msg, "on 'a'"));
    op_clear(&f.op);
    assert_ok(&f, rollout_start(&f.op, f.db, STR("b"), 1, 2, &beside, T0, 7, &id));
    assert_ok(&f, rollout_start(&f.op, f.db, STR("c"), 1, 2, &other, T0, 7, &id));
    assert_ok(&f, rollout_start(&f.op, f.db, STR("d"), 1, 2, &none, T0, 7, &id));
    assert_err(&f, rollout_start(&f.op, f.db, STR("e"), 1, 2, &over, T0, 7, &id), E_CONFLICT);
    struct rollout_weights wa, wb;
    assert_ok(&f, rollout_weights_load(&f.op, f.db, STR("a"), &wa));
    assert_ok(&f, rollout_weights_load(&f.op, f.db, STR("b"), &wb));
    for (int u = 0; u < 5000; u++) {
        struct rollout_pick a, b;
        char text[24];
        struct str unit = {text, (size_t)snprintf(text, sizeof text, "u%d", u)};
        rollout_choose(&wa, unit, &a);
        rollout_choose(&wb, unit, &b);
        assert_true((a.arm == ROLLOUT_ARM_NONE) != (b.arm == ROLLOUT_ARM_NONE));
    }
    assert_ok(&f, rollout_finish(&f.op, f.db, STR("a"), false, STR(""), T0, &d)); /* what has ended excludes nobody */
    assert_err(&f, rollout_start(&f.op, f.db, STR("e"), 1, 2, &over, T0, 7, &id), E_CONFLICT);
    assert_ok(&f, rollout_finish(&f.op, f.db, STR("b"), false, STR(""), T0, &d));
    assert_ok(&f, rollout_start(&f.op, f.db, STR("e"), 1, 2, &over, T0, 7, &id));
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
        cmocka_unit_test(each_arm_is_judged),             cmocka_unit_test(namespaces_exclude),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
