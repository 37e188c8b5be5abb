#include "unit/core/track/fixture.h"

#include "base/json.h"
#include "base/thread.h"
#include "core/track/experiment.h"
#include "core/track/input.h"
#include "core/track/metric.h"
#include "core/track/run.h"
#include "core/track/run_search.h"

static void updates(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r;
    assert_ok(op, track_run_create(op, f->db, 0, STR("a"), STR("me"), 5, NULL, 0, &r));
    assert_int_equal(r.run_id.len, 32);
    assert_str(r.artifact_uri, op_printf(op, "mlflow-artifacts:/0/%s/artifacts", r.run_id.p));
    enum track_run_status done = TRACK_RUN_FINISHED;
    int64_t end = 77;
    assert_ok(op, track_run_update(op, f->db, r.run_id, &done, &end, STR(""), &r));
    assert_true(r.has_end && r.end_ms == 77 && r.status == TRACK_RUN_FINISHED);
    assert_str(r.name, "a");
    assert_ok(op, track_run_update(op, f->db, r.run_id, NULL, NULL, STR("b"), &r));
    assert_ok(op, track_run_get(op, f->db, r.run_id, &r));
    assert_str(r.name, "b");
    assert_str(names_find(r.tags.p, r.tags.len, "mlflow.runName"), "b");
    assert_ok(op, track_run_set_tag(op, f->db, r.run_id, STR("mlflow.runName"), STR("c")));
    assert_ok(op, track_run_get(op, f->db, r.run_id, &r));
    assert_str(r.name, "c");
    assert_true(r.has_end && r.end_ms == 77);
    assert_fails(op, track_run_delete_tag(op, f->db, r.run_id, STR("none")), E_NOT_FOUND, "No tag with name: none in run with id");
    assert_fails(op, track_run_set_tag(op, f->db, r.run_id, STR("a&"), STR("x")), E_INVALID, "parameter 'key'");
    enum track_run_status s;
    assert_true(track_run_status_parse(STR("KILLED"), &s) && s == TRACK_RUN_KILLED);
    assert_false(track_run_status_parse(STR("killed"), &s));
}

static void inputs(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r;
    struct track_kv tag = {STR("mlflow.data.context"), STR("training")};
    struct track_dataset d = {.name = STR("flights"), .digest = STR("abc"), .source_type = STR("local"), .source = STR("{}"),
                              .schema = STR("{}"), .tags = {&tag, 1}};
    struct track_run_model m = {STR("m-1"), 3};
    assert_ok(op, track_run_create(op, f->db, 0, STR("a"), STR("me"), 5, NULL, 0, &r));
    for (int i = 0; i < 2; i++)
        assert_ok(op, input_log(op, f->db, r.run_id, &d, 1, &m, 1));
    assert_ok(op, input_log_outputs(op, f->db, r.run_id, &m, 1));
    assert_ok(op, track_run_get(op, f->db, r.run_id, &r));
    assert_true(r.dataset_count == 1 && r.input_count == 1 && r.output_count == 1 && r.outputs[0].step == 3);
    assert_str(r.datasets[0].tags.p[0].value, "training");
    assert_null(r.datasets[0].profile.p);
    d.digest = STR("0123456789012345678901234567890123456789");
    assert_fails(op, input_log(op, f->db, r.run_id, &d, 1, NULL, 0), E_INVALID, "'digest' exceeds the maximum length of 36 characters");
    d.digest = STR("abc");
    d.source_type = STR("0123456789012345678901234567890123456789");
    assert_fails(op, input_log(op, f->db, r.run_id, &d, 1, NULL, 0), E_INVALID, "'source_type' exceeds");
    d.source_type = STR("local");
    m.model_id = str_from(op_printf(op, "m-%0300d", 1));
    assert_fails(op, input_log(op, f->db, r.run_id, NULL, 0, &m, 1), E_INVALID, "'model_id' exceeds");
    assert_fails(op, input_log_outputs(op, f->db, r.run_id, &m, 1), E_INVALID, "'model_id' exceeds");
    m.model_id = STR("m-1");
    d.digest = STR("");
    assert_fails(op, input_log(op, f->db, r.run_id, &d, 1, NULL, 0), E_INVALID, "Missing value for required parameter 'digest'");
    assert_fails(op, input_log(op, f->db, STR("nobody"), NULL, 0, &m, 1), E_NOT_FOUND, "Run with id=nobody not found");
}

