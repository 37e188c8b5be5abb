/* Which files a path means, and what tells that one is another. */
#include <utime.h>

#include "core/scoring/files.h"
#include "scoring_fixture.h"

static void find(struct fixture *f, const char *path, struct scoring_file **ret, size_t *n)
{
    struct str p = str_from(path);
    CHECK(scoring_files_find(&f->s.op, &p, 1, ret, n));
}

static enum err find_bad(struct fixture *f, const char *path)
{
    struct str p = str_from(path);
    struct scoring_file *files = NULL;
    size_t n = 0;
    return scoring_files_find(&f->s.op, &p, 1, &files, &n);
}

static void test_order_and_kinds(void **state)
{
    struct fixture *f = *state;
    struct scoring_file *files = NULL;
    size_t n = 0;
    assert_int_equal(mkdir(scratch_path(&f->s, "d"), 0700), 0);
    static const char *const names[] = {"d/b.csv", "d/a10.parquet", "d/a2.csv", "d/.hidden.csv", "d/_SUCCESS", "d/_x.csv", "d/notes.txt", "d/z[1].csv"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        fixture_text(f, names[i], "a\n1\n");
    find(f, scratch_path(&f->s, "d"), &files, &n);
    assert_int_equal(n, 4);
    static const char *const want[] = {"a10.parquet", "a2.csv", "b.csv", "z[1].csv"};
    for (size_t i = 0; i < n; i++)
        assert_true(str_eqc(scoring_base_name(files[i].path), want[i]) && files[i].parquet == (i == 0) && files[i].size_bytes == 4);
    find(f, scratch_path(&f->s, "d/[ab]*.csv"), &files, &n);
    assert_true(n == 2 && str_eqc(scoring_base_name(files[0].path), "a2.csv"));
    find(f, scratch_path(&f->s, "d/z[1].csv"), &files, &n); /* the file itself, not the pattern */
    assert_int_equal(n, 1);
    refused(f, E_NOT_FOUND, find_bad(f, scratch_path(&f->s, "d/q*.csv")), "there is no file");
    refused(f, E_INVALID, find_bad(f, scratch_path(&f->s, "d/notes.txt")), "notes.txt");
    assert_int_equal(mkdir(scratch_path(&f->s, "empty"), 0700), 0);
    refused(f, E_NOT_FOUND, find_bad(f, scratch_path(&f->s, "empty")), "holds no");
    refused(f, E_INVALID, find_bad(f, ""), "empty");
}

static void test_identity(void **state)
{
    struct fixture *f = *state;
    struct scoring_file *a = NULL, *b = NULL;
    size_t n = 0;
    const struct utimbuf then = {1000000, 1000000};
    struct str path = fixture_parquet(f, "x.parquet", 50000);
    assert_int_equal(utime(path.p, &then), 0);
    find(f, path.p, &a, &n);
    find(f, path.p, &b, &n);
    assert_true(a->changed_us == 1000000 * 1000000LL && a->changed_us == b->changed_us && !strcmp(a->sha256, b->sha256));
    path = fixture_parquet(f, "x.parquet", 50001);
    assert_int_equal(utime(path.p, &then), 0);
    find(f, path.p, &b, &n);
    assert_string_not_equal(a->sha256, b->sha256);
    /* Text: a byte at the head, one at the tail. */
    char *text = arena_alloc(f->s.arena, 300001);
    memset(text, '1', 300000);
    memcpy(text, "a\n", 2);
    find(f, fixture_text(f, "t.csv", text).p, &a, &n);
    text[299999] = '2';
    find(f, fixture_text(f, "t.csv", text).p, &b, &n);
    assert_string_not_equal(a->sha256, b->sha256);
    find(f, fixture_text(f, "none.csv", "").p, &b, &n);
    assert_int_equal(b->size_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_order_and_kinds, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(test_identity, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
