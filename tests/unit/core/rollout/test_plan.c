#include "core/rollout/plan.h"

#include "rollout_fixture.h"

static enum err parse(struct op *op, const char *text, struct rollout_plan *ret)
{
    struct json *j = NULL;
    enum err e = json_parse(op, str_from(text), JSON_STRICT, &j);
    assert_int_equal(e, OK);
    return rollout_plan_parse(op, j, ret);
}

static void plans_round_trip(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    struct rollout_plan p, q;
    assert_int_equal(rollout_plan_parse(&op, NULL, &p), OK);
    assert_true(p.step_count == 5 && p.steps_permille[4] == 1000 && p.alpha == 0.05);
    assert_int_equal(parse(&op, "{\"steps_permille\":[10,1000],\"alpha\":0.01,\"margin\":0,\"min_step_us\":0,"
                                "\"on_inconclusive\":\"rollback\",\"min_samples\":50}", &p), OK);
    assert_true(p.step_count == 2 && p.margin == 0 && p.min_samples == 50 && p.on_inconclusive == ROLLOUT_ON_INCONCLUSIVE_ROLLBACK);
    AUTO(buf) struct buf b;
    buf_init(&b, LIMIT_KIB(16));
    struct json_out w;
    json_out_init(&w, &b, 0);
    rollout_plan_json(&w, &p);
    assert_int_equal(parse(&op, b.p, &q), OK);
    assert_true(q.step_count == p.step_count && q.steps_permille[0] == 10 && q.alpha == p.alpha && q.max_step_us == p.max_step_us &&
                q.margin == p.margin && q.max_error_rate == p.max_error_rate && q.max_p95_us == p.max_p95_us &&
                q.min_step_us == p.min_step_us && q.min_samples == p.min_samples && q.on_inconclusive == p.on_inconclusive);
}

static void bad_plans_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *field;
    } bad[] = {
        {"{\"steps_permille\":[]}", "steps_permille"},
        {"{\"steps_permille\":[50]}", "steps_permille"},
        {"{\"steps_permille\":[1000]}", "steps_permille"},
        {"{\"steps_permille\":[50,50,1000]}", "steps_permille"},
        {"{\"steps_permille\":[100,50,1000]}", "steps_permille"},
        {"{\"steps_permille\":[0,1000]}", "steps_permille"},
        {"{\"steps_permille\":[50,1001]}", "steps_permille"},
        {"{\"steps_permille\":[1.5,1000]}", "steps_permille"},
        {"{\"steps_permille\":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,1000]}", "steps_permille"},
        {"{\"steps_permille\":50}", "steps_permille"},
        {"{\"alpha\":0}", "alpha"},
        {"{\"alpha\":0.5}", "alpha"},
        {"{\"alpha\":\"0.05\"}", "alpha"},
        {"{\"margin\":-0.1}", "margin"},
        {"{\"min_samples\":1}", "min_samples"},
        {"{\"min_samples\":300.5}", "min_samples"},
        {"{\"min_step_us\":-1}", "min_step_us"},
        {"{\"min_step_us\":10,\"max_step_us\":5}", "max_step_us"},
        {"{\"max_error_rate\":1}", "max_error_rate"},
        {"{\"max_p95_us\":0}", "max_p95_us"},
        {"{\"on_inconclusive\":\"shrug\"}", "on_inconclusive"},
        {"{\"on_inconclusive\":3}", "on_inconclusive"},
        {"{\"speed\":3}", "speed"},
        {"[]", "plan"},
    };
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct rollout_plan p = {.step_count = 77};
        if (parse(&op, bad[i].text, &p) != E_INVALID)
            fail_msg("taken: %s", bad[i].text);
        assert_string_equal(op.field, bad[i].field);
        assert_int_equal(p.step_count, 77);
        op_clear(&op);
    }
}