static void experiments(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    int64_t id = 0;
    for (int i = 0; i < 5; i++) {
        struct track_kv tag = {STR("n"), str_from(op_printf(op, "%d", i))};
        op->now_us = 1000000LL * (i + 1);
        assert_ok(op, experiment_create(op, f->db, str_from(op_printf(op, "e%d", i)), STR("s3://bucket/e"), &tag, 1, &id));
    }
    struct experiment_query q = {.filter = STR("name LIKE 'e%'"), .view = TRACK_VIEW_ACTIVE, .max_results = 2};
    struct experiment_page p;
    assert_ok(op, experiment_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 2);
    assert_str(p.items[0].name, "e4"); /* newest first */
    assert_str(p.items[0].tags.p[0].value, "4");
    q.page_token = p.next_token;
    assert_ok(op, experiment_search(op, f->db, &q, &p));
    assert_str(p.items[0].name, "e2");
    struct str order[] = {STR("name ASC")};
    q = (struct experiment_query){.filter = STR("tags.n != '1' AND creation_time < 4000 AND name LIKE 'e%'"), .order_by = order,
                                  .order_count = 1, .view = TRACK_VIEW_ALL, .max_results = 100};
    assert_ok(op, experiment_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 2);
    assert_str(p.items[1].name, "e2");
    q.max_results = 0;
    assert_fails(op, experiment_search(op, f->db, &q, &p), E_INVALID, "It must be a positive integer");
    q.max_results = 50001;
    assert_fails(op, experiment_search(op, f->db, &q, &p), E_INVALID, "It must be at most 50000");
    assert_fails(op, experiment_create(op, f->db, STR("x"), STR("runs:/a"), NULL, 0, &id), E_INVALID, "runs:/ URI");
    assert_fails(op, experiment_create(op, f->db, STR(""), STR(""), NULL, 0, &id), E_INVALID, "Invalid experiment name: ''");
    assert_fails(op, experiment_restore(op, f->db, id), E_NOT_FOUND, "No Experiment with id=");
}

/* Whatever is stored, an answer that does not fit is an error, never an abort. */
static void little_memory(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op, small;
    struct track_run r;
    char *value = op_printf(op, "%08000d", 7);
    struct track_kv tags[100];
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        tags[i] = (struct track_kv){str_from(op_printf(op, "t%zu", i)), str_from(value)};
    for (int i = 0; i < 8; i++)
        assert_ok(op, track_run_create(op, f->db, 0, STR("a"), STR(""), i, tags, ARRAY_LEN(tags), &r));
    op_init(&small, arena_create(LIMIT_MIB(6)));
    int64_t exps[] = {0};
    struct run_query q = {.experiments = exps, .experiment_count = 1, .filter = STR("tags.t1 LIKE '%7'"), .view = TRACK_VIEW_ALL, .max_results = 8};
    struct run_page p;
    assert_fails(&small, run_search(&small, f->db, &q, &p), E_TOO_LARGE, "too many keys");
    arena_reset(small.arena);
    q.max_results = 2;
    assert_ok(&small, run_search(&small, f->db, &q, &p));
    assert_int_equal(p.len, 2);
    arena_destroy(small.arena);
}

/* Each model that an older client logs is added to the list; nothing of it is cut or lost. */
static void model_history(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct track_run r;
    struct json *list = NULL;
    struct str one = str_from(op_printf(op, "{\"a\": \"%05000d\"}", 7)), all;
    assert_ok(op, track_run_create(op, f->db, 0, STR("a"), STR(""), 0, NULL, 0, &r));
    for (int i = 0; i < 3; i++)
        assert_ok(op, track_run_add_model(op, f->db, r.run_id, one));
    assert_ok(op, track_run_get(op, f->db, r.run_id, &r));
    all = names_find(r.tags.p, r.tags.len, "mlflow.log-model.history");
    assert_ok(op, json_parse(op, all, JSON_STRICT, &list));
    assert_true(list->type == JSON_ARRAY && list->len == 3 && list->items[2].type == JSON_OBJECT);
    enum err e = OK;
    for (int i = 0; i < 60 && !e; i++)
        e = track_run_add_model(op, f->db, r.run_id, one);
    assert_int_equal(e, E_TOO_LARGE);
    op_clear(op);
    assert_ok(op, track_run_get(op, f->db, r.run_id, &r));
    assert_ok(op, json_parse(op, names_find(r.tags.p, r.tags.len, "mlflow.log-model.history"), JSON_STRICT, &list));
    assert_fails(op, track_run_add_model(op, f->db, STR("none"), one), E_NOT_FOUND, "not found");
}

/* A started call that the test waits for. */
struct call {
    struct mutex lock;
    struct cond over;
    int ended;
    enum err result;
};

static void on_over(void *arg, enum err e)
{
    struct call *c = arg;
    LOCK(&c->lock);
    c->ended++;
    c->result = e;
    cond_signal(&c->over);
}

/* The end of the last call, which must have come exactly `n` times by now. */
static enum err await_call(struct call *c, int n)
{
    LOCK(&c->lock);
    while (c->ended < n)
        assert_true(cond_wait_ms(&c->over, &c->lock, 10000));
    assert_int_equal(c->ended, n);
    return c->result;
}

