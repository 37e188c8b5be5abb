#include "core/rollout/course.h"

#include "core/rollout/store.h"
#include "rollout_fixture.h"

static struct json *parsed(struct fixture *f, const struct buf *b)
{
    struct json *j = NULL;
    assert_ok(f, json_parse(&f->op, str_dup(f->op.arena, buf_str(b)), JSON_STRICT, &j));
    return j;
}

static struct json *course(struct fixture *f, int64_t id)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    assert_ok(f, rollout_course_json(&f->op, f->db, STR("e"), id, T0 + 9, &w));
    return parsed(f, &b);
}

static struct json *briefs_of(struct fixture *f, const struct rollout_page *page)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    assert_ok(f, rollout_brief_json(&f->op, f->db, STR("e"), page, &w));
    return parsed(f, &b);
}

static struct json *briefs(struct fixture *f)
{
    return briefs_of(f, NULL);
}

static double number(const struct json *j, const char *path)
{
    double v = NAN;
    assert_true(json_path(j, path) && json_as_f64(json_path(j, path), &v));
    return v;
}

/* Every kind: each decision with what its evidence said, and what it says now. */
static void every_kind(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    static const char *const inside[] = {[ROLLOUT_CANARY] = "report.guards", [ROLLOUT_BLUE_GREEN] = "report.guards", [ROLLOUT_SHADOW] = "report.pairs",
                                         [ROLLOUT_AB] = "report.comparisons", [ROLLOUT_BANDIT] = "report.arms"};
    for (int kind = ROLLOUT_CANARY; kind <= ROLLOUT_BANDIT; kind++) {
        struct rollout_plan plan;
        struct rollout_decision d;
        int64_t id;
        rollout_plan_default_of((enum rollout_kind)kind, &plan);
        assert_ok(&f, rollout_start(&f.op, f.db, STR("e"), 1, 2, &plan, T0, 0, &id));
        struct json *j = course(&f, id);
        assert_true(json_get(j, "course")->len == 0 && str_eqc(json_get(j, "state")->s, "running") && json_get(j, "finished_us")->type == JSON_NULL);
        assert_non_null(json_path(json_get(j, "now"), inside[kind]));
        assert_true(json_get(&briefs(&f)->items[0], "last")->type == JSON_NULL);
        assert_ok(&f, rollout_pause(&f.op, f.db, STR("e"), STR("wait"), T0 + 5, &d));
        assert_ok(&f, rollout_finish(&f.op, f.db, STR("e"), kind % 2, STR("enough"), T0 + 6, &d));
        j = course(&f, id);
        const struct json *points = json_get(j, "course");
        assert_true(points->len == 2 && str_eqc(json_get(&points->items[0], "verdict")->s, "pause") && str_eqc(json_get(&points->items[0], "note")->s, "wait"));
        assert_non_null(json_path(&points->items[1], inside[kind]));
        assert_true(str_eqc(json_get(j, "kind")->s, rollout_kind_name((enum rollout_kind)kind)) && number(j, "finished_us") == T0 + 6);
        j = briefs(&f);
        assert_true(j->len == (uint32_t)kind + 1 && number(&j->items[0], "id") == (double)id); /* newest first */
        assert_true(str_eqc(json_path(&j->items[0], "last.note")->s, "enough") && number(&j->items[0], "last.seq") == 2 && number(&j->items[0], "last.to_permille") == (kind % 2 ? 1000 : 0));
    }
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&w, &b, 0);
    assert_err(&f, rollout_course_json(&f.op, f.db, STR("other"), 1, T0, &w), E_NOT_FOUND);
    fixture_close(&f);
}

