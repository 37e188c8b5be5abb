/* test_pgconn.c - statements on a real PostgreSQL: every one of the program prepares, rows stream and are set aside, ids are found. */
#include "adapter/postgres/pgconn.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "adapter/postgres/pgmigrate.h"
#include "adapter/postgres/pgrows.h"
#include "adapter/postgres/pgvalue.h"
#include "base/limits.h"
#include "base/time.h"
#include "contract/pgserver.h"
#include "contract/scratch.h"

struct fixture {
    struct scratch s;
    char *url;
    struct pgconn *c;
};

static const char schema[] = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER UNIQUE, s TEXT);"
                             "CREATE TABLE u (k TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID;";
static const struct sql_migration small[] = {{1, "small", schema}};

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
    f->url = pgserver_schema_url(&f->s.op, f->s.dir);
    *state = f;
    expect(f, pgmigrate_apply(&f->s.op, f->url, small, 1), OK);
    expect(f, pgconn_open(&f->s.op, f->url, PGCONN_WRITER, &f->c), OK);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    pgconn_close(f->c);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static void begin(struct fixture *f)
{
    pgwire_push(pgconn_wire(f->c), PGWIRE_BEGIN_WRITE);
    pgwire_push(pgconn_wire(f->c), PGWIRE_LOCK);
    expect(f, pgwire_flush(&f->s.op, pgconn_wire(f->c)), OK);
}

static void roll_back(struct fixture *f)
{
    pgconn_end_rows(f->c, NULL);
    pgwire_push(pgconn_wire(f->c), PGWIRE_ROLLBACK);
    expect(f, pgwire_flush(&f->s.op, pgconn_wire(f->c)), OK);
}

/* A parameter that PostgreSQL takes for 32 bits would refuse larger numbers that SQLite takes; flags may be. */
static void every_statement_prepares(void **state)
{
    struct fixture *f = *state;
    int bad = 0;
    pgconn_close(f->c);
    f->c = NULL;
    expect(f, pgserver_sql("DROP SCHEMA IF EXISTS whole CASCADE; CREATE SCHEMA whole", NULL) ? OK : E_IO, OK);
    char *url = op_printf(&f->s.op, "%s?options=-csearch_path%%3Dwhole", getenv("INGOT_TEST_POSTGRES"));
    expect(f, pgmigrate_apply(&f->s.op, url, sql_postgres_migrations, sql_migration_count), OK);
    expect(f, pgmigrate_apply(&f->s.op, url, sql_postgres_migrations, sql_migration_count), OK); /* again: nothing to do */
    expect(f, pgconn_open(&f->s.op, url, PGCONN_WRITER, &f->c), OK);
    for (int i = 0; i < SQL_STATEMENT_COUNT; i++) {
        unsigned types[LIMIT_DB_PARAMS];
        int n = 0;
        /* SQLite's own, and what reads another program's tables. */
        if (str_starts(str_from(sql_statements[i]->text), STR("PRAGMA")) || str_starts(str_from(sql_statements[i]->name), STR("mlflow_origin_")))
            continue;
        if (pgconn_describe(&f->s.op, f->c, sql_statements[i], types, &n)) {
            print_error("%s\n", f->s.op.msg);
            op_clear(&f->s.op);
            bad++;
            continue;
        }
        if (n != sql_statements[i]->param_count) {
            print_error("%s: %d parameters, not %d\n", sql_statements[i]->name, n, sql_statements[i]->param_count);
            bad++;
        }
        for (int k = 0; k < n; k++)
            if (types[k] == PGTYPE_INT4 && !strstr(sql_statements[i]->text, op_printf(&f->s.op, "?%d = 0", k + 1))) {
                print_error("%s: parameter %d is taken for 32 bits: write CAST(?%d AS INTEGER)\n", sql_statements[i]->name, k + 1, k + 1);
                bad++;
            }
    }
    assert_int_equal(bad, 0);
}