/* Every kind: its own members are taken and come back, those of others are refused. */
static void each_kind_has_its_members(void **state)
{
    (void)state;
    static const struct {
        const char *text, *foreign;
    } plans[] = {
        {"{\"kind\":\"blue_green\",\"hold_back_permille\":50,\"on_inconclusive\":\"pause\",\"latency\":{\"quantile\":0.95,\"method\":\"dkw\"}}", "{\"kind\":\"blue_green\",\"steps_permille\":[5,1000]}"},
        {"{\"kind\":\"shadow\",\"shadow_permille\":100,\"min_agreement\":0.98,\"max_latency_ratio\":1.5,\"min_labels\":200,\"on_win\":\"promote\"}",
         "{\"kind\":\"shadow\",\"max_p95_us\":5}"},
        {"{\"kind\":\"ab\",\"versions\":[7,8],\"shares_permille\":[400,200,200,200],\"metrics\":[\"accuracy\",\"errors\"],\"test\":\"fixed\","
         "\"samples_per_arm\":5000,\"correction\":\"bh\",\"namespace\":{\"name\":\"checkout\",\"from\":0,\"to\":500}}",
         "{\"kind\":\"ab\",\"epsilon\":0.1}"},
        {"{\"kind\":\"bandit\",\"rule\":\"top_two_beta\",\"reward\":\"reward\",\"floor\":0.05,\"half_life_us\":1e9,\"stop_at\":0.99}",
         "{\"kind\":\"bandit\",\"metrics\":[\"accuracy\"]}"},
    };
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    for (size_t i = 0; i < ARRAY_LEN(plans); i++) {
        struct rollout_plan p, q;
        AUTO(buf) struct buf first;
        AUTO(buf) struct buf again;
        struct json_out w;
        buf_init(&first, LIMIT_KIB(16));
        buf_init(&again, LIMIT_KIB(16));
        if (parse(&op, plans[i].text, &p))
            fail_msg("%s: %s", plans[i].text, op.msg);
        json_out_init(&w, &first, 0);
        rollout_plan_json(&w, &p);
        assert_int_equal(parse(&op, str_cstr(op.arena, buf_str(&first)), &q), OK);
        json_out_init(&w, &again, 0);
        rollout_plan_json(&w, &q);
        assert_true(str_eq(buf_str(&first), buf_str(&again)));
        assert_int_equal(parse(&op, plans[i].foreign, &p), E_INVALID);
        op_clear(&op);
    }
    struct rollout_plan p;
    assert_int_equal(parse(&op, plans[0].text, &p), OK);
    assert_true(p.kind == ROLLOUT_BLUE_GREEN && p.step_count == 1 && p.steps_permille[0] == 950);
    assert_int_equal(parse(&op, plans[2].text, &p), OK);
    assert_true(p.version_count == 2 && p.shares_permille[3] == 200 && p.metrics[1] == ROLLOUT_ERRORS && p.space_to == 500 && str_eqc(p.space, "checkout"));
    int shares[LIMIT_ROLLOUT_ARMS];
    p.share_count = 0;
    rollout_plan_shares(&p, 3, shares);
    assert_true(shares[0] == 334 && shares[1] == 333 && shares[2] == 333);
    static const char *const bad[] = {
        "{\"kind\":\"ab\",\"shares_permille\":[500,400]}",
        "{\"kind\":\"ab\",\"shares_permille\":[500,300,200]}",
        "{\"kind\":\"ab\",\"metrics\":[]}",
        "{\"kind\":\"ab\",\"metrics\":[\"brier\",\"brier\"]}",
        "{\"kind\":\"ab\",\"test\":\"fixed\"}",
        "{\"kind\":\"ab\",\"versions\":[2,3,4,5,6,7,8]}",
        "{\"kind\":\"bandit\",\"rule\":\"best\"}",
        "{\"kind\":\"bandit\",\"reward\":\"errors\"}",
        "{\"kind\":\"bandit\",\"floor\":0.5,\"versions\":[3]}",
        "{\"kind\":\"shadow\",\"namespace\":{\"name\":\"a\",\"from\":500,\"to\":500}}",
        "{\"kind\":\"shadow\",\"namespace\":7}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse(&op, bad[i], &p) != E_INVALID)
            fail_msg("taken: %s", bad[i]);
        op_clear(&op);
    }
}

static void a_quantile_of_latency(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"kind\":\"bandit\",\"latency\":{\"quantile\":0.99,\"method\":\"dkw\"}}", /* its shares move: no control of the same hours */
        "{\"kind\":\"blue_green\",\"latency\":{\"quantile\":0.99,\"method\":\"dkw\"}}", /* nobody is held back */
        "{\"latency\":{\"quantile\":0.99}}",
        "{\"latency\":{\"method\":\"dkw\"}}",
        "{\"latency\":{\"quantile\":0.99,\"method\":\"mean\"}}",
        "{\"latency\":{\"quantile\":1,\"method\":\"dkw\"}}",
        "{\"latency\":{\"quantile\":0.99,\"method\":\"dkw\",\"max_ratio\":0.5}}",
        "{\"latency\":{\"quantile\":0.99,\"method\":\"dkw\",\"speed\":1}}",
        "{\"latency\":0.99}",
    };
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    struct rollout_plan p;
    op_init(&op, arena);
    assert_int_equal(parse(&op, "{\"latency\":{\"quantile\":0.99,\"method\":\"dkw\",\"max_ratio\":2}}", &p), OK);
    assert_true(p.latency_quantile == 0.99 && p.latency_max_ratio == 2);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (parse(&op, bad[i], &p) != E_INVALID)
            fail_msg("taken: %s", bad[i]);
        op_clear(&op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(plans_round_trip), cmocka_unit_test(bad_plans_are_refused),
                                       cmocka_unit_test(each_kind_has_its_members), cmocka_unit_test(a_quantile_of_latency)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
