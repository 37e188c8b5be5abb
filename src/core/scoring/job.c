#include "core/scoring/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/scoring/folder.h"

enum { LOOK_MS = 100, SPARE_BATCHES = 2 };

struct batch_list {
    struct scoring_batch *first, *last;
};
struct working {
    struct op *op;
    const struct scoring_job *job;
    struct scoring_batch *all[LIMIT_SCORING_THREADS + SPARE_BATCHES];
    size_t batch_count;
    pthread_t threads[LIMIT_SCORING_THREADS];
    int thread_count;

    struct mutex lock;          /* guards what follows */
    struct cond work, room;
    struct batch_list ready, idle;
    bool ended;                 /* no batch comes any more */
    enum err err;               /* the first failure of a worker */
    char text[2048];
    struct scoring_progress progress;
};

static void list_push(struct batch_list *l, struct scoring_batch *b)
{
    b->next = NULL;
    if (l->last)
        l->last->next = b;
    else
        l->first = b;
    l->last = b;
}

static struct scoring_batch *list_pop(struct batch_list *l)
{
    struct scoring_batch *b = l->first;
    if (b && !(l->first = b->next))
        l->last = NULL;
    return b;
}

/* ---- workers ---- */

static enum err chunk_score(struct op *op, const struct scoring_job *job, const struct scoring_batch *b)
{
    struct infer_request r = {0};
    struct infer_answer answer = {0};
    struct table_schema schema;
    struct table_chunk chunk;
    struct tensor *inputs = NULL;
    const struct scoring_file *f = &job->plan->files[b->chunk.file];
    enum err e = OK;
    if (b->rows) {
        e = scoring_batch_tensors(op, b, f->path, &inputs, &r.input_count);
        r.inputs = inputs;
        r.started_ns = time_mono_ns();
        if (!e && (e = serve_infer(op, job->endpoint, &r, &answer)))
            op_context(op, "rows %llu to %llu of '%.*s'", (unsigned long long)b->chunk.first,
                       (unsigned long long)(b->chunk.first + b->chunk.rows - 1), STR_FMT(f->path));
    }
    if (!e)
        e = scoring_part_table(op, &job->output, b, b->rows ? &answer : NULL, &schema, &chunk);
    return e ? e : scoring_part_write(op, job->tables, job->output.csv, scoring_part_path(op, job->folder, job->output.csv, b->chunk.number), &schema, &chunk);
}

static void fail_note(struct working *w, const struct op *op, enum err e)
{
    if (w->err)
        return;
    w->err = e;
    snprintf(w->text, sizeof(w->text), "%s", op->msg ? op->msg : err_name(e));
}

static void *worker_thread(void *arg)
{
    struct working *w = arg;
    struct arena *arena = arena_create(LIMIT_SCORING_ARENA);
    mutex_lock(&w->lock);
    for (;;) {
        while (!w->ready.first && !w->ended)
            cond_wait(&w->work, &w->lock);
        struct scoring_batch *b = list_pop(&w->ready);
        if (!b)
            break;
        if (!w->err) {
            struct op op;
            mutex_unlock(&w->lock);
            op_init(&op, arena);
            op.actor = w->op->actor;
            enum err e = chunk_score(&op, w->job, b);
            mutex_lock(&w->lock);
            if (e) {
                fail_note(w, &op, e);
            } else {
                w->progress.rows += b->rows;
                w->progress.scored += b->rows;
                w->progress.parts++;
            }
            arena_reset(arena);
        }
        list_push(&w->idle, b);
        cond_signal(&w->room);
    }
    mutex_unlock(&w->lock);
    arena_destroy(arena);
    return NULL;
}

/* ---- the reading thread ---- */

static void progress_tell(struct working *w)
{
    if (!w->job->progress)
        return;
    mutex_lock(&w->lock);
    struct scoring_progress p = w->progress;
    mutex_unlock(&w->lock);
    w->job->progress(w->job->progress_arg, &p);
}

