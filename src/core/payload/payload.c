/* Life of a kept request: payload_tell copies it into the queue; the thread plans its columns, appends its rows to the open rows of the same
 * endpoint, shape and hour, and hands it on to the sender if events are wanted. Open rows become a file when they are old or large, when another hour
 * begins, when somebody asks, and at the end: Parquet below the data folder, then a blob, then the SQL row that names it. A file that
 * cannot be written is tried again every RETRY_MS; its rows stay, and while they are twice as large as they should be, new ones are dropped. */
#include "core/payload/payload.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/time.h"
#include "core/payload/event.h"
#include "core/payload/item.h"
#include "core/payload/rows.h"
#include "core/payload/store.h"

enum { RETRY_MS = 10000, LOOK_MS = 500 };

struct payload {
    struct payload_parts parts;
    char *tmp_dir;
    struct payload_sender *sender;
    struct payload_queue queue;
    struct cond flushed;
    uint64_t flush_wanted, flush_done; /* under the queue's lock */
    enum err flush_err;
    bool started;
    pthread_t thread;
    atomic_uint_fast64_t requests, rows, files, dropped, failed_files;
    /* The thread's own. */
    struct payload_rows *open;
    size_t open_count, open_bytes;
    int64_t retry_ms;
};

/* ---- one file ---- */

static enum err rows_file(struct op *op, struct payload *p, const struct payload_rows *r)
{
    struct table_engine *tables = NULL;
    struct log_file file = {.start_us = r->start_us, .end_us = r->end_us, .rows = (int64_t)r->count,
                            .expires_us = r->keep_us ? r->end_us + r->keep_us : 0};
    const char *path = op_printf(op, "%s/payloads-%s.parquet", p->tmp_dir, hash_random_hex(op->arena, 8));
    enum err e = p->parts.tables.open(p->parts.tables.arg, op, &tables);
    if (!e)
        e = payload_rows_write(op, r, tables, str_from(path));
    if (!e)
        e = blob_put_file(op, p->parts.blobs, path, &file.blob, &file.size_bytes);
    if (unlink(path) && errno != ENOENT && !e)
        e = op_fail_errno(op, "remove '%s'", path);
    return e ? e : payload_insert(op, p->parts.db, r->endpoint, &file);
}

/* Takes `r` out of the list if its file is written. */
static enum err rows_close(struct payload *p, struct arena *arena, struct payload_rows **at)
{
    struct payload_rows *r = *at;
    struct op op;
    op_init(&op, arena);
    op.actor.name = STR("payload");
    enum err e = r->count ? rows_file(&op, p, r) : OK;
    if (e) {
        log_at(LOG_ERROR, "payload.file", {"endpoint", LOG_S(r->endpoint)}, {"rows", LOG_I(r->count)}, {"error", LOG_C(op.msg)});
        atomic_fetch_add(&p->failed_files, 1);
        p->retry_ms = time_mono_ms() + RETRY_MS;
    } else {
        *at = r->next;
        p->open_count--;
        p->open_bytes -= r->bytes;
        atomic_fetch_add(&p->files, 1);
        payload_rows_destroy(r);
    }
    arena_reset(arena);
    return e;
}

static bool is_due(const struct payload_rows *r, int64_t now_ms, int64_t now_us)
{
    return r->bytes >= r->max_bytes || now_ms - r->opened_ms >= r->flush_us / 1000 || now_us / (3600 * TIME_US_PER_S) != r->hour;
}

/* All that is due, or all. */
static enum err rows_look(struct payload *p, struct arena *arena, bool all)
{
    const int64_t now_ms = time_mono_ms(), now_us = time_now_us();
    enum err first = OK;
    if (!all && now_ms < p->retry_ms)
        return OK;
    for (struct payload_rows **at = &p->open; *at;) {
        struct payload_rows *r = *at;
        enum err e = all || is_due(r, now_ms, now_us) ? rows_close(p, arena, at) : OK;
        first = first ? first : e;
        if (*at == r)
            at = &r->next;
    }
    return first;
}

