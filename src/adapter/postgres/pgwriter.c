/* pgwriter.c - group commit on one thread, and one writer at a time among all servers.
 *
 * Functions of the core were written for a serial writer and run once: they look, decide and change. So a group begins with an advisory lock
 * that every server's writer takes (pg_advisory_xact_lock, queued in order of arrival, given back by the commit itself). Under READ
 * COMMITTED each later statement sees all that was committed before the lock was granted: the groups of all servers run
 * one after the other, which is stronger than SERIALIZABLE and never asks a function to run again.
 *
 * Invariants:
 * - Nobody is told OK before COMMIT was answered (synchronous_commit is never off here), or the commit was found afterwards.
 * - A function that fails leaves nothing: its savepoint is rolled back.
 * - A function runs at most once. When the connection breaks, those that had run are told so (E_IO, nothing stored), those that had not
 *   begun run in the next group.
 * - A commit whose answer was lost is looked up: the group's number stands in db_writer, written in the same transaction. The lock is taken
 *   for the look, and the broken session holds it to its end, so by then it is decided. (pg_xact_status() would cost no row, but after
 *   a crash of the server the id of a transaction that never reached the disk is given out again, to somebody else's.)
 * - A group ends after LIMIT_DB_GROUP_MS, so that servers take turns; what is left of it goes into the next one. */
#include "adapter/postgres/pgwriter.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "adapter/postgres/postgres.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "port/db_queue.h"

#define BACKOFF_FIRST_MS 10
#define BACKOFF_LAST_MS 500

struct pgwriter {
    const char *url;
    struct db_tx tx;
    struct pgconn *conn; /* the thread's own; NULL: broken */
    struct arena *arena; /* of the thread's own op */
    char server[33];     /* names this process in db_writer */
    int64_t number;      /* of the last group */
    bool down;           /* the last try to connect failed: one try per group until it is back */
    pthread_t thread;
    struct db_queue *queue;
    atomic_uint_fast64_t writes, commits, reconnects, resolved;
    atomic_bool unreachable;
    struct db_job *group[LIMIT_DB_GROUP];
};

static struct op own_op(struct pgwriter *w)
{
    struct op op;
    arena_reset(w->arena);
    op_init(&op, w->arena);
    return op;
}

static void drop_connection(struct pgwriter *w)
{
    pgconn_close(w->conn);
    w->conn = NULL;
}

/* Sees to a connection, for up to `patience_ms`; 0: one try. */
static enum err connect_again(struct pgwriter *w, struct op *op, int64_t patience_ms)
{
    int64_t until = time_mono_ms() + patience_ms, pause = BACKOFF_FIRST_MS;
    for (;;) {
        enum err e = pgconn_open(op, w->url, PGCONN_WRITER, &w->conn);
        if (!e) {
            if (w->down)
                log_at(LOG_INFO, "db.connected", {"database", LOG_C(pgwire_place(op, w->url))});
            w->down = false;
            atomic_store(&w->unreachable, false);
            atomic_fetch_add_explicit(&w->reconnects, 1, memory_order_relaxed);
            return OK;
        }
        if (!w->down)
            log_at(LOG_WARN, "db.unreachable", {"error", LOG_C(op->msg)});
        w->down = true;
        atomic_store(&w->unreachable, true);
        if (e != E_IO && e != E_BUSY)
            return e;
        if (time_mono_ms() + pause > until)
            return e;
        op_clear(op);
        time_sleep_ms(pause);
        pause = pause * 2 < BACKOFF_LAST_MS ? pause * 2 : BACKOFF_LAST_MS;
    }
}

/* A transaction that holds the lock; no function has run yet, so a connection that turns out to be dead is replaced. */
static enum err begin(struct pgwriter *w, struct op *op)
{
    for (int attempt = 0;; attempt++) {
        if (w->conn && !pgconn_is_usable(w->conn))
            drop_connection(w);
        enum err e = w->conn ? OK : connect_again(w, op, w->down ? 0 : LIMIT_DB_RECONNECT_MS);
        if (e)
            return op_context(op, "nothing was stored");
        struct pgwire *wire = pgconn_wire(w->conn);
        pgwire_push(wire, PGWIRE_BEGIN_WRITE);
        pgwire_push(wire, PGWIRE_LOCK);
        e = pgwire_flush(op, wire);
        if (!e)
            return OK;
        bool broken = wire->lost;
        drop_connection(w); /* the open transaction goes with it */
        if (!broken || attempt)
            return e == E_BUSY ? op_context(op, "another server holds the database for too long; nothing was stored")
                               : op_context(op, "nothing was stored");
        op_clear(op);
    }
}

