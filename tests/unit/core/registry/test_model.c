#include "unit/core/track/fixture.h"

#include "core/registry/model.h"

static enum err add(struct fixture *f, const char *name, const char *source, const char *run, struct registry_version *v)
{
    struct registry_version_new in = {.name = str_from(name), .source = str_from(source), .run_id = str_from(run)};
    return registry_version_create(&f->op, f->db, &in, v);
}

static void searches(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    struct track_kv prompt = {STR("mlflow.prompt.is_prompt"), STR("True")};
    for (int i = 0; i < 5; i++)
        assert_ok(op, registry_model_create(op, f->db, str_from(op_printf(op, "m%d", i)), STR(""), NULL, 0, &m));
    assert_ok(op, registry_model_create(op, f->db, STR("p"), STR(""), &prompt, 1, &m));
    for (int i = 0; i < 3; i++)
        assert_ok(op, add(f, "m1", "s3://b/x", "", &v));
    assert_ok(op, registry_version_set_tag(op, f->db, STR("m1"), 2, STR("k"), STR("v")));
    struct registry_search q = {.max_results = 2};
    struct registry_model_page p;
    assert_ok(op, registry_model_search(op, f->db, &q, &p));
    assert_true(p.len == 2 && p.next_token.len > 0);
    q.max_results = 100;
    assert_ok(op, registry_model_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 5);
    assert_int_equal(p.models[1].latest[0].version, 3);
    q.filter = STR("name LIKE 'm%' AND tags.`mlflow.prompt.is_prompt` != 'True'");
    assert_ok(op, registry_model_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 5);
    q.filter = STR("tags.`mlflow.prompt.is_prompt` = 'True'");
    assert_ok(op, registry_model_search(op, f->db, &q, &p));
    assert_int_equal(p.len, 1);
    struct registry_version_page vp;
    q.filter = STR("name = 'm1' AND version_number > 1 AND tags.k = 'v'");
    assert_ok(op, registry_version_search(op, f->db, &q, &vp));
    assert_int_equal(vp.len, 1);
    assert_int_equal(vp.versions[0].version, 2);
    q.filter = STR("name = 'm1'");
    struct str order[] = {STR("version_number DESC")};
    q.order_by = order;
    q.order_count = 1;
    assert_ok(op, registry_version_search(op, f->db, &q, &vp));
    assert_int_equal(vp.versions[0].version, 3);
    q.filter = STR("colour = 'm1'");
    assert_fails(op, registry_version_search(op, f->db, &q, &vp), E_INVALID, "Invalid attribute key 'colour'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(searches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
