/* test_dbwriter.c - the queue of the writer thread, and functions that break its rules. */
#include "adapter/sqlite/dbwriter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>

#include <cmocka.h>

#include "base/time.h"
#include "contract/scratch.h"

enum { QUEUE = 3 };

static const struct db_ops ops = {.query = dbconn_query,
                                  .step = dbconn_step,
                                  .column = dbconn_column,
                                  .end = dbconn_end,
                                  .exec = dbconn_exec,
                                  .last_id = dbconn_last_id};
static const struct sql create = {"create", "CREATE TABLE t (a INTEGER UNIQUE)", 0, 0, -1};
static const struct sql add = {"add", "INSERT INTO t VALUES (?)", 1, 1, -1};
static const struct sql count_all = {"count", "SELECT count(*) FROM t", 2, 0, 1};
static const struct sql end_it = {"end", "COMMIT", 3, 0, -1};
static const struct sql roll_back = {"roll", "INSERT OR ROLLBACK INTO t VALUES (1)", 4, 0, -1};

struct fixture {
    struct scratch s;
    struct dbconn *c;
    struct dbwriter *w;
};

static enum err create_fn(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    return db_exec(op, tx, &create, DB_NO_ARGS, NULL);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    assert_int_equal(dbconn_open(&f->s.op, scratch_path(&f->s, "test.db"), DBCONN_WRITER, &f->c), OK);
    struct db_tx tx = {.ops = &ops, .impl = f->c, .writable = true};
    f->w = dbwriter_create(f->c, &tx, NULL, QUEUE);
    assert_int_equal(dbwriter_run(f->w, &f->s.op, create_fn, NULL), OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    dbwriter_destroy(f->w);
    dbwriter_destroy(NULL);
    dbconn_close(f->c);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static enum err add_fn(struct op *op, struct db_tx *tx, void *arg)
{
    return db_exec(op, tx, &add, DB_ARGS(DB_I64(*(int *)arg)), NULL);
}

static enum err count_fn(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &count_all, DB_NO_ARGS, &v, 1);
    if (!e)
        *(int64_t *)arg = v.i;
    return e;
}

static int64_t rows(struct fixture *f)
{
    int64_t n = -1;
    op_clear(&f->s.op);
    assert_int_equal(dbwriter_run(f->w, &f->s.op, count_fn, &n), OK);
    return n;
}

struct client {
    struct dbwriter *w;
    db_fn fn;
    int number;
    struct mutex *gate; /* the function waits for it */
    enum err result;
    atomic_bool inside; /* its function has begun */
};

static enum err gated(struct op *op, struct db_tx *tx, void *arg)
{
    struct client *c = arg;
    atomic_store(&c->inside, true);
    if (c->gate) {
        mutex_lock(c->gate);
        mutex_unlock(c->gate);
    }
    return c->fn(op, tx, &c->number);
}

static void *client_main(void *arg)
{
    struct client *c = arg;
    struct arena *a = arena_create(1 << 20);
    struct op op;
    op_init(&op, a);
    c->result = dbwriter_run(c->w, &op, gated, c);
    arena_destroy(a);
    return NULL;
}

static void await_queued(struct fixture *f, uint64_t n)
{
    struct sqlite_stats stats;
    do {
        time_sleep_ms(1);
        dbwriter_stats(f->w, &stats);
    } while (stats.queued != n);
}

/* Holds the writer with one function while `n` others queue behind it, then lets all go. */
static void run_together(struct fixture *f, struct client *clients, int n)
{
    struct mutex gate;
    pthread_t first, threads[QUEUE];
    mutex_init(&gate);
    mutex_lock(&gate);
    struct client holder = {.w = f->w, .fn = add_fn, .number = 1000, .gate = &gate};
    first = thread_start("holder", client_main, &holder);
    while (!atomic_load(&holder.inside))
        time_sleep_ms(1);
    for (int i = 0; i < n; i++) {
        clients[i].w = f->w;
        threads[i] = thread_start("client", client_main, &clients[i]);
        await_queued(f, (uint64_t)i + 1); /* in this order */
    }
    if (n == QUEUE) {
        int number = 5;
        op_clear(&f->s.op);
        assert_int_equal(dbwriter_run(f->w, &f->s.op, add_fn, &number), E_BUSY);
    }
    mutex_unlock(&gate);
    thread_join(first);
    for (int i = 0; i < n; i++)
        thread_join(threads[i]);
    mutex_clear(&gate);
}

static void a_full_queue_says_so(void **state)
{
    struct fixture *f = *state;
    struct client c[QUEUE] = {
        {.fn = add_fn, .number = 1}, {.fn = add_fn, .number = 2}, {.fn = add_fn, .number = 3}};
    run_together(f, c, QUEUE);
    for (int i = 0; i < QUEUE; i++)
        assert_int_equal(c[i].result, OK);
    assert_int_equal(rows(f), 4);
}

static void one_failure_spares_the_group(void **state)
{
    struct fixture *f = *state;
    struct client c[QUEUE] = {
        {.fn = add_fn, .number = 1}, {.fn = add_fn, .number = 1}, {.fn = add_fn, .number = 3}};
    run_together(f, c, QUEUE);
    assert_int_equal(c[0].result, OK);
    assert_int_equal(c[1].result, E_EXISTS);
    assert_int_equal(c[2].result, OK);
    assert_int_equal(rows(f), 3);
}

static enum err commit_fn(struct op *op, struct db_tx *tx, void *arg)
{
    enum err e = add_fn(op, tx, arg);
    return e ? e : db_exec(op, tx, &end_it, DB_NO_ARGS, NULL);
}

/* A statement that ends the group's transaction is a bug of ours: nobody of the group is told that all is well. */
static void a_function_that_commits_is_caught(void **state)
{
    struct fixture *f = *state;
    struct client c[QUEUE] = {
        {.fn = add_fn, .number = 1}, {.fn = commit_fn, .number = 2}, {.fn = add_fn, .number = 3}};
    run_together(f, c, QUEUE);
    for (int i = 0; i < QUEUE; i++)
        assert_int_not_equal(c[i].result, OK);
    int number = 9;
    op_clear(&f->s.op);
    assert_int_equal(dbwriter_run(f->w, &f->s.op, add_fn, &number), OK); /* the writer goes on */
}

static enum err roll_back_fn(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    return db_exec(op, tx, &roll_back, DB_NO_ARGS, NULL);
}

static void a_statement_that_rolls_all_back_fails_all(void **state)
{
    struct fixture *f = *state;
    struct client c[QUEUE] = {{.fn = add_fn, .number = 1}, {.fn = roll_back_fn}, {.fn = add_fn, .number = 3}};
    run_together(f, c, QUEUE);
    for (int i = 0; i < QUEUE; i++)
        assert_int_not_equal(c[i].result, OK);
    assert_int_equal(rows(f), 1); /* the holder's, committed before */
}

static void what_is_queued_is_finished_at_the_end(void **state)
{
    struct fixture *f = *state;
    struct client c[QUEUE] = {
        {.fn = add_fn, .number = 1}, {.fn = add_fn, .number = 2}, {.fn = add_fn, .number = 3}};
    pthread_t threads[QUEUE];
    for (int i = 0; i < QUEUE; i++) {
        c[i].w = f->w;
        threads[i] = thread_start("client", client_main, &c[i]);
    }
    for (int i = 0; i < QUEUE; i++)
        thread_join(threads[i]);
    assert_int_equal(rows(f), QUEUE);
    dbwriter_destroy(f->w);
    int log_pages = -1, copied = -1;
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(dbconn_handle(f->c), NULL, SQLITE_CHECKPOINT_PASSIVE, &log_pages, &copied),
        SQLITE_OK);
    assert_int_equal(log_pages, 0); /* nothing is left in the log */
    f->w = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_queue_says_so, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_failure_spares_the_group, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_function_that_commits_is_caught, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_statement_that_rolls_all_back_fails_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_queued_is_finished_at_the_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
