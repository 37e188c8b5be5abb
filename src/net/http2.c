/* HTTP/2 (RFC 9113) over a connection: many requests at once, each a stream.
 *
 * nghttp2 does the framing, HPACK, the windows and the order of sending; it is fed what was read (nghttp2_session_mem_recv) and asked for
 * what to send (mem_send) once behind each read, so that all answers of a read leave in one write. A stream is an exchange: its
 * state lies in ex->h2, and nothing else is allocated for it here.
 *
 *   head    fields are gathered by http2_head.c as they are unpacked; at the end of the block plan() judges the request
 *   body    DATA goes to the exchange (whole, or its handler's window). The connection's window is given back at once, a stream's
 *           only while its handler keeps up: a slow handler stops its own stream and no other
 *   answer  http2_answer.c; a stream whose answer is complete is closed by nghttp2, and the exchange is recycled then
 *
 * An exchange may outlive its stream (the peer reset it while a worker runs): ex->h2.id is 0 then, the handler is told by its next
 * read or write, and the exchange still counts against LIMIT_HTTP2_STREAMS. So opening and resetting streams in a row starts no more
 * work than keeping them open.
 *
 * A request that is malformed as HTTP/2 resets its stream; one that HTTP/1.1 would refuse gets the same answer as there, but
 * the connection lives on, as the framing is not in doubt. What only costs work is counted (http2_guard.c). */
#include "net/http2.h"

#include "base/limits.h"
#include "net/http2_answer.h"
#include "net/http2_head.h"
#include "net/http2_stream.h"

#include <assert.h>
#include <stdlib.h>

/* No more requests, no more answers: says why and closes. */
static void terminate(struct conn *c, uint32_t error)
{
    struct http2 *h = http2_of(c);
    h->dying = true;
    if (error != NGHTTP2_NO_ERROR)
        net_count(&c->env->refused);
    (void)nghttp2_session_terminate_session(h->session, error); /* without memory the connection just closes */
}

/* ---- nghttp2's callbacks; `user` is the connection ---- */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *c = user;
    struct http2 *h = http2_of(c);
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        h->last_id = frame->hd.stream_id;
    if (frame->headers.cat == NGHTTP2_HCAT_REQUEST && (h->live >= LIMIT_HTTP2_STREAMS || h->answers_bytes > LIMIT_HTTP2_ANSWERS_BYTES)) {
        (void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    h->heading_id = frame->hd.stream_id;
    h->heading_ms = c->env->now_ms + c->env->limits.head_ms;
    http2_due(c, h->heading_ms);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* trailers */
    struct http_exchange *ex = http2_stream_open(c, frame->hd.stream_id);
    h->heading = ex;
    (void)nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, ex); /* the stream is there: it was just made */
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len, const uint8_t *value, size_t value_len,
                     uint8_t flags, void *user)
{
    struct conn *c = user;
    struct http2 *h = http2_of(c);
    struct http_exchange *ex = h->heading;
    (void)flags;
    if (ex) {
        http2_head_add(ex, (struct str){(const char *)name, name_len}, (struct str){(const char *)value, value_len});
    } else {
        ex = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (!ex)
            return 0;
        ex->h2.head_bytes += name_len + value_len + 32; /* trailers: nobody reads them */
    }
    if (ex->h2.head_bytes > LIMIT_HTTP2_HEADER_BLOCK_BYTES)
        terminate(c, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
}

/* nghttp2 would leave such a field out and go on. */
static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len, const uint8_t *value, size_t value_len,
                             uint8_t flags, void *user)
{
    (void)session, (void)frame, (void)name, (void)name_len, (void)value, (void)value_len, (void)flags, (void)user;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
    struct conn *c = user;
    struct http_exchange *ex = http2_of(c)->data;
    (void)flags, (void)id;
    (void)nghttp2_session_consume_connection(session, n); /* fails without memory only: the window then stays shut */
    if (ex && !ex->h2.resetting)
        http2_stream_take(c, ex, p, n);
    return 0;
}

