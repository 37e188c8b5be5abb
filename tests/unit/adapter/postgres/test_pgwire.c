/* test_pgwire.c - batches, errors and ends of one connection to a real PostgreSQL. */
#include "adapter/postgres/pgwire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/time.h"
#include "contract/pgserver.h"
#include "contract/scratch.h"

struct fixture {
    struct scratch s;
    struct pgwire w;
};

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
    *state = f;
    expect(f, pgwire_open(&f->s.op, getenv("INGOT_TEST_POSTGRES"), true, &f->w), OK);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    pgwire_close(&f->w);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static void sessions_are_prepared(void **state)
{
    struct fixture *f = *state;
    PGresult *res = NULL;
    expect(f, pgwire_plain(&f->s.op, &f->w, "SELECT current_setting('lock_timeout'), current_setting('client_connection_check_interval'), current_setting('jit')", &res), OK);
    assert_string_equal(PQgetvalue(res, 0, 0), "20s");
    assert_string_equal(PQgetvalue(res, 0, 1), "1s");
    assert_string_equal(PQgetvalue(res, 0, 2), "off");
    PQclear(res);
    /* A server that would acknowledge before the disk is told to wait for it, by a writer. */
    struct pgwire lazy;
    const char *url = op_printf(&f->s.op, "%s?options=-csynchronous_commit%%3Doff", getenv("INGOT_TEST_POSTGRES"));
    for (int writer = 0; writer < 2; writer++) {
        expect(f, pgwire_open(&f->s.op, url, writer, &lazy), OK);
        expect(f, pgwire_plain(&f->s.op, &lazy, "SHOW synchronous_commit", &res), OK);
        assert_string_equal(PQgetvalue(res, 0, 0), writer ? "on" : "off");
        PQclear(res);
        pgwire_close(&lazy);
    }
}

static void framing_statements_fold(void **state)
{
    struct fixture *f = *state;
    struct pgwire *w = &f->w;
    expect(f, pgwire_start(&f->s.op, w), OK);
    pgwire_push(w, PGWIRE_BEGIN_READ);
    pgwire_push(w, PGWIRE_ROLLBACK);
    assert_int_equal(w->pending_count, 0); /* nothing was said in it */
    pgwire_push(w, PGWIRE_BEGIN_WRITE);
    pgwire_push(w, PGWIRE_SAVEPOINT);
    pgwire_push(w, PGWIRE_ROLLBACK_TO);
    assert_int_equal(w->pending_count, 2);
    pgwire_push(w, PGWIRE_RELEASE);
    assert_int_equal(w->pending_count, 1);
    pgwire_push(w, PGWIRE_SAVEPOINT);
    expect(f, pgwire_flush(&f->s.op, w), OK);
    pgwire_push(w, PGWIRE_ROLLBACK_TO); /* it has been sent: now it counts */
    pgwire_push(w, PGWIRE_RELEASE);
    pgwire_push(w, PGWIRE_COMMIT);
    assert_int_equal(w->pending_count, 3);
    expect(f, pgwire_flush(&f->s.op, w), OK);
    assert_int_equal(PQtransactionStatus(w->pg), PQTRANS_IDLE);
}

/* COMMIT of a failed transaction is answered with success and the word ROLLBACK. */
static void a_commit_that_rolls_back_is_a_failure(void **state)
{
    struct fixture *f = *state;
    struct pgwire *w = &f->w;
    expect(f, pgwire_start(&f->s.op, w), OK);
    pgwire_push(w, PGWIRE_BEGIN_WRITE);
    expect(f, pgwire_flush(&f->s.op, w), OK);
    pgwire_push(w, PGWIRE_RELEASE); /* there is no such savepoint */
    pgwire_push(w, PGWIRE_COMMIT);  /* skipped: behind an error in the same batch */
    expect(f, pgwire_flush(&f->s.op, w), E_INTERNAL);
    pgwire_push(w, PGWIRE_COMMIT);
    expect(f, pgwire_flush(&f->s.op, w), E_INTERNAL);
    assert_int_equal(PQtransactionStatus(w->pg), PQTRANS_IDLE);
    pgwire_push(w, PGWIRE_BEGIN_WRITE);
    pgwire_push(w, PGWIRE_COMMIT);
    expect(f, pgwire_flush(&f->s.op, w), OK);
    assert_false(w->lost);
}

static void states_have_their_error(void **state)
{
    static const struct {
        const char *text;
        enum err want;
    } rows[] = {
        {"DO $$ BEGIN RAISE unique_violation; END $$", E_EXISTS},
        {"DO $$ BEGIN RAISE foreign_key_violation; END $$", E_CONFLICT},
        {"DO $$ BEGIN RAISE deadlock_detected; END $$", E_BUSY},
        {"DO $$ BEGIN RAISE disk_full; END $$", E_IO},
        {"DO $$ BEGIN RAISE too_many_connections; END $$", E_BUSY},
        {"DO $$ BEGIN RAISE data_corrupted; END $$", E_CORRUPT},
        {"DO $$ BEGIN RAISE query_canceled; END $$", E_TIMEOUT},
        {"SELECT 1 / 0", E_INVALID},
        {"SELECT convert_from('\\xff', 'UTF8')", E_INVALID},
        {"SELECT 'x'::json", E_CONFLICT},
        {"SELECT nothing", E_INTERNAL},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        expect(f, pgwire_plain(&f->s.op, &f->w, rows[i].text, NULL), rows[i].want);
    assert_false(f->w.lost);
    expect(f, pgwire_plain(&f->s.op, &f->w, "DO $$ BEGIN RAISE admin_shutdown; END $$", NULL), E_IO);
    assert_true(f->w.lost);
}

static void a_broken_connection_is_told(void **state)
{
    struct fixture *f = *state;
    struct pgwire *w = &f->w;
    expect(f, pgwire_start(&f->s.op, w), OK);
    assert_false(pgwire_is_stale(w));
    char pid[16];
    snprintf(pid, sizeof pid, "%d", PQbackendPID(w->pg));
    assert_true(pgserver_sql(op_printf(&f->s.op, "SELECT pg_terminate_backend(%s)", pid), NULL));
    int64_t until = time_mono_ms() + 5000;
    while (!pgwire_is_stale(w) && time_mono_ms() < until)
        time_sleep_ms(5);
    assert_true(pgwire_is_stale(w));
    pgwire_push(w, PGWIRE_BEGIN_WRITE);
    expect(f, pgwire_flush(&f->s.op, w), E_IO);
    assert_true(w->lost);
    expect(f, pgwire_flush(&f->s.op, w), E_IO);
}

static void what_cannot_be_reached_is_said_without_a_password(void **state)
{
    struct fixture *f = *state;
    struct pgwire w;
    assert_int_equal(pgwire_open(&f->s.op, "postgresql://u:hunter2@127.0.0.1:1/db", false, &w), E_IO);
    assert_non_null(strstr(f->s.op.msg, "127.0.0.1:1/db"));
    assert_null(strstr(f->s.op.msg, "hunter2"));
    op_clear(&f->s.op);
    assert_string_equal(pgwire_place(&f->s.op, "postgresql://u:p@h:5/d?sslmode=require"), "h:5/d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sessions_are_prepared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(framing_statements_fold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_commit_that_rolls_back_is_a_failure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(states_have_their_error, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_broken_connection_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_reached_is_said_without_a_password, set_up, tear_down),
    };
    if (!getenv("INGOT_TEST_POSTGRES"))
        return pgserver_skip();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
