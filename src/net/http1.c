/* HTTP/1.1 (RFC 9112) over a connection: one request at a time, in order.
 *
 * A request passes through three steps that overlap only where bodies stream:
 *   head    gathered and judged by head.c, then run through llhttp; both must agree on the framing
 *   body    llhttp takes the framing off; bytes go to the exchange (whole, or its handler's window)
 *   answer  appended to conn->out; the next head is looked at when the answer is complete
 * Pipelined requests simply wait as unread bytes; the answers of inline requests pile up in conn->out and leave
 * in one write. A peer that does not read its answers is no longer read from (LIMIT_HTTP_STREAM_WINDOW).
 *
 * llhttp 8.1 refuses a second extension on one chunk; so do we, there is no known sender of it.
 *
 * After any framing error the connection is closed behind the answer: what follows cannot be trusted. */
#include "base/limits.h"
#include "net/conn.h"
#include "net/head.h"

#include <assert.h>
#include <stdlib.h>

/* llhttp.h and net/http.h use the same names for methods; llhttp's are not needed here. */
#define HTTP_GET LLHTTP_GET
#define HTTP_HEAD LLHTTP_HEAD
#define HTTP_POST LLHTTP_POST
#define HTTP_PUT LLHTTP_PUT
#define HTTP_PATCH LLHTTP_PATCH
#define HTTP_DELETE LLHTTP_DELETE
#define HTTP_OPTIONS LLHTTP_OPTIONS
#include <llhttp.h>
#undef HTTP_GET
#undef HTTP_HEAD
#undef HTTP_POST
#undef HTTP_PUT
#undef HTTP_PATCH
#undef HTTP_DELETE
#undef HTTP_OPTIONS

struct http1 {
    llhttp_t parser;
    struct head_scan scan;
    struct head head;
    struct http_exchange *ex;   /* the request in progress; NULL between requests */
    bool keep;                  /* the connection lives on after this answer */
    bool body_done;
    bool answered;              /* only the rest of the body is still to be skipped */
    bool broken;                /* framing lost while a worker runs: drop what comes, close after its answer */
    bool stream_head, stream_chunked;
    bool waits_for_out;         /* the next request waits until answers have left */
    uint64_t received;          /* body bytes as framed, for this request */
    uint64_t extra;             /* chunk extensions and trailers */
    uint64_t framing;           /* bytes of a chunked body that are not its data */
    unsigned chunks;
    int64_t body_since_ms;      /* when the peer was last given the word ... */
    uint64_t body_since_bytes;  /* ... and how much had come by then */
    struct head_fault fault;    /* set by llhttp's callbacks */
    bool ll_chunked, ll_keep;   /* llhttp's opinion */
    uint64_t ll_length;
    struct buf piece;           /* swapped with the exchange's `out` */
};

static struct http1 *state_of(struct conn *c)
{
    return c->wire_state;
}

/* ---- answers ---- */

static char *put(char *p, const void *from, size_t n)
{
    memcpy(p, from, n);
    return p + n;
}

static char *put_u64(char *p, uint64_t v)
{
    return p + net_digits(p, v);
}

enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

static void write_head(struct conn *c, const struct http_exchange *ex, enum framing framing, uint64_t length)
{
    const struct http_res *res = &ex->res;
    struct net_env *env = c->env;
    net_date(env, ex->op.now_us);
    const char *reason = http_reason(res->status);
    size_t need = 200 + strlen(reason) + env->date_len;
    for (size_t i = 0; i < res->header_count; i++)
        need += res->headers[i].name.len + res->headers[i].value.len + 4;
    char *p = buf_reserve(&c->out, need);
    if (!p)
        return;
    char *start = p;
    p = put(p, "HTTP/1.1 ", 9);
    p = put_u64(p, (uint64_t)(res->status >= 100 && res->status <= 999 ? res->status : 500));
    *p++ = ' ';
    p = put(p, reason, strlen(reason));
    p = put(p, "\r\n", 2);
    p = put(p, env->date, env->date_len);
    for (size_t i = 0; i < res->header_count; i++) {
        const struct http_header *h = &res->headers[i];
        p = put(p, h->name.p, h->name.len);
        p = put(p, ": ", 2);
        if (h->value.len)
            p = put(p, h->value.p, h->value.len);
        p = put(p, "\r\n", 2);
    }
    const struct http1 *h = c->wire_state;
    if (framing == FRAMING_LENGTH && (exchange_status_has_body(res->status) || (res->status == 304 && length > 0))) {
        p = put(p, "Content-Length: ", 16);
        p = put_u64(p, length);
        p = put(p, "\r\n", 2);
    } else if (framing == FRAMING_CHUNKED) {
        p = put(p, "Transfer-Encoding: chunked\r\n", 28);
    }
    if (!h->keep)
        p = put(p, "Connection: close\r\n", 19);
    else if (h->head.http_1_0)
        p = put(p, "Connection: keep-alive\r\n", 24);
    p = put(p, "\r\n", 2);
    c->out.len += (size_t)(p - start);
}