/* Waits for an idle batch. E_CANCELLED: nobody wants more; what a worker failed with. */
static enum err batch_take(struct working *w, struct scoring_batch **ret)
{
    for (;;) {
        mutex_lock(&w->lock);
        if (!w->idle.first && !w->err)
            (void)cond_wait_ms(&w->room, &w->lock, LOOK_MS);
        enum err e = w->err;
        struct scoring_batch *b = e ? NULL : list_pop(&w->idle);
        mutex_unlock(&w->lock);
        progress_tell(w);
        bool gone = op_is_gone(w->op);
        if (b && !gone && !e) {
            *ret = b;
            return OK;
        }
        if (b) {
            mutex_lock(&w->lock);
            list_push(&w->idle, b);
            mutex_unlock(&w->lock);
        }
        if (e) /* the text is copied when the threads have ended */
            return e;
        if (gone)
            return op_fail(w->op, E_CANCELLED, "stopped");
    }
}

static void batch_send(struct working *w, struct scoring_batch *b)
{
    mutex_lock(&w->lock);
    list_push(&w->ready, b);
    cond_signal(&w->work);
    mutex_unlock(&w->lock);
}

/* The file is still the one whose rows were counted. */
static enum err file_check(struct op *op, const struct scoring_file *f)
{
    struct stat st;
    if (stat(str_cstr(op->arena, f->path), &st))
        return op_fail_errno(op, "look at '%.*s'", STR_FMT(f->path));
    if ((uint64_t)st.st_size != f->size_bytes || (int64_t)st.st_mtim.tv_sec * TIME_US_PER_S + st.st_mtim.tv_nsec / 1000 != f->changed_us)
        return op_fail(op, E_CONFLICT, "'%.*s' was changed while it was read", STR_FMT(f->path));
    return OK;
}

static enum err rows_differ(struct op *op, const struct scoring_file *f)
{
    enum err e = file_check(op, f);
    return e ? e : op_fail(op, E_IO, "'%.*s' gave another number of rows than were counted", STR_FMT(f->path));
}

/* Cuts the rows of a scan into chunks from..to - 1, which lie behind one another in one file. */
static enum err scan_cut(struct op *op, struct working *w, struct table_scan *scan, uint64_t from, uint64_t to)
{
    const struct scoring_job *job = w->job;
    const struct scoring_file *f = &job->plan->files[scoring_plan_chunk(job->plan, from).file];
    struct scoring_batch *b = NULL;
    const struct table_chunk *in = NULL;
    uint64_t number = from;
    enum err e = OK;
    while (!e && !(e = table_next(op, job->tables, scan, &in)) && in) {
        for (size_t at = 0; !e && at < in->rows;) {
            if (number == to) {
                e = rows_differ(op, f);
                break;
            }
            if (!b && !(e = batch_take(w, &b))) {
                struct scoring_chunk c = scoring_plan_chunk(job->plan, number);
                scoring_batch_reset(b, job->binding, &c);
            }
            if (e)
                break;
            size_t n = b->chunk.rows - b->rows < in->rows - at ? b->chunk.rows - b->rows : in->rows - at;
            e = scoring_batch_add(op, b, in, at, n);
            at += n;
            if (!e && b->rows == b->chunk.rows) {
                batch_send(w, b);
                b = NULL;
                number++;
            }
        }
    }
    if (!e && number != to)
        e = rows_differ(op, f);
    if (b) {
        mutex_lock(&w->lock);
        list_push(&w->idle, b);
        mutex_unlock(&w->lock);
    }
    return e;
}

/* One scan for chunks from..to - 1. */
static enum err chunks_read(struct working *w, uint64_t from, uint64_t to)
{
    const struct scoring_job *job = w->job;
    const struct scoring_chunk first = scoring_plan_chunk(job->plan, from), last = scoring_plan_chunk(job->plan, to - 1);
    const struct scoring_file *f = &job->plan->files[first.file];
    const uint64_t rows = last.first + last.rows - first.first;
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    struct str sql;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(16)); /* a job may have very many scans */
    struct op op = *w->op;
    op.arena = arena;
    enum err e = scoring_select(&op, job->binding, f, job->nulls, job->null_count, first.first, rows, first.first == 0 && rows == f->rows, &sql);
    if (!e)
        e = table_scan_open(&op, job->tables, sql, &scan, &schema);
    for (size_t i = 0; !e && i < schema->len; i++)
        if (schema->fields[i].type != job->binding->fields.fields[i].type)
            e = rows_differ(&op, f);
    if (!e)
        e = scan_cut(&op, w, scan, from, to);
    table_scan_close(job->tables, scan);
    if (!e)
        e = file_check(&op, f);
    if (e && op.msg) /* some of the engine's texts do not say which file */
        op_fail(w->op, e, "%s%s", str_find(str_from(op.msg), f->path) == SIZE_MAX ? op_printf(w->op, "'%.*s': ", STR_FMT(f->path)) : "", op.msg);
    return e;
}

