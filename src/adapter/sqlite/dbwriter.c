/* dbwriter.c - group commit on one thread.
 *
 * Every writer of the program queues a function (port/db_queue.h) and sleeps or is called back. The thread takes all
 * that is queued (up to LIMIT_DB_GROUP), opens one transaction, runs each function inside its own savepoint, commits
 * once and tells everybody. There is no artificial delay: while one commit waits for the disk the next group gathers by itself
 * (the scheme of DeWitt et al., SIGMOD 1984, as PostgreSQL's commit_delay = 0 does it).
 *
 * Invariants:
 * - Nobody is woken with OK before COMMIT returned OK under synchronous FULL.
 * - A function that fails leaves nothing: ROLLBACK TO its savepoint, or ROLLBACK when it is the only one. Constraints that SQLite defers to the commit
 *   are looked at when the function ends, so that no function can make the commit of the others fail.
 * - When SQLite ends the whole transaction by itself (a full disk, an I/O error) every function of the group fails.
 * - After an I/O error on a write nothing is acknowledged any more ("fsyncgate"; Rebello et al., USENIX ATC 2020:
 *   after a failed fsync the kernel marks the pages clean, and a second fsync lies).
 * - Checkpoints run here and nowhere else, after the waiters were woken. */
#include "adapter/sqlite/dbwriter.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/log.h"
#include "port/db_queue.h"

#define WAL_PAGES_MAX (4 * LIMIT_DB_WAL_PAGES) /* from here on a checkpoint waits for readers */
#define RESTART_WAIT_MS 200

struct dbwriter {
    struct dbconn *conn;
    struct db_tx tx;
    struct mutex *turn;
    pthread_t thread;
    struct db_queue *queue;
    atomic_bool failed; /* the disk failed; set once */
    atomic_uint_fast64_t writes, commits, checkpoints, wal_pages;
    struct db_job *group[LIMIT_DB_GROUP]; /* the thread's own */
    size_t group_len;
};

static enum err refuse_failed(struct op *op)
{
    return op_fail(op, E_IO,
                   "the database's disk failed; nothing is stored any more until the program starts again");
}

/* Fails every job that had succeeded so far. */
static void fail_group(struct dbwriter *w, size_t n, int rc, const char *what)
{
    for (size_t i = 0; i < n; i++) {
        struct db_job *j = w->group[i];
        if (j->result == OK)
            j->result = rc ? dbconn_fail(j->op, w->conn, rc, what) : refuse_failed(j->op);
    }
}

static void note_failure(struct dbwriter *w, int rc, const char *what)
{
    if (!dbconn_is_fatal(rc) || atomic_exchange(&w->failed, true))
        return;
    log_at(LOG_ERROR, "db.failed", {"step", LOG_C(what)}, {"code", LOG_I(rc)},
           {"text", LOG_C(sqlite3_errstr(rc))},
           {"effect", LOG_C("no write is acknowledged until the program starts again")});
}

static bool keys_dangle(struct dbconn *c)
{
    int now = 0, high = 0;
    sqlite3_db_status(dbconn_handle(c), SQLITE_DBSTATUS_DEFERRED_FKS, &now, &high, 0);
    return now != 0;
}

/* Runs one function; its error, or OK. The caller undoes what a failed one changed. `*ret_rc` is the code when SQLite itself
 * failed the frame. */
static enum err run_bare(struct dbconn *c, const struct db_tx *tx, struct op *op, db_fn fn, void *arg, int *ret_rc)
{
    struct db_tx own = *tx;
    struct db_rows *mark = dbconn_mark(c);
    enum err e = fn(op, &own, arg);
    int trouble = dbconn_trouble(c);
    dbconn_end_rows(c, mark);
    if (sqlite3_get_autocommit(dbconn_handle(c))) {
        *ret_rc = trouble ? trouble : SQLITE_ABORT; /* the whole transaction is gone */
        return e ? e : op_fail(op, E_INTERNAL, "a write ended its own transaction");
    }
    if (!e && keys_dangle(c))
        e = op_fail(op, E_CONFLICT, "FOREIGN KEY constraint failed");
    if (dbconn_is_fatal(trouble))
        *ret_rc = trouble;
    return e;
}

