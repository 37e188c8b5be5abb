#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "unit/base/base_test.h"

struct scratch {
    char dir[64], path[80];
};

static struct scratch scratch_make(void)
{
    struct scratch s = {.dir = "/tmp/ingot-file-XXXXXX"};
    assert_non_null(mkdtemp(s.dir));
    snprintf(s.path, sizeof s.path, "%s/data", s.dir);
    return s;
}

/* Nothing but the file itself may be left: no temporary name. */
static void scratch_remove(const struct scratch *s)
{
    unlink(s->path);
    assert_int_equal(rmdir(s->dir), 0);
}

static void test_read_write_digest(void **state)
{
    struct fixture *f = *state;
    struct scratch s = scratch_make();
    struct str got = {0};
    char hex[65];
    uint64_t n = 0;
    ASSERT_OK(&f->op, file_write(&f->op, s.path, STR("abc")));
    ASSERT_OK(&f->op, file_read(&f->op, s.path, 3, &got));
    assert_true(str_eqc(got, "abc"));
    assert_int_equal(got.p[3], 0);
    ASSERT_OK(&f->op, file_sha256(&f->op, s.path, hex, &n));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); /* FIPS 180-2, "abc" */
    assert_int_equal(n, 3);
    ASSERT_OK(&f->op, file_write(&f->op, s.path, STR(""))); /* replaces */
    ASSERT_OK(&f->op, file_read(&f->op, s.path, 3, &got));
    assert_int_equal(got.len, 0);
    static char big[100001];
    memset(big, 'x', sizeof big);
    ASSERT_OK(&f->op, file_write(&f->op, s.path, (struct str){big, sizeof big}));
    ASSERT_OK(&f->op, file_read(&f->op, s.path, sizeof big, &got));
    assert_memory_equal(got.p, big, sizeof big);
    ASSERT_OK(&f->op, file_sha256(&f->op, s.path, hex, NULL));
    ASSERT_OK(&f->op, file_write_unsynced(&f->op, s.path, STR("again")));
    ASSERT_OK(&f->op, file_read(&f->op, s.path, 5, &got));
    assert_true(str_eqc(got, "again"));
    scratch_remove(&s);
}

static void test_errors(void **state)
{
    struct fixture *f = *state;
    struct scratch s = scratch_make();
    struct str got = {0};
    char hex[65];
    ASSERT_OK(&f->op, file_write(&f->op, s.path, STR("abcd")));
    assert_int_equal(file_read(&f->op, s.path, 3, &got), E_TOO_LARGE);
    op_clear(&f->op);
    assert_int_equal(file_read(&f->op, "/no/such/file", 3, &got), E_NOT_FOUND);
    op_clear(&f->op);
    assert_int_equal(file_read(&f->op, s.dir, 3, &got), E_INVALID);
    op_clear(&f->op);
    assert_int_equal(file_sha256(&f->op, s.dir, hex, NULL), E_INVALID);
    op_clear(&f->op);
    assert_int_not_equal(file_write(&f->op, "/no/such/file", STR("x")), OK);
    op_clear(&f->op);
    /* A FIFO must not hang the program. */
    const char *fifo = op_printf(&f->op, "%s/fifo", s.dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_read(&f->op, fifo, 3, &got), E_INVALID);
    op_clear(&f->op);
    unlink(fifo);
    /* A folder stands in the way of the rename; the temporary file goes. */
    assert_int_equal(unlink(s.path), 0);
    assert_int_equal(mkdir(s.path, 0700), 0);
    assert_int_not_equal(file_write(&f->op, s.path, STR("x")), OK);
    op_clear(&f->op);
    assert_int_equal(rmdir(s.path), 0);
    scratch_remove(&s);
}

static void test_folders(void **state)
{
    struct fixture *f = *state;
    struct scratch s = scratch_make();
    struct stat st;
    char deep[128];
    snprintf(deep, sizeof deep, "%s/a//b/", s.dir);
    ASSERT_OK(&f->op, file_make_dirs(&f->op, deep, 0700));
    ASSERT_OK(&f->op, file_make_dirs(&f->op, deep, 0755)); /* nothing is missing: nothing changes */
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(deep, sizeof deep, "%s/a/b", s.dir);
    assert_int_equal(rmdir(deep), 0);
    ASSERT_OK(&f->op, file_write(&f->op, deep, STR("a file")));
    assert_int_equal(file_make_dirs(&f->op, deep, 0700), E_IO);
    op_clear(&f->op);
    snprintf(deep, sizeof deep, "%s/a/b/c", s.dir);
    assert_int_equal(file_make_dirs(&f->op, deep, 0700), E_IO);
    op_clear(&f->op);
    /* Relative to the present folder. */
    assert_int_equal(chdir(s.dir), 0);
    ASSERT_OK(&f->op, file_make_dirs(&f->op, "r/s", 0700));
    assert_int_equal(rmdir("r/s") + rmdir("r") + unlink("a/b") + rmdir("a"), 0);
    assert_int_equal(chdir("/"), 0);
    scratch_remove(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_folders), TEST(test_read_write_digest), TEST(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