static void fail_jobs(struct db_job **jobs, size_t n, enum err e, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (jobs[i]->result == OK)
            jobs[i]->result = op_fail(jobs[i]->op, e, "%s", text);
}

static enum err run_framed(struct pgwriter *w, struct op *op, db_fn fn, void *arg)
{
    struct db_tx tx = w->tx;
    struct pgframe frame;
    tx.impl = w->conn;
    enum err e = pgconn_frame_begin(op, w->conn, &frame);
    if (e)
        return e;
    e = fn(op, &tx, arg);
    return pgconn_frame_end(op, w->conn, &frame, e);
}

/* A function of the group: its last statements may be answered with the next one's first (pgconn.h). */
static void run_job(struct pgwriter *w, struct db_job *j, bool *ret_left)
{
    struct db_tx tx = w->tx;
    struct pgframe frame;
    *ret_left = false;
    tx.impl = w->conn;
    atomic_fetch_add_explicit(&w->writes, 1, memory_order_relaxed);
    j->result = pgconn_frame_begin(j->op, w->conn, &frame);
    if (j->result)
        return;
    enum err e = j->fn(j->op, &tx, j->arg);
    j->result = pgconn_frame_leave(j->op, w->conn, &frame, e, ret_left);
}

/* What became of the job whose frame was left; true when it failed. */
static bool left_failed(struct pgwriter *w, struct db_job *left)
{
    const char *text = NULL;
    enum err e = left ? pgconn_left_failure(w->conn, &text) : OK;
    if (e)
        left->result = op_fail(left->op, e, "%s", text);
    return e != OK;
}

/* Was group `number` committed? On a new connection, which replaces the broken one. */
static enum err look_up(struct pgwriter *w, struct op *op, int64_t number, bool *ret_committed)
{
    int64_t until = time_mono_ms() + LIMIT_DB_RESOLVE_MS, found = 0;
    for (;;) {
        drop_connection(w);
        enum err e = connect_again(w, op, until - time_mono_ms());
        if (e)
            return e;
        struct pgwire *wire = pgconn_wire(w->conn);
        pgwire_push(wire, PGWIRE_BEGIN_WRITE);
        pgwire_push(wire, PGWIRE_LOCK);
        e = pgwire_flush(op, wire);
        if (!e)
            e = pgconn_commit_number(op, w->conn, str_from(w->server), &found);
        pgwire_push(wire, PGWIRE_ROLLBACK);
        if (!e)
            e = pgwire_flush(op, wire);
        if (!e) {
            *ret_committed = found == number;
            return OK;
        }
        if (time_mono_ms() >= until)
            return e;
        op_clear(op);
        time_sleep_ms(BACKOFF_FIRST_MS);
    }
}

/* The answer to a commit was lost: finds out, and gives the jobs their results. */
static void resolve(struct pgwriter *w, struct db_job **jobs, size_t n)
{
    bool committed = false;
    struct op op = own_op(w);
    enum err e = look_up(w, &op, w->number, &committed);
    log_at(LOG_WARN, "db.resolved", {"group", LOG_I(w->number)}, {"writes", LOG_I(n)},
           {"outcome", LOG_C(e ? "unknown" : committed ? "committed" : "not stored")}, {"error", LOG_C(e ? op.msg : "")});
    atomic_fetch_add_explicit(&w->resolved, 1, memory_order_relaxed);
    if (e)
        fail_jobs(jobs, n, E_IO, "the connection to PostgreSQL broke during the commit and does not come back: whether this was stored is unknown");
    else if (!committed)
        fail_jobs(jobs, n, E_IO, "the connection to PostgreSQL broke before the commit; nothing was stored");
}

