/* Bytes from a peer through the whole connection: head, framing, chunks, gzip, pipelining, streaming handlers.
 * The first byte chooses the size of the pieces the rest comes in. Checked besides memory safety: however the
 * bytes are cut, the answers are the same, and no more requests are answered than there can be heads. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "net/loopback.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct counts {
    int handled, refused;
};

static void plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *p)
{
    (void)arg, (void)op, (void)res;
    p->pool = req->path.len % 2 == 0;
    p->stream_body = p->pool && req->path.len % 4 == 0;
    p->body_max = 5000;
    p->reject = req->path.len == 7;
    assert(req->path.p[0] == '/' && !memchr(req->path.p, 0, req->path.len) && str_find(req->path, STR("/../")) == SIZE_MAX);
    assert(req->host.len > 0 && req->header_count <= LIMIT_HTTP_HEADERS);
}

static void handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    struct counts *c = arg;
    char piece[100];
    size_t n;
    c->handled++;
    struct str q;
    if (http_query_get(op, req, "k", &q))
        buf_add_str(&res->body, q);
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
    struct counts *c = arg;
    (void)op;
    c->refused++;
    res->status = status;
    buf_add_cstr(&res->body, text);
}

static struct counts run(struct arena *a, const uint8_t *data, size_t size, size_t piece, bool *closed)
{
    struct op op;
    struct buf out;
    struct counts c = {0};
    op_init(&op, a);
    buf_init(&out, LIMIT_MIB(64));
    struct http_handler h = {.arg = &c, .plan = plan, .handle = handle, .refuse = refuse};
    enum err e = loopback_exchange(&op, &h, (struct str){(const char *)data, size}, piece, &out, closed);
    assert(e == OK || e == E_TOO_LARGE);
    buf_clear(&out);
    return c;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 60000)
        return 0;
    struct arena *a = arena_create(LIMIT_MIB(64));
    bool closed_whole, closed_cut;
    size_t piece = data[0] ? data[0] : 1;
    struct counts whole = run(a, data + 1, size - 1, 0, &closed_whole);
    struct counts cut = run(a, data + 1, size - 1, piece, &closed_cut);
    assert(whole.handled == cut.handled && whole.refused == cut.refused && closed_whole == closed_cut);
    assert(whole.refused <= 1);
    arena_destroy(a);
    return 0;
}