/* The request is over: the next one, or the end. */
static void next_request(struct conn *c)
{
    struct http1 *h = state_of(c);
    exchange_put(h->ex);
    h->ex = NULL;
    h->scan = (struct head_scan){0};
    c->served = true;
    c->since_ms = c->env->now_ms;
    if (!h->keep) {
        conn_finish(c);
        return;
    }
    c->deadline_ms = c->env->now_ms + c->env->limits.idle_ms;
}

/* Before the answer's head is written: can the connection be kept although the body has not all come? */
static void judge_rest(struct conn *c)
{
    struct http1 *h = state_of(c);
    if (c->env->draining || h->broken)
        h->keep = false;
    if (h->body_done || !h->keep)
        return;
    if (h->head.expect_continue)
        h->keep = false; /* the peer may or may not send the body now */
    else if (h->head.has_length && h->head.length - h->received > LIMIT_HTTP_DISCARD_BYTES)
        h->keep = false;
}

/* The whole answer is in c->out. */
static void answered(struct conn *c)
{
    struct http1 *h = state_of(c);
    h->answered = true;
    if (h->body_done || !h->keep) {
        next_request(c);
        return;
    }
    h->body_since_bytes = h->received; /* from here on: bytes that are skipped */
    h->body_since_ms = c->env->now_ms;
}

static void answer(struct conn *c, struct http_exchange *ex)
{
    struct http_res *res = &ex->res;
    judge_rest(c);
    write_head(c, ex, FRAMING_LENGTH, res->body.len);
    if (!ex->head_only && exchange_status_has_body(res->status))
        buf_add(&c->out, res->body.p, res->body.len);
    answered(c);
}

/* Answers in the house's error form and closes. For errors that are no request. */
static void refuse(struct conn *c, int status, const char *text)
{
    struct http1 *h = state_of(c);
    net_count(&c->env->refused);
    if (status == 0) {
        conn_finish(c);
        return;
    }
    if (h->ex && h->ex->submitted) {
        /* The handler learns it from its next read, and its answer is the last one. */
        h->broken = true;
        exchange_cancel(h->ex, status == 413 ? E_TOO_LARGE : status == 408 ? E_TIMEOUT : E_INVALID);
        return;
    }
    if (!h->ex)
        h->ex = exchange_get(c->env, c);
    h->keep = false;
    exchange_refuse(h->ex, status, text);
    answer(c, h->ex);
}

/* ---- streamed answers ---- */

static void stream_head(struct conn *c, struct http_exchange *ex)
{
    struct http1 *h = state_of(c);
    h->stream_head = true;
    judge_rest(c);
    bool known = ex->stream_len != UINT64_MAX;
    h->stream_chunked = !known && !h->head.http_1_0;
    if (!known && h->head.http_1_0)
        h->keep = false;
    write_head(c, ex, known ? FRAMING_LENGTH : h->stream_chunked ? FRAMING_CHUNKED : FRAMING_CLOSE, ex->stream_len);
}

