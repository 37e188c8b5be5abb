/* One request between two threads.
 *
 * The I/O thread fills an exchange, then either handles it in place or submits it. From submit to the `done`
 * event the worker owns op, req and res. Two byte windows lie between the threads, both guarded by `mu`:
 * `in` (body bytes for http_body_read) and `out` (answer bytes of http_stream_write). The I/O thread never
 * waits: it stops taking bytes off the connection while `in` is full, and it takes `out` only while the
 * connection's own unsent bytes are below the window. The worker waits on `cond`.
 *
 * A later answer (http_later) has two parties: the handler, which returns, and whoever calls http_later_done(). `later_open`
 * counts them down; the second one passes the exchange on, so that the handler may still return when the other side is over.
 *
 * `done` travels in the completion queue under the queue's lock, not in a field the worker sets: after posting
 * it the worker touches the exchange no more, so the I/O thread may recycle it at once. */
#include "net/exchange.h"

#include "base/limits.h"
#include "base/log.h"
#include "net/conn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define EXCHANGE_SPARE_MAX 256
#define EXCHANGE_KEEP_BYTES LIMIT_KIB(64) /* buffers up to this are kept after use ... */
#define EXCHANGE_WARM_BYTES LIMIT_MIB(8)  /* ... and larger ones of a thread up to this together, while requests come: to the kernel and
                                             back costs more than a tensor's copy */
#define GZIP_MIN_BYTES 1024
#define GZIP_INLINE_MAX_BYTES LIMIT_KIB(256) /* more would hold up the I/O thread */

