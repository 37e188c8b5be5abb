/* test_migrate.c - numbered migrations, each whole or absent; and the rules for the program's own schema. */
#include "adapter/sqlite/migrate.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"

struct fixture {
    struct scratch s;
    const char *path;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    f->path = scratch_path(&f->s, "test.db");
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static const struct sql_migration all[] = {
    {1, "one", "CREATE TABLE one (a INTEGER) STRICT; INSERT INTO one VALUES (1);"},
    {10, "ten", "CREATE TABLE ten (a INTEGER) STRICT;\n-- a comment at the end"},
    {20, "twenty", "INSERT INTO one VALUES (20); INSERT INTO ten VALUES (20);"},
};

static enum err apply(struct fixture *f, const struct sql_migration *m, int count)
{
    struct dbconn *c = NULL;
    op_clear(&f->s.op);
    enum err e = dbconn_open(&f->s.op, f->path, DBCONN_WRITER, &c);
    if (!e)
        e = migrate_apply(&f->s.op, c, m, count);
    dbconn_close(c);
    return e;
}

/* The first column of the first row, or -1 when the query fails. */
static int64_t ask(struct fixture *f, const char *text)
{
    const struct sql sql = {.name = "ask", .text = text, .id = -1};
    struct dbconn *c = NULL;
    struct db_rows *rows = NULL;
    bool row = false;
    int64_t n = -1;
    op_clear(&f->s.op);
    assert_int_equal(dbconn_open(&f->s.op, f->path, DBCONN_READER, &c), OK);
    struct db_tx tx = {.impl = c};
    if (!dbconn_query(&f->s.op, &tx, &sql, DB_NO_ARGS, &rows) && !dbconn_step(&f->s.op, rows, &row) && row)
        n = dbconn_column(rows, 0).i;
    dbconn_close(c); /* ends the query as well */
    return n;
}

static void they_are_applied_once_and_in_order(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(apply(f, all, 2), OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM schema_version"), 2);
    assert_int_equal(apply(f, all, 3), OK);
    assert_int_equal(apply(f, all, 3), OK);
    assert_int_equal(ask(f, "SELECT sum(a) FROM one"), 21);
    assert_int_equal(ask(f, "SELECT sum(number) FROM schema_version"), 31);
}

/* Two branches of the code gave numbers independently: the lower one comes later. */
static void a_missing_number_is_made_up_for(void **state)
{
    struct fixture *f = *state;
    static const struct sql_migration without[] = {{1, "one", "CREATE TABLE one (a INTEGER) STRICT"},
                                                   {20, "twenty", "SELECT 1"}};
    assert_int_equal(apply(f, without, 2), OK);
    assert_int_equal(apply(f, all, 3), OK);
    assert_int_equal(ask(f, "SELECT count(*) FROM ten"), 0);
}

static void a_newer_database_is_refused_and_untouched(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(apply(f, all, 3), OK);
    assert_int_equal(apply(f, all, 2), E_CONFLICT);
    assert_non_null(strstr(f->s.op.msg, "newer"));
    assert_non_null(strstr(f->s.op.msg, "twenty"));
    assert_int_equal(ask(f, "SELECT sum(number) FROM schema_version"), 31);
}

static void a_failing_one_leaves_the_state_before_it(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "CREATE TABLE half (a INTEGER) STRICT; INSERT INTO half VALUES (1); INSERT INTO nowhere VALUES (1);",
        "CREATE TABLE half (a INTEGER) STRICT; COMMIT;",
        "CREATE TABLE half (a INTEGER) STRICT; SELEKT",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const struct sql_migration broken[] = {all[0], all[1], {15, "broken", bad[i]}, all[2]};
        assert_int_not_equal(apply(f, broken, 4), OK);
        assert_non_null(strstr(f->s.op.msg, "migration 15"));
        assert_int_equal(ask(f, "SELECT sum(number) FROM schema_version"), 11);
        assert_int_equal(ask(f, "SELECT sum(a) FROM one"), 1);
        if (i != 1)
            assert_int_equal(ask(f, "SELECT count(*) FROM half"), -1);
        unlink(f->path);
    }
}

static void another_programs_database_is_refused(void **state)
{
    struct fixture *f = *state;
    sqlite3 *handle = NULL;
    assert_int_equal(sqlite3_open(f->path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, "CREATE TABLE theirs (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(handle);
    assert_int_equal(apply(f, all, 3), E_CONFLICT);
    assert_non_null(strstr(f->s.op.msg, "another program"));
    assert_int_equal(ask(f, "SELECT count(*) FROM theirs"), 0);
}

/* SQLite stores 0 for -0.0 in a REAL column, so doubles stand in columns of type ANY (STRICT tables) or without a
 * type (elsewhere, where ANY would be NUMERIC and change them as well). */
static void the_schema_has_no_column_that_changes_a_double(void **state)
{
    struct fixture *f = *state;
    static const struct sql columns = {
        .name = "columns",
        .id = -1,
        .text = "SELECT t.name, c.name, c.type FROM pragma_table_list AS t, pragma_table_info(t.name) AS c"
                " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' AND c.type NOT IN ('INTEGER', "
                "'TEXT', 'BLOB', '')"
                " AND NOT (t.strict AND c.type = 'ANY')"};
    if (apply(f, sql_migrations, sql_migration_count))
        fail_msg("%s", f->s.op.msg);
    struct dbconn *c = NULL;
    struct db_rows *rows = NULL;
    bool row = true;
    int found = 0;
    assert_int_equal(dbconn_open(&f->s.op, f->path, DBCONN_READER, &c), OK);
    struct db_tx tx = {.impl = c};
    assert_int_equal(dbconn_query(&f->s.op, &tx, &columns, DB_NO_ARGS, &rows), OK);
    while (assert_int_equal(dbconn_step(&f->s.op, rows, &row), OK), row) {
        print_error(
            "column %.*s.%.*s of type %.*s: for doubles use ANY in a STRICT table, no type elsewhere\n",
            STR_FMT(dbconn_column(rows, 0).s), STR_FMT(dbconn_column(rows, 1).s),
            STR_FMT(dbconn_column(rows, 2).s));
        found++;
    }
    dbconn_close(c);
    assert_int_equal(found, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_are_applied_once_and_in_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_missing_number_is_made_up_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_newer_database_is_refused_and_untouched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failing_one_leaves_the_state_before_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_programs_database_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_schema_has_no_column_that_changes_a_double, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