/* ---- one request ---- */

static struct payload_rows *rows_find(struct payload *p, const struct payload_item *item, const struct payload_shape *shape)
{
    for (struct payload_rows *r = p->open; r; r = r->next)
        if (r->shape == shape->hash && r->len == shape->len && r->hour == item->note.time_us / (3600 * TIME_US_PER_S) && str_eq(r->endpoint, item->note.endpoint))
            return r;
    return NULL;
}

/* Room for one more shape: the oldest file is closed, then the largest as long as there is too much in memory. */
static void room_make(struct payload *p, struct arena *arena)
{
    while (p->open && (p->open_count >= LIMIT_PAYLOAD_OPEN || p->open_bytes > 4 * LIMIT_PAYLOAD_QUEUE_BYTES)) {
        struct payload_rows **victim = &p->open;
        for (struct payload_rows **at = &p->open; *at; at = &(*at)->next)
            if (p->open_count >= LIMIT_PAYLOAD_OPEN ? (*at)->opened_ms < (*victim)->opened_ms : (*at)->bytes > (*victim)->bytes)
                victim = at;
        if (rows_close(p, arena, victim))
            return;
    }
}

static enum err item_keep(struct op *op, struct payload *p, struct arena *files, const struct payload_item *item)
{
    struct payload_shape shape;
    enum err e = payload_shape_make(op, item, &shape);
    if (e)
        return e;
    struct payload_rows *r = rows_find(p, item, &shape);
    if (!r) {
        room_make(p, files);
        if (p->open_count >= LIMIT_PAYLOAD_OPEN)
            return op_fail(op, E_BUSY, "the files that are open cannot be closed");
        r = payload_rows_create(item, &shape);
        r->next = p->open;
        p->open = r;
        p->open_count++;
    }
    if (r->bytes > 2 * r->max_bytes)
        return op_fail(op, E_BUSY, "the file of these rows cannot be written");
    const size_t before = r->bytes;
    e = payload_rows_add(op, r, item, &shape);
    p->open_bytes += r->bytes - before;
    return e;
}

static void item_take(struct payload *p, struct arena *arena, struct arena *files, struct payload_item *take_item)
{
    struct op op;
    op_init(&op, arena);
    if (take_item->keeps && item_keep(&op, p, files, take_item)) {
        atomic_fetch_add(&p->dropped, 1);
        log_at(LOG_WARN, "payload.dropped", {"endpoint", LOG_S(take_item->note.endpoint)}, {"error", LOG_C(op.msg)});
    } else if (take_item->keeps) {
        atomic_fetch_add(&p->requests, 1);
        atomic_fetch_add(&p->rows, take_item->note.rows ? take_item->note.rows : 1);
    }
    arena_reset(arena);
    if (take_item->config.events)
        payload_sender_take(p->sender, take_item);
    else
        payload_item_destroy(take_item);
}

/* ---- the thread ---- */

static void *payload_thread(void *arg)
{
    struct payload *p = arg;
    struct arena *arena = arena_create(LIMIT_REQUEST_ARENA), *files = arena_create(LIMIT_REQUEST_ARENA);
    mutex_lock(&p->queue.lock);
    for (;;) {
        struct payload_item *item = payload_queue_pop(&p->queue);
        const uint64_t wanted = p->flush_wanted;
        const bool stopping = p->queue.stopping, asked = !item && wanted > p->flush_done;
        if (!item && !asked && !stopping) {
            (void)cond_wait_ms(&p->queue.wake, &p->queue.lock, LOOK_MS);
            item = payload_queue_pop(&p->queue);
        }
        mutex_unlock(&p->queue.lock);
        if (item)
            item_take(p, arena, files, item);
        enum err e = rows_look(p, files, asked || (!item && stopping));
        mutex_lock(&p->queue.lock);
        if (asked) {
            p->flush_done = wanted;
            p->flush_err = e;
            cond_broadcast(&p->flushed);
        }
        if (!item && stopping)
            break;
    }
    p->flush_done = UINT64_MAX;
    cond_broadcast(&p->flushed);
    mutex_unlock(&p->queue.lock);
    arena_destroy(files);
    arena_destroy(arena);
    return NULL;
}