/* The same inside a savepoint, which a failure rolls back. */
static enum err run_in_savepoint(struct dbconn *c, const struct db_tx *tx, struct op *op, db_fn fn, void *arg,
                                 int *ret_rc)
{
    int rc = dbconn_run(c, DBCONN_SAVEPOINT);
    if (rc) {
        *ret_rc = rc;
        return dbconn_fail(op, c, rc, "begin");
    }
    enum err e = run_bare(c, tx, op, fn, arg, ret_rc);
    if (sqlite3_get_autocommit(dbconn_handle(c)))
        return e; /* the savepoint went with the transaction */
    if (e) {
        rc = dbconn_run(c, DBCONN_ROLLBACK_TO);
        if (rc)
            *ret_rc = rc;
    }
    rc = dbconn_run(c, DBCONN_RELEASE);
    if (rc) {
        *ret_rc = rc;
        return e ? e : dbconn_fail(op, c, rc, "release");
    }
    return e;
}

static int commit(struct dbwriter *w)
{
    if (FAULT("db.commit"))
        return SQLITE_IOERR_FSYNC;
    return dbconn_run(w->conn, DBCONN_COMMIT);
}

/* Runs and commits the group. Every job has its result afterwards. */
static void run_group(struct dbwriter *w)
{
    struct dbconn *c = w->conn;
    if (atomic_load(&w->failed)) {
        fail_group(w, w->group_len, 0, NULL);
        return;
    }
    int rc = dbconn_run(c, DBCONN_BEGIN_WRITE);
    if (rc) {
        note_failure(w, rc, "begin");
        fail_group(w, w->group_len, rc, "begin");
        return;
    }
    size_t good = 0;
    for (size_t i = 0; i < w->group_len && rc == SQLITE_OK; i++) {
        struct db_job *j = w->group[i];
        /* One that is alone needs none: its failure ends the transaction without a commit. */
        j->result = w->group_len == 1 ? run_bare(c, &w->tx, j->op, j->fn, j->arg, &rc)
                                      : run_in_savepoint(c, &w->tx, j->op, j->fn, j->arg, &rc);
        good += j->result == OK;
        atomic_fetch_add_explicit(&w->writes, 1, memory_order_relaxed);
    }
    const char *step = "write";
    if (rc == SQLITE_OK && good) {
        step = "commit";
        rc = commit(w);
        if (rc == SQLITE_OK)
            atomic_fetch_add_explicit(&w->commits, 1, memory_order_relaxed);
    }
    if (!sqlite3_get_autocommit(dbconn_handle(c)))
        (void)dbconn_run(c, DBCONN_ROLLBACK); /* nothing good in it, or it failed */
    if (rc) {
        note_failure(w, rc, step);
        fail_group(w, w->group_len, rc, step);
    }
}

static int on_commit(void *arg, sqlite3 *handle UNUSED, const char *name UNUSED, int pages)
{
    struct dbwriter *w = arg;
    atomic_store_explicit(&w->wal_pages, (uint64_t)pages, memory_order_relaxed);
    return SQLITE_OK;
}

/* `mode` PASSIVE copies what no reader holds back; RESTART waits a moment for readers, so that the log can begin again
 * at its front; TRUNCATE also empties it, at the end. */
static void checkpoint(struct dbwriter *w, int mode)
{
    int total = 0, copied = 0;
    sqlite3_busy_timeout(dbconn_handle(w->conn), RESTART_WAIT_MS);
    int rc = sqlite3_wal_checkpoint_v2(dbconn_handle(w->conn), NULL, mode, &total, &copied);
    sqlite3_busy_timeout(dbconn_handle(w->conn), DBCONN_BUSY_MS);
    note_failure(w, rc, "checkpoint");
    if (rc == SQLITE_OK)
        atomic_fetch_add_explicit(&w->checkpoints, 1, memory_order_relaxed);
    else if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
        log_at(LOG_WARN, "db.checkpoint", {"code", LOG_I(rc)}, {"text", LOG_C(sqlite3_errstr(rc))});
}

