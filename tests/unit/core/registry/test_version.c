#include "unit/core/track/fixture.h"

#include "base/thread.h"
#include "core/audit/audit.h"
#include "core/registry/history.h"
#include "core/registry/model.h"

static enum err add(struct fixture *f, const char *name, const char *source, const char *run, struct registry_version *v)
{
    struct registry_version_new in = {.name = str_from(name), .source = str_from(source), .run_id = str_from(run)};
    return registry_version_create(&f->op, f->db, &in, v);
}

static void life(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    assert_ok(op, registry_model_create(op, f->db, STR("m"), STR("d"), NULL, 0, &m));
    assert_fails(op, registry_model_create(op, f->db, STR("m"), STR("d"), NULL, 0, &m), E_EXISTS, "Registered Model (name=m) already exists.");
    struct track_kv prompt = {STR("mlflow.prompt.is_prompt"), STR("true")};
    assert_fails(op, registry_model_create(op, f->db, STR("m"), STR("d"), &prompt, 1, &m), E_EXISTS, "already taken by a registered model");
    assert_fails(op, registry_model_create(op, f->db, STR("a/b"), STR("d"), NULL, 0, &m), E_INVALID, "Names cannot contain '/' or ':'");
    assert_fails(op, add(f, "none", "s3://b/x", "", &v), E_NOT_FOUND, "Registered Model with name=none not found");
    for (int i = 1; i <= 3; i++) {
        assert_ok(op, add(f, "m", "s3://b/x", "", &v));
        assert_int_equal(v.version, i);
    }
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 2));
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 3));
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 9), E_NOT_FOUND, "Model Version (name=m, version=9) not found");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("Latest"), 1), E_INVALID, "'latest' alias name (case insensitive) is reserved.");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("v12"), 1), E_INVALID, "Version alias name 'v12' is reserved.");
    assert_fails(op, registry_alias_set(op, f->db, STR("m"), STR("a b"), 1), E_INVALID, "Invalid alias name: 'a b'.");
    assert_ok(op, registry_alias_resolve(op, f->db, STR("m"), STR("champion"), &v));
    assert_int_equal(v.version, 3);
    assert_str(v.aliases[0], "champion");
    assert_fails(op, registry_alias_resolve(op, f->db, STR("m"), STR("x"), &v), E_INVALID, "Registered model alias x not found.");
    assert_ok(op, registry_version_set_stage(op, f->db, STR("m"), 1, STR("production"), false, &v));
    assert_ok(op, registry_version_set_stage(op, f->db, STR("m"), 2, STR("Production"), true, &v));
    assert_ok(op, registry_version_get(op, f->db, STR("m"), 1, &v));
    assert_int_equal(v.stage, REGISTRY_STAGE_ARCHIVED);
    assert_fails(op, registry_version_set_stage(op, f->db, STR("m"), 1, STR("x"), false, &v), E_INVALID, "Invalid Model Version stage: x.");
    assert_ok(op, registry_version_delete(op, f->db, STR("m"), 3)); /* its alias goes too */
    assert_fails(op, registry_alias_resolve(op, f->db, STR("m"), STR("champion"), &v), E_INVALID, "not found");
    assert_ok(op, add(f, "m", "s3://b/x", "", &v));
    assert_int_equal(v.version, 4); /* 3 is not given again */
    struct registry_change *h = NULL;
    size_t n = 0;
    struct registry_history_query q = {.model = STR("m"), .limit = 100};
    assert_ok(op, registry_history_list(op, f->db, &q, &h, &n));
    assert_int_equal(n, 6);
    assert_str(h[5].new_value, "2");
    assert_str(h[4].old_value, "2");
    assert_null(h[0].new_value.p);
    assert_str(h[0].action, "removed");
    assert_str(h[2].action, "archive");
    q.before = h[3].id;
    q.limit = 1;
    assert_ok(op, registry_history_list(op, f->db, &q, &h, &n));
    assert_true(n == 1 && str_eqc(h[0].kind, "alias"));
    assert_ok(op, registry_model_delete(op, f->db, STR("m")));
    assert_fails(op, registry_model_get(op, f->db, STR("m"), &m), E_NOT_FOUND, "not found");
    struct audit_proof proof;
    assert_ok(op, audit_verify(op, f->db, &proof));
    assert_true(proof.rows == 13);
}

struct racer {
    struct db *db;
    int64_t versions[25];
};

/* A model is read by what it answers, not by all versions it ever had. */
static void many_large_versions(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op, small;
    struct registry_model m;
    struct registry_version v;
    struct registry_version_page page;
    struct str stage = STR("Production");
    struct registry_version_new in = {.name = STR("big"), .source = STR("s3://b/x"), .signature = str_from(op_printf(op, "%099000d", 1))};
    assert_ok(op, registry_model_create(op, f->db, STR("big"), STR(""), NULL, 0, &m));
    for (int i = 0; i < 60; i++)
        assert_ok(op, registry_version_create(op, f->db, &in, &v));
    assert_ok(op, registry_version_set_stage(op, f->db, STR("big"), 7, STR("Production"), false, &v));
    assert_ok(op, registry_version_set_stage(op, f->db, STR("big"), 5, STR("Production"), false, &v));
    op_init(&small, arena_create(LIMIT_MIB(4)));
    assert_ok(&small, registry_model_get(&small, f->db, STR("big"), &m));
    assert_true(m.latest_count == 2 && m.latest[0].version == 60 && m.latest[1].version == 7);
    assert_ok(&small, registry_alias_resolve(&small, f->db, STR("big"), STR("latest"), &v));
    assert_int_equal(v.version, 60);
    arena_reset(small.arena);
    assert_ok(&small, registry_version_latest(&small, f->db, STR("big"), &stage, 1, &page));
    assert_true(page.len == 1 && page.versions[0].version == 7);
    assert_ok(&small, registry_model_delete(&small, f->db, STR("big")));
    arena_destroy(small.arena);
}

static void *race(void *arg)
{
    struct racer *r = arg;
    struct op op;
    op_init(&op, arena_create(LIMIT_MIB(64)));
    for (size_t i = 0; i < ARRAY_LEN(r->versions); i++) {
        struct registry_version_new in = {.name = STR("m"), .source = STR("s3://b/x")};
        struct registry_version v = {0};
        if (!registry_version_create(&op, r->db, &in, &v))
            r->versions[i] = v.version;
    }
    arena_destroy(op.arena);
    return NULL;
}

static void dense_numbers(void **state)
{
    struct fixture *f = *state;
    struct registry_model m;
    assert_ok(&f->op, registry_model_create(&f->op, f->db, STR("m"), STR(""), NULL, 0, &m));
    struct racer r[32];
    pthread_t t[32];
    bool seen[32 * 25 + 1] = {false};
    for (int i = 0; i < 32; i++) {
        r[i] = (struct racer){.db = f->db};
        t[i] = thread_start("race", race, &r[i]);
    }
    for (int i = 0; i < 32; i++)
        thread_join(t[i]);
    for (int i = 0; i < 32; i++) {
        for (int k = 0; k < 25; k++) {
            int64_t v = r[i].versions[k];
            assert_true(v >= 1 && v <= 32 * 25 && !seen[v]);
            seen[v] = true;
        }
    }
    struct registry_version v;
    assert_ok(&f->op, registry_version_get(&f->op, f->db, STR("m"), 32 * 25, &v));
    assert_str(v.semver, "1.0.799"); /* none given twice, none left out */
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(life), fixture_test(dense_numbers), fixture_test(many_large_versions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
