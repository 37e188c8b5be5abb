/* test_db.c - the thin half of the database port: conversions, copies, and which transaction a nested call joins. */
#include "port/db.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "adapter/sqlite/sqlite.h"
#include "contract/scratch.h"
#include "sql_gen.h"

static const struct sql_migration schema[] = {{1, "test", "CREATE TABLE t (a INTEGER) STRICT;"}};
static const struct sql values = {"values", "SELECT 7, 2.5, 'text', x'0001', NULL, 1e300, -3.9", 0, 0, 7};
static const struct sql add = {"add", "INSERT INTO t VALUES (1)", 1, 0, -1};

struct fixture {
    struct scratch s;
    struct db *db;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    assert_int_equal(sqlite_open_with(&f->s.op, ":memory:", schema, 1, &f->db), OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    db_close(f->db);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static enum err convert(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    struct db_rows *r = NULL;
    bool row = false;
    assert_int_equal(db_query(op, tx, &values, DB_NO_ARGS, &r), OK);
    assert_int_equal(db_step(op, tx, r, &row), OK);
    assert_true(row);
    assert_int_equal(db_col_i64(tx, r, 0), 7);
    assert_true(db_col_f64(tx, r, 0) == 7.0);
    assert_true(db_col_f64(tx, r, 1) == 2.5);
    assert_int_equal(db_col_i64(tx, r, 1), 2);
    assert_int_equal(db_col_i64(tx, r, 6), -3);
    assert_int_equal(db_col_i64(tx, r, 5), 0); /* does not fit */
    assert_true(str_eqc(db_col_str(tx, r, 2), "text"));
    assert_int_equal(db_col_str(tx, r, 3).len, 2);
    assert_true(db_col_null(tx, r, 4) && !db_col_null(tx, r, 3));
    assert_int_equal(db_col_str(tx, r, 4).len, 0);
    assert_int_equal(db_col_i64(tx, r, 4), 0);
    assert_true(db_col_f64(tx, r, 4) == 0.0);
    struct str kept = db_col_dup(op, tx, r, 2);
    assert_int_equal(db_step(op, tx, r, &row), OK);
    assert_false(row);
    db_end(tx, r);
    db_end(tx, NULL);
    assert_true(str_eqc(kept, "text"));
    struct db_val v[3];
    assert_int_equal(db_query_one(op, tx, &values, DB_NO_ARGS, v, 3), OK); /* fewer than there are */
    assert_true(v[2].type == DB_TYPE_TEXT && str_eqc(v[2].s, "text"));
    assert_int_equal(v[2].s.p[4], 0);
    return OK;
}

static void columns_are_converted(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(db_read(&f->s.op, f->db, convert, NULL), OK);
}

struct seen {
    struct db *db;
    const struct db_tx *outer, *inner;
    enum err write;
};

static enum err look(struct op *op, struct db_tx *tx, void *arg)
{
    struct seen *s = arg;
    s->inner = tx;
    return op->tx == tx ? OK : op_fail(op, E_INTERNAL, "op->tx is not the transaction");
}

static enum err add_fn(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    return db_exec(op, tx, &add, DB_NO_ARGS, NULL);
}

static enum err nest(struct op *op, struct db_tx *tx, void *arg)
{
    struct seen *s = arg;
    s->outer = tx;
    enum err e = db_read(op, s->db, look, s);
    s->write = db_write(op, s->db, add_fn, NULL);
    op_clear(op);
    return e;
}

static void nested_calls_join_the_transaction(void **state)
{
    struct fixture *f = *state;
    struct seen s = {.db = f->db};
    assert_int_equal(db_read(&f->s.op, f->db, nest, &s), OK);
    assert_true(s.inner == s.outer);
    assert_int_equal(s.write, E_INTERNAL);
    assert_null(f->s.op.tx);
    assert_int_equal(db_write(&f->s.op, f->db, nest, &s), OK);
    assert_true(s.inner == s.outer);
    assert_int_equal(s.write, OK);
    assert_null(f->s.op.tx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(columns_are_converted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nested_calls_join_the_transaction, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
