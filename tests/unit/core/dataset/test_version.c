#include "unit/core/dataset/data_fixture.h"

#include "base/file.h"
#include "base/hash.h"
#include "core/dataset/version.h"

static void test_identity(void **state)
{
    struct data *f = *state;
    struct dataset_version a, b;
    data_write(f, "SELECT range AS n, 'x' AS s FROM range(10)");
    must(f, dataset_version(&f->op, f->tables, str_from(f->path), &a));
    assert_int_equal(a.rows, 10);
    assert_int_equal(a.schema.len, 2);
    /* The documented recipe, by hand. */
    char file[65], want[65];
    uint8_t digest[32];
    must(f, file_sha256(&f->op, f->path, file, NULL));
    const char *text = op_printf(&f->op, "ingot-dataset-1\n%s\nn\tBIGINT\ns\tVARCHAR\n", file);
    hash_sha256(text, strlen(text), digest);
    hash_hex(digest, sizeof digest, want);
    assert_string_equal(a.version, want);
    assert_string_equal(a.file_sha256, file);
    /* The same bytes elsewhere are the same version. */
    struct str bytes = {0};
    const char *copy = op_printf(&f->op, "%s/copy.parquet", f->dir);
    must(f, file_read(&f->op, f->path, LIMIT_MIB(1), &bytes));
    must(f, file_write(&f->op, copy, bytes));
    must(f, dataset_version(&f->op, f->tables, str_from(copy), &b));
    assert_string_equal(a.version, b.version);
    unlink(copy);
    /* One value more is another. */
    data_write(f, "SELECT range AS n, 'x' AS s FROM range(11)");
    must(f, dataset_version(&f->op, f->tables, str_from(f->path), &b));
    assert_string_not_equal(a.version, b.version);
}

static void test_errors(void **state)
{
    struct data *f = *state;
    struct dataset_version v;
    assert_int_equal(dataset_version(&f->op, f->tables, STR("/no/such.parquet"), &v), E_NOT_FOUND);
    op_clear(&f->op);
    must(f, file_write(&f->op, f->path, STR("PAR1 not really")));
    assert_int_equal(dataset_version(&f->op, f->tables, str_from(f->path), &v), E_INVALID);
    op_clear(&f->op);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_identity), cmocka_unit_test(test_errors)};
    return cmocka_run_group_tests(tests, data_setup, data_teardown);
}
