/* test_pgwriter.c - groups on a real PostgreSQL: what happens to each function when the connection breaks, and who holds the lock. */
#include "adapter/postgres/pgwriter.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "adapter/postgres/pgmigrate.h"
#include "adapter/postgres/postgres.h"
#include "base/fault.h"
#include "contract/pgserver.h"
#include "contract/scratch.h"

static const struct sql_migration schema[] = {{1, "t", "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER NOT NULL UNIQUE);"}};
static const struct sql add = {.name = "add", .text = "INSERT INTO t (n) VALUES (?1)", .id = 9000}; /* an id beyond the cache's */

struct fixture {
    struct scratch s;
    struct pgwriter *w;
    const char *schema;
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
    const struct db_tx tx = {.writable = true};
    scratch_init(&f->s);
    char *url = pgserver_schema_url(&f->s.op, f->s.dir);
    f->schema = strrchr(f->s.dir, '/') + 1;
    *state = f;
    expect(f, pgmigrate_apply(&f->s.op, url, schema, 1), OK);
    expect(f, pgwriter_create(&f->s.op, url, &tx, 64, &f->w), OK);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    pgwriter_destroy(f->w);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static const char *stored(struct fixture *f)
{
    static char out[16];
    assert_true(pgserver_sql(op_printf(&f->s.op, "SELECT string_agg(n::text, ' ' ORDER BY n) FROM \"%s\".t", f->schema), out));
    return out;
}

/* One write, its op included; the callbacks of several count down one latch. */
struct latch {
    struct mutex lock;
    struct cond changed;
    int left;
    bool open;
};
struct write {
    struct arena *arena;
    struct op op;
    int64_t n;
    int runs;
    bool break_before; /* the session is ended by another, then the statement is tried */
    bool wait;         /* for the latch's gate, so that others queue up behind */
    enum err e;
    struct latch *latch;
    int kind;          /* of mixed_fn */
    int64_t seen;      /* rows at its beginning */
};

static enum err write_fn(struct op *op, struct db_tx *tx, void *arg)
{
    struct write *w = arg;
    w->runs++;
    if (w->wait) {
        LOCK(&w->latch->lock);
        while (!w->latch->open)
            cond_wait(&w->latch->changed, &w->latch->lock);
    }
    if (w->break_before) {
        char text[80];
        snprintf(text, sizeof text, "SELECT pg_terminate_backend(%d, 5000)", PQbackendPID(pgconn_wire(tx->impl)->pg));
        assert_true(pgserver_sql(text, NULL));
    }
    return pgconn_exec(op, tx, &add, DB_ARGS(DB_I64(w->n)), NULL);
}

static void write_done(void *arg, enum err e)
{
    struct write *w = arg;
    LOCK(&w->latch->lock);
    w->e = e;
    w->latch->left--;
    cond_broadcast(&w->latch->changed);
}

static void run_all_of(struct fixture *f, db_fn fn, struct write *writes, int n)
{
    struct latch latch = {.left = n};
    mutex_init(&latch.lock);
    cond_init(&latch.changed);
    for (int i = 0; i < n; i++) {
        writes[i].arena = arena_create(1 << 20);
        writes[i].latch = &latch;
        op_init(&writes[i].op, writes[i].arena);
        pgwriter_start(f->w, &writes[i].op, fn, &writes[i], write_done, &writes[i]);
    }
    mutex_lock(&latch.lock);
    latch.open = true;
    cond_broadcast(&latch.changed);
    while (latch.left)
        cond_wait(&latch.changed, &latch.lock);
    mutex_unlock(&latch.lock);
    cond_clear(&latch.changed);
    mutex_clear(&latch.lock);
}

static void run_all(struct fixture *f, struct write *writes, int n)
{
    run_all_of(f, write_fn, writes, n);
}

static void free_all(struct write *writes, int n)
{
    for (int i = 0; i < n; i++)
        arena_destroy(writes[i].arena);
}

static void a_failure_harms_no_other_of_its_group(void **state)
{
    struct fixture *f = *state;
    struct write w[4] = {{.n = 1, .wait = true}, {.n = 2}, {.n = 2}, {.n = 3}};
    run_all(f, w, 4);
    assert_int_equal(w[0].e, OK);
    assert_int_equal(w[1].e, OK);
    assert_int_equal(w[2].e, E_EXISTS);
    assert_int_equal(w[3].e, OK);
    assert_string_equal(stored(f), "1 2 3");
    struct postgres_stats stats;
    pgwriter_stats(f->w, &stats);
    assert_int_equal(stats.writes, 4);
    assert_true(stats.commits <= 2);
    free_all(w, 4);
}

/* What had run is told that nothing was stored; what had not begun runs in the next group; nothing runs twice. */
static void a_break_in_the_midst_of_a_group(void **state)
{
    struct fixture *f = *state;
    struct write w[5] = {{.n = 1, .wait = true}, {.n = 2}, {.n = 3, .break_before = true}, {.n = 4}, {.n = 5}};
    run_all(f, w, 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(w[i].runs, 1);
    assert_int_equal(w[1].e, E_IO);
    assert_non_null(strstr(w[1].op.msg, "nothing was stored"));
    assert_int_equal(w[2].e, E_IO);
    assert_non_null(strstr(w[2].op.msg, "nothing was stored"));
    assert_int_equal(w[3].e, OK);
    assert_int_equal(w[4].e, OK);
    /* The first waited at the gate: the others came behind it in its group, or in the next. */
    assert_string_equal(stored(f), w[0].e ? "4 5" : "1 4 5");
    struct postgres_stats stats;
    pgwriter_stats(f->w, &stats);
    assert_int_equal(stats.reconnects, 1);
    free_all(w, 5);
}

/* Functions whose last statements nobody waits for, of every make, with and without a failure among these: each has the result, sees what it would and
 * leaves what it would if every statement were waited for. */
enum { LOOK_AND_ADD, ADD_ONLY, ADD_TWO, LOOK_ONLY, NOTHING, LOOK_AND_FAIL, ADD_AND_FAIL, ADD_NOW, NEW_STATEMENT, ADD_AND_SETTLE, KINDS };
static const struct sql kept_add = {.name = "kept_add", .text = "INSERT INTO t (n) VALUES (?1)", .id = 700},
                        kept_count = {.name = "kept_count", .text = "SELECT count(*) FROM t", .id = 701};

static enum err look(struct op *op, struct db_tx *tx, struct write *w)
{
    struct db_rows *rows = NULL;
    bool row = false;
    enum err e = pgconn_query(op, tx, &kept_count, DB_NO_ARGS, &rows);
    if (!e)
        e = pgconn_step(op, rows, &row);
    if (!e)
        w->seen = pgconn_column(rows, 0).i;
    return e;
}

static enum err mixed_fn(struct op *op, struct db_tx *tx, void *arg)
{
    struct write *w = arg;
    int k = w->kind;
    w->runs++;
    if (w->wait) {
        LOCK(&w->latch->lock);
        while (!w->latch->open)
            cond_wait(&w->latch->changed, &w->latch->lock);
    }
    w->seen = -1;
    enum err e = k == LOOK_AND_ADD || k == LOOK_ONLY || k == LOOK_AND_FAIL || k == ADD_AND_SETTLE ? look(op, tx, w) : OK;
    if (!e && k == ADD_NOW)
        e = pgconn_exec(op, tx, &kept_add, DB_ARGS(DB_I64(w->n)), NULL);
    else if (!e && k == NEW_STATEMENT)
        e = pgconn_exec(op, tx, &add, DB_ARGS(DB_I64(w->n)), NULL);
    else if (!e && k != LOOK_ONLY && k != LOOK_AND_FAIL && k != NOTHING)
        e = pgconn_exec_later(op, tx, &kept_add, DB_ARGS(DB_I64(w->n)), NULL);
    if (!e && k == ADD_TWO)
        e = pgconn_exec_later(op, tx, &kept_add, DB_ARGS(DB_I64(w->n + 1)), NULL);
    if (!e && k == ADD_AND_SETTLE)
        e = pgconn_settle(op, tx);
    return !e && (k == LOOK_AND_FAIL || k == ADD_AND_FAIL) ? op_fail(op, E_CONFLICT, "on purpose") : e;
}

static void what_is_left_ends_as_if_waited_for(void **state)
{
    enum { JOBS = 24, VALUES = 1500 };
    static bool there[VALUES + 2];
    struct fixture *f = *state;
    int64_t rows = 0;
    memset(there, 0, sizeof there);
    srandom(5);
    for (int round = 0; round < 60; round++) {
        struct write w[JOBS] = {{.wait = true}};
        for (int i = 0; i < JOBS; i++) {
            w[i].n = random() % (round % 2 ? VALUES : 60);
            w[i].kind = random() % 3 ? LOOK_AND_ADD : (int)(random() % KINDS);
        }
        run_all_of(f, mixed_fn, w, JOBS);
        for (int i = 0; i < JOBS; i++) {
            int k = w[i].kind;
            bool adds = k != LOOK_ONLY && k != NOTHING && k != LOOK_AND_FAIL, clash = adds && (there[w[i].n] || (k == ADD_TWO && there[w[i].n + 1]));
            enum err want = k == LOOK_AND_FAIL || k == ADD_AND_FAIL ? E_CONFLICT : clash ? E_EXISTS : OK;
            assert_int_equal(w[i].runs, 1);
            if (w[i].e != want)
                fail_msg("round %d job %d of kind %d: %s (%s)", round, i, k, err_name(w[i].e), w[i].op.msg ? w[i].op.msg : "");
            if (want == E_EXISTS)
                assert_non_null(strstr(w[i].op.msg, k == NEW_STATEMENT ? "add" : "kept_add"));
            assert_true(w[i].seen < 0 || w[i].seen == rows);
            for (int64_t n = w[i].n; adds && !want && n <= w[i].n + (k == ADD_TWO); n++, rows++)
                there[n] = true;
        }
        free_all(w, JOBS);
    }
    char out[16];
    assert_true(pgserver_sql(op_printf(&f->s.op, "SELECT count(*) FROM \"%s\".t", f->schema), out));
    assert_string_equal(out, op_printf(&f->s.op, "%lld", (long long)rows));
    struct postgres_stats stats;
    pgwriter_stats(f->w, &stats);
    assert_int_equal(stats.reconnects, 0);
}

static void arm(const char *faults)
{
    setenv("INGOT_FAULT", faults, 1);
    fault_setup();
}

static void lost_answers_are_looked_up(void **state)
{
    struct fixture *f = *state;
    struct postgres_stats stats;
    struct write sent = {.n = 1}, unsent = {.n = 2};
    arm("db.answer:1");
    run_all(f, &sent, 1);
    assert_int_equal(sent.e, OK);
    assert_string_equal(stored(f), "1");
    arm("db.commit:1");
    run_all(f, &unsent, 1);
    assert_int_equal(unsent.e, E_IO);
    assert_non_null(strstr(unsent.op.msg, "nothing was stored"));
    assert_string_equal(stored(f), "1");
    pgwriter_stats(f->w, &stats);
    assert_int_equal(stats.resolved, 2);
    free_all(&sent, 1);
    free_all(&unsent, 1);
}

static void idle_sessions_may_end(void **state)
{
    struct fixture *f = *state;
    for (int64_t n = 1; n <= 3; n++) {
        struct write w = {.n = n};
        run_all(f, &w, 1);
        assert_int_equal(w.e, OK);
        free_all(&w, 1);
        assert_true(pgserver_sql("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                                 "AND application_name = 'ingot' AND state = 'idle'", NULL));
    }
    assert_string_equal(stored(f), "1 2 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failure_harms_no_other_of_its_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_left_ends_as_if_waited_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_break_in_the_midst_of_a_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lost_answers_are_looked_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(idle_sessions_may_end, set_up, tear_down),
    };
    if (!getenv("INGOT_TEST_POSTGRES"))
        return pgserver_skip();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
