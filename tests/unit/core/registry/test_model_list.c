#include "unit/core/track/fixture.h"

#include "base/time.h"
#include "core/registry/card.h"
#include "core/registry/model_list.h"
#include "core/registry/move.h"
#include "core/registry/policy.h"

static void model_make(struct fixture *f, const char *name, int versions, const struct track_kv *tags, size_t n)
{
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    struct registry_version_new in = {.name = str_from(name), .source = STR("s3://b/x")};
    assert_ok(op, registry_model_create(op, f->db, in.name, (struct str){0}, tags, n, &m));
    for (int i = 0; i < versions; i++)
        assert_ok(op, registry_version_create(op, f->db, &in, &v));
}

static size_t list(struct fixture *f, const char *search, const char *after, size_t limit, struct registry_model_row **ret, bool *ret_more)
{
    struct registry_model_query q = {.search = str_from(search), .after = str_from(after), .limit = limit};
    size_t n = 0;
    assert_ok(&f->op, registry_model_list(&f->op, f->db, &q, ret, &n, ret_more));
    return n;
}

static void pages(void **state)
{
    struct fixture *f = *state;
    struct registry_model_row *rows = NULL;
    bool more = true;
    struct track_kv prompt = {STR("mlflow.prompt.is_prompt"), STR("true")};
    assert_int_equal(list(f, "", "", 10, &rows, &more), 0);
    assert_false(more);
    model_make(f, "delta", 0, NULL, 0);
    model_make(f, "alpha", 1, NULL, 0);
    model_make(f, "ALPHABET", 1, NULL, 0);
    model_make(f, "prompt alpha", 0, &prompt, 1);
    model_make(f, "beta", 1, NULL, 0);
    char seen[256] = "";
    struct str after = STR("");
    do {
        size_t n = list(f, "", str_cstr(f->op.arena, after), 1, &rows, &more);
        assert_int_equal(n, 1);
        after = rows[0].name;
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s ", STR_FMT(after));
    } while (more);
    assert_string_equal(seen, "ALPHABET alpha beta delta "); /* each once, no prompt */
    assert_int_equal(list(f, "Alph", "", 10, &rows, &more), 2);
    assert_int_equal(list(f, "alph", "ALPHABET", 10, &rows, &more), 1);
    assert_int_equal(list(f, "zeta", "", 10, &rows, &more), 0);
    assert_int_equal(list(f, "delta", "", 10, &rows, &more), 1);
    assert_int_equal(rows[0].newest.version, 0);
    assert_int_equal(rows[0].versions, 0);
}

static void facts(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model_row *rows = NULL;
    struct registry_version v;
    struct str names[] = {STR("gold")};
    struct registry_policy policy = {.aliases = names, .alias_count = 1, .ttl_us = TIME_US_PER_DAY};
    bool more = false;
    op->now_us = 1000000 * TIME_US_PER_S;
    op->actor.name = STR("ana");
    model_make(f, "m", 4, NULL, 0);
    assert_ok(op, registry_version_set_stage(op, f->db, STR("m"), 2, STR("Production"), false, &v));
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 3));
    assert_ok(op, registry_version_delete(op, f->db, STR("m"), 1));
    assert_ok(op, registry_card_set(op, f->db, STR("m"), 2, &(struct track_kv){STR("owner"), STR("bo")}, 1));
    assert_ok(op, registry_card_set(op, f->db, STR("m"), 3, &(struct track_kv){STR("owner"), STR("first")}, 1));
    assert_ok(op, registry_card_set(op, f->db, STR("m"), 3, &(struct track_kv){STR("owner"), STR("ops team")}, 1));
    assert_ok(op, registry_policy_set(op, f->db, STR("m"), &policy));
    struct registry_move move = {.model = STR("m"), .alias = STR("gold"), .version = 4};
    assert_fails(op, registry_move(op, f->db, &move), E_DENIED, "protected");
    assert_int_equal(list(f, "", "", 10, &rows, &more), 1);
    assert_int_equal(rows[0].versions, 3);
    assert_int_equal(rows[0].waiting, 1);
    assert_int_equal(rows[0].newest.version, 4);
    assert_int_equal(rows[0].staged[REGISTRY_STAGE_PRODUCTION], 2);
    assert_int_equal(rows[0].alias_count, 1);
    assert_str(rows[0].owner, "ops team");
    assert_int_equal(rows[0].served_count, 0);
    op->now_us += 2 * TIME_US_PER_DAY; /* the request has expired */
    assert_int_equal(list(f, "", "", 10, &rows, &more), 1);
    assert_int_equal(rows[0].waiting, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(pages), fixture_test(facts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