static void data_over(struct conn *c, struct http_exchange *ex, const nghttp2_frame *frame)
{
    struct http2 *h = http2_of(c);
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.length > 0 && frame->hd.length == frame->data.padlen && !ended && !http2_guard_control(&h->guard, c->env->now_ms))
        terminate(c, NGHTTP2_ENHANCE_YOUR_CALM);
    if (!ex || ex->h2.resetting)
        return;
    if (++ex->h2.frames > LIMIT_HTTP2_BODY_FRAMES && !ex->req.body_streamed && !ex->h2.broken && !ended)
        http2_stream_refuse(c, ex, 413, "The request body comes in too many pieces");
    if (ended)
        http2_stream_complete(c, ex);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *c = user;
    struct http2 *h = http2_of(c);
    bool ended = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;
    if (frame->hd.type == NGHTTP2_DATA) {
        data_over(c, h->data, frame);
    } else if (frame->hd.type == NGHTTP2_HEADERS) {
        struct http_exchange *ex = h->heading;
        h->heading = NULL;
        h->heading_ms = 0;
        if (ex) {
            http2_stream_start(c, ex, ended);
            return 0;
        }
        ex = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
        if (ex && !ex->h2.resetting && ended)
            http2_stream_complete(c, ex);
    }
    return 0;
}

/* We ended a stream, for whatever the peer did: an answer, a refusal, a mistake of the peer. */
static void reset_sent(struct conn *c, int32_t id, uint32_t error)
{
    struct http2 *h = http2_of(c);
    h->reset_id = id;
    if (error != NGHTTP2_NO_ERROR && !http2_guard_reset(&h->guard, c->env->now_ms))
        terminate(c, NGHTTP2_ENHANCE_YOUR_CALM);
}

/* Our side of a stream is over: what is the peer still going to send? */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct conn *c = user;
    if (frame->hd.type == NGHTTP2_RST_STREAM)
        reset_sent(c, frame->hd.stream_id, frame->rst_stream.error_code);
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) || (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS))
        return 0;
    struct http_exchange *ex = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!ex || ex->h2.body_done)
        return 0;
    http2_stream_answered(c, ex);
    return 0;
}

/* A head that is too large for the library, say: without this the stream would stay open for ever. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
    struct http_exchange *ex = frame->hd.type == NGHTTP2_HEADERS ? nghttp2_session_get_stream_user_data(session, frame->hd.stream_id) : NULL;
    (void)error;
    if (ex)
        http2_reset(user, ex, NGHTTP2_INTERNAL_ERROR);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct conn *c = user;
    struct http2 *h = http2_of(c);
    struct http_exchange *ex = nghttp2_session_get_stream_user_data(session, id);
    h->closed[h->closed_at++ % LIMIT_HTTP2_CLOSED] = h->reset_id == id ? -id : id;
    if (!ex)
        return 0;
    if (h->reset_id != id && error != NGHTTP2_NO_ERROR && !http2_guard_reset(&h->guard, c->env->now_ms))
        terminate(c, NGHTTP2_ENHANCE_YOUR_CALM);
    (void)nghttp2_session_set_stream_user_data(session, id, NULL);
    http2_stream_gone(c, ex, ex->h2.ended && error == NGHTTP2_NO_ERROR);
    return 0;
}

static nghttp2_session *session_create(struct conn *c)
{
    nghttp2_session_callbacks *cb = NULL;
    nghttp2_option *option = NULL;
    nghttp2_session *session = NULL;
    if (nghttp2_session_callbacks_new(&cb) != 0 || nghttp2_option_new(&option) != 0)
        abort();
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(cb, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(cb, on_frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(cb, http2_answer_send);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_settings(option, LIMIT_HTTP2_SETTINGS);
    if (nghttp2_session_server_new2(&session, cb, c, option) != 0)
        abort();
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(option);
    return session;
}

/* ---- the wire's functions ---- */

static void http2_init(struct conn *c)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, LIMIT_HTTP2_STREAMS},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, LIMIT_HTTP2_WINDOW},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, LIMIT_HTTP2_HEADER_LIST_BYTES},
    };
    struct http2 *h = calloc(1, sizeof *h);
    if (!h)
        abort();
    c->wire_state = h;
    h->session = session_create(c);
    http2_scan_init(&h->scan);
    http2_guard_init(&h->guard, c->env->now_ms);
    if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) != 0 ||
        nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, LIMIT_HTTP2_CONNECTION_WINDOW) != 0)
        abort();
    h->idle_ms = c->env->now_ms + c->env->limits.head_ms; /* for the first request */
    c->deadline_ms = h->idle_ms;
}