/* The lock is held. */
static void thread_begin(struct payload *p)
{
    if (!p->started)
        p->thread = thread_start("payload", payload_thread, p);
    p->started = true;
}

/* ---- from outside ---- */

struct payload *payload_create(const struct payload_parts *parts)
{
    struct payload *p = calloc(1, sizeof *p);
    char *dir = malloc(parts->tmp_dir.len + 1);
    if (!p || !dir)
        abort();
    memcpy(dir, parts->tmp_dir.p, parts->tmp_dir.len);
    dir[parts->tmp_dir.len] = 0;
    p->parts = *parts;
    p->tmp_dir = dir;
    p->sender = payload_sender_create();
    payload_queue_init(&p->queue, LIMIT_PAYLOAD_QUEUE_BYTES);
    cond_init(&p->flushed);
    return p;
}

void payload_notify_set(struct payload *p, struct notify *notify)
{
    payload_sender_notify(p->sender, notify);
}

void payload_destroy(struct payload *p)
{
    if (!p)
        return;
    mutex_lock(&p->queue.lock);
    p->queue.stopping = true;
    cond_broadcast(&p->queue.wake);
    mutex_unlock(&p->queue.lock);
    if (p->started)
        thread_join(p->thread);
    for (struct payload_rows *r = p->open, *next; r; r = next) { /* their files could not be written */
        next = r->next;
        log_at(LOG_ERROR, "payload.lost", {"endpoint", LOG_S(r->endpoint)}, {"rows", LOG_I(r->count)});
        payload_rows_destroy(r);
    }
    payload_sender_destroy(p->sender);
    payload_queue_clear(&p->queue);
    cond_clear(&p->flushed);
    free(p->tmp_dir);
    free(p);
}

/* xorshift64* (Marsaglia 2003, Vigna 2016), one state per thread. */
static bool is_in_sample(double sample)
{
    static _Thread_local uint64_t x;
    if (!(sample > 0))
        return false;
    if (!x)
        hash_random(&x, sizeof x);
    x |= !x;
    x ^= x >> 12, x ^= x << 25, x ^= x >> 27;
    return (double)(x * 0x2545f4914f6cdd1du >> 11) * 0x1p-53 < sample;
}

void payload_tell(struct payload *p, const struct payload_note *note)
{
    const bool keeps = is_in_sample(note->config->sample);
    if (!keeps && !note->config->events)
        return;
    struct payload_item *item = payload_item_make(note, keeps);
    if (!item) {
        atomic_fetch_add(&p->dropped, 1);
        return;
    }
    mutex_lock(&p->queue.lock);
    thread_begin(p);
    mutex_unlock(&p->queue.lock);
    payload_queue_put(&p->queue, item);
}

enum err payload_flush(struct op *op, struct payload *p)
{
    LOCK(&p->queue.lock);
    if (!p->started)
        return OK;
    const uint64_t mine = ++p->flush_wanted;
    cond_broadcast(&p->queue.wake);
    while (p->flush_done < mine)
        cond_wait(&p->flushed, &p->queue.lock);
    return p->flush_err ? op_fail(op, p->flush_err, "a file of the payload log could not be written; the log says why") : OK;
}

void payload_stats(struct payload *p, struct payload_stats *ret)
{
    *ret = (struct payload_stats){.requests = atomic_load(&p->requests), .rows = atomic_load(&p->rows), .files = atomic_load(&p->files),
                                  .dropped_requests = atomic_load(&p->dropped), .failed_files = atomic_load(&p->failed_files)};
    payload_sender_stats(p->sender, &ret->events, &ret->dropped_events);
    LOCK(&p->queue.lock);
    ret->dropped_requests += p->queue.dropped;
    ret->queued_bytes = p->queue.bytes;
}
