/* The parts of the table port that no adapter has a hand in; the rest is in tests/contract/table_contract.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"
#include "port/table.h"

static int setup(void **state)
{
    struct op *op = calloc(1, sizeof *op);
    op_init(op, arena_create(LIMIT_MIB(1)));
    *state = op;
    return 0;
}

static int teardown(void **state)
{
    struct op *op = *state;
    arena_destroy(op->arena);
    free(op);
    return 0;
}

static void test_quote(void **state)
{
    assert_true(str_eqc(table_quote(*state, STR("a.parquet")), "'a.parquet'"));
    assert_true(str_eqc(table_quote(*state, STR("it's '' \"x\"")), "'it''s '''' \"x\"'"));
    assert_true(str_eqc(table_quote(*state, (struct str){NULL, 0}), "''"));
}

static void test_source(void **state)
{
    struct op *op = *state;
    struct str s;
    assert_int_equal(table_source_sql(op, STR("/x/a'b.parquet"), false, &s), OK);
    assert_true(str_eqc(s, "read_parquet('/x/a''b.parquet')"));
    assert_int_equal(table_source_sql(op, STR("a.pq"), true, &s), OK);
    assert_true(str_eqc(s, "read_parquet('a.pq', file_row_number = true)"));
    assert_int_equal(table_source_sql(op, STR("a.csv.gz"), false, &s), OK);
    assert_true(str_eqc(s, "read_csv('a.csv.gz')"));
    assert_int_equal(table_source_sql(op, STR("a.exe"), false, &s), E_INVALID);
    op_clear(op);
    assert_int_equal(table_source_sql(op, (struct str){"a\0.csv", 6}, false, &s), E_INVALID);
    op_clear(op);
}

static void test_names_and_nulls(void **state)
{
    (void)state;
    assert_string_equal(table_type_name(TABLE_I64), "BIGINT");
    assert_string_equal(table_type_name(TABLE_STRING), "VARCHAR");
    uint64_t valid[2] = {1ULL << 63, 1};
    struct table_column c = {.valid = valid};
    assert_false(table_valid(&c, 0));
    assert_true(table_valid(&c, 63) && table_valid(&c, 64));
    c.valid = NULL;
    assert_true(table_valid(&c, 0));
    table_scan_close(NULL, NULL);
    table_discard(NULL, NULL);
    table_engine_close(NULL);
    frame_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_quote), cmocka_unit_test(test_source), cmocka_unit_test(test_names_and_nulls)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
