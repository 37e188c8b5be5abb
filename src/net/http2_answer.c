/* Answers over HTTP/2.
 *
 * nghttp2 asks for a body when the peer's windows and its own schedule have room for a frame: read_body() says how many bytes there
 * are, and http2_answer_send() copies them behind the frame's head into conn->out, so that a byte is copied once between the handler's
 * buffer and the socket. Fields are copied (and their names put into lower case) by nghttp2 in one piece: a streamed answer's
 * worker may be using the exchange's arena at that time.
 *
 * Fields that differ with every request are sent as literals that are never indexed: putting them into HPACK's table would
 * only push out what repeats. */
#include "net/http2_answer.h"

#include "base/limits.h"

#include <assert.h>

enum { FIELDS_MAX = ARRAY_LEN(((struct http_res *)0)->headers) + 3, TRAILERS_MAX = ARRAY_LEN(((struct http_res *)0)->trailers) };
enum { EARNED_PER_ANSWER = 8, EARNED_PER_FRAME = 4 }; /* a frame of ours may bring two window updates, and a ping to measure by */

static nghttp2_nv field(struct str name, struct str value, uint8_t flags)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.p, .namelen = name.len, .value = (uint8_t *)(uintptr_t)(value.p ? value.p : ""), .valuelen = value.len,
                        .flags = flags};
}

/* Decimal digits of the fields that are numbers, until nghttp2 has copied them. */
struct numbers {
    char status[20], length[20];
};

static nghttp2_nv number(struct str name, char *digits, uint64_t v)
{
    return field(name, (struct str){digits, net_digits(digits, v)}, 0);
}

/* `length` UINT64_MAX: not announced. */
static size_t head_fields(struct conn *c, const struct http_exchange *ex, uint64_t length, struct numbers *digits, nghttp2_nv *nv)
{
    const struct http_res *res = &ex->res;
    size_t n = 0;
    int status = res->status >= 200 && res->status <= 999 ? res->status : 500;
    net_date(c->env, ex->op.now_us);
    nv[n++] = number(STR(":status"), digits->status, (uint64_t)status);
    nv[n++] = field(STR("date"), (struct str){c->env->date + 6, 29}, 0);
    for (size_t i = 0; i < res->header_count; i++) {
        const struct http_header *h = &res->headers[i];
        nv[n++] = field(h->name, h->value, str_ieq(h->name, STR("x-request-id")) ? NGHTTP2_NV_FLAG_NO_INDEX : 0);
    }
    if (length != UINT64_MAX)
        nv[n++] = number(STR("content-length"), digits->length, length);
    return n;
}

static int submit_trailers(nghttp2_session *session, const struct http_exchange *ex)
{
    nghttp2_nv nv[TRAILERS_MAX];
    for (size_t i = 0; i < ex->res.trailer_count; i++)
        nv[i] = field(ex->res.trailers[i].name, ex->res.trailers[i].value, 0);
    return nghttp2_submit_trailer(session, ex->h2.id, nv, ex->res.trailer_count);
}

static bool has_body(const struct http_exchange *ex)
{
    return !ex->head_only && exchange_status_has_body(ex->res.status);
}

/* The bytes that can be sent now: all the rest of a whole answer, or what the handler wrote last. */
static size_t body_left(struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    if (!ex->res.streamed)
        return ex->res.body.len - s->sent;
    if (s->sent == ex->piece.len) {
        exchange_take_out(ex, &ex->piece);
        s->sent = 0;
    }
    return ex->piece.len - s->sent;
}

/* Nothing will follow what body_left() said. */
static bool body_last(struct http_exchange *ex)
{
    if (!ex->res.streamed)
        return true;
    return ex->done && ex->out.len == 0; /* the worker is through, so `out` needs no lock */
}

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *p, size_t max, uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct http_exchange *ex = source->ptr;
    struct http2_stream *s = &ex->h2;
    (void)id, (void)p, (void)user;
    size_t left = body_left(ex);
    bool last = body_last(ex);
    if (left == 0 && !last) {
        s->deferred = true;
        s->stall_ms = 0;
        return NGHTTP2_ERR_DEFERRED;
    }
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (left > max)
        return (ssize_t)max;
    if (!last)
        return (ssize_t)left;
    bool complete = !ex->res.streamed || (ex->op.err == OK && (ex->stream_len == UINT64_MAX || ex->stream_written == ex->stream_len));
    if (!complete) {
        if (left > 0)
            return (ssize_t)left;
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* RST_STREAM: the peer sees the break */
    }
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    s->ended = true;
    s->stall_ms = 0;
    if (ex->res.trailer_count > 0) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        if (submit_trailers(session, ex) != 0)
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }
    return (ssize_t)left;
}

