#include "unit/core/dataset/data_fixture.h"

#include <sys/stat.h>

#include "core/dataset/file.h"

static void test_read_write_digest(void **state)
{
    struct data *f = *state;
    struct str got = {0};
    char hex[65];
    uint64_t n = 0;
    must(f, file_write(&f->op, f->path, STR("abc")));
    must(f, file_read(&f->op, f->path, 3, &got));
    assert_true(str_eqc(got, "abc"));
    assert_int_equal(got.p[3], 0);
    must(f, file_sha256(&f->op, f->path, hex, &n));
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"); /* FIPS 180-2, "abc" */
    assert_int_equal(n, 3);
    must(f, file_write(&f->op, f->path, STR(""))); /* replaces */
    must(f, file_read(&f->op, f->path, 3, &got));
    assert_int_equal(got.len, 0);
    static char big[100001];
    memset(big, 'x', sizeof big);
    must(f, file_write(&f->op, f->path, (struct str){big, sizeof big}));
    must(f, file_read(&f->op, f->path, sizeof big, &got));
    assert_memory_equal(got.p, big, sizeof big);
    must(f, file_sha256(&f->op, f->path, hex, NULL));
}

static void test_errors(void **state)
{
    struct data *f = *state;
    struct str got = {0};
    char hex[65];
    must(f, file_write(&f->op, f->path, STR("abcd")));
    assert_int_equal(file_read(&f->op, f->path, 3, &got), E_TOO_LARGE);
    op_clear(&f->op);
    assert_int_equal(file_read(&f->op, "/no/such/file", 3, &got), E_NOT_FOUND);
    op_clear(&f->op);
    assert_int_equal(file_read(&f->op, f->dir, 3, &got), E_INVALID);
    op_clear(&f->op);
    assert_int_equal(file_sha256(&f->op, f->dir, hex, NULL), E_INVALID);
    op_clear(&f->op);
    assert_int_not_equal(file_write(&f->op, "/no/such/file", STR("x")), OK);
    op_clear(&f->op);
    /* A FIFO must not hang the program. */
    const char *fifo = op_printf(&f->op, "%s/fifo", f->dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_read(&f->op, fifo, 3, &got), E_INVALID);
    op_clear(&f->op);
    unlink(fifo);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_read_write_digest), cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, data_setup, data_teardown);
}
