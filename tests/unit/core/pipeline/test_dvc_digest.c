#include "pipeline_test.h"

#include <utime.h>

#include "base/limits.h"
#include "base/time.h"
#include "core/pipeline/dvc_digest.h"

static struct dvc_state load(struct fixture *f)
{
    struct dvc_state st;
    dvc_state_load(&f->op, f->dir, &st);
    return st;
}

/* Values that stock dvc 3 gives (reference/pipelines.md 3.4). */
static void goldens(void **state)
{
    struct fixture *f = *state;
    struct dvc_state st = load(f);
    struct dvc_digest d;
    put(f, "d/foo", "foo");
    put(f, "d/bar", "bar");
    put(f, "d/.git/x", "never");
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, "d"), &d));
    ASSERT_STR(d.md5, "5ea40360f5b4ec688df672a4db9c17d1.dir");
    assert_true(d.dir && d.nfiles == 2 && d.size == 6);
    ASSERT_STR(d.tree, "[{\"md5\": \"37b51d194a7513e45b56f6524f2d51f2\", \"relpath\": \"bar\"}, "
                       "{\"md5\": \"acbd18db4cc2f85cedef654fccc4a4d8\", \"relpath\": \"foo\"}]");
    ASSERT_OK(f, fspath_make_dirs(&f->op, at(f, "empty/sub")));
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, "empty"), &d));
    ASSERT_STR(d.md5, "d751713988987e9331980363e24189ce.dir");
    put(f, "dep", "dep");
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, "dep"), &d));
    ASSERT_STR(d.md5, "2254342becceafbd04538e0a38696791");
    assert_int_equal(chmod(str_cstr(f->arena, at(f, "dep")), 0755), 0);
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, "dep"), &d));
    assert_true(d.exec);
}

static void names_are_escaped_and_sorted_by_bytes(void **state)
{
    struct fixture *f = *state;
    struct dvc_state st = load(f);
    struct dvc_digest d;
    put(f, "d/b/z", "");
    put(f, "d/b.x", "");
    put(f, "d/\xc3\xbc\"\t", "");
    put(f, "d/\xf0\x9f\x98\x80", "");
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, "d"), &d));
    ASSERT_STR(d.entries[0].rel, "b.x");
    ASSERT_STR(d.entries[1].rel, "b/z");
    assert_non_null(strstr(d.tree.p, "\"relpath\": \"\\u00fc\\\"\\t\""));
    assert_non_null(strstr(d.tree.p, "\"relpath\": \"\\ud83d\\ude00\""));
    struct dvc_entry *back;
    size_t n;
    ASSERT_OK(f, dvc_tree_parse(&f->op, d.tree, &back, &n));
    assert_int_equal(n, 4);
    ASSERT_STR(back[2].rel, "\xc3\xbc\"\t");
}

static void refused(void **state)
{
    struct fixture *f = *state;
    struct dvc_state st = load(f);
    struct dvc_digest d;
    ASSERT_FAILS(f, dvc_digest(&f->op, &st, at(f, "none"), &d), E_NOT_FOUND, "none");
    put(f, "i/.dvcignore", "");
    ASSERT_FAILS(f, dvc_digest(&f->op, &st, at(f, "i"), &d), E_INVALID, ".dvcignore");
    put(f, "u/\xff", "");
    ASSERT_FAILS(f, dvc_digest(&f->op, &st, at(f, "u"), &d), E_INVALID, "UTF-8");
    ASSERT_OK(f, fspath_make_dirs(&f->op, at(f, "loop")));
    assert_int_equal(symlink(".", str_cstr(f->arena, at(f, "loop/self"))), 0);
    enum err e = dvc_digest(&f->op, &st, at(f, "loop"), &d);
    assert_true(e == E_TOO_LARGE || e == E_IO);
    op_clear(&f->op);
    ASSERT_OK(f, fspath_make_dirs(&f->op, at(f, "dead")));
    assert_int_equal(symlink("nowhere", str_cstr(f->arena, at(f, "dead/link"))), 0);
    ASSERT_FAILS(f, dvc_digest(&f->op, &st, at(f, "dead"), &d), E_NOT_FOUND, "leads nowhere");
}

static void trees_that_would_leave_the_folder_are_refused(void **state)
{
    struct fixture *f = *state;
    static const char *const rels[] = {"../x", "/x", "a/../b", "", ".", "a//b", "a\\u0000b"};
    struct dvc_entry *list;
    size_t n;
    for (size_t i = 0; i < ARRAY_LEN(rels); i++) {
        struct str text = str_from(op_printf(&f->op, "[{\"md5\": \"acbd18db4cc2f85cedef654fccc4a4d8\", \"relpath\": \"%s\"}]", rels[i]));
        ASSERT_FAILS(f, dvc_tree_parse(&f->op, text, &list, &n), E_CORRUPT, "entry 0");
    }
    ASSERT_FAILS(f, dvc_tree_parse(&f->op, STR("[{\"md5\": \"../../etc/passwd\", \"relpath\": \"a\"}]"), &list, &n), E_CORRUPT, "entry 0");
    ASSERT_FAILS(f, dvc_tree_parse(&f->op, STR("{}"), &list, &n), E_CORRUPT, "no JSON list");
    ASSERT_FAILS(f, dvc_tree_parse(&f->op, STR("[1"), &list, &n), E_CORRUPT, "no JSON list");
}

/* A stamp in the past, so that the file counts as settled. */
static void age(struct fixture *f, const char *rel)
{
    struct utimbuf old = {1000000000, 1000000000};
    assert_int_equal(utime(str_cstr(f->arena, at(f, rel)), &old), 0);
}

static void settled_files_are_remembered_and_racy_ones_not(void **state)
{
    struct fixture *f = *state;
    struct dvc_state st = load(f);
    struct dvc_digest d;
    put(f, "new", "1");
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, "new"), &d));
    assert_int_equal(st.known.len, 0);
    put(f, "old", "1");
    age(f, "old");
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, "old"), &d));
    assert_int_equal(st.known.len, 1);
    dvc_state_save(&f->op, &st);
    st = load(f);
    assert_int_equal(st.known.len, 1);
    /* Proof that the memory is used: the content changes, stamp, size and inode do not. */
    FILE *out = fopen(str_cstr(f->arena, at(f, "old")), "r+be");
    assert_non_null(out);
    fputc('2', out);
    fclose(out);
    age(f, "old");
    struct str before = d.md5;
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, "old"), &d));
    assert_true(str_eq(before, d.md5));
    put(f, "old", "2");
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, "old"), &d));
    assert_false(str_eq(before, d.md5));
}

static void a_damaged_state_file_only_costs_time(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {"", "garbage", "ingot-state 1\nx y z", "ingot-state 1\n1 2 3 short /p\n", "ingot-state 9\n"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        put(f, "ingot-state", texts[i]);
        assert_int_equal(load(f).known.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(goldens), TEST(names_are_escaped_and_sorted_by_bytes), TEST(refused), TEST(trees_that_would_leave_the_folder_are_refused),
        TEST(settled_files_are_remembered_and_racy_ones_not), TEST(a_damaged_state_file_only_costs_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