static enum err run(struct fixture *f, const char *text, const struct db_val *args, size_t n, int64_t *ret_changes)
{
    const struct sql sql = {.name = "run", .text = text, .id = -1};
    struct db_tx tx = {.impl = f->c, .writable = true};
    return pgconn_exec(&f->s.op, &tx, &sql, args, n, ret_changes);
}

static int64_t last_id(struct fixture *f)
{
    struct db_tx tx = {.impl = f->c, .writable = true};
    return pgconn_last_id(&tx);
}

static void ids_and_changes_are_told(void **state)
{
    struct fixture *f = *state;
    int64_t changes = 0;
    begin(f);
    expect(f, run(f, "INSERT INTO t (n) VALUES (?1)", DB_ARGS(DB_I64(7)), &changes), OK);
    assert_int_equal(changes, 1);
    assert_int_equal(last_id(f), 1);
    expect(f, run(f, "INSERT INTO t (n) VALUES (?1) ON CONFLICT DO NOTHING", DB_ARGS(DB_I64(7)), &changes), OK);
    assert_int_equal(changes, 0);
    assert_int_equal(last_id(f), 1);
    expect(f, run(f, "INSERT INTO u (k, n) VALUES ('a', 3) ON CONFLICT (k) DO UPDATE SET n = excluded.n", DB_NO_ARGS, &changes), OK);
    assert_int_equal(changes, 1);
    expect(f, run(f, "INSERT INTO t (id, n) VALUES (100, 8)", DB_NO_ARGS, NULL), OK);
    assert_int_equal(last_id(f), 100);
    expect(f, run(f, "UPDATE t SET s = 'x'", DB_NO_ARGS, &changes), OK);
    assert_int_equal(changes, 2);
    expect(f, run(f, "DELETE FROM t WHERE n = ?1", DB_ARGS(DB_I64(-1)), &changes), OK);
    assert_int_equal(changes, 0);
    roll_back(f);
}

enum { MANY = 20000 };

/* A stream, and another statement in its midst: nothing is lost or mixed up. */
static void a_stream_is_set_aside_for_another_statement(void **state)
{
    struct fixture *f = *state;
    const struct sql all = {.name = "all", .text = "SELECT n, s FROM t ORDER BY n", .id = -1},
                     one = {.name = "one", .text = "SELECT s FROM t WHERE n = ?1", .id = -1};
    struct db_tx tx = {.impl = f->c, .writable = true};
    begin(f);
    expect(f, run(f, "INSERT INTO t (n, s) SELECT i, CASE WHEN i % 3 > 0 THEN 'row ' || i END FROM generate_series(0, 19999) AS i", DB_NO_ARGS, NULL), OK);
    struct db_rows *rows = NULL;
    bool row = true;
    expect(f, pgconn_query(&f->s.op, &tx, &all, DB_NO_ARGS, &rows), OK);
    int64_t n = 0;
    for (; !pgconn_step(&f->s.op, rows, &row) && row; n++) {
        assert_true(pgconn_column(rows, 0).i == n);
        struct db_val s = pgconn_column(rows, 1);
        if (n % 5000 == 17) { /* the view of the present row outlives what comes between */
            struct db_rows *inner = NULL;
            bool inner_row = false;
            expect(f, pgconn_query(&f->s.op, &tx, &one, DB_ARGS(DB_I64(n)), &inner), OK);
            expect(f, pgconn_step(&f->s.op, inner, &inner_row), OK);
            struct db_val same = pgconn_column(inner, 0);
            assert_int_equal(same.type, s.type);
            if (s.type == DB_TYPE_TEXT)
                assert_true(str_eq(same.s, s.s));
            pgconn_end(inner);
        }
        assert_int_equal(s.type, n % 3 ? DB_TYPE_TEXT : DB_TYPE_NULL);
        if (n % 3)
            assert_true(str_eqc(s.s, op_printf(&f->s.op, "row %d", (int)n)));
    }
    assert_int_equal(n, MANY);
    pgconn_end(rows);
    /* A stream that is left early costs the writer nothing but the reading. */
    expect(f, pgconn_query(&f->s.op, &tx, &all, DB_NO_ARGS, &rows), OK);
    expect(f, pgconn_step(&f->s.op, rows, &row), OK);
    assert_true(rows->streaming);
    pgconn_end(rows);
    assert_false(rows->streaming);
    expect(f, run(f, "UPDATE t SET s = '' WHERE n = 1", DB_NO_ARGS, NULL), OK);
    roll_back(f);
}

