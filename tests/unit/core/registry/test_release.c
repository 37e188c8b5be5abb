#include "unit/core/track/fixture.h"

#include "core/registry/model.h"
#include "core/registry/release.h"
#include "core/registry/tag.h"

#define SIG(cols) "{\"inputs\": [" cols "]}"
#define COL(name) "{\"type\": \"double\", \"name\": \"" name "\", \"required\": true}"
#define OPT(name) "{\"type\": \"double\", \"name\": \"" name "\", \"required\": false}"

static enum err add(struct fixture *f, const char *signature, const char *wish, struct registry_version *v)
{
    struct registry_version_new in = {.name = STR("m"), .source = STR("s3://b/x"), .signature = str_from(signature), .semver = str_from(wish)};
    return registry_version_create(&f->op, f->db, &in, v);
}

static void numbers(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    static const struct {
        const char *signature, *wish, *semver, *bump;
    } steps[] = {
        {SIG(COL("a")), "", "1.0.0", "first"},
        {SIG(COL("a")), "", "1.0.1", "patch"},
        {SIG(COL("a") "," OPT("b")), "", "1.1.0", "minor"},
        {SIG(COL("a") "," OPT("b")), "major", "2.0.0", "patch"},
        {SIG(COL("c")), "", "3.0.0", "major"},
        {SIG(COL("c")), "3.5.0", "3.5.0", "patch"},
        {SIG(COL("c") "," OPT("d")), "minor", "3.6.0", "minor"},
        {SIG(COL("a") "," OPT("b")), "1.1.7", "1.1.7", "patch"}, /* an old line is served on */
        {SIG(COL("c") "," OPT("d")), "", "3.6.1", "patch"},
    };
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        assert_ok(op, add(f, steps[i].signature, steps[i].wish, &v));
        assert_str(v.semver, steps[i].semver);
        assert_str(v.semver_bump, steps[i].bump);
    }
    assert_fails(op, add(f, SIG(COL("e")), "3.7.0", &v), E_INVALID, "'3.7.0' hides a change of the signature: against 3.6.1 it needs a major release, 4.0.0");
    assert_fails(op, add(f, SIG(COL("e")), "minor", &v), E_INVALID, "input 'c' was renamed to 'e'");
    assert_fails(op, add(f, SIG(COL("c")), "3.6.2", &v), E_INVALID, "input 'd' was removed");
    assert_fails(op, add(f, SIG(COL("c") "," OPT("d") "," OPT("z")), "patch", &v), E_INVALID, "needs a minor release, 3.7.0");
    assert_fails(op, add(f, SIG(COL("c")), "2.0.0", &v), E_INVALID, "semantic version 2.0.0 is taken by version 4");
    assert_fails(op, add(f, SIG(COL("c")), "two", &v), E_INVALID, "a semantic version is MAJOR.MINOR.PATCH or one of");
    assert_str(str_from(op->field ? op->field : ""), "");
    assert_ok(op, add(f, SIG(COL("x")), "4.0.0", &v));
    assert_int_equal(v.version, 10); /* what was refused took no number */
    assert_str(v.semver_changes, "[\"input 'c' was renamed to 'x'\",\"input 'd' was removed\"]");
}

static void resolves(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    static const char *const made[] = {"0.1.0", "0.1.1", "0.2.0", "1.0.0", "1.2.0", "1.2.9", "1.10.0", "2.0.0"};
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        assert_ok(op, add(f, "", made[i], &v));
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("champion"), 5));
    static const struct {
        const char *spec;
        int64_t version;
    } rows[] = {{"3", 3}, {"latest", 8}, {"champion", 5}, {"1.2", 6}, {"1.2.0", 5}, {"^1", 7}, {"^1.2", 7}, {"~1.2.0", 6}, {"^0.1", 2}, {"~2", 8}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_ok(op, registry_resolve(op, f->db, STR("m"), str_from(rows[i].spec), &v));
        if (v.version != rows[i].version)
            fail_msg("%s: %lld", rows[i].spec, (long long)v.version);
    }
    /* MLflow's alias routes find them too, so that models:/m@1.2 works for unmodified clients. */
    assert_ok(op, registry_alias_resolve(op, f->db, STR("m"), STR("1.2"), &v));
    assert_int_equal(v.version, 6);
    struct registry_version_new copy = {.name = STR("m"), .source = STR("models:/m@^1")};
    assert_fails(op, registry_alias_resolve(op, f->db, STR("m"), STR("7.1"), &v), E_INVALID, "Registered model alias 7.1 not found.");
    assert_fails(op, registry_resolve(op, f->db, STR("m"), STR("99"), &v), E_NOT_FOUND, "version=99) not found");
    assert_ok(op, registry_version_delete(op, f->db, STR("m"), 7));
    assert_ok(op, registry_resolve(op, f->db, STR("m"), STR("^1"), &v));
    assert_int_equal(v.version, 6);
    assert_fails(op, add(f, "", "1.10.0", &v), E_INVALID, "is taken by version 7"); /* a number is given once */
    /* An alias that looks like a range is an alias. */
    assert_ok(op, registry_alias_set(op, f->db, STR("m"), STR("1"), 1));
    assert_ok(op, registry_alias_resolve(op, f->db, STR("m"), STR("1"), &v));
    assert_int_equal(v.version, 1);
    assert_ok(op, registry_version_create(op, f->db, &copy, &v));
    assert_str(v.source, "models:/m/6");
}