/* Ends the transaction of the first `n` jobs of a group, which have run. */
static void end_group(struct pgwriter *w, struct db_job **jobs, size_t n, size_t good)
{
    struct op op = own_op(w);
    bool unknown = false;
    if (!pgconn_wire(w->conn)->lost && good) {
        w->number++;
        if (FAULT("db.commit"))
            pgwire_break(pgconn_wire(w->conn));
        enum err e = pgconn_commit(&op, w->conn, str_from(w->server), w->number, &unknown);
        if (unknown) {
            resolve(w, jobs, n);
        } else if (e) {
            fail_jobs(jobs, n, e, op_printf(&op, "%s; nothing was stored", op.msg));
            drop_connection(w);
        } else {
            atomic_fetch_add_explicit(&w->commits, 1, memory_order_relaxed);
        }
        return;
    }
    if (!pgconn_wire(w->conn)->lost) { /* nothing good in it */
        pgwire_push(pgconn_wire(w->conn), PGWIRE_ROLLBACK);
        if (!pgwire_flush(&op, pgconn_wire(w->conn)))
            return;
    }
    fail_jobs(jobs, n, E_IO, "the connection to PostgreSQL broke; nothing was stored");
    drop_connection(w);
}

/* Runs and commits the front of a group; how many jobs have their result then. */
static size_t run_some(struct pgwriter *w, struct db_job **jobs, size_t n)
{
    struct op op = own_op(w);
    enum err e = begin(w, &op);
    if (e) {
        for (size_t i = 0; i < n; i++)
            jobs[i]->result = OK;
        fail_jobs(jobs, n, e, op.msg);
        return n;
    }
    int64_t until = time_mono_ms() + LIMIT_DB_GROUP_MS;
    size_t done = 0, good = 0;
    struct db_job *left = NULL;
    while (done < n && !pgconn_wire(w->conn)->lost && (!done || time_mono_ms() < until)) {
        struct db_job *j = jobs[done++];
        bool leaves = false;
        run_job(w, j, &leaves);
        good += j->result == OK;
        good -= left_failed(w, left);
        left = leaves ? j : left;
    }
    pgconn_left_settle(w->conn);
    good -= left_failed(w, left);
    end_group(w, jobs, done, good);
    return done;
}

static void *pgwriter_main(void *arg)
{
    struct pgwriter *w = arg;
    size_t n;
    while ((n = db_queue_take(w->queue, w->group, LIMIT_DB_GROUP))) {
        for (size_t at = 0; at < n;) {
            size_t done = run_some(w, w->group + at, n - at);
            db_queue_finish(w->queue, w->group + at, done);
            at += done;
        }
    }
    return NULL;
}

enum err pgwriter_create(struct op *op, const char *url, const struct db_tx *tx, size_t queue_max, struct pgwriter **ret)
{
    struct pgconn *conn = NULL;
    enum err e = pgconn_open(op, url, PGCONN_WRITER, &conn);
    if (e)
        return e;
    struct pgwriter *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->url = url;
    w->tx = *tx;
    w->conn = conn;
    w->arena = arena_create(LIMIT_MIB(1));
    memcpy(w->server, hash_random_hex(op->arena, 16), sizeof w->server);
    w->queue = db_queue_create(queue_max);
    w->thread = thread_start("db-writer", pgwriter_main, w);
    *ret = w;
    return OK;
}

void pgwriter_destroy(struct pgwriter *w)
{
    if (!w)
        return;
    db_queue_stop(w->queue);
    thread_join(w->thread);
    db_queue_destroy(w->queue);
    pgconn_close(w->conn);
    arena_destroy(w->arena);
    free(w);
}

enum err pgwriter_run(struct pgwriter *w, struct op *op, db_fn fn, void *arg)
{
    if (op->tx) {
        if (!pthread_equal(pthread_self(), w->thread) || op->tx->impl != w->conn)
            return op_fail(op, E_INTERNAL, "a write was asked for inside a transaction of another database");
        return run_framed(w, op, fn, arg);
    }
    assert(!pthread_equal(pthread_self(), w->thread)); /* it would wait for itself */
    return db_queue_run(w->queue, op, fn, arg);
}

void pgwriter_start(struct pgwriter *w, struct op *op, db_fn fn, void *arg, db_done_fn done, void *done_arg)
{
    db_queue_start(w->queue, op, fn, arg, done, done_arg);
}

void pgwriter_stats(struct pgwriter *w, struct postgres_stats *ret)
{
    *ret = (struct postgres_stats){
        .writes = atomic_load(&w->writes),
        .commits = atomic_load(&w->commits),
        .reconnects = atomic_load(&w->reconnects),
        .resolved = atomic_load(&w->resolved),
        .queued = db_queue_waiting(w->queue),
        .unreachable = atomic_load(&w->unreachable),
    };
}
