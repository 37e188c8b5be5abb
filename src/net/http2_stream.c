/* One HTTP/2 stream and its exchange.
 *
 *   opened -> head -> body -> handled -> answered -> closed
 *
 * The body may still come while the handler runs (it streams) or after the answer (it is dropped); the answer may begin before the body's
 * end. What belongs to the stream is in ex->h2; who has the exchange is told by ex->submitted, as in HTTP/1.1. */
#include "net/http2_stream.h"

#include "base/limits.h"
#include "net/http2_answer.h"
#include "net/http2_head.h"

struct http_exchange *http2_stream_open(struct conn *c, int32_t id)
{
    struct http2 *h = http2_of(c);
    struct http_exchange *ex = exchange_get(c->env, c);
    ex->h2.id = id;
    ex->h2.next = h->first;
    if (h->first)
        h->first->h2.prev = ex;
    h->first = ex;
    h->live++;
    h->open++;
    return ex;
}

static void stream_free(struct http2 *h, struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    if (s->prev)
        s->prev->h2.next = s->next;
    else
        h->first = s->next;
    if (s->next)
        s->next->h2.prev = s->prev;
    h->live--;
    ex->env->buffered -= s->held;
    s->held = 0;
    exchange_put(ex);
}

/* The stream is no more; the exchange stays while a worker has it. */
void http2_stream_gone(struct conn *c, struct http_exchange *ex, bool clean)
{
    struct http2 *h = http2_of(c);
    if (h->heading == ex)
        h->heading = NULL;
    if (h->data == ex)
        h->data = NULL;
    if (h->heading_id == ex->h2.id)
        h->heading_ms = 0;
    h->answers_bytes -= ex->h2.counted;
    ex->h2.counted = 0;
    ex->h2.id = 0;
    h->open--;
    c->served = true;
    c->since_ms = c->env->now_ms;
    if (h->open == 0) {
        h->idle_ms = c->env->now_ms + c->env->limits.idle_ms;
        http2_due(c, h->idle_ms);
    }
    if (!ex->submitted)
        stream_free(h, ex);
    else if (!clean)
        exchange_cancel(ex, E_CANCELLED);
}

void http2_reset(struct conn *c, struct http_exchange *ex, uint32_t error)
{
    if (ex->h2.resetting || ex->h2.id == 0)
        return;
    ex->h2.resetting = ex->h2.broken = true;
    (void)nghttp2_submit_rst_stream(http2_of(c)->session, NGHTTP2_FLAG_NONE, ex->h2.id, error); /* fails without memory only: the stream's deadline holds */
}

/* ---- requests ---- */

static void answer(struct conn *c, struct http_exchange *ex)
{
    ex->h2.deadline_ms = 0;
    http2_answer_whole(c, ex);
}

/* Answers in the house's error form; as in HTTP/1.1 a running handler learns it from its next read and answers itself. */
void http2_stream_refuse(struct conn *c, struct http_exchange *ex, int status, const char *text)
{
    net_count(&c->env->refused);
    ex->h2.broken = true;
    ex->h2.deadline_ms = 0;
    if (ex->submitted) {
        exchange_cancel(ex, status == 413 ? E_TOO_LARGE : status == 408 ? E_TIMEOUT : E_INVALID);
        return;
    }
    exchange_refuse(ex, status, text);
    answer(c, ex);
}

static void submit(struct conn *c, struct http_exchange *ex)
{
    ex->submitted = true;
    c->running++;
    if (c->env->ops->submit(c->env, ex))
        return;
    ex->submitted = false;
    c->running--;
    ex->h2.broken = true;
    exchange_refuse(ex, 503, "The server is busy; try again later");
    answer(c, ex);
}

/* Head and body are here. */
static void run_request(struct conn *c, struct http_exchange *ex)
{
    if (ex->plan.pool || (ex->plan.later && ex->req.body.len > LIMIT_HTTP_LATER_INLINE_BYTES)) {
        submit(c, ex);
    } else if (exchange_handle(ex)) {
        answer(c, ex);
    } else {
        ex->submitted = true; /* `done` comes through the queue, so not before this function is over */
        c->running++;
    }
}

void http2_stream_complete(struct conn *c, struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    s->body_done = true;
    s->deadline_ms = 0;
    if (s->broken || (s->begun && !ex->submitted))
        return; /* answered already */
    const char *text = NULL;
    if (exchange_body_end(ex, &text) != OK)
        http2_stream_refuse(c, ex, 400, text);
    else if (!ex->submitted)
        run_request(c, ex);
}

static void body_clock(struct conn *c, struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    s->body_since_ms = c->env->now_ms;
    s->body_since_bytes = s->received;
    s->deadline_ms = c->env->now_ms + (ex->plan.quiet_ms ? ex->plan.quiet_ms : c->env->limits.body_idle_ms);
    http2_due(c, s->deadline_ms);
}

/* The peer sends LIMIT_HTTP_BYTES_PER_S over the whole body, with no pause longer than the idle time. */
static void body_deadline(struct conn *c, struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    if (ex->plan.quiet_ms) {
        body_clock(c, ex);
        return;
    }
    int64_t idle = c->env->limits.body_idle_ms;
    int64_t total = s->body_since_ms + idle + (int64_t)((s->received - s->body_since_bytes) * 1000 / LIMIT_HTTP_BYTES_PER_S);
    int64_t pause = c->env->now_ms + idle;
    s->deadline_ms = total < pause ? total : pause;
    http2_due(c, s->deadline_ms);
}

