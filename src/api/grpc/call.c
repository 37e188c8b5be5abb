#include "api/grpc/call.h"

#include "api/grpc/status.h"
#include "base/limits.h"
#include "base/time.h"
#include "net/gzip.h"

static bool is_grpc(const struct http_req *req)
{
    return str_eq(req->content_type, STR("application/grpc")) || str_eq(req->content_type, STR("application/grpc+proto"));
}

static enum grpc_coding coding_of(struct str name)
{
    if (!name.len || str_eq(name, STR("identity")))
        return GRPC_IDENTITY;
    if (str_eq(name, STR("gzip")))
        return GRPC_GZIP;
    return str_eq(name, STR("deflate")) ? GRPC_DEFLATE : GRPC_CODING_UNKNOWN;
}

enum err grpc_call_open(struct op *op, const struct http_req *req, struct grpc_call *ret)
{
    if (req->version < 20)
        return op_fail(op, E_INVALID, "gRPC needs HTTP/2");
    if (!is_grpc(req))
        return op_fail(op, E_INVALID, "the content type is not application/grpc");
    struct grpc_call call = {.coding = GRPC_IDENTITY};
    struct str timeout = {NULL, 0}, accept = {NULL, 0};
    for (size_t i = 0; i < req->header_count; i++) {
        const struct http_header *h = &req->headers[i];
        if (!str_starts(h->name, STR("grpc-")))
            continue;
        if (str_eq(h->name, STR("grpc-timeout")))
            timeout = h->value;
        else if (str_eq(h->name, STR("grpc-encoding")))
            call.coding = coding_of(h->value);
        else if (str_eq(h->name, STR("grpc-accept-encoding")))
            accept = h->value;
    }
    int64_t ms = 0;
    if (timeout.p && !grpc_timeout_parse(timeout, &ms))
        return op_fail(op, E_INVALID, "grpc-timeout \"%.*s\" is not a time", STR_FMT(timeout));
    if (timeout.p)
        op->deadline_ms = time_mono_ms() + ms;
    call.packs = call.coding != GRPC_IDENTITY && accept.p && gzip_accepted(accept);
    *ret = call;
    return OK;
}

/* ---- messages ---- */

static enum err unpack_sink(void *arg, const void *p, size_t n)
{
    struct buf *out = arg;
    buf_add(out, p, n);
    return out->failed ? E_TOO_LARGE : OK;
}

/* What a compressed message holds, in op's arena. */
static enum err unpack(struct op *op, const struct grpc_call *call, struct str packed, struct str *ret)
{
    if (call->coding == GRPC_IDENTITY)
        return op_fail(op, E_INVALID, "a message is compressed, but grpc-encoding says that none is");
    if (call->coding == GRPC_CODING_UNKNOWN)
        return op_fail(op, E_UNSUPPORTED, "messages may be compressed by gzip or deflate");
    struct gunzip *g = call->coding == GRPC_GZIP ? gunzip_create() : gunzip_create_zlib();
    if (!g)
        return op_fail(op, E_TOO_LARGE, "no memory for a compressed message");
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_GRPC_MESSAGE_BYTES);
    enum err e = gunzip_feed(g, packed.p, packed.len, unpack_sink, &out);
    if (!e && !gunzip_complete(g))
        e = E_INVALID;
    gunzip_destroy(g);
    if (e == E_TOO_LARGE)
        return op_fail(op, e, "the compressed message holds too much");
    if (e)
        return op_fail(op, E_INVALID, "the compressed message is malformed");
    char *copy = arena_array(op->arena, out.len + 1, char);
    if (!copy)
        return op_fail(op, E_TOO_LARGE, "no memory for a message of %zu bytes", out.len);
    memcpy(copy, out.p ? out.p : "", out.len);
    *ret = (struct str){copy, out.len};
    return OK;
}

/* The five bytes before a message. */
static enum err prefix_parse(struct op *op, const char *p, bool *ret_packed, size_t *ret_len)
{
    const uint8_t *b = (const uint8_t *)p;
    size_t n = (size_t)b[1] << 24 | (size_t)b[2] << 16 | (size_t)b[3] << 8 | b[4];
    if (b[0] > 1)
        return op_fail(op, E_INVALID, "a message begins with the byte %u; it may be 0 or 1", b[0]);
    if (n > LIMIT_GRPC_MESSAGE_BYTES)
        return op_fail(op, E_TOO_LARGE, "a message of %zu bytes; the limit is %zu", n, LIMIT_GRPC_MESSAGE_BYTES);
    *ret_packed = b[0] == 1;
    *ret_len = n;
    return OK;
}

enum err grpc_message_only(struct op *op, const struct grpc_call *call, struct str body, struct str *ret)
{
    bool packed = false;
    size_t n = 0;
    if (body.len < GRPC_PREFIX_BYTES)
        return op_fail(op, E_INVALID, "the body holds no message");
    enum err e = prefix_parse(op, body.p, &packed, &n);
    if (e)
        return e;
    struct str message = str_sub(body, GRPC_PREFIX_BYTES, SIZE_MAX);
    if (n > message.len)
        return op_fail(op, E_INVALID, "the message ends after %zu of %zu bytes", message.len, n);
    if (n < message.len)
        return op_fail(op, E_INVALID, "more than one message");
    if (packed)
        return unpack(op, call, message, ret);
    *ret = message;
    return OK;
}