/* After a commit: at which length of the log to look again. A reader can keep a part of the log from being copied, and
 * readers that overlap without a gap keep it from beginning again at its front; so it is tried once per step, and more
 * often and with patience when the log is far too long. */
static uint64_t tend_log(struct dbwriter *w, uint64_t look_again)
{
    uint64_t pages = atomic_load_explicit(&w->wal_pages, memory_order_relaxed);
    if (pages + LIMIT_DB_WAL_PAGES < look_again)
        look_again = LIMIT_DB_WAL_PAGES; /* it has begun again */
    if (pages < look_again || atomic_load(&w->failed))
        return look_again;
    bool too_long = pages >= WAL_PAGES_MAX;
    checkpoint(w, too_long ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE);
    return pages + (too_long ? LIMIT_DB_WAL_PAGES / 8 : LIMIT_DB_WAL_PAGES);
}

static void *dbwriter_main(void *arg)
{
    struct dbwriter *w = arg;
    uint64_t look_again = LIMIT_DB_WAL_PAGES;
    while ((w->group_len = db_queue_take(w->queue, w->group, LIMIT_DB_GROUP)) > 0) {
        if (w->turn)
            mutex_lock(w->turn);
        run_group(w);
        if (w->turn)
            mutex_unlock(w->turn);
        db_queue_finish(w->queue, w->group, w->group_len);
        look_again = tend_log(w, look_again);
    }
    if (!w->turn && !atomic_load(&w->failed))
        checkpoint(w, SQLITE_CHECKPOINT_TRUNCATE);
    return NULL;
}

struct dbwriter *dbwriter_create(struct dbconn *conn, const struct db_tx *tx, struct mutex *turn,
                                 size_t queue_max)
{
    struct dbwriter *w = calloc(1, sizeof *w);
    if (!w)
        abort();
    w->conn = conn;
    w->tx = *tx;
    w->turn = turn;
    w->queue = db_queue_create(queue_max);
    sqlite3_wal_hook(dbconn_handle(conn), on_commit, w);
    w->thread = thread_start("db-writer", dbwriter_main, w);
    return w;
}

void dbwriter_destroy(struct dbwriter *w)
{
    if (!w)
        return;
    db_queue_stop(w->queue);
    thread_join(w->thread);
    sqlite3_wal_hook(dbconn_handle(w->conn), NULL, NULL);
    db_queue_destroy(w->queue);
    free(w);
}

/* Inside a write already: joins its transaction. */
static enum err run_nested(struct dbwriter *w, struct op *op, db_fn fn, void *arg)
{
    if (!pthread_equal(pthread_self(), w->thread) || op->tx->impl != w->conn)
        return op_fail(op, E_INTERNAL, "a write was asked for inside a transaction of another database");
    int rc = SQLITE_OK;
    return run_in_savepoint(w->conn, &w->tx, op, fn, arg, &rc);
}

enum err dbwriter_run(struct dbwriter *w, struct op *op, db_fn fn, void *arg)
{
    if (op->tx)
        return run_nested(w, op, fn, arg);
    assert(!pthread_equal(pthread_self(), w->thread)); /* it would wait for itself */
    if (atomic_load(&w->failed))
        return refuse_failed(op);
    return db_queue_run(w->queue, op, fn, arg);
}

void dbwriter_start(struct dbwriter *w, struct op *op, db_fn fn, void *arg, db_done_fn done, void *done_arg)
{
    if (atomic_load(&w->failed))
        done(done_arg, refuse_failed(op));
    else
        db_queue_start(w->queue, op, fn, arg, done, done_arg);
}

void dbwriter_stats(struct dbwriter *w, struct sqlite_stats *ret)
{
    *ret = (struct sqlite_stats){
        .writes = atomic_load(&w->writes),
        .commits = atomic_load(&w->commits),
        .checkpoints = atomic_load(&w->checkpoints),
        .wal_pages = atomic_load(&w->wal_pages),
        .queued = db_queue_waiting(w->queue),
        .failed = atomic_load(&w->failed),
    };
}