/* Moves what the handler wrote into c->out, if there is room or `all`. */
static void stream_pump(struct conn *c, struct http_exchange *ex, bool all)
{
    struct http1 *h = state_of(c);
    if (!h->stream_head)
        stream_head(c, ex);
    if (!all && conn_out_pending(c) >= LIMIT_HTTP_STREAM_WINDOW)
        return;
    exchange_take_out(ex, &h->piece);
    if (h->piece.len == 0)
        return;
    if (h->stream_chunked)
        buf_addf(&c->out, "%zx\r\n", h->piece.len);
    buf_add(&c->out, h->piece.p, h->piece.len);
    if (h->stream_chunked)
        buf_add(&c->out, "\r\n", 2);
    buf_reset(&h->piece);
}

/* The last chunk, and what follows it (RFC 9112 7.1.2). */
static void write_trailers(struct conn *c, const struct http_res *res)
{
    buf_add(&c->out, "0\r\n", 3);
    for (size_t i = 0; i < res->trailer_count; i++) {
        buf_add_str(&c->out, res->trailers[i].name);
        buf_add(&c->out, ": ", 2);
        buf_add_str(&c->out, res->trailers[i].value);
        buf_add(&c->out, "\r\n", 2);
    }
    buf_add(&c->out, "\r\n", 2);
}

static void stream_end(struct conn *c, struct http_exchange *ex)
{
    struct http1 *h = state_of(c);
    stream_pump(c, ex, true);
    /* What has no body by its kind is complete with its head, whether the handler wrote what it announced or knew better. */
    bool bodiless = ex->head_only || !exchange_status_has_body(ex->res.status);
    bool complete = ex->op.err == OK && (bodiless || ex->stream_len == UINT64_MAX || ex->stream_written == ex->stream_len);
    if (!complete)
        h->keep = false; /* no last chunk, or fewer bytes than announced: the peer sees the break */
    else if (h->stream_chunked && !bodiless)
        write_trailers(c, &ex->res);
    answered(c);
}

/* ---- requests ---- */

static void submit(struct conn *c, struct http_exchange *ex)
{
    ex->submitted = true;
    c->running++;
    if (c->env->ops->submit(c->env, ex))
        return;
    ex->submitted = false;
    c->running--;
    exchange_refuse(ex, 503, "The server is busy; try again later");
    answer(c, ex);
}

/* Head and body are here. */
static void run_request(struct conn *c)
{
    struct http_exchange *ex = state_of(c)->ex;
    c->deadline_ms = 0;
    if (ex->plan.reject) {
        answer(c, ex);
    } else if (ex->plan.pool || (ex->plan.later && ex->req.body.len > LIMIT_HTTP_LATER_INLINE_BYTES)) {
        if (!ex->submitted)
            submit(c, ex);
    } else if (exchange_handle(ex)) {
        answer(c, ex);
    } else {
        ex->submitted = true; /* `done` comes through the queue, so not before this function is over */
        c->running++;
    }
}

static void body_complete(struct conn *c)
{
    struct http1 *h = state_of(c);
    h->body_done = true;
    if (h->answered) {
        next_request(c);
        return;
    }
    const char *text = NULL;
    if (h->ex->plan.reject || exchange_body_end(h->ex, &text) == OK)
        run_request(c);
    else
        refuse(c, 400, text);
}

/* llhttp's callbacks; `data` is the connection. */

static int on_headers_complete(llhttp_t *parser)
{
    struct http1 *h = state_of(parser->data);
    h->ll_chunked = (parser->flags & F_CHUNKED) != 0;
    h->ll_length = parser->content_length;
    h->ll_keep = llhttp_should_keep_alive(parser) != 0;
    parser->upgrade = 0; /* offers to switch protocols are ignored */
    return 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct http1 *h = state_of(parser->data);
    h->body_done = true;
    return HPE_PAUSED; /* what follows is the next request */
}

static int on_body(llhttp_t *parser, const char *p, size_t n)
{
    struct conn *c = parser->data;
    struct http1 *h = state_of(c);
    h->received += n;
    if (h->answered || h->ex->plan.reject)
        return 0;
    const char *text = "";
    enum err e = exchange_body_add(h->ex, p, n, &text);
    if (!e)
        return 0;
    h->fault = (struct head_fault){e == E_TOO_LARGE ? 413 : e == E_BUSY ? 503 : 400, text};
    return -1;
}

