#include "pipeline_test.h"

#include <utime.h>

#include "base/yaml.h"
#include "core/pipeline/dvc_runs.h"

static struct json *doc(struct fixture *f, const char *text)
{
    struct json *j;
    ASSERT_OK(f, yaml_parse(&f->op, str_from(text), &j));
    return j;
}

static const char entry_text[] = "cmd: python script.py\ndeps:\n- {path: dep, hash: md5, md5: 2254342becceafbd04538e0a38696791, size: 3}\n"
                                 "- {path: script.py, hash: md5, md5: abb0c55bd903a0f636aaa24fd39c2853, size: 34}\n"
                                 "outs: [{path: out, hash: md5, md5: c68271a63ddbc431c307beb7d2918275, size: 3}]\n";

/* The key that stock dvc computes (reference/pipelines.md 3.5). */
static void the_golden_key(void **state)
{
    struct fixture *f = *state;
    ASSERT_STR(dvc_runs_hash(&f->op, doc(f, entry_text), true), "c7a85d71de1912c43d9c5b6218c71630d6277e8fc11e4ccf5e12b3c202234838");
}

static void size_and_nfiles_never_count(void **state)
{
    struct fixture *f = *state;
    struct str a = dvc_runs_hash(&f->op, doc(f, "{cmd: x, params: {p: {train: {size: 1, lr: 2}}}}"), false);
    struct str b = dvc_runs_hash(&f->op, doc(f, "{cmd: x, params: {p: {train: {lr: 2, nfiles: 9}}}}"), false);
    struct str c = dvc_runs_hash(&f->op, doc(f, "{cmd: x, params: {p: {train: {lr: 2.0}}}}"), false);
    assert_true(str_eq(a, b));
    assert_false(str_eq(a, c));
}

static void the_newest_entry_wins_and_bad_ones_are_passed_over(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f);
    struct json *one = doc(f, entry_text);
    const struct json *found;
    ASSERT_OK(f, dvc_runs_find(&f->op, ws, one, &found));
    assert_null(found);
    ASSERT_OK(f, dvc_runs_save(&f->op, ws, one));
    ASSERT_OK(f, dvc_runs_save(&f->op, ws, one));
    ASSERT_OK(f, dvc_runs_find(&f->op, ws, one, &found));
    assert_non_null(found);
    struct str key = dvc_runs_hash(&f->op, one, true);
    const char *dir = op_printf(&f->op, ".dvc/cache/runs/%.2s/%s", key.p, key.p);
    const char *junk = op_printf(&f->op, "%s/%064d", dir, 7);
    put(f, op_printf(&f->op, "%s/notes.txt", dir), "not an entry");
    put(f, junk, "cmd: [1\n");
    struct utimbuf later = {4000000000, 4000000000};
    assert_int_equal(utime(str_cstr(f->arena, at(f, junk)), &later), 0);
    ASSERT_OK(f, dvc_runs_find(&f->op, ws, one, &found));
    assert_null(found);
    put(f, junk, "{cmd: other, outs: []}");
    assert_int_equal(utime(str_cstr(f->arena, at(f, junk)), &later), 0);
    ASSERT_OK(f, dvc_runs_find(&f->op, ws, one, &found));
    ASSERT_STR(json_get(found, "cmd")->s, "other");
}

static void who_may_be_stored(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f);
    struct dvc_path dep = {.def = STR("d"), .abs = at(f, "d")};
    struct dvc_out out = {.path = {.def = STR("o"), .abs = fspath_join(&f->op, ws->root, STR("o"))}, .cache = true};
    struct dvc_stage s = {.deps = &dep, .deps_len = 1, .outs = &out, .outs_len = 1};
    assert_true(dvc_runs_eligible(ws, &s, true));
    out.cache = false;
    assert_false(dvc_runs_eligible(ws, &s, true));
    out.metric = true;
    assert_true(dvc_runs_eligible(ws, &s, true));
    out.persist = true;
    assert_false(dvc_runs_eligible(ws, &s, false));
    out.persist = false;
    s.always_changed = true;
    assert_false(dvc_runs_eligible(ws, &s, false));
    s.always_changed = false;
    s.deps_len = 0;
    assert_false(dvc_runs_eligible(ws, &s, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_golden_key), TEST(size_and_nfiles_never_count), TEST(the_newest_entry_wins_and_bad_ones_are_passed_over), TEST(who_may_be_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