/* Moves frames into c->out while there is room. */
static void pump(struct conn *c)
{
    struct http2 *h = http2_of(c);
    while (conn_out_pending(c) < LIMIT_HTTP_STREAM_WINDOW) {
        const uint8_t *p;
        ssize_t n = nghttp2_session_mem_send(h->session, &p);
        if (n < 0) {
            h->dying = true;
            conn_finish(c);
            return;
        }
        if (n == 0)
            break;
        buf_add(&c->out, p, (size_t)n);
    }
    if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session))
        conn_finish(c);
}

/* A frame of a request names a stream that has ended. What the peer sent before it learned of our reset is harmless; anything else
 * breaks the protocol (RFC 9113 5.1), and nghttp2 would pass over it. */
static uint32_t judge_closed(const struct http2 *h, const struct http2_frame *f)
{
    for (size_t i = 0; i < LIMIT_HTTP2_CLOSED; i++) {
        if (h->closed[i] == -f->id)
            return NGHTTP2_NO_ERROR;
        if (h->closed[i] == f->id)
            return NGHTTP2_STREAM_CLOSED;
    }
    return f->type == NGHTTP2_HEADERS ? NGHTTP2_PROTOCOL_ERROR : NGHTTP2_STREAM_CLOSED;
}

/* HEADERS or DATA; everything before it has been taken in. True: it counts as one that carries nothing. */
static bool request_frame(struct conn *c, const struct http2_frame *f)
{
    struct http2 *h = http2_of(c);
    h->data = NULL;
    if (f->id > h->last_id || f->id % 2 == 0)
        return false; /* a new stream, or what nghttp2 refuses */
    struct http_exchange *ex = nghttp2_session_get_stream_user_data(h->session, f->id);
    uint32_t error = ex ? NGHTTP2_NO_ERROR : judge_closed(h, f);
    if (error)
        terminate(c, error);
    if (f->type == NGHTTP2_DATA)
        h->data = ex;
    return !ex || (f->type == NGHTTP2_DATA && f->length == 0 && !(f->flags & NGHTTP2_FLAG_END_STREAM));
}

