/* test_pgstatement.c - statements are prepared once per connection on a real PostgreSQL, and those that number a row return it. */
#include "adapter/postgres/pgstatement.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "adapter/postgres/pgmigrate.h"
#include "adapter/postgres/pgvalue.h"
#include "contract/pgserver.h"
#include "contract/scratch.h"

struct fixture {
    struct scratch s;
    struct pgwire w;
    struct pgstatements list;
};

static const struct sql_migration small[] = {
    {1, "small", "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s TEXT); CREATE TABLE u (k TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;"}};

static void expect(struct fixture *f, enum err got, enum err want)
{
    if (got != want)
        print_error("got %s (%s), want %s\n", err_name(got), f->s.op.msg ? f->s.op.msg : "", err_name(want));
    assert_int_equal(got, want);
    op_clear(&f->s.op);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    const char *url = pgserver_schema_url(&f->s.op, f->s.dir);
    *state = f;
    expect(f, pgmigrate_apply(&f->s.op, url, small, 1), OK);
    expect(f, pgwire_open(&f->s.op, url, true, &f->w), OK);
    expect(f, pgstatements_read_schema(&f->s.op, &f->list, &f->w), OK);
    expect(f, pgwire_start(&f->s.op, &f->w), OK);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    pgstatements_clear(&f->list);
    pgwire_close(&f->w);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

/* How many columns the answer of a prepared statement has, as the server says. */
static int columns(struct fixture *f, const struct pgstatement *st)
{
    PGresult *res = NULL;
    int n = -1;
    assert_true(PQsendDescribePrepared(f->w.pg, st->name));
    pgwire_note_sent(&f->w, PGWIRE_SENT_STATEMENT);
    expect(f, pgwire_sync(&f->s.op, &f->w), OK);
    while (!pgwire_take(&f->s.op, &f->w, "describe", &res) && res) {
        n = PQnfields(res);
        PQclear(res);
    }
    pgwire_note_taken(&f->w);
    expect(f, pgwire_settle(&f->s.op, &f->w, false), OK);
    return n;
}

static void each_is_prepared_once(void **state)
{
    struct fixture *f = *state;
    const struct sql one = {.name = "one", .text = "SELECT s FROM t WHERE n = ?1 AND s = ?2", .id = 3},
                     far = {.name = "far", .text = "UPDATE t SET n = ?1", .id = 900},
                     other = {.name = "other", .text = "SELECT n FROM t", .id = 3};
    struct pgstatement *st = NULL, *more = NULL;
    assert_null(pgstatement_find(&f->list, &one));
    expect(f, pgstatement_prepare(&f->s.op, &f->list, &f->w, &one, &st), OK);
    assert_ptr_equal(pgstatement_find(&f->list, &one), st);
    assert_false(st->writes);
    assert_int_equal(st->param_count, 2);
    assert_int_equal(st->types[0], PGTYPE_INT8);
    assert_int_equal(st->types[1], PGTYPE_TEXT);
    /* One far behind: the list grows, and what was found stays where it is. */
    expect(f, pgstatement_prepare(&f->s.op, &f->list, &f->w, &far, &more), OK);
    assert_true(more->writes);
    assert_string_not_equal(more->name, st->name);
    assert_ptr_equal(pgstatement_find(&f->list, &one), st);
    assert_null(pgstatement_find(&f->list, &other)); /* the same number is not the same statement */
}

static void a_statement_without_an_id_stands_until_the_next(void **state)
{
    struct fixture *f = *state;
    const struct sql a = {.name = "a", .text = "SELECT n FROM t WHERE n = ?1", .id = -1}, b = {.name = "b", .text = "SELECT n, s FROM t", .id = -1};
    struct pgstatement *st = NULL;
    expect(f, pgstatement_prepare(&f->s.op, &f->list, &f->w, &a, &st), OK);
    assert_string_equal(st->name, "");
    assert_int_equal(columns(f, st), 1);
    assert_null(pgstatement_find(&f->list, &a));
    expect(f, pgstatement_prepare(&f->s.op, &f->list, &f->w, &b, &st), OK);
    assert_int_equal(st->param_count, 0);
    assert_int_equal(columns(f, st), 2);
}

static void numbers_of_rows_are_returned(void **state)
{
    struct fixture *f = *state;
    static const struct sql sql[] = {{.name = "numbered", .text = "INSERT INTO t (n) VALUES (?1)", .id = 1},
                                     {.name = "keyed", .text = "INSERT INTO u (k) VALUES (?1)", .id = 2},
                                     {.name = "own", .text = "INSERT INTO t (n) VALUES (?1) RETURNING n, s", .id = 3},
                                     {.name = "copied", .text = "INSERT INTO t (n) SELECT n FROM u", .id = 4}};
    static const int want[] = {1, 0, 2, 0};
    for (size_t i = 0; i < ARRAY_LEN(sql); i++) {
        struct pgstatement *st = NULL;
        expect(f, pgstatement_prepare(&f->s.op, &f->list, &f->w, &sql[i], &st), OK);
        assert_int_equal(columns(f, st), want[i]);
    }
}

static void a_bad_one_leaves_nothing_behind(void **state)
{
    struct fixture *f = *state;
    const struct sql bad = {.name = "bad", .text = "SELEKT", .id = 5}, open = {.name = "open", .text = "SELECT 'x", .id = 6},
                     good = {.name = "good", .text = "SELECT 1", .id = 5};
    struct pgstatement *st = NULL;
    expect(f, pgstatement_prepare(&f->s.op, &f->list, &f->w, &bad, &st), E_INTERNAL);
    assert_null(st);
    assert_null(pgstatement_find(&f->list, &bad));
    expect(f, pgstatement_prepare(&f->s.op, &f->list, &f->w, &open, &st), E_INTERNAL);
    assert_false(f->w.lost);
    expect(f, pgstatement_prepare(&f->s.op, &f->list, &f->w, &good, &st), OK);
    pgwire_break(&f->w);
    expect(f, pgstatement_prepare(&f->s.op, &f->list, &f->w, &bad, &st), E_IO);
    assert_true(f->w.lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_is_prepared_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_statement_without_an_id_stands_until_the_next, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_of_rows_are_returned, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_bad_one_leaves_nothing_behind, set_up, tear_down),
    };
    if (!getenv("INGOT_TEST_POSTGRES"))
        return pgserver_skip();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
