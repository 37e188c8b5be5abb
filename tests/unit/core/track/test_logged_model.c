#include "unit/core/track/fixture.h"

#include "core/track/logged_model.h"
#include "core/track/metric.h"

static struct logged_model make(struct fixture *f, const char *name, int64_t now_ms)
{
    struct logged_model m;
    struct track_kv param = {STR("depth"), str_from(name)}, tag = {STR("stage"), STR("dev")};
    struct logged_model_new in = {.name = str_from(name), .model_type = STR("tree"), .params = &param, .param_count = 1, .tags = &tag, .tag_count = 1};
    f->op.now_us = now_ms * 1000;
    assert_ok(&f->op, logged_model_create(&f->op, f->db, &in, &m));
    return m;
}

static void life(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct logged_model m = make(f, "a", 1);
    assert_true(m.model_id.len == 34 && m.status == LOGGED_MODEL_PENDING);
    assert_str(m.artifact_uri, op_printf(op, "mlflow-artifacts:/0/models/%s/artifacts", m.model_id.p));
    assert_ok(op, logged_model_finalize(op, f->db, m.model_id, LOGGED_MODEL_READY, &m));
    assert_str(str_from(logged_model_status_name(m.status)), "LOGGED_MODEL_READY");
    struct track_kv same = {STR("depth"), STR("a")}, other = {STR("depth"), STR("b")};
    assert_ok(op, logged_model_log_params(op, f->db, m.model_id, &same, 1));
    assert_fails(op, logged_model_log_params(op, f->db, m.model_id, &other, 1), E_INVALID, "Changing param values is not allowed");
    assert_ok(op, logged_model_delete_tag(op, f->db, m.model_id, STR("stage")));
    assert_fails(op, logged_model_delete_tag(op, f->db, m.model_id, STR("stage")), E_NOT_FOUND, "No tag with key 'stage' found for model with ID 'm-");
    /* What one value may bring is bounded, so that reading the model needs a bounded memory. */
    struct track_kv big = {STR("big"), str_from(op_printf(op, "%010000d", 7))};
    struct logged_model_new tagged = {.name = STR("b"), .tags = &big, .tag_count = 1};
    assert_ok(op, logged_model_set_tags(op, f->db, m.model_id, &big, 1));
    assert_ok(op, logged_model_get(op, f->db, m.model_id, false, &m));
    assert_int_equal(m.tags.p[0].value.len, LIMIT_TRACK_TAG_VALUE);
    assert_ok(op, logged_model_create(op, f->db, &tagged, &m));
    assert_int_equal(m.tags.p[0].value.len, LIMIT_TRACK_TAG_VALUE);
    struct track_metric auc = {.key = STR("auc"), .time_ms = 1, .model_id = m.model_id, .dataset_name = big.value, .dataset_digest = STR("d")};
    struct track_batch batch = {.run_id = STR("0123456789abcdef0123456789abcdef"), .metrics = &auc, .metric_count = 1};
    assert_fails(op, metric_log_batch(op, f->db, &batch), E_INVALID, "'dataset_name' exceeds");
    struct logged_model_new bad = {.name = STR("a.b")};
    assert_fails(op, logged_model_create(op, f->db, &bad, &m), E_INVALID, "Invalid model name ('a.b') provided");
    assert_fails(op, logged_model_get(op, f->db, STR("m-0"), true, &m), E_NOT_FOUND, "Logged model with ID 'm-0' not found.");
}

static void metrics_and_search(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r;
    assert_ok(op, track_run_create(op, f->db, 0, STR("r"), STR(""), 0, NULL, 0, &r));
    for (int i = 0; i < 5; i++) {
        struct logged_model m = make(f, op_printf(op, "m%d", i), 10 + i);
        struct track_metric auc = {.key = STR("auc"), .value = i / 10.0, .time_ms = 1, .model_id = m.model_id};
        struct track_batch b = {.run_id = r.run_id, .metrics = &auc, .metric_count = i == 4 ? 0 : 1};
        assert_ok(op, metric_log_batch(op, f->db, &b));
    }
    int64_t exps[] = {0};
    struct logged_model_order by_auc = {.field = STR("metrics.auc"), .descending = true};
    struct logged_model_query q = {.experiments = exps, .experiment_count = 1, .max_results = 3};
    struct logged_model_page p;
    assert_ok(op, logged_model_search(op, f->db, &q, &p));
    assert_true(p.len == 3 && p.next_token.len);
    assert_str(p.models[0].name, "m4"); /* newest first */
    q.max_results = 100;
    q.order_by = &by_auc;
    q.order_count = 1;
    assert_ok(op, logged_model_search(op, f->db, &q, &p));
    assert_str(p.models[0].name, "m3");
    assert_str(p.models[4].name, "m4"); /* has none: last */
    assert_true(p.models[0].metrics[0].value == 0.3);
    assert_str(p.models[0].metrics[0].run_id, r.run_id.p);
    q.filter = STR("metrics.auc >= 0.1 AND name != 'm2' AND params.depth LIKE 'm%' AND status = 'PENDING'");
    assert_ok(op, logged_model_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 2);
    struct track_metric lost = {.key = STR("auc"), .value = 1, .time_ms = 1, .model_id = STR("m-none")};
    struct track_batch b = {.run_id = r.run_id, .metrics = &lost, .metric_count = 1};
    assert_fails(op, metric_log_batch(op, f->db, &b), E_NOT_FOUND, "Logged model with ID 'm-none' not found.");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(life), fixture_test(metrics_and_search)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