/* RFC 9110 5.6.7, without the C library's locale. */
static void date_update(struct net_env *env, int64_t now_s)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    time_t t = (time_t)now_s;
    gmtime_r(&t, &tm);
    int n = snprintf(env->date, sizeof env->date, "Date: %.3s, %02u %.3s %04u %02u:%02u:%02u GMT\r\n", days + tm.tm_wday * 3,
                     (unsigned)tm.tm_mday % 100, months + tm.tm_mon * 3, (unsigned)(tm.tm_year + 1900) % 10000,
                     (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
    env->date_len = (size_t)n;
    env->date_s = now_s;
}

void net_date(struct net_env *env, int64_t now_us)
{
    int64_t now_s = now_us / 1000000;
    if (now_s > env->date_s)
        date_update(env, now_s);
}

size_t net_digits(char *p, uint64_t v)
{
    char digits[20];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    for (size_t i = 0; i < n; i++)
        p[i] = digits[n - 1 - i];
    return n;
}

bool exchange_status_has_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void buf_empty(struct http_exchange *ex, struct buf *b)
{
    bool large = b->cap > EXCHANGE_KEEP_BYTES;
    if (large && b->cap > EXCHANGE_WARM_BYTES - ex->env->warm) {
        buf_clear(b);
        return;
    }
    buf_reset(b);
    if (large) {
        ex->warm += b->cap;
        ex->env->warm += b->cap;
    }
}

static struct http_exchange *exchange_create(void)
{
    struct http_exchange *ex = calloc(1, sizeof *ex);
    if (!ex)
        abort();
    ex->arena = arena_create(LIMIT_REQUEST_ARENA);
    buf_init(&ex->body, LIMIT_HTTP_BODY_BYTES * 64); /* the route's limit, checked byte by byte, is lower */
    buf_init(&ex->in, LIMIT_HTTP_BODY_BYTES);
    buf_init(&ex->out, LIMIT_HTTP_STREAM_WINDOW * 2);
    buf_init(&ex->piece, LIMIT_HTTP_STREAM_WINDOW * 2);
    buf_init(&ex->res.body, LIMIT_HTTP_BODY_BYTES * 4);
    mutex_init(&ex->mu);
    cond_init(&ex->cond);
    return ex;
}

static void exchange_destroy(struct http_exchange *ex)
{
    arena_destroy(ex->arena);
    buf_clear(&ex->body);
    buf_clear(&ex->in);
    buf_clear(&ex->out);
    buf_clear(&ex->piece);
    buf_clear(&ex->res.body);
    mutex_clear(&ex->mu);
    cond_clear(&ex->cond);
    free(ex);
}

struct http_exchange *exchange_get(struct net_env *env, struct conn *c)
{
    struct http_exchange *ex = env->spare;
    if (ex) {
        env->spare = ex->next;
        env->spare_count--;
    } else {
        ex = exchange_create();
    }
    ex->next = NULL;
    ex->env = env;
    ex->conn = c;
    env->warm -= ex->warm;
    ex->warm = 0;
    op_init(&ex->op, ex->arena);
    ex->gone = 0;
    ex->op.gone = &ex->gone;
    ex->req = (struct http_req){.ex = ex, .version = 11, .peer = c->peer, .peer_loopback = c->peer_loopback, .tls = c->tls,
                                .body = STR(""), .content_type = STR(""), .query = STR("")};
    ex->res.status = 200;
    ex->res.header_count = ex->res.trailer_count = 0;
    ex->res.streamed = ex->res.no_compress = ex->res.later = false;
    ex->res.ex = ex;
    ex->plan = (struct http_plan){0};
    ex->h2 = (struct http2_stream){0};
    return ex;
}

void exchange_put(struct http_exchange *ex)
{
    if (!ex)
        return;
    struct net_env *env = ex->env;
    gunzip_destroy(ex->gunzip);
    ex->gunzip = NULL;
    env->buffered -= ex->buffered;
    ex->buffered = 0;
    if (env->spare_count >= EXCHANGE_SPARE_MAX) {
        exchange_destroy(ex);
        return;
    }
    arena_reset(ex->arena);
    buf_empty(ex, &ex->body);
    buf_empty(ex, &ex->in);
    buf_empty(ex, &ex->out);
    buf_empty(ex, &ex->piece);
    buf_empty(ex, &ex->res.body);
    ex->head_only = ex->submitted = ex->done = ex->posted = ex->posted_done = false;
    ex->in_end = ex->stream_begun = ex->cancelled = false;
    ex->in_err = OK;
    ex->body_bytes = ex->stream_len = ex->stream_written = 0;
    ex->in_off = 0;
    ex->conn = NULL;
    ex->next = env->spare;
    env->spare = ex;
    env->spare_count++;
}

void exchange_cool_spare(struct net_env *env)
{
    for (struct http_exchange *ex = env->warm ? env->spare : NULL; ex; ex = ex->next) {
        struct buf *const bufs[] = {&ex->body, &ex->in, &ex->out, &ex->piece, &ex->res.body};
        for (size_t i = 0; ex->warm && i < ARRAY_LEN(bufs); i++) {
            if (bufs[i]->cap > EXCHANGE_KEEP_BYTES)
                buf_clear(bufs[i]);
        }
        env->warm -= ex->warm;
        ex->warm = 0;
    }
}

void exchange_free_spare(struct net_env *env)
{
    while (env->spare) {
        struct http_exchange *ex = env->spare;
        env->spare = ex->next;
        exchange_destroy(ex);
    }
    env->spare_count = 0;
    env->warm = 0;
}

void exchange_plan(struct http_exchange *ex)
{
    ex->plan.body_max = LIMIT_HTTP_BODY_BYTES;
    ex->env->handler.plan(ex->env->handler.arg, &ex->op, &ex->req, &ex->res, &ex->plan);
    ex->req.body_streamed = ex->plan.stream_body && ex->plan.pool && !ex->plan.reject;
}

/* Replaces the answer's body by its packed form where the peer asked for it and it pays. */
static void exchange_compress(struct http_exchange *ex)
{
    struct http_res *res = &ex->res;
    if (res->streamed || res->no_compress || res->body.len < GZIP_MIN_BYTES || res->status == 206)
        return;
    if (!ex->plan.pool && res->body.len > GZIP_INLINE_MAX_BYTES)
        return;
    struct str accept = http_header_get(&ex->req, "accept-encoding"), type = {NULL, 0};
    if (!accept.p)
        return;
    for (size_t i = 0; i < res->header_count; i++) {
        if (str_ieq(res->headers[i].name, STR("content-type")))
            type = res->headers[i].value;
        if (str_ieq(res->headers[i].name, STR("content-encoding")))
            return;
    }
    if (!type.p || !gzip_worthwhile(type))
        return;
    http_set_header(res, "Vary", STR("Accept-Encoding"));
    const enum gzip_coding coding = gzip_choose(accept);
    if (coding == GZIP_NONE)
        return;
    struct buf packed;
    buf_init(&packed, res->body.max);
    const bool ok = coding == GZIP_GZIP ? gzip_pack(buf_str(&res->body), &packed) : gzip_pack_zlib(buf_str(&res->body), &packed);
    if (!ok || packed.len >= res->body.len) {
        buf_clear(&packed);
        return;
    }
    buf_clear(&res->body);
    res->body = packed;
    http_set_header(res, "Content-Encoding", coding == GZIP_GZIP ? STR("gzip") : STR("deflate"));
}

/* The answer is in `res`, or the later one can be made. */
static void exchange_complete(struct http_exchange *ex)
{
    if (ex->res.later) {
        enum err e = ex->later_err;
        if (!e && ex->answer)
            e = ex->answer(&ex->op, &ex->req, &ex->res, ex->answer_arg);
        ex->res.later = false;
        ex->env->handler.finish(ex->env->handler.arg, &ex->op, &ex->req, &ex->res, e);
    }
    if (ex->res.body.failed && !ex->res.streamed) {
        buf_reset(&ex->res.body);
        exchange_refuse(ex, 500, "The answer is larger than the server's limit");
    }
    exchange_compress(ex);
}

/* One of the two parties of a later answer is through; true for the second. */
static bool later_release(struct http_exchange *ex)
{
    return __atomic_sub_fetch(&ex->later_open, 1, __ATOMIC_ACQ_REL) == 0;
}

bool exchange_handle(struct http_exchange *ex)
{
    ex->env->handler.handle(ex->env->handler.arg, &ex->op, &ex->req, &ex->res);
    if (ex->res.later && !later_release(ex))
        return false;
    exchange_complete(ex);
    return true;
}

void exchange_run(void *arg)
{
    struct http_exchange *ex = arg;
    if (exchange_handle(ex))
        ex->env->ops->post(ex->env, ex, true);
}

void exchange_settle(struct http_exchange *ex)
{
    if (ex->res.later)
        exchange_complete(ex);
}

void *http_later(struct http_res *res, http_answer_fn answer, void *arg)
{
    struct http_exchange *ex = res->ex;
    assert(ex->plan.later && !res->later && !res->streamed);
    res->later = true;
    ex->answer = answer;
    ex->answer_arg = arg;
    ex->later_open = 2;
    return ex;
}

void http_later_done(void *later, enum err e)
{
    struct http_exchange *ex = later;
    ex->later_err = e;
    if (later_release(ex))
        ex->env->ops->post(ex->env, ex, true);
}

void exchange_refuse(struct http_exchange *ex, int status, const char *text)
{
    buf_reset(&ex->res.body);
    ex->res.header_count = ex->res.trailer_count = 0;
    ex->res.status = status;
    ex->env->handler.refuse(ex->env->handler.arg, &ex->op, status, text, &ex->res);
}

/* ---- the body on its way in ---- */

static enum err body_sink(void *arg, const void *p, size_t n)
{
    struct http_exchange *ex = arg;
    if (n > ex->plan.body_max - ex->body_bytes)
        return E_TOO_LARGE;
    ex->body_bytes += n;
    if (!ex->req.body_streamed) {
        if (n > LIMIT_HTTP_BUFFERED_BYTES - ex->env->buffered)
            return E_BUSY;
        ex->env->buffered += n;
        ex->buffered += n;
        buf_add(&ex->body, p, n);
        return ex->body.failed ? E_TOO_LARGE : OK;
    }
    mutex_lock(&ex->mu);
    if (ex->in_off > 0 && ex->in_off == ex->in.len) {
        buf_reset(&ex->in);
        ex->in_off = 0;
    } else if (ex->in_off >= LIMIT_HTTP_STREAM_WINDOW) {
        buf_consume(&ex->in, ex->in_off);
        ex->in_off = 0;
    }
    buf_add(&ex->in, p, n);
    bool failed = ex->in.failed;
    cond_signal(&ex->cond);
    mutex_unlock(&ex->mu);
    return failed ? E_TOO_LARGE : OK;
}

enum err exchange_body_add(struct http_exchange *ex, const void *p, size_t n, const char **ret_text)
{
    enum err e = ex->gunzip ? gunzip_feed(ex->gunzip, p, n, body_sink, ex) : body_sink(ex, p, n);
    if (e == E_TOO_LARGE)
        *ret_text = ex->body_bytes >= ex->plan.body_max / 2 ? "The request body is larger than this resource allows"
                                                            : "The request body expands too much";
    else if (e == E_BUSY)
        *ret_text = "Too many large requests at once; try again later";
    else if (e)
        *ret_text = "The request body is not valid gzip";
    return e;
}

enum err exchange_body_end(struct http_exchange *ex, const char **ret_text)
{
    if (ex->gunzip && !gunzip_complete(ex->gunzip)) {
        *ret_text = "The gzip stream of the request body is incomplete";
        return E_INVALID;
    }
    if (ex->req.body_streamed) {
        mutex_lock(&ex->mu);
        ex->in_end = true;
        cond_signal(&ex->cond);
        mutex_unlock(&ex->mu);
    } else {
        ex->req.body = buf_str(&ex->body);
    }
    return OK;
}

bool exchange_body_full(struct http_exchange *ex)
{
    if (!ex->req.body_streamed)
        return false;
    mutex_lock(&ex->mu);
    bool full = ex->in.len - ex->in_off >= LIMIT_HTTP_STREAM_WINDOW && !ex->cancelled;
    mutex_unlock(&ex->mu);
    return full;
}

void exchange_cancel(struct http_exchange *ex, enum err e)
{
    __atomic_store_n(&ex->gone, 1, __ATOMIC_RELAXED);
    mutex_lock(&ex->mu);
    ex->cancelled = true;
    if (!ex->in_err)
        ex->in_err = e;
    cond_broadcast(&ex->cond);
    mutex_unlock(&ex->mu);
}

static enum err body_broken(struct op *op, enum err e)
{
    switch (e) {
    case E_TOO_LARGE:
        return op_fail(op, e, "the request body is larger than this resource allows");
    case E_TIMEOUT:
        return op_fail(op, e, "the request body came too slowly");
    case E_INVALID:
        return op_fail(op, e, "the request body is malformed");
    default:
        return op_fail(op, E_CANCELLED, "the client went away");
    }
}

/* Below this many bytes the I/O thread is asked for more. */
static bool crossed_half(size_t before, size_t after)
{
    return before >= LIMIT_HTTP_STREAM_WINDOW / 2 && after < LIMIT_HTTP_STREAM_WINDOW / 2;
}

enum err http_body_read(struct op *op, struct http_req *req, void *p, size_t n, size_t *ret_n)
{
    struct http_exchange *ex = req->ex;
    if (!req->body_streamed)
        return op_fail(op, E_INTERNAL, "http_body_read on a route without ROUTE_STREAM_BODY");
    mutex_lock(&ex->mu);
    while (ex->in.len == ex->in_off && !ex->in_end && !ex->cancelled) {
        if (!ex->env->ops->wait(ex->env, ex))
            break;
    }
    size_t have = ex->in.len - ex->in_off;
    bool end = ex->in_end;
    enum err e = ex->in_err;
    size_t k = have < n ? have : n;
    if (!ex->cancelled && k > 0) {
        memcpy(p, ex->in.p + ex->in_off, k);
        ex->in_off += k;
        if (ex->in_off == ex->in.len) {
            buf_reset(&ex->in);
            ex->in_off = 0;
        }
    }
    bool cancelled = ex->cancelled;
    mutex_unlock(&ex->mu);
    if (cancelled || (have == 0 && !end))
        return body_broken(op, e);
    if (crossed_half(have, have - k))
        ex->env->ops->post(ex->env, ex, false);
    *ret_n = k;
    return OK;
}

struct http_req *http_res_request(const struct http_res *res)
{
    return res->ex ? &res->ex->req : NULL;
}

bool http_req_over(const struct http_req *req)
{
    struct http_exchange *ex = req->ex;
    mutex_lock(&ex->mu);
    bool over = ex->cancelled;
    mutex_unlock(&ex->mu);
    return over || __atomic_load_n(&ex->env->draining, __ATOMIC_RELAXED);
}

/* ---- the streamed answer ---- */

enum err http_stream_begin(struct op *op, struct http_res *res, uint64_t length)
{
    struct http_exchange *ex = res->ex;
    if (!ex->plan.pool && !ex->plan.later)
        return op_fail(op, E_INTERNAL, "http_stream_begin on an inline route");
    if (res->streamed)
        return op_fail(op, E_INTERNAL, "http_stream_begin called twice");
    res->streamed = true;
    mutex_lock(&ex->mu);
    ex->stream_begun = true;
    ex->stream_len = length;
    bool cancelled = ex->cancelled;
    mutex_unlock(&ex->mu);
    ex->env->ops->post(ex->env, ex, false);
    return cancelled ? body_broken(op, E_CANCELLED) : OK;
}

enum err http_stream_write(struct op *op, struct http_res *res, const void *p, size_t n)
{
    struct http_exchange *ex = res->ex;
    if (!res->streamed)
        return op_fail(op, E_INTERNAL, "http_stream_write before http_stream_begin");
    if (ex->stream_len != UINT64_MAX && n > ex->stream_len - ex->stream_written)
        return op_fail(op, E_INTERNAL, "the streamed answer is longer than announced");
    ex->stream_written += n;
    if (ex->head_only || res->status == 304 || res->status == 204)
        return OK;
    const char *from = p;
    while (n > 0) {
        mutex_lock(&ex->mu);
        bool alive = true;
        while (ex->out.len >= LIMIT_HTTP_STREAM_WINDOW && !ex->cancelled && alive)
            alive = ex->env->ops->wait(ex->env, ex);
        if (ex->cancelled || !alive) {
            mutex_unlock(&ex->mu);
            return body_broken(op, E_CANCELLED);
        }
        size_t room = LIMIT_HTTP_STREAM_WINDOW - ex->out.len;
        size_t k = n < room ? n : room;
        bool first = ex->out.len == 0;
        buf_add(&ex->out, from, k);
        bool lost = ex->out.failed;
        mutex_unlock(&ex->mu);
        if (lost)
            return op_fail(op, E_IO, "no memory for the streamed answer");
        from += k;
        n -= k;
        if (first)
            ex->env->ops->post(ex->env, ex, false);
    }
    return OK;
}

size_t http_stream_room(const struct http_res *res)
{
    struct http_exchange *ex = res->ex;
    mutex_lock(&ex->mu);
    size_t waits = ex->out.len;
    mutex_unlock(&ex->mu);
    return waits < LIMIT_HTTP_STREAM_WINDOW ? LIMIT_HTTP_STREAM_WINDOW - waits : 0;
}

void exchange_take_out(struct http_exchange *ex, struct buf *to)
{
    mutex_lock(&ex->mu);
    struct buf taken = ex->out;
    ex->out = *to;
    buf_reset(&ex->out);
    ex->out.max = taken.max;
    cond_signal(&ex->cond);
    mutex_unlock(&ex->mu);
    *to = taken;
}
