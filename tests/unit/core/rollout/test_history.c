#include "core/rollout/history.h"

#include "core/rollout/store.h"
#include "rollout_fixture.h"

static struct json *report(struct fixture *f, int64_t id)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *j = NULL;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    assert_ok(f, rollout_report_json(&f->op, f->db, STR("e"), id, &w));
    assert_ok(f, json_parse(&f->op, str_dup(f->op.arena, buf_str(&b)), JSON_STRICT, &j));
    return j;
}

/* Every kind: started, paused by hand, reported, rolled back, and its log taken again. */
static void every_kind_has_a_history(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    static const char *const inside[] = {
        [ROLLOUT_CANARY] = "report.verdict", [ROLLOUT_BLUE_GREEN] = "report.verdict",   [ROLLOUT_SHADOW] = "report.pairs",
        [ROLLOUT_AB] = "report.comparisons", [ROLLOUT_BANDIT] = "report.arms",
    };
    for (int kind = ROLLOUT_CANARY; kind <= ROLLOUT_BANDIT; kind++) {
        struct rollout_plan plan;
        struct rollout_decision d;
        int64_t id;
        size_t n = 0;
        rollout_plan_default_of((enum rollout_kind)kind, &plan);
        assert_ok(&f, rollout_start(&f.op, f.db, STR("e"), 1, 2, &plan, T0, 0, &id));
        assert_ok(&f, rollout_pause(&f.op, f.db, STR("e"), STR("wait"), T0 + 5, &d));
        struct json *j = report(&f, id);
        assert_true(str_eqc(json_get(j, "kind")->s, rollout_kind_name((enum rollout_kind)kind)) && str_eqc(json_get(j, "paused")->s, ROLLOUT_BY_HAND));
        assert_non_null(json_path(j, inside[kind]));
        assert_ok(&f, rollout_finish(&f.op, f.db, STR("e"), false, STR("enough"), T0 + 6, &d));
        j = report(&f, id);
        assert_true(str_eqc(json_get(j, "state")->s, "rolled_back") && json_get(j, "paused")->type == JSON_NULL);
        assert_ok(&f, rollout_replay(&f.op, f.db, id, &n));
        assert_int_equal(n, 2);
    }
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&w, &b, 0);
    assert_err(&f, rollout_report_json(&f.op, f.db, STR("other"), 1, &w), E_NOT_FOUND);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kind_has_a_history)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