static void a_frame_is_doomed_by_a_failure_after_a_change(void **state)
{
    struct fixture *f = *state;
    struct pgframe frame;
    int64_t changes = 0;
    begin(f);
    expect(f, pgconn_frame_begin(&f->s.op, f->c, &frame), OK);
    expect(f, run(f, "INSERT INTO t (n) VALUES (1)", DB_NO_ARGS, NULL), OK);
    expect(f, run(f, "INSERT INTO t (n) VALUES (1)", DB_NO_ARGS, NULL), E_EXISTS);
    expect(f, run(f, "INSERT INTO t (n) VALUES (2)", DB_NO_ARGS, NULL), E_INTERNAL);
    expect(f, pgconn_frame_end(&f->s.op, f->c, &frame, OK), E_INTERNAL);
    /* The next frame of the same transaction is whole again, and goes on after its first statement failed. */
    expect(f, pgconn_frame_begin(&f->s.op, f->c, &frame), OK);
    expect(f, run(f, "INSERT INTO t (n) VALUES ('x')", DB_NO_ARGS, NULL), E_CONFLICT);
    expect(f, run(f, "SELEKT", DB_NO_ARGS, NULL), E_INTERNAL);
    expect(f, run(f, "INSERT INTO t (n) VALUES (?1)", DB_ARGS(DB_TEXT(STR("x"))), NULL), E_INTERNAL); /* never sent */
    expect(f, run(f, "INSERT INTO t (n) VALUES (5)", DB_NO_ARGS, NULL), OK);
    expect(f, pgconn_frame_end(&f->s.op, f->c, &frame, OK), OK);
    expect(f, run(f, "DELETE FROM t", DB_NO_ARGS, &changes), OK);
    assert_int_equal(changes, 1);
    roll_back(f);
}

/* Many statements in one go: counted when their answers come, in order with the others, and a failure among them fails the frame. */
static void statements_that_nobody_waits_for(void **state)
{
    struct fixture *f = *state;
    const struct sql add = {.name = "add", .text = "INSERT INTO t (n) VALUES (?1) ON CONFLICT DO NOTHING", .id = 5},
                     must = {.name = "must", .text = "INSERT INTO t (n) VALUES (?1)", .id = 6},
                     count = {.name = "count", .text = "SELECT count(*) FROM t", .id = 7};
    struct db_tx tx = {.impl = f->c, .writable = true};
    struct pgframe frame;
    int64_t added = 0;
    begin(f);
    expect(f, pgconn_frame_begin(&f->s.op, f->c, &frame), OK);
    for (int64_t n = 0; n < 1000; n++)
        expect(f, pgconn_exec_later(&f->s.op, &tx, &add, DB_ARGS(DB_I64(n % 700)), &added), OK);
    expect(f, pgconn_settle(&f->s.op, &tx), OK);
    assert_int_equal(added, 700);
    for (int64_t n = 700; n < 710; n++)
        expect(f, pgconn_exec_later(&f->s.op, &tx, &add, DB_ARGS(DB_I64(n)), &added), OK);
    struct db_rows *rows = NULL; /* sees them all, and takes their answers */
    bool row = false;
    expect(f, pgconn_query(&f->s.op, &tx, &count, DB_NO_ARGS, &rows), OK);
    expect(f, pgconn_step(&f->s.op, rows, &row), OK);
    assert_int_equal(pgconn_column(rows, 0).i, 710);
    assert_int_equal(added, 710);
    pgconn_end(rows);
    expect(f, pgconn_frame_end(&f->s.op, f->c, &frame, OK), OK);
    /* A failure is told by the next statement, and stays with its frame. */
    expect(f, pgconn_frame_begin(&f->s.op, f->c, &frame), OK);
    expect(f, pgconn_exec_later(&f->s.op, &tx, &must, DB_ARGS(DB_I64(5000)), NULL), OK);
    expect(f, pgconn_exec_later(&f->s.op, &tx, &must, DB_ARGS(DB_I64(5)), NULL), OK);
    expect(f, pgconn_exec_later(&f->s.op, &tx, &must, DB_ARGS(DB_I64(5001)), NULL), OK);
    expect(f, pgconn_query(&f->s.op, &tx, &count, DB_NO_ARGS, &rows), E_EXISTS);
    expect(f, pgconn_frame_end(&f->s.op, f->c, &frame, OK), E_INTERNAL);
    /* ... or by its end, which then fails too. */
    expect(f, pgconn_frame_begin(&f->s.op, f->c, &frame), OK);
    expect(f, pgconn_exec_later(&f->s.op, &tx, &must, DB_ARGS(DB_I64(5)), NULL), OK);
    expect(f, pgconn_frame_end(&f->s.op, f->c, &frame, OK), E_EXISTS);
    expect(f, run(f, "DELETE FROM t", DB_NO_ARGS, &added), OK);
    assert_int_equal(added, 710);
    roll_back(f);
}

