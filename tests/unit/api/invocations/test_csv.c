/* CSV as RFC 4180 has it and pandas writes it. */
#include "api/invocations/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"

struct fixture {
    struct arena *arena;
    struct op op;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_create(LIMIT_MIB(64));
    op_init(&f->op, f->arena);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    arena_destroy(f->arena);
    free(f);
    return 0;
}

static void test_cells(void **state)
{
    struct fixture *f = *state;
    struct csv c;
    assert_int_equal(csv_parse(&f->op, STR("\xEF\xBB\xBF" "a,\"b \"\"c\"\"\",d\r\n1,\"x,\ny\",\n\n\"\", NA ,NA\n"), &c), OK);
    assert_true(c.rows == 2 && c.cols == 3 && str_eqc(c.names[0], "a") && str_eqc(c.names[1], "b \"c\""));
    assert_true(str_eqc(c.cells[0], "1") && str_eqc(c.cells[1], "x,\ny") && !c.cells[2].p);
    assert_true(!c.cells[3].p && str_eqc(c.cells[4], " NA ") && !c.cells[5].p);
    assert_int_equal(csv_parse(&f->op, STR("a\n1"), &c), OK);
    assert_true(c.rows == 1 && c.cols == 1);
    assert_int_equal(csv_parse(&f->op, STR("NA,\n1,2\n"), &c), OK);
    assert_true(str_eqc(c.names[0], "NA") && !c.names[1].len); /* names are names; pandas' index has none */
}

static void test_refusals(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "names"}, {"a,b", "names"}, {"a,b\n", "names"}, {"\n\n", "names"},
        {"a,b\n1\n", "line 2"}, {"a,b\n1,2,3\n", "line 2"}, {"a\n\"1", "within quotes"}, {"a\n\"1\"x\n", "closing quote"},
        {"a\n1\"2\n", "quote"}, {"a\n1\r2\n", "carriage"}, {"a\n\xff\n", "UTF-8"}, {"a,b\n1,2\n3\n", "line 3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct csv c;
        op_clear(&f->op);
        if (csv_parse(&f->op, str_from(cases[i].text), &c) != E_INVALID || !strstr(f->op.msg, cases[i].says))
            fail_msg("%s: %s", cases[i].text, f->op.msg ? f->op.msg : "");
    }
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_cells), TEST(test_refusals)};
    return cmocka_run_group_tests_name("csv", tests, NULL, NULL);
}