/* Lists are pages of the newest; the brief ones begin with the newest, the others end with it. */
static void pages(void **state)
{
    (void)state;
    struct fixture f;
    AUTO(buf) struct buf b;
    struct json_out w;
    int64_t ids[5];
    fixture_open(&f);
    for (int i = 0; i < 5; i++) {
        struct rollout_plan plan;
        struct rollout_decision d;
        rollout_plan_default_of(ROLLOUT_CANARY, &plan);
        assert_ok(&f, rollout_start(&f.op, f.db, STR("e"), 1, 2, &plan, T0, 0, &ids[i]));
        assert_ok(&f, rollout_finish(&f.op, f.db, STR("e"), false, STR("enough"), T0 + 6, &d));
    }
    struct json *j = briefs_of(&f, &(struct rollout_page){INT64_MAX, 2});
    assert_true(j->len == 2 && number(&j->items[0], "id") == (double)ids[4] && number(&j->items[1], "id") == (double)ids[3]);
    j = briefs_of(&f, &(struct rollout_page){ids[3], 9});
    assert_true(j->len == 3 && number(&j->items[0], "id") == (double)ids[2] && number(&j->items[2], "id") == (double)ids[0]);
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    assert_ok(&f, rollout_list_json(&f.op, f.db, STR("e"), &(struct rollout_page){ids[4], 2}, &w));
    j = parsed(&f, &b);
    assert_true(j->len == 2 && number(&j->items[0], "id") == (double)ids[2] && number(&j->items[1], "id") == (double)ids[3]);
    assert_int_equal(json_get(&j->items[1], "decisions")->len, 1);
    buf_clear(&b);
    buf_init(&b, 500); /* what does not fit is told, not read on */
    json_out_init(&w, &b, 0);
    assert_err(&f, rollout_list_json(&f.op, f.db, STR("e"), NULL, &w), E_TOO_LARGE);
    fixture_close(&f);
}

/* The guardrails' figures are those that the judge goes by. */
static void guards(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan plan;
    struct rollout_evidence ev = {.arm = {{.requests = 1000, .errors = 1, .slow = 3}, {.requests = 1000, .errors = 60, .slow = 5}}};
    rollout_plan_default(&plan);
    plan.latency_quantile = 0.9;
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    rollout_guards_json(&w, &plan, &ev, 4, 5);
    struct json *j = parsed(&f, &b);
    const struct json *g = json_get(j, "guards");
    assert_true(g->len == 2 && json_get(&g->items[0], "broken")->boolean);
    assert_true(number(&g->items[0], "log_e") > number(&g->items[0], "boundary") && number(&g->items[0], "candidate") == 0.06);
    assert_true(!json_get(&g->items[1], "broken")->boolean && number(&g->items[1], "limit") == ROLLOUT_SLOW_SHARE);
    assert_true(json_get(j, "latency") && number(&json_get(j, "arms")->items[1], "version") == 5 && json_get(&json_get(j, "arms")->items[0], "loss")->type == JSON_NULL);
    struct rollout_decision d = {0};
    rollout_decide(&plan, &(struct rollout_position){0, T0}, &ev, T0, &d);
    assert_string_equal(d.reason, "errors");
    fixture_close(&f);
}

/* Of many decisions those that changed something all stand there, the others by turns. */
static void thinned(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f);
    struct rollout_plan plan;
    struct rollout_decision d;
    int64_t id;
    rollout_plan_default_of(ROLLOUT_BANDIT, &plan);
    assert_ok(&f, rollout_start(&f.op, f.db, STR("e"), 1, 2, &plan, T0, 0, &id));
    const int turns = LIMIT_ROLLOUT_COURSE_DRAWN + 20;
    for (int i = 0; i < turns; i++) {
        assert_ok(&f, rollout_pause(&f.op, f.db, STR("e"), STR(""), T0 + i, &d));
        assert_ok(&f, rollout_resume(&f.op, f.db, STR("e"), STR(""), T0 + i, &d));
    }
    const struct json *points = json_get(course(&f, id), "course");
    assert_true(points->len >= LIMIT_ROLLOUT_COURSE_DRAWN && points->len <= 2 * LIMIT_ROLLOUT_COURSE_DRAWN);
    assert_true(number(&points->items[points->len - 1], "seq") == 2 * turns);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_kind), cmocka_unit_test(pages), cmocka_unit_test(guards), cmocka_unit_test(thinned)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
