/* test_dbconn.c - the settings that a connection promises, and its statement cache. */
#include "adapter/sqlite/dbconn.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "contract/scratch.h"

struct fixture {
    struct scratch s;
    const char *path;
    struct dbconn *c;
    struct db_tx tx;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    f->path = scratch_path(&f->s, "test.db");
    assert_int_equal(dbconn_open(&f->s.op, f->path, DBCONN_WRITER, &f->c), OK);
    f->tx = (struct db_tx){.impl = f->c, .writable = true};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    dbconn_close(f->c);
    dbconn_close(NULL);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static enum err run(struct fixture *f, const char *text)
{
    const struct sql sql = {.name = "run", .text = text, .id = -1};
    op_clear(&f->s.op);
    return dbconn_exec(&f->s.op, &f->tx, &sql, DB_NO_ARGS, NULL);
}

static struct str ask(struct fixture *f, struct dbconn *c, const struct sql *sql)
{
    struct db_tx tx = {.impl = c, .writable = c == f->c};
    struct db_rows *rows = NULL;
    bool row = false;
    op_clear(&f->s.op);
    if (dbconn_query(&f->s.op, &tx, sql, DB_NO_ARGS, &rows) || dbconn_step(&f->s.op, rows, &row))
        fail_msg("%s", f->s.op.msg);
    assert_true(row);
    struct db_val v = dbconn_column(rows, 0);
    struct str s = v.type == DB_TYPE_I64 ? str_from(op_printf(&f->s.op, "%lld", (long long)v.i))
                                         : str_dup(f->s.arena, v.s);
    dbconn_end(rows);
    return s;
}

static void settings_are_as_promised(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *writer, *reader;
    } cases[] = {
        {"PRAGMA journal_mode", "wal", NULL},
        {"PRAGMA synchronous", "2", NULL},
        {"PRAGMA foreign_keys", "1", "1"},
        {"PRAGMA trusted_schema", "0", "0"},
        {"PRAGMA mmap_size", "0", "0"},
        {"PRAGMA wal_autocheckpoint", "0", "0"},
        {"PRAGMA cell_size_check", "1", "1"},
        {"PRAGMA query_only", "0", "1"},
        {"PRAGMA application_id", "1231972207", "1231972207"},
    };
    struct dbconn *reader = NULL;
    assert_int_equal(dbconn_open(&f->s.op, f->path, DBCONN_READER, &reader), OK);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct sql sql = {.name = cases[i].text, .text = cases[i].text, .id = -1};
        assert_true(str_eqc(ask(f, f->c, &sql), cases[i].writer));
        if (cases[i].reader)
            assert_true(str_eqc(ask(f, reader, &sql), cases[i].reader));
    }
    dbconn_close(reader);
}

static void dangerous_statements_fail(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, "ATTACH '/tmp/x.db' AS x"), E_INTERNAL);
    assert_int_equal(run(f, "SELECT load_extension('x')"), E_INTERNAL);
    assert_int_equal(run(f, "SELECT \"no such column\""), E_INTERNAL); /* not taken for a text */
    assert_int_equal(run(f, "CREATE TABLE t (a)"), OK);
    assert_int_equal(run(f, "PRAGMA writable_schema = ON"), OK); /* without effect */
    assert_int_not_equal(run(f, "UPDATE sqlite_schema SET sql = 'x'"), OK);
    assert_int_equal(run(f, "INSERT INTO t VALUES (zeroblob(70000000))"), E_TOO_LARGE);
}

static void statements_of_one_id_do_not_mix(void **state)
{
    struct fixture *f = *state;
    static const struct sql one = {"one", "SELECT 1", 5, 0, 1}, two = {"two", "SELECT 2", 5, 0, 1},
                            far = {"far", "SELECT 3", 1000000, 0, 1};
    for (int i = 0; i < 3; i++) {
        assert_true(str_eqc(ask(f, f->c, &one), "1"));
        assert_true(str_eqc(ask(f, f->c, &two), "2"));
        assert_true(str_eqc(ask(f, f->c, &far), "3"));
    }
    /* Both at once. */
    struct db_rows *a = NULL, *b = NULL;
    bool row = false;
    assert_int_equal(dbconn_query(&f->s.op, &f->tx, &one, DB_NO_ARGS, &a), OK);
    assert_int_equal(dbconn_query(&f->s.op, &f->tx, &two, DB_NO_ARGS, &b), OK);
    assert_int_equal(dbconn_step(&f->s.op, a, &row), OK);
    assert_int_equal(dbconn_step(&f->s.op, b, &row), OK);
    assert_true(dbconn_column(a, 0).i == 1 && dbconn_column(b, 0).i == 2);
    struct db_rows *mark = dbconn_mark(f->c), *c = NULL;
    assert_int_equal(dbconn_query(&f->s.op, &f->tx, &far, DB_NO_ARGS, &c), OK);
    dbconn_end_rows(f->c, mark);
    assert_true(dbconn_mark(f->c) == b);
    dbconn_end(a);
    dbconn_end_rows(f->c, NULL);
    assert_null(dbconn_mark(f->c));
}

static void only_broken_disks_are_fatal(void **state)
{
    (void)state;
    assert_true(dbconn_is_fatal(SQLITE_IOERR_FSYNC));
    assert_true(dbconn_is_fatal(SQLITE_IOERR_WRITE));
    assert_true(dbconn_is_fatal(SQLITE_IOERR_TRUNCATE));
    assert_false(dbconn_is_fatal(SQLITE_OK));
    assert_false(dbconn_is_fatal(SQLITE_FULL));
    assert_false(dbconn_is_fatal(SQLITE_IOERR_NOMEM));
    assert_false(dbconn_is_fatal(SQLITE_IOERR_SHMSIZE));
    assert_false(dbconn_is_fatal(SQLITE_BUSY));
}

static void damaged_pages_are_reported(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(run(f, "CREATE TABLE t (id INTEGER PRIMARY KEY, v)"), OK);
    assert_int_equal(run(f, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                            " INSERT INTO t SELECT i, randomblob(100) FROM n"),
                     OK);
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(dbconn_handle(f->c), NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
        SQLITE_OK);
    dbconn_close(f->c);
    FILE *file = fopen(f->path, "r+be");
    assert_non_null(file);
    for (long page = 2; page < 20; page++) { /* the header of each page */
        fseek(file, page * 4096, SEEK_SET);
        fwrite("\xff\xff\xff\xff\xff\xff\xff\xff", 1, 8, file);
    }
    fclose(file);
    assert_int_equal(dbconn_open(&f->s.op, f->path, DBCONN_WRITER, &f->c), OK);
    f->tx.impl = f->c;
    assert_int_equal(run(f, "SELECT sum(length(v)) FROM t"), E_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(settings_are_as_promised, set_up, tear_down),
        cmocka_unit_test_setup_teardown(dangerous_statements_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statements_of_one_id_do_not_mix, set_up, tear_down),
        cmocka_unit_test(only_broken_disks_are_fatal),
        cmocka_unit_test_setup_teardown(damaged_pages_are_reported, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
