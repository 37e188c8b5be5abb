#include "api/native/listen.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/event/feed.h"

#define ENDED_LOOK_MS 100 /* how soon a listener that left, or a server that stops, is noticed */

struct listener {
    struct op *op;
    struct http_req *req;
    struct http_res *res;
    void *later;
    uint32_t kinds;
    bool placed;         /* `at` says where it is; else it begins with the next look */
    bool lost;           /* its place is not known any more: it is to start over */
    uint64_t at;
    int64_t begun_ms, said_ms;
};

struct listeners {
    struct feed *feed;
    struct mutex mutex;
    struct cond wake;
    struct listener *list;  /* LIMIT_EVENT_LISTENERS of them; the first `count` are in use */
    size_t count;
    bool stopping;
    uint64_t epoch;
    int64_t looked_ms;
    pthread_t thread;
};

/* ---- one listener ---- */

struct text {
    struct buf *out;
    const struct listeners *ls;
    uint32_t kinds;
    size_t room;         /* what the connection takes now */
    uint64_t told;       /* up to here it is in `out`, or not asked for */
    bool full;
};

static void add_event(void *arg, const struct event *e)
{
    struct text *t = arg;
    struct json_out w;
    const size_t before = t->out->len;
    if (t->full)
        return;
    if (!(t->kinds & 1u << e->kind)) {
        t->told = e->seq;
        return;
    }
    buf_addf(t->out, "id: %" PRIx64 "-%" PRIu64 "\ndata: ", t->ls->epoch, e->seq);
    json_out_init(&w, t->out, 0);
    json_begin_object(&w);
    json_kv_str(&w, "kind", event_kind_name(e->kind));
    json_kv_str(&w, event_kind_field(e->kind), e->name);
    json_kv_i64(&w, "seq", (int64_t)e->seq);
    json_end_object(&w);
    buf_add_cstr(t->out, "\n\n");
    t->full = t->out->failed || t->out->len > t->room;
    if (t->full)
        t->out->len = before;
    else
        t->told = e->seq;
}

/* False when it does not read, or has gone. */
static bool say(struct listener *l, const struct buf *out, int64_t now_ms)
{
    if (!out->len)
        return true;
    l->said_ms = now_ms;
    return !out->failed && out->len <= http_stream_room(l->res) && !http_stream_write(l->op, l->res, out->p, out->len);
}

/* More events than the connection takes at once are told in parts, one with each look: a listener that were sent away with all of them would come back for
 * all of them. One that has no room for a single event does not read. */
static bool tell(struct listeners *ls, struct listener *l, struct buf *out, int64_t now_ms)
{
    struct text t = {out, ls, l->kinds, http_stream_room(l->res), l->at, false};
    buf_reset(out);
    if (l->lost || !feed_read(ls->feed, l->at, add_event, &t)) {
        buf_reset(out);
        buf_addf(out, "event: reset\nid: %" PRIx64 "-%" PRIu64 "\ndata: {}\n\n", ls->epoch, feed_newest(ls->feed));
    }
    l->lost = false;
    l->at = t.full ? t.told : feed_newest(ls->feed);
    if (t.full && !out->len)
        return false;
    if (!out->len && now_ms - l->said_ms >= LIMIT_EVENT_QUIET_MS)
        buf_add_cstr(out, ": here\n\n");
    return say(l, out, now_ms);
}

/* Gone, refused by its connection, asked to come again, or the server stops. */
static bool is_over(const struct listener *l, int64_t now_ms)
{
    return op_is_gone(l->op) || http_req_over(l->req) || now_ms - l->begun_ms >= LIMIT_EVENT_LISTEN_MS;
}

/* ---- the thread ---- */

static void let_go(struct listeners *ls, size_t i)
{
    struct listener *l = &ls->list[i];
    op_clear(l->op);
    http_later_done(l->later, OK); /* from here on `op`, `req` and `res` are not ours */
    ls->list[i] = ls->list[--ls->count];
}