static int on_chunk_header(llhttp_t *parser)
{
    struct http1 *h = state_of(parser->data);
    if (++h->chunks <= LIMIT_HTTP_CHUNKS)
        return 0;
    h->fault = (struct head_fault){413, "The request body has too many chunks"};
    return -1;
}

/* Chunk extensions and trailers carry nothing for us; their bytes are only counted. */
static int on_extra(llhttp_t *parser, const char *p, size_t n)
{
    struct http1 *h = state_of(parser->data);
    (void)p;
    h->extra += n;
    if (!h->ll_chunked || h->extra <= LIMIT_HTTP_CHUNK_EXTRA_BYTES)
        return 0;
    h->fault = (struct head_fault){431, "The chunk extensions or trailers of the request are too large"};
    return -1;
}

static const llhttp_settings_t parser_settings = {
    .on_headers_complete = on_headers_complete,
    .on_message_complete = on_message_complete,
    .on_body = on_body,
    .on_chunk_header = on_chunk_header,
    .on_chunk_extension_name = on_extra,
    .on_chunk_extension_value = on_extra,
    .on_header_field = on_extra,
    .on_header_value = on_extra,
};

/* llhttp over the same head; false unless it agrees with head.c. */
static bool second_opinion(struct conn *c, const char *text, size_t n)
{
    struct http1 *h = state_of(c);
    llhttp_init(&h->parser, HTTP_REQUEST, &parser_settings);
    h->parser.data = c;
    h->ll_chunked = false;
    h->ll_length = 0;
    llhttp_errno_t e = llhttp_execute(&h->parser, text, n);
    if (e != HPE_OK && e != HPE_PAUSED)
        return false;
    if (h->ll_chunked != h->head.chunked || (!h->head.chunked && h->ll_length != h->head.length))
        return false;
    h->extra = 0;
    h->keep = h->ll_keep;
    return h->body_done == !h->ex->req.has_body;
}

static void body_clock(struct conn *c)
{
    struct http1 *h = state_of(c);
    h->body_since_ms = c->env->now_ms;
    h->body_since_bytes = h->received;
    c->deadline_ms = c->env->now_ms + c->env->limits.body_idle_ms;
}