void http2_stream_start(struct conn *c, struct http_exchange *ex, bool ended)
{
    struct http2_stream *s = &ex->h2;
    s->body_done = ended;
    if (!http2_head_finish(ex, ended)) {
        http2_stream_refuse(c, ex, s->fault.status, s->fault.text);
        return;
    }
    exchange_plan(ex);
    net_count(&c->env->requests);
    if (ex->plan.reject) {
        s->broken = true;
        answer(c, ex);
        return;
    }
    if (s->head.has_length && s->head.length > ex->plan.body_max) {
        http2_stream_refuse(c, ex, 413, "The request body is larger than this resource allows");
        return;
    }
    if (s->head.gzipped && !ended && !(ex->gunzip = s->head.zlib ? gunzip_create_zlib() : gunzip_create())) {
        http2_stream_refuse(c, ex, 503, "There is no memory to unpack the request body");
        return;
    }
    if (ended) {
        http2_stream_complete(c, ex);
        return;
    }
    body_clock(c, ex);
    if (s->head.expect_continue)
        http2_answer_continue(c, ex);
    /* A handler of both ways may have to speak first; others lose nothing by starting early but a worker that waits. */
    if (ex->req.body_streamed && ex->plan.quiet_ms)
        submit(c, ex);
}

/* Gives a stream's window back while its handler keeps up. */
static void body_credit(struct conn *c, struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    if (s->id == 0 || s->body_done || s->resetting || s->uncredited < LIMIT_HTTP2_WINDOW / 4)
        return;
    if (!s->broken && exchange_body_full(ex)) {
        s->deadline_ms = 0; /* the peer waits for us now */
        return;
    }
    if (nghttp2_session_consume_stream(http2_of(c)->session, s->id, (size_t)s->uncredited) != 0)
        return;
    s->uncredited = 0;
    c->env->buffered -= s->held;
    s->held = 0;
    if (!s->deadline_ms)
        body_clock(c, ex);
}

/* What comes behind the answer, or behind a failure. A reset would take an answer along that has not left: until then the peer gets
 * no new window. */
static void body_skip(struct conn *c, struct http_exchange *ex)
{
    const struct http2_stream *s = &ex->h2;
    if (s->answered && s->received - s->body_since_bytes > LIMIT_HTTP_DISCARD_BYTES)
        http2_reset(c, ex, NGHTTP2_NO_ERROR);
    else if (s->answered || !s->ended)
        body_credit(c, ex);
}

void http2_stream_take(struct conn *c, struct http_exchange *ex, const uint8_t *p, size_t n)
{
    struct http2_stream *s = &ex->h2;
    s->received += n;
    s->uncredited += n;
    if (s->broken || s->ended) {
        body_skip(c, ex);
        return;
    }
    const char *text = "";
    uint64_t before = ex->body_bytes;
    enum err e = exchange_body_add(ex, p, n, &text);
    if (!e && ex->req.body_streamed) {
        /* Not yet read by the handler, for all we know: it counts until the window is given back. */
        s->held += ex->body_bytes - before;
        c->env->buffered += ex->body_bytes - before;
        e = c->env->buffered > LIMIT_HTTP_BUFFERED_BYTES ? E_BUSY : OK;
        text = e ? "Too many large requests at once; try again later" : text;
    }
    if (e) {
        http2_stream_refuse(c, ex, e == E_TOO_LARGE ? 413 : e == E_BUSY ? 503 : 400, text);
        return;
    }
    body_deadline(c, ex);
    body_credit(c, ex);
    if (ex->req.body_streamed && !ex->submitted && ex->body_bytes >= LIMIT_HTTP_STREAM_WINDOW / 2)
        submit(c, ex);
}

void http2_stream_answered(struct conn *c, struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    s->ended = s->answered = true;
    /* A call is over with its answer; of other requests a small rest is taken, as some clients read no answer before they have sent it. */
    if (ex->plan.quiet_ms || (s->head.has_length && s->head.length - s->received > LIMIT_HTTP_DISCARD_BYTES))
        http2_reset(c, ex, NGHTTP2_NO_ERROR);
    else {
        body_clock(c, ex);
        body_credit(c, ex);
    }
}

bool http2_stream_event(struct conn *c, struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    if (ex->done) {
        ex->submitted = false;
        c->running--;
    }
    if (s->id == 0) {
        if (ex->done)
            stream_free(http2_of(c), ex);
        return false;
    }
    if (c->state != CONN_OPEN || s->resetting)
        return false; /* closing frees it */
    bool streams = ex->res.streamed;
    if (!ex->done) {
        mutex_lock(&ex->mu);
        streams = ex->stream_begun;
        mutex_unlock(&ex->mu);
    }
    if (!streams && ex->done)
        answer(c, ex);
    else if (streams && !s->begun)
        http2_answer_begin(c, ex);
    else if (streams)
        http2_answer_more(c, ex);
    body_credit(c, ex);
    return true;
}

void http2_stream_expire(struct conn *c, struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    int64_t now = c->env->now_ms;
    if (s->stall_ms && now >= s->stall_ms) {
        http2_reset(c, ex, NGHTTP2_CANCEL);
    } else if (s->deadline_ms && now >= s->deadline_ms) {
        s->deadline_ms = 0;
        if (s->ended)
            http2_reset(c, ex, NGHTTP2_NO_ERROR);
        else
            http2_stream_refuse(c, ex, 408, "The request body came too slowly");
    }
    http2_due(c, s->stall_ms);
    http2_due(c, s->deadline_ms);
}