static void take_in(struct conn *c, const uint8_t *p, size_t n)
{
    struct http2 *h = http2_of(c);
    ssize_t rc = n > 0 && !h->dying ? nghttp2_session_mem_recv(h->session, p, n) : 0;
    if (rc < 0)
        terminate(c, rc == NGHTTP2_ERR_FLOODED ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
}

/* Every frame is looked at before nghttp2 has its head, which it gets in one piece (1.52 as Debian mends it counts a CONTINUATION for
 * each piece of a head). A frame of a request is judged by what came before it, so that goes in first. */
static void take_frames(struct conn *c, const uint8_t *p, size_t n)
{
    struct http2 *h = http2_of(c);
    struct http2_frame f;
    size_t fed = 0, at = 0, used;
    while (!h->dying && http2_scan_next(&h->scan, p + at, n - at, &f, &used)) {
        at += used;
        bool request = f.type == NGHTTP2_HEADERS || f.type == NGHTTP2_DATA, cut = at < HTTP2_FRAME_HEAD_BYTES;
        if (request && !cut) {
            take_in(c, p + fed, at - HTTP2_FRAME_HEAD_BYTES - fed);
            fed = at - HTTP2_FRAME_HEAD_BYTES;
        }
        bool idle = request ? request_frame(c, &f) : true;
        h->continuations = f.type == NGHTTP2_CONTINUATION ? h->continuations + 1 : 0;
        if (h->continuations > LIMIT_HTTP2_CONTINUATIONS || (idle && !http2_guard_control(&h->guard, c->env->now_ms)))
            terminate(c, NGHTTP2_ENHANCE_YOUR_CALM);
        if (cut) { /* its first bytes were held back */
            take_in(c, h->scan.head, HTTP2_FRAME_HEAD_BYTES);
            fed = at;
        }
    }
    if (!h->dying)
        take_in(c, p + fed, n - fed - (h->scan.have < n - fed ? h->scan.have : n - fed));
}

static size_t http2_feed(struct conn *c, const char *p, size_t n)
{
    struct http2 *h = http2_of(c);
    if (h->dying)
        return n;
    if (conn_out_pending(c) >= LIMIT_HTTP_STREAM_WINDOW) {
        h->waits_for_out = true;
        return 0;
    }
    take_frames(c, (const uint8_t *)p, n);
    pump(c);
    return n;
}

static void http2_eof(struct conn *c)
{
    struct http2 *h = http2_of(c);
    if (c->in.len > c->in_off && h->waits_for_out)
        return;
    for (struct http_exchange *ex = h->first; ex; ex = ex->h2.next) {
        if (ex->h2.id && !ex->h2.body_done)
            http2_reset(c, ex, NGHTTP2_CANCEL); /* the rest of its body will not come */
    }
    pump(c);
    if (h->open == 0)
        conn_finish(c);
}

static void http2_event(struct conn *c, struct http_exchange *ex)
{
    if (http2_stream_event(c, ex))
        pump(c);
}

static void http2_flushed(struct conn *c)
{
    struct http2 *h = http2_of(c);
    if (h->waits_for_out) {
        h->waits_for_out = false;
        conn_resume(c);
    }
    if (nghttp2_session_want_write(h->session))
        pump(c);
}

static bool http2_idle(const struct conn *c)
{
    return http2_of(c)->live == 0;
}

static void http2_drain(struct conn *c)
{
    struct http2 *h = http2_of(c);
    h->draining = true;
    if (h->open == 0) {
        terminate(c, NGHTTP2_NO_ERROR);
    } else {
        /* Two steps (RFC 9113 6.8): requests that are on their way while the peer reads the first still count. */
        (void)nghttp2_submit_shutdown_notice(h->session);
        h->goaway_ms = c->env->now_ms + LIMIT_HTTP2_GOAWAY_MS;
        http2_due(c, h->goaway_ms);
    }
    pump(c);
}

static void http2_expire(struct conn *c)
{
    struct http2 *h = http2_of(c);
    int64_t now = c->env->now_ms;
    for (struct http_exchange *ex = h->first; ex; ex = ex->h2.next) {
        if (ex->h2.id)
            http2_stream_expire(c, ex);
    }
    if (h->goaway_ms && now >= h->goaway_ms) {
        h->goaway_ms = 0;
        (void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session), NGHTTP2_NO_ERROR, NULL, 0);
    }
    if (h->heading_ms && now >= h->heading_ms)
        terminate(c, NGHTTP2_PROTOCOL_ERROR); /* nothing can come behind a header block that does not end */
    else if (h->open == 0 && now >= h->idle_ms)
        terminate(c, NGHTTP2_NO_ERROR);
    http2_due(c, h->goaway_ms);
    http2_due(c, h->heading_ms);
    if (h->open == 0)
        http2_due(c, h->idle_ms);
    pump(c);
    if (h->dying)
        conn_finish(c);
}

static void http2_cancel(struct conn *c)
{
    struct http2 *h = http2_of(c);
    for (struct http_exchange *ex = h->first, *next; ex; ex = next) {
        next = ex->h2.next;
        if (ex->h2.id)
            http2_stream_gone(c, ex, false);
    }
    c->deadline_ms = 0;
}

static void http2_clear(struct conn *c)
{
    struct http2 *h = http2_of(c);
    assert(!h->first && h->live == 0);
    nghttp2_session_del(h->session);
    free(h);
    c->wire_state = NULL;
}

const struct wire_ops http2_wire = {
    .name = "h2",
    .init = http2_init,
    .feed = http2_feed,
    .eof = http2_eof,
    .event = http2_event,
    .flushed = http2_flushed,
    .idle = http2_idle,
    .drain = http2_drain,
    .expire = http2_expire,
    .cancel = http2_cancel,
    .clear = http2_clear,
};
