#include "unit/core/track/fixture.h"

#include "base/time.h"
#include "core/audit/audit.h"
#include "core/registry/alias.h"
#include "core/registry/approval.h"
#include "core/registry/history.h"
#include "core/registry/model.h"
#include "core/registry/move.h"
#include "core/registry/preview.h"
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

/* Everything that an act could leave behind. */
static size_t traces(struct fixture *f)
{
    struct op *op = &f->op;
    struct registry_history_query hq = {.model = STR("m"), .kind = STR(""), .subject = STR(""), .limit = 1000};
    struct registry_approval_query aq = {.model = STR(""), .limit = 1000};
    struct registry_change *h = NULL;
    struct registry_approval *a = NULL;
    struct registry_model m;
    size_t hn = 0, an = 0;
    assert_ok(op, registry_history_list(op, f->db, &hq, &h, &hn));
    assert_ok(op, registry_approval_list(op, f->db, &aq, &a, &an));
    assert_ok(op, registry_model_get(op, f->db, STR("m"), &m));
    return hn * 1000000 + an * 10000 + m.alias_count * 100 + m.latest_count;
}

static int64_t alias_now(struct fixture *f)
{
    struct registry_version v = {0};
    enum err e = registry_alias_resolve(&f->op, f->db, STR("m"), STR("champion"), &v);
    op_clear(&f->op);
    return e ? 0 : v.version;
}

static struct registry_preview look(struct fixture *f, struct registry_preview p)
{
    size_t before = traces(f);
    int64_t alias = alias_now(f);
    p.model = STR("m");
    assert_ok(&f->op, registry_preview(&f->op, f->db, &p));
    assert_int_equal(traces(f), before); /* nothing stays */
    assert_int_equal(alias_now(f), alias);
    return p;
}

static void aliases(void **state)
{
    struct fixture *f = *state;
    model_make(f, 4);
    struct registry_preview p = look(f, (struct registry_preview){.alias = STR("champion"), .version = 3});
    assert_true(p.changed && !p.from.p && p.to == 3 && !p.needs_approval && !p.refused);
    assert_ok(&f->op, registry_alias_set(&f->op, f->db, STR("m"), STR("champion"), 3));
    p = look(f, (struct registry_preview){.alias = STR("champion"), .version = 4});
    assert_true(p.changed && p.to == 4);
    assert_str(p.from, "3");
    p = look(f, (struct registry_preview){.alias = STR("champion"), .version = 3});
    assert_false(p.changed);
    p = look(f, (struct registry_preview){.alias = STR("champion")});
    assert_true(p.changed && p.to == 0);
    struct registry_preview none = {.model = STR("m"), .alias = STR("champion"), .version = 9};
    assert_fails(&f->op, registry_preview(&f->op, f->db, &none), E_NOT_FOUND, "version=9");
    none = (struct registry_preview){.model = STR("nobody"), .alias = STR("champion"), .version = 1};
    assert_fails(&f->op, registry_preview(&f->op, f->db, &none), E_NOT_FOUND, "nobody");
}

static void stages(void **state)
{
    struct fixture *f = *state;
    struct registry_version v;
    model_make(f, 4);
    assert_ok(&f->op, registry_version_set_stage(&f->op, f->db, STR("m"), 1, STR("Production"), false, &v));
    assert_ok(&f->op, registry_version_set_stage(&f->op, f->db, STR("m"), 2, STR("Production"), false, &v));
    struct registry_preview p = look(f, (struct registry_preview){.act = REGISTRY_ACT_STAGE, .version = 3, .stage = REGISTRY_STAGE_PRODUCTION, .archive_others = true});
    assert_true(p.changed && p.archive_count == 2 && p.archives[0] == 2 && p.archives[1] == 1);
    assert_str(p.from, "None");
    p = look(f, (struct registry_preview){.act = REGISTRY_ACT_STAGE, .version = 3, .stage = REGISTRY_STAGE_PRODUCTION});
    assert_true(p.changed && p.archive_count == 0);
    /* And back: what the preview says is what the rollback does. */
    assert_ok(&f->op, registry_version_set_stage(&f->op, f->db, STR("m"), 3, STR("Production"), true, &v));
    p = look(f, (struct registry_preview){.act = REGISTRY_ACT_ROLLBACK, .stage = REGISTRY_STAGE_PRODUCTION});
    struct registry_rollback r = {.model = STR("m"), .stage = STR("Production")};
    assert_ok(&f->op, registry_rollback(&f->op, f->db, &r));
    assert_true(p.to == r.went_to && p.changed == r.changed && p.archive_count == 1 && p.archives[0] == 3);
}

static void protected(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct str names[] = {STR("champion")};
    struct registry_policy policy = {.aliases = names, .alias_count = 1, .ttl_us = TIME_US_PER_DAY, .self_approval = true, .free_rollback = false};
    model_make(f, 3);
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 1));
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 2));
    assert_ok(op, registry_policy_set(op, f->db, STR("m"), &policy));
    struct registry_preview p = look(f, (struct registry_preview){.alias = STR("champion"), .version = 3});
    assert_true(p.needs_approval && !p.changed && p.self_approval && p.ttl_us == TIME_US_PER_DAY && !p.refused);
    p = look(f, (struct registry_preview){.act = REGISTRY_ACT_ROLLBACK, .alias = STR("champion")});
    assert_true(p.needs_approval && p.to == 1 && !p.refused);
    p = look(f, (struct registry_preview){.act = REGISTRY_ACT_DELETE, .version = 2});
    assert_true(p.refused == E_DENIED && p.why && strstr(p.why, "holds the protected alias"));
    p = look(f, (struct registry_preview){.act = REGISTRY_ACT_DELETE, .version = 3});
    assert_true(p.changed && !p.refused);
    struct registry_preview none = {.model = STR("m"), .act = REGISTRY_ACT_ROLLBACK, .stage = REGISTRY_STAGE_ARCHIVED};
    assert_fails(op, registry_preview(op, f->db, &none), E_INVALID, "only Staging and Production");
    p = look(f, (struct registry_preview){.act = REGISTRY_ACT_ROLLBACK, .stage = REGISTRY_STAGE_STAGING});
    assert_true(p.refused == E_CONFLICT && p.why && strstr(p.why, "no earlier version"));
}

/* The audit chain goes on as if nobody had looked. */
static void chain(void **state)
{
    struct fixture *f = *state;
    struct audit_proof report;
    model_make(f, 2);
    for (int i = 0; i < 3; i++) {
        look(f, (struct registry_preview){.alias = STR("champion"), .version = 1 + i % 2});
        assert_ok(&f->op, registry_alias_set(&f->op, f->db, STR("m"), STR("champion"), 1 + i % 2));
    }
    assert_ok(&f->op, audit_verify(&f->op, f->db, &report));
}

static void acts(void **state)
{
    struct fixture *f = *state;
    enum registry_act act;
    assert_ok(&f->op, registry_act_parse(&f->op, STR("rollback"), &act));
    assert_int_equal(act, REGISTRY_ACT_ROLLBACK);
    assert_fails(&f->op, registry_act_parse(&f->op, STR("explode"), &act), E_INVALID, "act must be");
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(aliases), fixture_test(stages), fixture_test(protected), fixture_test(chain), fixture_test(acts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
