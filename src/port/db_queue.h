/* db_queue.h - the waiting line before a database's writer thread, the same for every back-end.
 * Callers put a function in and either sleep until it is over (db_queue_run) or are told by a callback
 * (db_queue_start); the back-end's thread takes groups, runs and commits them, and finishes them.
 * Jobs are handed out in the order in which they came. Thread-safe; take and finish are the one writer thread's. */
#ifndef INGOT_PORT_DB_QUEUE_H
#define INGOT_PORT_DB_QUEUE_H

#include "base/thread.h"
#include "port/db.h"

enum db_job_state { DB_JOB_QUEUED, DB_JOB_RUNNING, DB_JOB_DONE };

/* One write. Lives on the waiting caller's stack, or in the arena of a started write's op. From take to finish the
 * writer thread owns it, its op included. */
struct db_job {
    struct op *op;
    db_fn fn;
    void *arg;
    enum err result; /* set by the writer thread before finish; its text is in op */
    db_done_fn done; /* NULL: a caller sleeps on `over` */
    void *done_arg;
    /* The queue's own. */
    enum db_job_state state;
    struct cond over;
    struct db_job *next, *prev;
};

struct db_queue;

/* Up to `max` jobs wait in it. */
struct db_queue *db_queue_create(size_t max);
/* Stopped, empty, and no caller is inside. NULL is ignored. */
void db_queue_destroy(struct db_queue *q);
/* Nothing more is taken in (E_CANCELLED); what waits is still handed out. Callable twice. */
void db_queue_stop(struct db_queue *q);
/* Puts a job in and returns its result once it is finished. E_BUSY: full. E_CANCELLED: stopped. E_TIMEOUT: op's deadline
 * passed before the job was taken; what has been taken cannot be called back. Never from the writer thread. */
MUST_USE enum err db_queue_run(struct db_queue *q, struct op *op, db_fn fn, void *arg);
/* The same without waiting; see db_write_start. `done` comes from this call (full, stopped), or from the writer thread inside
 * db_queue_take (deadline) or db_queue_finish. The job lies in op's arena. */
void db_queue_start(struct db_queue *q, struct op *op, db_fn fn, void *arg, db_done_fn done, void *done_arg);

/* Waits for work and hands out up to `max` jobs. 0: stopped and empty. */
size_t db_queue_take(struct db_queue *q, struct db_job **group, size_t max);
/* Wakes the callers and calls the callbacks of jobs whose `result` is set. `group` is scratch afterwards. */
void db_queue_finish(struct db_queue *q, struct db_job **group, size_t n);
size_t db_queue_waiting(struct db_queue *q);

#endif
