#include "pipeline_test.h"

#include "base/yaml.h"
#include "core/pipeline/dvc_lock.h"
#include "core/pipeline/dvc_params.h"

static struct json entry(struct fixture *f, const char *text)
{
    struct json *j;
    ASSERT_OK(f, yaml_parse(&f->op, str_from(text), &j));
    return *j;
}

static struct dvc_lock *load(struct fixture *f)
{
    struct dvc_lock *l;
    ASSERT_OK(f, dvc_lock_load(&f->op, at(f, "dvc.lock"), &l));
    return l;
}

static void entries_keep_their_places(void **state)
{
    struct fixture *f = *state;
    put(f, "dvc.lock", "schema: '2.0'\ndatasets: [1]\nstages:\n  stale: {cmd: x}\n  a: {cmd: old}\n");
    struct dvc_lock *l = load(f);
    struct json a = entry(f, "{cmd: new}"), b = entry(f, "{cmd: [1, 2]}");
    ASSERT_OK(f, dvc_lock_set(&f->op, l, STR("b"), &b));
    ASSERT_OK(f, dvc_lock_set(&f->op, l, STR("a"), &a));
    ASSERT_OK(f, dvc_lock_save(&f->op, l));
    l = load(f);
    ASSERT_STR(l->stages->members[0].key, "stale");
    ASSERT_STR(l->stages->members[1].key, "a");
    ASSERT_STR(json_get(dvc_lock_find(l, STR("a")), "cmd")->s, "new");
    ASSERT_STR(l->stages->members[2].key, "b");
    assert_non_null(json_get(&l->doc, "datasets"));
    assert_null(dvc_lock_find(l, STR("c")));
}

static void nothing_changed_nothing_written(void **state)
{
    struct fixture *f = *state;
    struct dvc_lock *l = load(f);
    ASSERT_OK(f, dvc_lock_save(&f->op, l));
    assert_false(fspath_exists(&f->op, at(f, "dvc.lock")));
}

static void another_writer_in_between_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct dvc_lock *l = load(f), *other = load(f);
    struct json mine = entry(f, "{cmd: mine}"), theirs = entry(f, "{cmd: theirs}");
    ASSERT_OK(f, dvc_lock_set(&f->op, l, STR("a"), &mine));
    ASSERT_OK(f, dvc_lock_save(&f->op, l));
    ASSERT_OK(f, dvc_lock_set(&f->op, other, STR("b"), &theirs));
    ASSERT_OK(f, dvc_lock_save(&f->op, other));
    ASSERT_OK(f, dvc_lock_set(&f->op, l, STR("c"), &mine));
    ASSERT_OK(f, dvc_lock_save(&f->op, l));
    l = load(f);
    assert_int_equal(l->stages->len, 3);
    ASSERT_STR(json_get(dvc_lock_find(l, STR("b")), "cmd")->s, "theirs");
}

static void malformed_files_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[][2] = {
        {"stages: {}", "schema"}, {"schema: '1.0'", "schema"}, {"schema: '2.0'\nstages: [1]", "no map"},
        {"schema: '2.0'\nstages: {a: {}}", "stages.a"}, {"schema: '2.0'\nstages: {a: {cmd: x, deps: [{md5: x}]}}", "stages.a"},
        {"schema: '2.0'\nstages: {a: {cmd: x, params: [1]}}", "stages.a"}, {"{", "dvc.lock"},
    };
    struct dvc_lock *l;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        put(f, "dvc.lock", bad[i][0]);
        ASSERT_FAILS(f, dvc_lock_load(&f->op, at(f, "dvc.lock"), &l), E_INVALID, bad[i][1]);
    }
}

static void an_entry_has_dvcs_order(void **state)
{
    struct fixture *f = *state;
    struct dvc_path dep = {.def = STR("in")};
    struct dvc_out outs[2] = {{.path.def = STR("dir")}, {.path.def = STR("prog")}};
    struct dvc_params params = {.path.def = STR("params.yaml")};
    struct dvc_stage s = {.name = STR("s"), .cmd = {.type = JSON_STRING, .s = STR("run")}, .deps = &dep, .deps_len = 1,
                          .outs = outs, .outs_len = 2, .params = &params, .params_len = 1};
    struct dvc_digest in = {.md5 = STR("11111111111111111111111111111111"), .size = 5};
    struct dvc_digest out[2] = {{.md5 = STR("22222222222222222222222222222222.dir"), .dir = true, .size = 9, .nfiles = 2, .exec = true},
                                {.md5 = STR("33333333333333333333333333333333"), .size = 1, .exec = true}};
    struct json values = entry(f, "{a: 1}"), j = dvc_lock_entry(&f->op, &s, &in, &values, out);
    struct buf b;
    buf_init(&b, 1 << 16);
    json_dumps_python(&b, &j, false);
    ASSERT_STR(buf_str(&b), "{\"cmd\": \"run\", \"deps\": [{\"path\": \"in\", \"hash\": \"md5\", \"md5\": \"11111111111111111111111111111111\", \"size\": 5}], "
                            "\"params\": {\"params.yaml\": {\"a\": 1}}, \"outs\": [{\"path\": \"dir\", \"hash\": \"md5\", "
                            "\"md5\": \"22222222222222222222222222222222.dir\", \"size\": 9, \"nfiles\": 2}, {\"path\": \"prog\", \"hash\": \"md5\", "
                            "\"md5\": \"33333333333333333333333333333333\", \"size\": 1, \"isexec\": true}]}");
    buf_clear(&b);
    assert_true(dvc_lock_md5_is(dvc_lock_item(&j, "deps", STR("in")), in.md5));
    assert_false(dvc_lock_md5_is(dvc_lock_item(&j, "deps", STR("in")), out[1].md5));
    assert_null(dvc_lock_item(&j, "outs", STR("in")));
    /* Without `hash: md5` it is a hash of DVC 2, which is another function of the bytes. */
    struct json legacy = entry(f, "{path: in, md5: '11111111111111111111111111111111'}");
    assert_false(dvc_lock_md5_is(&legacy, in.md5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entries_keep_their_places), TEST(nothing_changed_nothing_written), TEST(another_writer_in_between_loses_nothing),
        TEST(malformed_files_are_refused), TEST(an_entry_has_dvcs_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
