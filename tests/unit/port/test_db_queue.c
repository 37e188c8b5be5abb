/* test_db_queue.c - order, fullness, deadlines, stopping, and that nobody touches a job after its end. */
#include "port/db_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"

enum { MAX = 4, BURST = 2000, STARTERS = 4 };

struct client {
    struct arena *arena;
    struct op op;
    int number;
    enum err result;
    atomic_int ended; /* how many times its callback came */
};

static void client_init(struct client *c, int number)
{
    *c = (struct client){.arena = arena_create(1 << 16), .number = number};
    op_init(&c->op, c->arena);
}

static void client_clear(struct client *c)
{
    arena_destroy(c->arena);
}

static void on_done(void *arg, enum err e)
{
    struct client *c = arg;
    c->result = e;
    atomic_fetch_add(&c->ended, 1);
}

/* The job and its op may be gone at once: with ASan a later touch of theirs is an error. */
static void on_done_free(void *arg, enum err e)
{
    struct client *c = arg;
    arena_destroy(c->arena);
    c->arena = NULL;
    on_done(c, e);
}

static enum err no_fn(struct op *op UNUSED, struct db_tx *tx UNUSED, void *arg UNUSED)
{
    return OK;
}

static void start(struct db_queue *q, struct client *c)
{
    db_queue_start(q, &c->op, no_fn, c, on_done, c);
}

static void jobs_come_in_order_and_a_full_queue_says_so(void **state UNUSED)
{
    struct db_queue *q = db_queue_create(MAX);
    struct client c[MAX + 1];
    struct db_job *group[MAX];
    for (int i = 0; i <= MAX; i++) {
        client_init(&c[i], i);
        start(q, &c[i]);
    }
    assert_int_equal(db_queue_waiting(q), MAX);
    assert_int_equal(atomic_load(&c[MAX].ended), 1); /* by the call itself */
    assert_int_equal(c[MAX].result, E_BUSY);
    assert_non_null(c[MAX].op.msg);
    assert_int_equal(db_queue_take(q, group, 3), 3);
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(group[i]->arg, &c[i]);
        assert_ptr_equal(group[i]->op, &c[i].op);
        group[i]->result = i == 1 ? E_CONFLICT : OK;
    }
    assert_int_equal(atomic_load(&c[0].ended), 0);
    db_queue_finish(q, group, 3);
    assert_int_equal(c[0].result, OK);
    assert_int_equal(c[1].result, E_CONFLICT);
    db_queue_stop(q);
    db_queue_stop(q);
    struct client late;
    client_init(&late, 9);
    start(q, &late);
    assert_int_equal(late.result, E_CANCELLED);
    assert_int_equal(db_queue_run(q, &late.op, no_fn, NULL), E_CANCELLED);
    assert_int_equal(db_queue_take(q, group, MAX), 1); /* what waits is still handed out */
    db_queue_finish(q, group, 1);
    assert_int_equal(db_queue_take(q, group, MAX), 0);
    for (int i = 0; i <= MAX; i++) {
        assert_int_equal(atomic_load(&c[i].ended), 1);
        client_clear(&c[i]);
    }
    client_clear(&late);
    db_queue_destroy(q);
    db_queue_destroy(NULL);
}

/* Finishes everything until the queue stops; a job's result is its client's number modulo 2. */
static void *writer_main(void *arg)
{
    struct db_queue *q = arg;
    struct db_job *group[7];
    size_t n;
    while ((n = db_queue_take(q, group, ARRAY_LEN(group))) > 0) {
        for (size_t i = 0; i < n; i++) {
            const struct client *c = group[i]->arg;
            group[i]->result = c->number % 2 ? op_fail(group[i]->op, E_CONFLICT, "odd") : OK;
        }
        db_queue_finish(q, group, n);
    }
    return NULL;
}

static void a_job_past_its_deadline_is_not_handed_out(void **state UNUSED)
{
    struct db_queue *q = db_queue_create(MAX);
    struct client late, fine, sleeper;
    struct db_job *group[MAX];
    client_init(&late, 0);
    client_init(&fine, 2);
    client_init(&sleeper, 4);
    late.op.deadline_ms = time_mono_ms() - 1;
    fine.op.deadline_ms = time_mono_ms() + 60000;
    start(q, &late);
    start(q, &fine);
    assert_int_equal(db_queue_take(q, group, MAX), 1);
    assert_ptr_equal(group[0]->arg, &fine);
    assert_int_equal(late.result, E_TIMEOUT);
    assert_non_null(late.op.msg);
    db_queue_finish(q, group, 1);
    sleeper.op.deadline_ms = time_mono_ms() + 20;
    assert_int_equal(db_queue_run(q, &sleeper.op, no_fn, &sleeper), E_TIMEOUT); /* nobody takes it */
    assert_int_equal(db_queue_waiting(q), 0);
    client_clear(&late);
    client_clear(&fine);
    client_clear(&sleeper);
    db_queue_destroy(q);
}

struct starter {
    struct db_queue *q;
    struct client *clients;
};

static void *starter_main(void *arg)
{
    struct starter *s = arg;
    for (int i = 0; i < BURST; i++) {
        struct client *c = &s->clients[i];
        client_init(c, i);
        if (i % 5 == 4) { /* sleeps */
            c->result = db_queue_run(s->q, &c->op, no_fn, c);
            atomic_fetch_add(&c->ended, 1);
            client_clear(c);
        } else {
            db_queue_start(s->q, &c->op, no_fn, c, on_done_free, c);
        }
    }
    return NULL;
}

static void every_job_ends_once_with_its_own_result(void **state UNUSED)
{
    struct db_queue *q = db_queue_create(BURST * STARTERS);
    struct client *all = calloc(BURST * STARTERS, sizeof *all);
    struct starter s[STARTERS];
    pthread_t threads[STARTERS], writer = thread_start("writer", writer_main, q);
    for (int i = 0; i < STARTERS; i++) {
        s[i] = (struct starter){q, all + i * BURST};
        threads[i] = thread_start("starter", starter_main, &s[i]);
    }
    for (int i = 0; i < STARTERS; i++)
        thread_join(threads[i]);
    db_queue_stop(q);
    thread_join(writer);
    for (int i = 0; i < BURST * STARTERS; i++) {
        assert_int_equal(atomic_load(&all[i].ended), 1);
        assert_int_equal(all[i].result, all[i].number % 2 ? E_CONFLICT : OK);
    }
    free(all);
    db_queue_destroy(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_come_in_order_and_a_full_queue_says_so),
        cmocka_unit_test(a_job_past_its_deadline_is_not_handed_out),
        cmocka_unit_test(every_job_ends_once_with_its_own_result),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