/* A head was accepted: asks the handler what it is, and starts on the body. */
static void plan_request(struct conn *c, bool more_bytes)
{
    struct http1 *h = state_of(c);
    struct http_exchange *ex = h->ex;
    exchange_plan(ex);
    net_count(&c->env->requests);
    if (h->body_done) {
        body_complete(c);
        return;
    }
    body_clock(c);
    if (!ex->plan.reject && h->head.has_length && h->head.length > ex->plan.body_max) {
        refuse(c, 413, "The request body is larger than this resource allows");
        return;
    }
    if (!ex->plan.reject && h->head.gzipped && !(ex->gunzip = h->head.zlib ? gunzip_create_zlib() : gunzip_create())) {
        refuse(c, 503, "There is no memory to unpack the request body");
        return;
    }
    if (ex->plan.reject && (h->head.expect_continue || (h->head.has_length && h->head.length > LIMIT_HTTP_DISCARD_BYTES))) {
        answer(c, ex);
        return;
    }
    if (h->head.expect_continue && !ex->plan.reject) {
        h->head.expect_continue = false;
        if (!more_bytes)
            buf_add_cstr(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
    }
}

static void start_request(struct conn *c, const char *p, size_t n, bool more_bytes)
{
    struct http1 *h = state_of(c);
    h->ex = exchange_get(c->env, c);
    h->keep = true;
    h->body_done = h->answered = h->broken = h->stream_head = h->stream_chunked = false;
    h->received = h->extra = h->framing = 0;
    h->chunks = 0;
    h->fault = (struct head_fault){0};
    h->head = (struct head){0};
    char *text = arena_array(h->ex->arena, n + 1, char);
    assert(text); /* the head's limits are far below the arena's */
    memcpy(text, p, n);
    struct head_fault fault;
    if (!head_parse(h->ex->arena, text, n, &h->ex->req, &h->head, &fault)) {
        refuse(c, fault.status, fault.text);
        return;
    }
    h->ex->head_only = h->ex->req.method == HTTP_HEAD;
    if (!second_opinion(c, text, n)) {
        refuse(c, 400, "The request header is malformed");
        return;
    }
    plan_request(c, more_bytes);
}

static size_t feed_head(struct conn *c, const char *p, size_t n)
{
    struct http1 *h = state_of(c);
    if (conn_out_pending(c) >= LIMIT_HTTP_STREAM_WINDOW) {
        h->waits_for_out = true;
        return 0;
    }
    if (h->scan.seen == 0 && h->scan.lines == 0)
        c->deadline_ms = c->env->now_ms + c->env->limits.head_ms;
    size_t len;
    struct head_fault fault;
    switch (head_find_end(&h->scan, p, n, &len, &fault)) {
    case HEAD_MORE:
        return 0;
    case HEAD_REFUSED:
        refuse(c, fault.status, fault.text);
        return n;
    default:
        start_request(c, p + h->scan.start, len - h->scan.start, n > len);
        return len;
    }
}

/* The peer sends LIMIT_HTTP_BYTES_PER_S over the whole body, with no pause longer than the idle time. */
static void body_deadline(struct conn *c)
{
    struct http1 *h = state_of(c);
    int64_t idle = c->env->limits.body_idle_ms;
    int64_t total = h->body_since_ms + idle + (int64_t)((h->received - h->body_since_bytes) * 1000 / LIMIT_HTTP_BYTES_PER_S);
    int64_t pause = c->env->now_ms + idle;
    c->deadline_ms = total < pause ? total : pause;
}

enum { CHUNK_FRAME_BYTES = 24 }; /* 16 digits and two line ends, rounded up */

/* A chunk's size may have any number of leading zeros for llhttp: no callback sees them, so all framing is counted. */
static bool framing_exceeds(struct http1 *h, size_t n)
{
    h->framing += n;
    if (!h->ll_chunked || h->framing <= LIMIT_HTTP_CHUNK_EXTRA_BYTES + (uint64_t)h->chunks * CHUNK_FRAME_BYTES)
        return false;
    h->fault = (struct head_fault){431, "The chunk framing of the request is too large"};
    return true;
}

static size_t feed_body(struct conn *c, const char *p, size_t n)
{
    struct http1 *h = state_of(c);
    struct http_exchange *ex = h->ex;
    if (h->broken)
        return n;
    if (!h->answered && exchange_body_full(ex)) {
        c->deadline_ms = 0; /* the peer waits for us now */
        return 0;
    }
    if (c->deadline_ms == 0)
        body_clock(c);
    uint64_t before = h->received;
    llhttp_errno_t e = llhttp_execute(&h->parser, p, n);
    if (e == HPE_OK && framing_exceeds(h, n - (size_t)(h->received - before)))
        e = HPE_USER;
    if (e == HPE_PAUSED) {
        size_t used = (size_t)(llhttp_get_error_pos(&h->parser) - p);
        body_complete(c);
        return used;
    }
    if (e != HPE_OK) {
        struct head_fault f = h->fault.status ? h->fault : (struct head_fault){400, "The framing of the request body is malformed"};
        if (h->answered) {
            h->keep = false;
            next_request(c);
        } else {
            refuse(c, f.status, f.text);
        }
        return n;
    }
    uint64_t skipped = h->answered ? h->received - h->body_since_bytes : ex->plan.reject ? h->received : 0;
    if (skipped > LIMIT_HTTP_DISCARD_BYTES) {
        h->keep = false;
        if (h->answered)
            next_request(c);
        else
            answer(c, ex);
        return n;
    }
    body_deadline(c);
    if (ex->req.body_streamed && !ex->submitted && ex->body_bytes >= LIMIT_HTTP_STREAM_WINDOW / 2)
        submit(c, ex);
    return n;
}

/* ---- the wire's functions ---- */

static void http1_init(struct conn *c)
{
    struct http1 *h = calloc(1, sizeof *h);
    if (!h)
        abort();
    c->wire_state = h;
    buf_init(&h->piece, LIMIT_HTTP_STREAM_WINDOW * 2);
    c->deadline_ms = c->env->now_ms + c->env->limits.head_ms;
}

static size_t http1_feed(struct conn *c, const char *p, size_t n)
{
    struct http1 *h = state_of(c);
    if (!h->ex)
        return feed_head(c, p, n);
    return h->body_done && !h->broken ? 0 : feed_body(c, p, n);
}

static void http1_eof(struct conn *c)
{
    struct http1 *h = state_of(c);
    bool held = c->in.len > c->in_off;
    if (!h->ex) {
        if (!(held && h->waits_for_out))
            conn_finish(c);
        return;
    }
    if (h->body_done || (held && exchange_body_full(h->ex))) {
        /* The answer is still to come. One that only closed its sending side gets it; but work that waits in a queue is dropped, as
         * most that end here gave up waiting. */
        __atomic_store_n(&h->ex->gone, 1, __ATOMIC_RELAXED);
        return;
    }
    h->keep = false;
    h->body_done = h->broken = true;
    if (h->ex->submitted) {
        exchange_cancel(h->ex, E_CANCELLED);
        return;
    }
    next_request(c);
}

static void http1_event(struct conn *c, struct http_exchange *ex)
{
    struct http1 *h = state_of(c);
    assert(h->ex == ex);
    if (ex->done) {
        ex->submitted = false;
        c->running--;
        if (c->state == CONN_CLOSED) {
            exchange_put(ex);
            h->ex = NULL;
            return;
        }
        if (ex->res.streamed)
            stream_end(c, ex);
        else
            answer(c, ex);
        conn_resume(c);
        return;
    }
    if (c->state == CONN_CLOSED)
        return;
    mutex_lock(&ex->mu);
    bool streams = ex->stream_begun;
    mutex_unlock(&ex->mu);
    if (streams)
        stream_pump(c, ex, false);
    if (!h->body_done)
        conn_resume(c);
}

static void http1_flushed(struct conn *c)
{
    struct http1 *h = state_of(c);
    if (h->waits_for_out) {
        h->waits_for_out = false;
        conn_resume(c);
    }
    if (h->ex && h->stream_head && !h->answered)
        stream_pump(c, h->ex, false);
}

static bool http1_idle(const struct conn *c)
{
    const struct http1 *h = c->wire_state;
    return !h->ex;
}

static void http1_drain(struct conn *c)
{
    struct http1 *h = state_of(c);
    if (!h->ex && h->scan.seen == 0 && conn_out_pending(c) == 0)
        conn_break(c); /* nothing was asked, so nobody waits for a last word */
    else if (!h->ex || h->answered)
        conn_finish(c);
    else
        h->keep = false;
}

static void http1_expire(struct conn *c)
{
    struct http1 *h = state_of(c);
    if (!h->ex && h->scan.seen == 0) {
        conn_finish(c); /* idle */
        return;
    }
    if (h->ex && h->answered) {
        h->keep = false;
        next_request(c);
        return;
    }
    refuse(c, 408, h->ex ? "The request body came too slowly" : "The request header came too slowly");
}

static void http1_cancel(struct conn *c)
{
    struct http1 *h = state_of(c);
    if (!h->ex)
        return;
    if (h->ex->submitted) {
        exchange_cancel(h->ex, E_CANCELLED);
        return;
    }
    exchange_put(h->ex);
    h->ex = NULL;
}

static void http1_clear(struct conn *c)
{
    struct http1 *h = state_of(c);
    assert(!h->ex);
    buf_clear(&h->piece);
    free(h);
    c->wire_state = NULL;
}

const struct wire_ops http1_wire = {
    .name = "http/1.1",
    .init = http1_init,
    .feed = http1_feed,
    .eof = http1_eof,
    .event = http1_event,
    .flushed = http1_flushed,
    .idle = http1_idle,
    .drain = http1_drain,
    .expire = http1_expire,
    .cancel = http1_cancel,
    .clear = http1_clear,
};
