#include "unit/core/track/fixture.h"

#include "core/track/names.h"

static void keys(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    static const char *const good[] = {"a", "loss", "val/auc", "a.b-c d:e", "a/b/c", "\xc3\xa9t\xc3\xa9", ".a", "a..b", "a/..b"};
    static const char *const bad[] = {"", "/a", "a/", "a//b", "../a", "a/../b", ".", "./a", "a/.", "..a"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_ok(op, names_check_key(op, str_from(good[i]), "key"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_fails(op, names_check_key(op, str_from(bad[i]), "key"), E_INVALID, "must not resolve to other names");
    assert_fails(op, names_check_key(op, STR("a&b"), "metrics[2].name"), E_INVALID,
                 "Invalid value \"a&b\" for parameter 'metrics[2].name' supplied: Names may only contain alphanumerics");
    assert_fails(op, names_check_key(op, STR("a/../b"), "key"), E_INVALID, "would resolve to 'b'");
    assert_fails(op, names_check_key(op, STR("a\nb"), "key"), E_INVALID, "\"a\\nb\"");
}

static void lengths(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    assert_int_equal(names_char_count(STR("a\xc3\xa9\xe2\x82\xac")), 3);
    assert_str(names_clip(STR("a\xc3\xa9\xe2\x82\xac"), 2), "a\xc3\xa9");
    assert_str(names_clip(STR("abc"), 3), "abc");
    assert_str(names_clip(STR("abcd"), 0), "");
    assert_ok(op, names_check_length(op, "key", STR("a\xc3\xa9\xe2\x82\xac"), 3));
    assert_fails(op, names_check_length(op, "key", STR("abcd"), 3), E_INVALID, "'key' exceeds the maximum length of 3 characters");
}

static void ids(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    int64_t id = -1;
    assert_ok(op, names_parse_experiment_id(op, STR("17"), &id));
    assert_int_equal(id, 17);
    assert_fails(op, names_parse_experiment_id(op, STR("x"), &id), E_INVALID,
                 "Invalid experiment ID 'x'. Experiment ID must be a valid integer.");
    assert_ok(op, names_parse_experiment_id(op, STR("-1"), &id)); /* an integer, and there is none of that number */
    assert_int_equal(id, -1);
    assert_fails(op, names_parse_experiment_id(op, STR("99999999999999999999"), &id), E_INVALID, "Invalid experiment ID");
    assert_ok(op, names_check_run_id(op, STR("0123abc-_")));
    assert_fails(op, names_check_run_id(op, STR("-a")), E_INVALID, "Invalid value \"-a\" for parameter 'run_id' supplied.");
    assert_fails(op, names_check_run_id(op, STR("")), E_INVALID, "run_id");
    assert_fails(op, names_check_run_id(op, STR("a/b")), E_INVALID, "run_id");
}

static void locations(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    assert_ok(op, names_check_artifact_location(op, STR("")));
    assert_ok(op, names_check_artifact_location(op, STR("s3://bucket/a/b")));
    assert_fails(op, names_check_artifact_location(op, STR("runs:/abc")), E_INVALID, "cannot be a runs:/ URI");
    assert_fails(op, names_check_artifact_location(op, STR("mlflow-artifacts:/a#b")), E_INVALID, "fragments");
    assert_fails(op, names_check_artifact_location(op, STR("mlflow-artifacts:/a/../b")), E_INVALID, "artifact_location");
    assert_fails(op, names_check_artifact_location(op, STR("http://h/a;p=1")), E_INVALID, "params");
    assert_fails(op, names_check_artifact_location(op, STR("s3://b/a?x=../y")), E_INVALID, "Invalid query string");
    assert_ok(op, names_check_artifact_location(op, STR("s3://b/a;p=1?x=y")));
}

static void reprs(void **state)
{
    struct op *op = &((struct fixture *)*state)->op;
    assert_str(names_repr(op, STR("a")), "'a'");
    assert_str(names_repr(op, STR("it's")), "\"it's\"");
    assert_str(names_repr(op, STR("a'\"\n")), "'a\\'\"\\n'");
    struct str name = names_random(op);
    assert_true(name.len > 5 && str_find_char(name, '-') != SIZE_MAX);
    struct track_kv kvs[] = {{STR("a"), STR("1")}, {STR("a"), STR("2")}};
    assert_str(names_find(kvs, 2, "a"), "2");
    assert_null(names_find(kvs, 2, "b").p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(keys), fixture_test(lengths), fixture_test(ids), fixture_test(locations),
                                       fixture_test(reprs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
