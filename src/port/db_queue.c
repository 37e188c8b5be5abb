/* db_queue.c - one lock, one list. A job belongs to its caller while it is queued, to the writer thread while it runs, and to
 * its caller again from the moment it is finished: after the wake or the callback its memory may be gone. So finish() first
 * sorts out which jobs have callbacks, then lets the sleepers go, and reads a callback's fields before it calls it. */
#include "port/db_queue.h"

#include <stdlib.h>

#include "base/time.h"

struct db_queue {
    struct mutex lock; /* guards all of this and the states of the jobs */
    struct cond work;
    struct db_job *first, *last;
    size_t waiting, max;
    bool stopping;
};

struct db_queue *db_queue_create(size_t max)
{
    struct db_queue *q = calloc(1, sizeof *q);
    if (!q)
        abort();
    q->max = max;
    mutex_init(&q->lock);
    cond_init(&q->work);
    return q;
}

void db_queue_destroy(struct db_queue *q)
{
    if (!q)
        return;
    cond_clear(&q->work);
    mutex_clear(&q->lock);
    free(q);
}

void db_queue_stop(struct db_queue *q)
{
    LOCK(&q->lock);
    q->stopping = true;
    cond_signal(&q->work);
}

size_t db_queue_waiting(struct db_queue *q)
{
    LOCK(&q->lock);
    return q->waiting;
}

/* Puts the job at the end. */
static enum err job_put(struct db_queue *q, struct db_job *j)
{
    LOCK(&q->lock);
    if (q->stopping)
        return op_fail(j->op, E_CANCELLED, "the database is being closed");
    if (q->waiting >= q->max)
        return op_fail(j->op, E_BUSY, "too many writes wait for the database");
    j->prev = q->last;
    if (q->last)
        q->last->next = j;
    else
        q->first = j;
    q->last = j;
    q->waiting++;
    cond_signal(&q->work);
    return OK;
}

static void job_unlink(struct db_queue *q, struct db_job *j)
{
    if (j->prev)
        j->prev->next = j->next;
    else
        q->first = j->next;
    if (j->next)
        j->next->prev = j->prev;
    else
        q->last = j->prev;
    j->next = j->prev = NULL;
    q->waiting--;
}

static enum err too_late(struct op *op)
{
    return op_fail(op, E_TIMEOUT, "the deadline passed before the write began");
}

enum err db_queue_run(struct db_queue *q, struct op *op, db_fn fn, void *arg)
{
    struct db_job j = {.op = op, .fn = fn, .arg = arg};
    cond_init(&j.over);
    enum err e = job_put(q, &j);
    if (!e) {
        LOCK(&q->lock);
        while (j.state != DB_JOB_DONE) {
            int64_t left = op->deadline_ms - time_mono_ms();
            if (!op->deadline_ms || j.state == DB_JOB_RUNNING) {
                cond_wait(&j.over, &q->lock);
            } else if (left <= 0) {
                job_unlink(q, &j);
                j.state = DB_JOB_DONE;
                j.result = too_late(op);
            } else {
                (void)cond_wait_ms(&j.over, &q->lock, left);
            }
        }
        e = j.result;
    }
    cond_clear(&j.over);
    return e;
}

void db_queue_start(struct db_queue *q, struct op *op, db_fn fn, void *arg, db_done_fn done, void *done_arg)
{
    struct db_job *j = op_new(op, struct db_job);
    j->op = op;
    j->fn = fn;
    j->arg = arg;
    j->done = done;
    j->done_arg = done_arg;
    enum err e = job_put(q, j);
    if (e)
        done(done_arg, e);
}

/* Fails the started jobs of a group whose deadline has passed and closes the gaps. Sleepers look after their own. */
static size_t drop_late(struct db_job **group, size_t n)
{
    size_t kept = 0;
    int64_t now_ms = 0;
    for (size_t i = 0; i < n; i++) {
        struct db_job *j = group[i];
        if (j->done && j->op->deadline_ms) {
            now_ms = now_ms ? now_ms : time_mono_ms();
            if (now_ms >= j->op->deadline_ms) {
                j->done(j->done_arg, too_late(j->op));
                continue;
            }
        }
        group[kept++] = j;
    }
    return kept;
}

/* False: stopped and empty. */
static bool take_some(struct db_queue *q, struct db_job **group, size_t max, size_t *ret_n)
{
    LOCK(&q->lock);
    while (!q->first && !q->stopping)
        cond_wait(&q->work, &q->lock);
    size_t n = 0;
    while (q->first && n < max) {
        struct db_job *j = q->first;
        job_unlink(q, j);
        j->state = DB_JOB_RUNNING;
        group[n++] = j;
    }
    *ret_n = n;
    return n > 0;
}

size_t db_queue_take(struct db_queue *q, struct db_job **group, size_t max)
{
    size_t n = 0;
    while (n == 0 && take_some(q, group, max, &n))
        n = drop_late(group, n);
    return n;
}

void db_queue_finish(struct db_queue *q, struct db_job **group, size_t n)
{
    size_t started = 0;
    for (size_t i = 0; i < n; i++) {
        if (group[i]->done) {
            struct db_job *j = group[i];
            group[i] = group[started];
            group[started++] = j;
        }
    }
    if (started < n) {
        LOCK(&q->lock);
        for (size_t i = started; i < n; i++) {
            group[i]->state = DB_JOB_DONE;
            cond_signal(&group[i]->over);
        }
    }
    for (size_t i = 0; i < started; i++) {
        const struct db_job *j = group[i];
        j->done(j->done_arg, j->result);
    }
}
