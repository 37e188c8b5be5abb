#include "pipeline_test.h"

static void joins_are_clean(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[][3] = {
        {"/w", "a", "/w/a"},       {"/w", "./a//b/", "/w/a/b"}, {"/w/x", "../a", "/w/a"},  {"/w", "../../../a", "/a"},
        {"/w", "/etc/x", "/etc/x"}, {"/w", "", "/w"},           {"/", ".", "/"},           {"/w", "a/../..", "/"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ASSERT_STR(fspath_join(&f->op, str_from(cases[i][0]), str_from(cases[i][1])), cases[i][2]);
}

static void parts(void **state)
{
    (void)state;
    ASSERT_STR(fspath_parent(STR("/a/b")), "/a");
    ASSERT_STR(fspath_parent(STR("/a")), "/");
    ASSERT_STR(fspath_parent(STR("a")), ".");
    ASSERT_STR(fspath_name(STR("/a/b")), "b");
    assert_true(fspath_overlaps(STR("/a/b"), STR("/a/b/c")));
    assert_true(fspath_overlaps(STR("/a/b/c"), STR("/a/b")));
    assert_false(fspath_overlaps(STR("/a/b"), STR("/a/bc")));
    assert_true(fspath_inside(STR("/"), STR("/x")));
    assert_false(fspath_inside(STR("/a/b"), STR("/a")));
}

static void files_come_back(void **state)
{
    struct fixture *f = *state;
    struct str text;
    put(f, "d/e/f.txt", "one");
    ASSERT_STR(get(f, "d/e/f.txt"), "one");
    ASSERT_OK(f, fspath_write(&f->op, at(f, "d/e/f.txt"), STR("two"), true));
    ASSERT_STR(get(f, "d/e/f.txt"), "two");
    ASSERT_FAILS(f, fspath_read(&f->op, at(f, "d/e/f.txt"), 2, &text), E_TOO_LARGE, "f.txt");
    ASSERT_FAILS(f, fspath_read(&f->op, at(f, "nothing"), 2, &text), E_NOT_FOUND, "nothing");
    ASSERT_FAILS(f, fspath_read(&f->op, at(f, "d"), 2, &text), E_INVALID, "no regular file");
    ASSERT_FAILS(f, fspath_make_dirs(&f->op, at(f, "d/e/f.txt/g")), E_IO, "f.txt");
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    struct fixture *f = *state;
    put(f, "dir/inner/x", "keep");
    ASSERT_FAILS(f, fspath_write(&f->op, at(f, "dir/inner"), STR("no"), true), E_IO, "rename");
    ASSERT_STR(get(f, "dir/inner/x"), "keep");
}

static void removal_takes_trees_but_follows_no_link(void **state)
{
    struct fixture *f = *state;
    put(f, "keep/x", "x");
    put(f, "gone/a/b", "b");
    assert_int_equal(symlink(str_cstr(f->arena, at(f, "keep")), str_cstr(f->arena, at(f, "gone/link"))), 0);
    ASSERT_OK(f, fspath_remove(&f->op, at(f, "gone")));
    assert_false(fspath_exists(&f->op, at(f, "gone")));
    ASSERT_STR(get(f, "keep/x"), "x");
    ASSERT_OK(f, fspath_remove(&f->op, at(f, "gone")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(joins_are_clean), TEST(parts), TEST(files_come_back), TEST(a_failed_write_leaves_the_old_file),
        TEST(removal_takes_trees_but_follows_no_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
