#include "unit/core/track/fixture.h"

#include "base/time.h"
#include "core/registry/alias.h"
#include "core/registry/history.h"
#include "core/registry/model.h"
#include "core/registry/policy.h"
#include "core/registry/rollback.h"

static void model_make(struct fixture *f, int versions)
{
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    struct registry_version_new in = {.name = STR("m"), .source = STR("s3://b/x")};
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    for (int i = 0; i < versions; i++)
        assert_ok(op, registry_version_create(op, f->db, &in, &v));
}

static void set(struct fixture *f, int64_t version)
{
    assert_ok(&f->op, registry_alias_set(&f->op, f->db, STR("m"), STR("champion"), version));
}

static void back(struct fixture *f, const char *model, int64_t to, int64_t from, int64_t want)
{
    struct registry_rollback r = {.model = str_from(model), .alias = STR("champion"), .to = to};
    assert_ok(&f->op, registry_rollback(&f->op, f->db, &r));
    if (r.from != from || r.went_to != want)
        fail_msg("from %lld to %lld, not from %lld to %lld", (long long)r.from, (long long)r.went_to, (long long)from, (long long)want);
}

static void none_left(struct fixture *f, const char *model)
{
    struct registry_rollback r = {.model = str_from(model), .alias = STR("champion")};
    assert_fails(&f->op, registry_rollback(&f->op, f->db, &r), E_CONFLICT, "has no earlier version to go back to");
}

static void aliases(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    model_make(f, 5);
    none_left(f, "m");
    for (int i = 1; i <= 5; i++)
        set(f, i);
    op->reason = STR("errors in the night");
    back(f, "m", 0, 5, 4); /* one step, and not to and fro */
    back(f, "m", 0, 4, 3);
    set(f, 5);
    back(f, "m", 0, 5, 3);
    assert_ok(op, registry_version_delete(op, f->db, STR("m"), 2));
    back(f, "m", 0, 3, 1); /* over what is gone */
    none_left(f, "m");
    back(f, "m", 4, 1, 4); /* any earlier one */
    assert_ok(op, registry_alias_delete(op, f->db, STR("m"), STR("champion")));
    back(f, "m", 0, 0, 4); /* a removal too */
    struct registry_rollback same = {.model = STR("m"), .alias = STR("champion"), .to = 4};
    assert_ok(op, registry_rollback(op, f->db, &same));
    assert_false(same.changed);
    struct registry_rollback gone = {.model = STR("m"), .alias = STR("champion"), .to = 2};
    assert_fails(op, registry_rollback(op, f->db, &gone), E_NOT_FOUND, "version=2) not found");
    struct registry_change *h = NULL;
    size_t n = 0;
    struct registry_history_query q = {.model = STR("m"), .limit = 1};
    assert_ok(op, registry_history_list(op, f->db, &q, &h, &n));
    assert_str(h[0].action, "rollback");
    assert_str(h[0].reason, "errors in the night");
}

static void over_names(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_change *h = NULL;
    size_t n = 0;
    model_make(f, 2);
    set(f, 1);
    set(f, 2);
    assert_ok(op, registry_model_rename(op, f->db, STR("m"), STR("new"), &m));
    model_make(f, 2); /* another one under the old name */
    none_left(f, "m");
    set(f, 2);
    back(f, "new", 0, 2, 1); /* its past came along */
    struct registry_history_query q = {.model = STR("new"), .limit = 10};
    assert_ok(op, registry_history_list(op, f->db, &q, &h, &n));
    assert_true(n == 4 && str_eqc(h[1].kind, "name") && str_eqc(h[1].old_value, "m"));
    q.before = h[1].id;
    assert_ok(op, registry_history_list(op, f->db, &q, &h, &n));
    assert_true(n == 2 && str_eqc(h[0].new_value, "2"));
    /* A model made anew under a name has no past. */
    assert_ok(op, registry_model_delete(op, f->db, STR("m")));
    model_make(f, 2);
    set(f, 1);
    none_left(f, "m");
}

static void stages(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_version v;
    model_make(f, 3);
    for (int64_t i = 1; i <= 3; i++)
        assert_ok(op, registry_version_set_stage(op, f->db, STR("m"), i, STR("Production"), true, &v));
    struct registry_rollback r = {.model = STR("m"), .stage = STR("production")};
    assert_ok(op, registry_rollback(op, f->db, &r));
    assert_true(r.from == 3 && r.went_to == 2);
    assert_ok(op, registry_version_get(op, f->db, STR("m"), 3, &v));
    assert_int_equal(v.stage, REGISTRY_STAGE_ARCHIVED);
    assert_ok(op, registry_rollback(op, f->db, &r));
    assert_true(r.from == 2 && r.went_to == 1);
    assert_ok(op, registry_version_get(op, f->db, STR("m"), 1, &v));
    assert_int_equal(v.stage, REGISTRY_STAGE_PRODUCTION);
    struct registry_rollback archived = {.model = STR("m"), .stage = STR("Archived")};
    assert_fails(op, registry_rollback(op, f->db, &archived), E_INVALID, "only Staging and Production");
}

/* In need nobody waits for a second person, but only on the way back. */
static void protected(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct str name = STR("champion");
    model_make(f, 3);
    set(f, 1);
    set(f, 2);
    struct registry_policy p = {.aliases = &name, .alias_count = 1, .ttl_us = TIME_US_PER_DAY, .free_rollback = true};
    assert_ok(op, registry_policy_set(op, f->db, STR("m"), &p));
    struct registry_rollback r = {.model = STR("m"), .alias = STR("champion"), .to = 3};
    assert_fails(op, registry_rollback(op, f->db, &r), E_DENIED, "Request 1 "); /* never was there */
    back(f, "m", 0, 2, 1);
    p.free_rollback = false;
    assert_ok(op, registry_policy_set(op, f->db, STR("m"), &p));
    r.to = 2;
    assert_fails(op, registry_rollback(op, f->db, &r), E_DENIED, "Request 2 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(aliases), fixture_test(over_names), fixture_test(stages), fixture_test(protected)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