/* A chunk of no rows stands for an input without any. */
static enum err nothing_send(struct working *w, uint64_t number)
{
    struct scoring_batch *b = NULL;
    enum err e = batch_take(w, &b);
    if (e)
        return e;
    struct scoring_chunk c = scoring_plan_chunk(w->job->plan, number);
    scoring_batch_reset(b, w->job->binding, &c);
    batch_send(w, b);
    return OK;
}

static enum err shard_read(struct working *w)
{
    const struct scoring_job *job = w->job;
    enum err e = OK;
    for (uint64_t i = job->from; !e && i < job->to;) {
        if (scoring_is_done(job->done, i - job->from)) {
            i++;
            continue;
        }
        const struct scoring_chunk c = scoring_plan_chunk(job->plan, i);
        if (!c.rows) {
            e = nothing_send(w, i++);
            continue;
        }
        uint64_t to = i + 1;
        while (to < job->to && !scoring_is_done(job->done, to - job->from) && scoring_plan_chunk(job->plan, to).file == c.file)
            to++;
        e = chunks_read(w, i, to);
        i = to;
    }
    return e;
}

/* ---- life ---- */

static void rows_count(struct working *w)
{
    const struct scoring_job *job = w->job;
    for (uint64_t i = job->from; i < job->to; i++) {
        uint32_t rows = scoring_plan_chunk(job->plan, i).rows;
        w->progress.total += rows;
        w->progress.rows += scoring_is_done(job->done, i - job->from) ? rows : 0;
    }
}

static enum err working_start(struct working *w)
{
    const int asked = w->job->threads ? w->job->threads : thread_cpu_count();
    uint64_t chunks = w->job->to - w->job->from;
    const int threads = asked > LIMIT_SCORING_THREADS ? LIMIT_SCORING_THREADS : (uint64_t)asked > chunks ? (int)(chunks ? chunks : 1) : asked;
    for (int i = 0; i < threads + SPARE_BATCHES && (uint64_t)i < chunks; i++) {
        struct scoring_batch *b = scoring_batch_create(w->job->binding, w->job->plan->chunk_rows);
        if (!b)
            return op_fail(w->op, E_TOO_LARGE, "no memory for %u rows of %zu columns; take fewer rows per part", w->job->plan->chunk_rows,
                           w->job->binding->fields.len);
        w->all[w->batch_count++] = b;
        list_push(&w->idle, b);
    }
    for (; w->thread_count < threads; w->thread_count++)
        w->threads[w->thread_count] = thread_start("scoring", worker_thread, w);
    return OK;
}

static void working_end(struct working *w)
{
    mutex_lock(&w->lock);
    w->ended = true;
    cond_broadcast(&w->work);
    mutex_unlock(&w->lock);
    for (int i = 0; i < w->thread_count; i++)
        thread_join(w->threads[i]);
    for (size_t i = 0; i < w->batch_count; i++)
        scoring_batch_destroy(w->all[i]);
}

enum err scoring_job_run(struct op *op, const struct scoring_job *job, struct scoring_progress *ret_progress)
{
    struct working *w = calloc(1, sizeof(*w));
    if (!w)
        abort(); /* a small fixed allocation */
    w->op = op;
    w->job = job;
    mutex_init(&w->lock);
    cond_init(&w->work);
    cond_init(&w->room);
    rows_count(w);
    enum err e = working_start(w);
    if (!e)
        e = shard_read(w);
    working_end(w);
    progress_tell(w);
    if (w->err) /* it came first: the reading only ended because of it */
        e = op_fail(op, w->err, "%s", w->text);
    *ret_progress = w->progress;
    cond_clear(&w->work);
    cond_clear(&w->room);
    mutex_clear(&w->lock);
    free(w);
    return e;
}
