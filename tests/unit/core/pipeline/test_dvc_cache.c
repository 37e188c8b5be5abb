#include "pipeline_test.h"

#include "core/pipeline/dvc_cache.h"

#define FOO "acbd18db4cc2f85cedef654fccc4a4d8"
#define FOO_OBJECT ".dvc/cache/files/md5/ac/bd18db4cc2f85cedef654fccc4a4d8"

static struct dvc_digest digest(struct fixture *f, const char *rel)
{
    struct dvc_state st;
    struct dvc_digest d;
    dvc_state_load(&f->op, f->dir, &st);
    ASSERT_OK(f, dvc_digest(&f->op, &st, at(f, rel), &d));
    return d;
}

static struct stat status(struct fixture *f, const char *rel)
{
    struct stat st;
    assert_int_equal(lstat(str_cstr(f->arena, at(f, rel)), &st), 0);
    return st;
}

static void files_go_in_and_come_out(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f);
    bool has;
    ASSERT_OK(f, dvc_cache_has(&f->op, ws, STR(FOO), &has));
    assert_false(has);
    put(f, "x", "foo");
    struct dvc_digest d = digest(f, "x");
    ASSERT_OK(f, dvc_cache_commit(&f->op, ws, at(f, "x"), &d, false));
    ASSERT_STR(get(f, FOO_OBJECT), "foo");
    assert_int_equal(status(f, FOO_OBJECT).st_mode & 07777, 0444);
    ASSERT_OK(f, dvc_cache_checkout(&f->op, ws, STR(FOO), true, at(f, "sub/y"), false));
    ASSERT_STR(get(f, "sub/y"), "foo");
    assert_int_equal(status(f, "sub/y").st_mode & 0300, 0300);
    ASSERT_FAILS(f, dvc_cache_checkout(&f->op, ws, STR("00000000000000000000000000000000"), false, at(f, "x"), false), E_NOT_FOUND, "cache");
    ASSERT_STR(get(f, "x"), "foo");
}

static void folders_too_and_extra_files_go(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f);
    put(f, "d/a", "1");
    put(f, "d/s/b", "2");
    struct dvc_digest d = digest(f, "d");
    ASSERT_OK(f, dvc_cache_commit(&f->op, ws, at(f, "d"), &d, false));
    put(f, "d/extra", "3");
    put(f, "d/a", "changed");
    ASSERT_OK(f, dvc_cache_checkout(&f->op, ws, d.md5, false, at(f, "d"), false));
    assert_true(str_eq(digest(f, "d").md5, d.md5));
    assert_false(fspath_exists(&f->op, at(f, "d/extra")));
    /* A folder counts as cached only with all its files. */
    bool has;
    struct str md5 = d.entries[1].md5;
    ASSERT_OK(f, fspath_remove(&f->op, str_from(op_printf(&f->op, "%.*s/files/md5/%.2s/%s", STR_FMT(ws->cache_dir), md5.p, md5.p + 2))));
    ASSERT_OK(f, dvc_cache_has(&f->op, ws, d.md5, &has));
    assert_false(has);
}

static void only_0444_is_trusted(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f);
    bool has;
    const char *object = str_cstr(f->arena, put(f, FOO_OBJECT, "foo"));
    ASSERT_OK(f, dvc_cache_has(&f->op, ws, STR(FOO), &has));
    assert_true(has);
    assert_int_equal(status(f, FOO_OBJECT).st_mode & 07777, 0444);
    assert_int_equal(chmod(object, 0644), 0);
    put(f, FOO_OBJECT, "bar");
    ASSERT_OK(f, dvc_cache_has(&f->op, ws, STR(FOO), &has));
    assert_false(has);
    assert_false(fspath_exists(&f->op, at(f, FOO_OBJECT)));
}

static void link_types(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f);
    put(f, "x", "foo");
    struct dvc_digest d = digest(f, "x");
    ws->links[0] = WORKSPACE_HARDLINK;
    ws->links_len = 1;
    ASSERT_OK(f, dvc_cache_commit(&f->op, ws, at(f, "x"), &d, true));
    assert_int_equal(status(f, "x").st_nlink, 1);
    ASSERT_OK(f, dvc_cache_commit(&f->op, ws, at(f, "x"), &d, false));
    assert_int_equal(status(f, "x").st_nlink, 2);
    assert_int_equal(status(f, "x").st_ino, status(f, FOO_OBJECT).st_ino);
    ws->links[0] = WORKSPACE_SYMLINK;
    ASSERT_OK(f, dvc_cache_checkout(&f->op, ws, STR(FOO), false, at(f, "x"), false));
    assert_true(S_ISLNK(status(f, "x").st_mode));
    ASSERT_OK(f, dvc_cache_checkout(&f->op, ws, STR(FOO), false, at(f, "x"), true));
    assert_true(S_ISREG(status(f, "x").st_mode) && status(f, "x").st_nlink == 1);
}

static void hashes_that_are_paths_are_refused(void **state)
{
    struct fixture *f = *state;
    struct workspace *ws = open_ws(f);
    static const char *const bad[] = {"", "x", "../../../../etc/passwd", "acbd18db4cc2f85cedef654fccc4a4d/", "ACBD18DB4CC2F85CEDEF654FCCC4A4D8", ".dir"};
    bool has;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ASSERT_FAILS(f, dvc_cache_has(&f->op, ws, str_from(bad[i]), &has), E_CORRUPT, "no md5");
}

static void a_copy_never_overwrites(void **state)
{
    struct fixture *f = *state;
    put(f, "a", "new");
    put(f, "b", "old");
    ASSERT_FAILS(f, dvc_copy_file(&f->op, at(f, "a"), at(f, "b"), 0644, false), E_IO, "b");
    ASSERT_STR(get(f, "b"), "old");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(files_go_in_and_come_out), TEST(folders_too_and_extra_files_go), TEST(only_0444_is_trusted), TEST(link_types),
        TEST(hashes_that_are_paths_are_refused), TEST(a_copy_never_overwrites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