static void look(struct listeners *ls, struct arena *arena, struct buf *out, int64_t now_ms)
{
    struct op op;
    op_init(&op, arena);
    op.actor.name = STR("events");
    /* Those who come without a place get what is found from here on. */
    for (size_t i = 0; i < ls->count; i++) {
        if (!ls->list[i].placed)
            ls->list[i].at = feed_newest(ls->feed);
        ls->list[i].placed = true;
    }
    mutex_unlock(&ls->mutex); /* the database may be slow; nobody but this thread takes listeners away, and new ones come behind the others */
    if (feed_look(&op, ls->feed))
        log_at(LOG_ERROR, "events.look", {"error", LOG_C(op.msg)});
    arena_reset(arena);
    mutex_lock(&ls->mutex);
    ls->looked_ms = now_ms;
    for (size_t i = ls->count; i-- > 0;) {
        bool keep = true;
        if (ls->list[i].placed) {
            mutex_unlock(&ls->mutex); /* who begins to listen does not wait until a thousand others have been told */
            keep = tell(ls, &ls->list[i], out, now_ms);
            mutex_lock(&ls->mutex);
        }
        if (!keep)
            let_go(ls, i);
    }
}

static void *run(void *arg)
{
    struct listeners *ls = arg;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_MIB(2));
    mutex_lock(&ls->mutex);
    while (!ls->stopping) {
        int64_t now_ms = time_mono_ms();
        for (size_t i = ls->count; i-- > 0;)
            if (is_over(&ls->list[i], now_ms))
                let_go(ls, i);
        if (ls->count && now_ms - ls->looked_ms >= LIMIT_EVENT_LOOK_MS)
            look(ls, arena, &out, now_ms);
        if (ls->stopping)
            break;
        if (ls->count)
            cond_wait_ms(&ls->wake, &ls->mutex, ENDED_LOOK_MS);
        else
            cond_wait(&ls->wake, &ls->mutex);
    }
    while (ls->count)
        let_go(ls, ls->count - 1);
    mutex_unlock(&ls->mutex);
    return NULL;
}

struct listeners *listeners_create(struct db *db)
{
    struct listeners *ls = calloc(1, sizeof *ls);
    if (!ls || !(ls->list = calloc(LIMIT_EVENT_LISTENERS, sizeof *ls->list)))
        abort();
    ls->feed = feed_create(db);
    ls->epoch = (uint64_t)time_now_us();
    mutex_init(&ls->mutex);
    cond_init(&ls->wake);
    ls->thread = thread_start("events", run, ls);
    return ls;
}

void listeners_destroy(struct listeners *ls)
{
    if (!ls)
        return;
    mutex_lock(&ls->mutex);
    ls->stopping = true;
    cond_signal(&ls->wake);
    mutex_unlock(&ls->mutex);
    thread_join(ls->thread);
    feed_destroy(ls->feed);
    cond_clear(&ls->wake);
    mutex_clear(&ls->mutex);
    free(ls->list);
    free(ls);
}

size_t listeners_count(struct listeners *ls)
{
    LOCK(&ls->mutex);
    return ls->count;
}

/* ---- beginning ---- */

static bool place_parse(struct str place, uint64_t epoch, uint64_t *ret_at)
{
    char head[32];
    int n = snprintf(head, sizeof head, "%" PRIx64 "-", epoch);
    return str_starts(place, (struct str){head, (size_t)n}) && str_parse_u64(str_sub(place, (size_t)n, SIZE_MAX), ret_at);
}

enum err listen_begin(struct op *op, struct listeners *ls, struct http_req *req, struct http_res *res, uint32_t kinds, struct str place)
{
    static const char hello[] = "retry: 2000\n\n: here\n\n";
    struct listener l = {.op = op, .req = req, .res = res, .kinds = kinds, .begun_ms = time_mono_ms()};
    l.said_ms = l.begun_ms;
    if (place.len) {
        l.placed = true;
        l.lost = !place_parse(place, ls->epoch, &l.at);
    }
    LOCK(&ls->mutex);
    if (ls->stopping || ls->count == LIMIT_EVENT_LISTENERS)
        return op_fail(op, E_BUSY, "%d pages listen already; try again later", LIMIT_EVENT_LISTENERS);
    l.later = http_later(res, NULL, NULL);
    enum err e = http_stream_begin(op, res, UINT64_MAX);
    if (!e)
        e = http_stream_write(op, res, hello, sizeof hello - 1);
    if (e) { /* the peer is gone: said at once, as the request is under way */
        op_clear(op);
        http_later_done(l.later, OK);
        return OK;
    }
    ls->list[ls->count++] = l;
    cond_signal(&ls->wake);
    return OK;
}