static void a_commit_is_noted(void **state)
{
    struct fixture *f = *state;
    int64_t number = -1;
    bool unknown = true;
    begin(f);
    expect(f, pgconn_commit_number(&f->s.op, f->c, STR("me"), &number), OK);
    assert_int_equal(number, 0);
    expect(f, run(f, "INSERT INTO t (n) VALUES (1)", DB_NO_ARGS, NULL), OK);
    expect(f, pgconn_commit(&f->s.op, f->c, STR("me"), 41, &unknown), OK);
    assert_false(unknown);
    begin(f);
    expect(f, pgconn_commit_number(&f->s.op, f->c, STR("me"), &number), OK);
    assert_int_equal(number, 41);
    pgwire_break(pgconn_wire(f->c));
    expect(f, pgconn_commit(&f->s.op, f->c, STR("me"), 42, &unknown), E_IO);
    assert_true(unknown);
}

static void a_reader_cannot_write_and_ends_in_time(void **state)
{
    struct fixture *f = *state;
    const struct sql insert = {.name = "insert", .text = "INSERT INTO t (n) VALUES (1)", .id = -1},
                     hidden = {.name = "hidden", .text = "SELECT nextval(pg_get_serial_sequence('t', 'id'))", .id = -1},
                     slow = {.name = "slow", .text = "SELECT pg_sleep(30)", .id = -1};
    struct pgconn *c = NULL;
    expect(f, pgconn_open(&f->s.op, f->url, PGCONN_READER, &c), OK);
    struct db_tx tx = {.impl = c};
    pgconn_read_begin(c, 0);
    expect(f, pgconn_exec(&f->s.op, &tx, &insert, DB_NO_ARGS, NULL), E_INTERNAL);
    expect(f, pgconn_exec(&f->s.op, &tx, &hidden, DB_NO_ARGS, NULL), E_INTERNAL); /* the server's own refusal */
    pgconn_read_end(c);
    assert_true(pgconn_is_usable(c));
    int64_t began = time_mono_ms();
    pgconn_read_begin(c, began + 100);
    expect(f, pgconn_exec(&f->s.op, &tx, &slow, DB_NO_ARGS, NULL), E_TIMEOUT);
    assert_true(time_mono_ms() - began < 5000);
    pgconn_read_end(c);
    assert_false(pgconn_is_usable(c));
    pgconn_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_statement_prepares, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_and_changes_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stream_is_set_aside_for_another_statement, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_frame_is_doomed_by_a_failure_after_a_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statements_that_nobody_waits_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_is_noted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_reader_cannot_write_and_ends_in_time, set_up, tear_down),
    };
    if (!getenv("INGOT_TEST_POSTGRES"))
        return pgserver_skip();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
