/* Frames from a peer through the whole HTTP/2 connection: heads, bodies, windows, resets, streaming handlers. The first byte
 * chooses the size of the pieces the rest comes in; the preface is not part of the input. Checked besides memory safety: what
 * comes back is whole frames, nothing is asked of a handler that a head does not allow, and no more requests are handled than
 * there are HEADERS frames. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "net/loopback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum { PREFACE_BYTES = sizeof preface - 1, FRAME_HEAD_BYTES = 9, HEADERS = 1 };

static void plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *p)
{
    (void)arg, (void)op, (void)res;
    p->pool = req->path.len % 2 == 0;
    p->stream_body = p->pool && req->path.len % 4 == 0;
    p->quiet_ms = p->stream_body && req->path.len % 8 == 0 ? 1000 : 0;
    p->body_max = 5000;
    p->reject = req->path.len == 7;
    assert(req->version == 20 && req->path.p[0] == '/' && !memchr(req->path.p, 0, req->path.len) && str_find(req->path, STR("/../")) == SIZE_MAX);
    assert(req->host.len > 0 && req->header_count <= LIMIT_HTTP_HEADERS && !http_header_get(req, "transfer-encoding").p);
}

static void handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    char piece[100];
    size_t n;
    ++*(int *)arg;
    if (req->query.len)
        http_set_trailer(res, "x-query", STR("1"));
    if (!req->body_streamed) {
        buf_add_str(&res->body, req->body);
        http_set_type(res, "text/plain");
        return;
    }
    if (http_stream_begin(op, res, UINT64_MAX))
        return;
    while (http_body_read(op, req, piece, sizeof piece, &n) == OK && n > 0) {
        if (http_stream_write(op, res, piece, n))
            return;
    }
}

static void refuse(void *arg, struct op *op, int status, const char *text, struct http_res *res)
{
    (void)arg, (void)op;
    res->status = status;
    buf_add_cstr(&res->body, text);
}

/* Walks over frames; the number of HEADERS. `*ret_whole`: the last one was complete. */
static int heads_count(const uint8_t *p, size_t n, bool *ret_whole)
{
    int heads = 0;
    while (n >= FRAME_HEAD_BYTES) {
        size_t len = (size_t)p[0] << 16 | (size_t)p[1] << 8 | p[2];
        heads += p[3] == HEADERS;
        if (len > n - FRAME_HEAD_BYTES)
            break;
        p += FRAME_HEAD_BYTES + len;
        n -= FRAME_HEAD_BYTES + len;
    }
    *ret_whole = n == 0;
    return heads;
}

static void run(struct arena *a, struct str bytes, size_t piece, int heads)
{
    struct op op;
    struct buf out;
    int handled = 0;
    bool closed, whole;
    op_init(&op, a);
    buf_init(&out, LIMIT_MIB(64));
    struct http_handler h = {.arg = &handled, .plan = plan, .handle = handle, .refuse = refuse};
    enum err e = loopback_exchange(&op, &h, bytes, piece, &out, &closed);
    assert(e == OK && handled <= heads);
    (void)heads_count((const uint8_t *)out.p, out.len, &whole);
    assert(whole);
    buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 60000)
        return 0;
    struct arena *a = arena_create(LIMIT_MIB(64));
    char *bytes = malloc(PREFACE_BYTES + size);
    if (!bytes)
        abort();
    memcpy(bytes, preface, PREFACE_BYTES);
    memcpy(bytes + PREFACE_BYTES, data + 1, size - 1);
    struct str all = {bytes, PREFACE_BYTES + size - 1};
    bool whole;
    int heads = heads_count(data + 1, size - 1, &whole);
    run(a, all, 0, heads);
    arena_reset(a);
    run(a, all, data[0] ? data[0] : 1, heads);
    arena_destroy(a);
    free(bytes);
    return 0;
}