/* Reads until `frame` holds `want` bytes. *ret_got: how many came before the end. */
static enum err fill(struct op *op, struct http_req *req, struct buf *frame, size_t want, size_t *ret_got)
{
    while (frame->len < want) {
        size_t n = 0, left = want - frame->len, step = left < LIMIT_KIB(256) ? left : LIMIT_KIB(256);
        char *p = buf_reserve(frame, step);
        if (!p)
            return op_fail(op, E_TOO_LARGE, "no memory for a message of %zu bytes", want);
        enum err e = http_body_read(op, req, p, step, &n);
        if (e)
            return e;
        if (!n)
            break;
        frame->len += n;
    }
    *ret_got = frame->len;
    return OK;
}

enum err grpc_message_next(struct op *op, const struct grpc_call *call, struct http_req *req, struct buf *frame, struct str *ret, bool *ret_end)
{
    bool packed = false;
    size_t n = 0, got = 0;
    buf_reset(frame);
    enum err e = fill(op, req, frame, GRPC_PREFIX_BYTES, &got);
    if (!e && !got) {
        *ret_end = true;
        return OK;
    }
    if (!e && got < GRPC_PREFIX_BYTES)
        e = op_fail(op, E_INVALID, "the stream ends within a message");
    if (!e)
        e = prefix_parse(op, frame->p, &packed, &n);
    if (e)
        return e;
    buf_reset(frame);
    if (n && (e = fill(op, req, frame, n, &got)))
        return e;
    if (n && got < n)
        return op_fail(op, E_INVALID, "the stream ends within a message");
    *ret_end = false;
    if (packed)
        return unpack(op, call, buf_str(frame), ret);
    *ret = n ? buf_str(frame) : STR("");
    return OK;
}

void grpc_frame_open(struct buf *out)
{
    buf_add(out, "\0\0\0\0\0", GRPC_PREFIX_BYTES);
}

enum err grpc_frame_close(struct op *op, const struct grpc_call *call, struct buf *out, size_t start)
{
    if (out->failed || out->len - start - GRPC_PREFIX_BYTES > UINT32_MAX)
        return op_fail(op, E_TOO_LARGE, "the answer is larger than the server's limit");
    size_t n = out->len - start - GRPC_PREFIX_BYTES;
    bool packed = false;
    if (call->packs && n >= LIMIT_GRPC_PACK_BYTES) {
        AUTO(buf) struct buf small;
        buf_init(&small, n + LIMIT_KIB(1));
        packed = gzip_pack((struct str){out->p + start + GRPC_PREFIX_BYTES, n}, &small) && small.len < n;
        if (packed) {
            n = small.len;
            memcpy(out->p + start + GRPC_PREFIX_BYTES, small.p, n);
            out->len = start + GRPC_PREFIX_BYTES + n;
        }
    }
    uint8_t *p = (uint8_t *)out->p + start;
    p[0] = packed;
    for (unsigned i = 0; i < 4; i++)
        p[1 + i] = (uint8_t)(n >> (24 - 8 * i));
    return OK;
}

/* ---- the answer's fields ---- */

void grpc_answer_head(const struct grpc_call *call, struct http_res *res)
{
    /* What the gate set for browsers means nothing to these clients; each field costs them and us time. */
    struct http_header id = {.name = {NULL, 0}};
    for (size_t i = 0; i < res->header_count; i++)
        if (str_ieq(res->headers[i].name, STR("x-request-id")))
            id = res->headers[i];
    res->header_count = 0;
    if (id.name.p)
        res->headers[res->header_count++] = id;
    http_set_type(res, "application/grpc");
    if (call->packs)
        http_set_header(res, "grpc-encoding", STR("gzip"));
    res->no_compress = true;
}

void grpc_answer_status(struct op *op, enum err e, struct http_res *res)
{
    http_set_trailer(res, "grpc-status", grpc_status_text(grpc_status_of(e)));
    if (e)
        http_set_trailer(res, "grpc-message", grpc_message_encode(op->arena, str_from(op->msg ? op->msg : err_name(e))));
}

void grpc_error(struct op *op, struct http_req *req, struct http_res *res)
{
    struct str text = str_from(op->msg ? op->msg : err_name(op->err));
    buf_reset(&res->body);
    res->trailer_count = 0;
    if (req->version < 20 || !is_grpc(req)) {
        http_set_status(res, req->version < 20 ? 505 : 415);
        http_set_type(res, "text/plain; charset=utf-8");
        buf_add_str(&res->body, text);
        return;
    }
    http_set_status(res, 200);
    http_set_type(res, "application/grpc");
    http_set_header(res, "grpc-status", grpc_status_text(grpc_status_of(op->err)));
    http_set_header(res, "grpc-message", grpc_message_encode(op->arena, text));
    if (op->err == E_UNSUPPORTED)
        http_set_header(res, "grpc-accept-encoding", STR("identity,gzip,deflate"));
}