/* What left buys time at the lowest rate, as in conn_flush(). */
static void stall_push(struct conn *c, struct http_exchange *ex, size_t moved)
{
    struct http2_stream *s = &ex->h2;
    if (s->ended)
        return;
    int64_t latest = c->env->now_ms + c->env->limits.body_idle_ms;
    int64_t bought = s->stall_ms + (int64_t)(moved * 1000 / LIMIT_HTTP_BYTES_PER_S);
    s->stall_ms = !s->stall_ms || bought > latest ? latest : bought;
    http2_due(c, s->stall_ms);
}

int http2_answer_send(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t n, nghttp2_data_source *source, void *user)
{
    enum { FRAME_HEAD_BYTES = 9 };
    struct conn *c = user;
    struct http_exchange *ex = source->ptr;
    const struct buf *from = ex->res.streamed ? &ex->piece : &ex->res.body;
    (void)session, (void)frame;
    assert(n <= from->len - ex->h2.sent);
    char *p = buf_reserve(&c->out, FRAME_HEAD_BYTES + n);
    if (!p)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    memcpy(p, head, FRAME_HEAD_BYTES);
    if (n)
        memcpy(p + FRAME_HEAD_BYTES, from->p + ex->h2.sent, n);
    c->out.len += FRAME_HEAD_BYTES + n;
    ex->h2.sent += n;
    stall_push(c, ex, n);
    http2_guard_earn(&http2_of(c)->guard, EARNED_PER_FRAME);
    return conn_out_pending(c) >= LIMIT_HTTP_STREAM_WINDOW ? NGHTTP2_ERR_PAUSE : 0;
}

/* The head, and a source for the body unless the head is all. */
static void submit(struct conn *c, struct http_exchange *ex, const nghttp2_nv *nv, size_t n, bool body)
{
    struct http2 *h = http2_of(c);
    nghttp2_data_provider source = {.source.ptr = ex, .read_callback = read_body};
    ex->h2.begun = true;
    http2_guard_earn(&h->guard, EARNED_PER_ANSWER);
    if (body)
        stall_push(c, ex, 0);
    else
        ex->h2.ended = true;
    if (nghttp2_submit_response(h->session, ex->h2.id, nv, n, body ? &source : NULL) != 0)
        http2_reset(c, ex, NGHTTP2_INTERNAL_ERROR);
}

void http2_answer_whole(struct conn *c, struct http_exchange *ex)
{
    nghttp2_nv nv[FIELDS_MAX];
    struct numbers digits;
    const struct http_res *res = &ex->res;
    bool body = has_body(ex) && res->body.len > 0, trailers = has_body(ex) && res->trailer_count > 0;
    bool tell = !trailers && res->body.len > 0 && (exchange_status_has_body(res->status) || res->status == 304);
    size_t n = head_fields(c, ex, tell ? res->body.len : UINT64_MAX, &digits, nv);
    if (body) {
        ex->h2.counted = res->body.len;
        http2_of(c)->answers_bytes += res->body.len;
    }
    submit(c, ex, nv, n, body || trailers);
}

void http2_answer_begin(struct conn *c, struct http_exchange *ex)
{
    nghttp2_nv nv[FIELDS_MAX];
    struct numbers digits;
    bool tell = exchange_status_has_body(ex->res.status) || (ex->res.status == 304 && ex->stream_len > 0);
    size_t n = head_fields(c, ex, tell ? ex->stream_len : UINT64_MAX, &digits, nv);
    submit(c, ex, nv, n, has_body(ex));
}

void http2_answer_more(struct conn *c, struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    if (!s->deferred)
        return;
    s->deferred = false;
    stall_push(c, ex, 0);
    if (nghttp2_session_resume_data(http2_of(c)->session, s->id) != 0)
        http2_reset(c, ex, NGHTTP2_INTERNAL_ERROR);
}

void http2_answer_continue(struct conn *c, struct http_exchange *ex)
{
    nghttp2_nv nv = field(STR(":status"), STR("100"), 0);
    (void)nghttp2_submit_headers(http2_of(c)->session, NGHTTP2_FLAG_NONE, ex->h2.id, NULL, &nv, 1, NULL);
}