static void tags(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    struct track_kv wish[] = {{STR("a"), STR("b")}, {STR(REGISTRY_SEMVER_TAG), STR("major")}};
    struct track_kv prompt = {STR("mlflow.prompt.is_prompt"), STR("True")};
    struct registry_version_new in = {.name = STR("m"), .source = STR("s3://b/x"), .tags = wish, .tag_count = 2};
    assert_true(registry_tags_are_prompt(&prompt, 1) && !registry_tags_are_prompt(wish, 2));
    assert_fails(op, registry_tags_check(op, &(struct track_kv){STR(""), STR("x")}, 1), E_INVALID, "");
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    assert_ok(op, add(f, "", "", &v));
    assert_int_equal(v.tags.len, 0); /* who does not ask sees no tag */
    assert_ok(op, registry_version_create(op, f->db, &in, &v));
    assert_str(names_find(v.tags.p, v.tags.len, REGISTRY_SEMVER_TAG), "2.0.0");
    assert_fails(op, registry_version_set_tag(op, f->db, STR("m"), 2, STR(REGISTRY_SEMVER_TAG), STR("9.0.0")), E_INVALID, "never changes");
    assert_ok(op, registry_model_create(op, f->db, STR("p"), (struct str){0}, &prompt, 1, &m));
    struct registry_version_new text = {.name = STR("p"), .source = STR("dummy-source"), .tags = &prompt, .tag_count = 1};
    assert_ok(op, registry_version_create(op, f->db, &text, &v));
    assert_str(v.semver, "");
    assert_ok(op, registry_model_delete(op, f->db, STR("m")));
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    assert_ok(op, add(f, "", "", &v));
    assert_str(v.semver, "1.0.0"); /* a new model begins anew */
}

/* Rows as an import, or an older program, leaves them. */
static enum err old_tx(struct op *op, struct db_tx *tx, void *arg)
{
    static const char *const signatures[] = {SIG(COL("a")), SIG(COL("a")), SIG(COL("b"))};
    struct str none = STR(""), source = STR("s3://b/x");
    enum err e = OK;
    (void)arg;
    for (int64_t i = 1; !e && i <= 3; i++) {
        e = db_exec(op, tx, &sql_registry_model_take_version, DB_ARGS(DB_I64(1), DB_I64(0)), NULL);
        if (!e)
            e = db_exec(op, tx, &sql_registry_version_insert,
                        DB_ARGS(DB_I64(1), DB_I64(i), DB_I64(0), DB_NULL, DB_TEXT(none), DB_TEXT(source), DB_TEXT(none), DB_TEXT(none),
                                DB_TEXT(none), DB_TEXT(none), DB_TEXT(none), DB_TEXT(str_from(signatures[i - 1]))), NULL);
    }
    return e;
}

static void older_versions(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->op;
    struct registry_model m;
    struct registry_version v;
    static const char *const want[] = {"1.0.0", "1.0.1", "2.0.0", "2.1.0"};
    assert_ok(op, registry_model_create(op, f->db, STR("m"), (struct str){0}, NULL, 0, &m));
    assert_int_equal(m.row, 1);
    assert_ok(op, db_write(op, f->db, old_tx, NULL));
    assert_ok(op, registry_version_get(op, f->db, STR("m"), 3, &v));
    assert_str(v.semver, "");
    assert_ok(op, add(f, SIG(COL("b") "," OPT("c")), "", &v));
    for (int64_t i = 1; i <= 4; i++) {
        assert_ok(op, registry_version_get(op, f->db, STR("m"), i, &v));
        assert_str(v.semver, want[i - 1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(numbers), fixture_test(resolves), fixture_test(tags), fixture_test(older_versions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