/* Calls without a wait do what those with one do; a refused one never ends. */
static void started_calls(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct call c = {0};
    mutex_init(&c.lock);
    cond_init(&c.over);
    struct track_run r = {0}, again = {0};
    enum track_run_status done = TRACK_RUN_FINISHED;
    int64_t end = 9;
    struct track_kv tag = {STR("t"), STR("1")};
    assert_ok(op, track_run_create_start(op, f->db, 0, STR("later"), STR("me"), 5, &tag, 1, &r, on_over, &c));
    assert_ok(op, await_call(&c, 1));
    assert_str(r.name, "later");
    assert_ok(op, track_run_set_tag_start(op, f->db, r.run_id, STR("u"), STR("2"), on_over, &c));
    assert_ok(op, await_call(&c, 2));
    assert_ok(op, track_run_delete_tag_start(op, f->db, r.run_id, STR("t"), on_over, &c));
    assert_ok(op, await_call(&c, 3));
    assert_ok(op, track_run_update_start(op, f->db, r.run_id, &done, &end, STR("renamed"), &again, on_over, &c));
    assert_ok(op, await_call(&c, 4));
    assert_true(again.status == TRACK_RUN_FINISHED && again.end_ms == 9);
    assert_ok(op, track_run_get(op, f->db, r.run_id, &again));
    assert_str(again.name, "renamed");
    assert_int_equal(again.tags.len, 2);
    assert_str(names_find(again.tags.p, again.tags.len, "u"), "2");
    assert_ok(op, track_run_delete_tag_start(op, f->db, r.run_id, STR("t"), on_over, &c));
    assert_fails(op, await_call(&c, 5), E_NOT_FOUND, "No tag with name: t in run with id");
    assert_ok(op, track_run_create_start(op, f->db, 77, STR(""), STR(""), 5, NULL, 0, &again, on_over, &c));
    assert_fails(op, await_call(&c, 6), E_NOT_FOUND, "77");
    assert_str(again.name, "renamed"); /* not written */
    assert_fails(op, track_run_set_tag_start(op, f->db, r.run_id, STR("a&"), STR("x"), on_over, &c), E_INVALID, "parameter 'key'");
    tag = (struct track_kv){STR("mlflow.runName"), STR("other")};
    assert_fails(op, track_run_create_start(op, f->db, 0, STR("a"), STR(""), 0, &tag, 1, &again, on_over, &c), E_INVALID, "Both 'run_name'");
    assert_int_equal(await_call(&c, 6), E_NOT_FOUND);
    cond_clear(&c.over);
    mutex_clear(&c.lock);
}

/* Anybody may hold a run; its user and administrators let it go. */
static void holds(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct str hold = STR(TRACK_HOLD_TAG);
    struct track_run r;
    int64_t x = 0;
    op->actor = (struct actor){STR("ann"), 1u << PERM_RUN_WRITE};
    assert_ok(op, track_run_create(op, f->db, 0, STR("r"), STR("ann"), 1000, NULL, 0, &r));
    assert_ok(op, track_run_set_tag(op, f->db, r.run_id, hold, STR("no")));
    op->actor.name = STR("bob");
    assert_ok(op, track_run_set_tag(op, f->db, r.run_id, hold, STR("maybe"))); /* it holds nothing yet */
    assert_ok(op, track_run_set_tag(op, f->db, r.run_id, hold, STR("true")));
    assert_ok(op, track_run_set_tag(op, f->db, r.run_id, hold, STR("true")));
    assert_fails(op, track_run_set_tag(op, f->db, r.run_id, hold, STR("false")), E_DENIED, "the run is held");
    assert_fails(op, track_run_delete_tag(op, f->db, r.run_id, hold), E_DENIED, "the run is held");
    struct track_kv tags[] = {{STR("a"), STR("b")}, {hold, STR("")}};
    struct track_batch b = {.run_id = r.run_id, .tags = tags, .tag_count = 2};
    assert_fails(op, metric_log_batch(op, f->db, &b), E_DENIED, "the run is held");
    assert_ok(op, track_run_get(op, f->db, r.run_id, &r));
    assert_str(names_find(r.tags.p, r.tags.len, TRACK_HOLD_TAG), "true");
    assert_true(!names_find(r.tags.p, r.tags.len, "a").len); /* the batch is one unit */
    op->actor.name = STR("ann");
    assert_ok(op, track_run_set_tag(op, f->db, r.run_id, hold, STR("false")));
    assert_ok(op, track_run_set_tag(op, f->db, r.run_id, hold, STR("true")));
    op->actor = (struct actor){STR("admin"), 1u << PERM_ADMIN};
    assert_ok(op, track_run_delete_tag(op, f->db, r.run_id, hold));
    assert_ok(op, experiment_create(op, f->db, STR("x"), STR(""), NULL, 0, &x));
    op->actor = (struct actor){STR("ann"), 1u << PERM_RUN_WRITE};
    assert_ok(op, experiment_set_tag(op, f->db, x, hold, STR("true")));
    assert_fails(op, experiment_set_tag(op, f->db, x, hold, STR("")), E_DENIED, "only an administrator");
    assert_fails(op, experiment_delete_tag(op, f->db, x, hold), E_DENIED, "only an administrator");
    op->actor.perms = 1u << PERM_ADMIN;
    assert_ok(op, experiment_delete_tag(op, f->db, x, hold));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(updates), fixture_test(started_calls), fixture_test(inputs), fixture_test(experiments), fixture_test(little_memory), fixture_test(model_history), fixture_test(holds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
