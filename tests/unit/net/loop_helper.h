/* loop_helper.h - a small handler and helpers shared by the tests of src/net that talk over the loopback. */
#ifndef INGOT_TESTS_NET_LOOP_HELPER_H
#define INGOT_TESTS_NET_LOOP_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "net/loopback.h"

/* What the handler saw. */
struct seen {
    int handled, refused, planned;
    int refused_status;
    char last_path[256], last_query[256], last_body[4096], last_host[128];
    size_t last_body_len;
};

/* /echo: the body back. /pool: the same on the pool. /stream: reads the body piece by piece and streams it back
 * in chunks; /sized: the same with a length of 1000 zeros. /big: 300000 bytes. /text: 5000 bytes of text.
 * /trailers: the body back and two trailers; /stream-trailers: the same, streamed. /status: a status as trailer and nothing else.
 * /call: of both ways, an "x" per piece read, and a trailer.
 * /large: 16 MiB. /huge-head: a field of 70000 bytes. /reject: 403 in plan. /small: at most 10 bytes of body. /fail-stream: breaks off in the middle. */
static void helper_plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *plan)
{
    struct seen *s = arg;
    (void)op;
    s->planned++;
    plan->pool = str_starts(req->path, STR("/pool")) || str_starts(req->path, STR("/stream")) || str_eqc(req->path, "/sized") || str_eqc(req->path, "/fail-stream") || str_eqc(req->path, "/call");
    plan->stream_body = str_starts(req->path, STR("/stream")) || str_eqc(req->path, "/call");
    plan->quiet_ms = str_eqc(req->path, "/call") ? 600000 : 0;
    if (str_eqc(req->path, "/small"))
        plan->body_max = 10;
    if (str_eqc(req->path, "/reject")) {
        plan->reject = true;
        res->status = 403;
        buf_add_cstr(&res->body, "no");
    }
}

static void helper_stream(struct op *op, struct http_req *req, struct http_res *res)
{
    char piece[1000];
    size_t n;
    bool sized = str_eqc(req->path, "/sized");
    if (http_stream_begin(op, res, sized ? 1000 : UINT64_MAX))
        return;
    if (sized) {
        if (req->method == HTTP_HEAD)
            return; /* a handler may know that nobody waits for the bytes */
        memset(piece, '0', sizeof piece);
        if (http_stream_write(op, res, piece, sizeof piece))
            return;
        return;
    }
    if (str_eqc(req->path, "/fail-stream")) {
        if (http_stream_write(op, res, "half", 4) == OK)
            (void)op_fail(op, E_IO, "broke");
        return;
    }
    if (str_eqc(req->path, "/call") || str_eqc(req->path, "/stream-trailers")) {
        http_set_trailer(res, "X-One", STR("1"));
        http_set_trailer(res, "x-two", STR("two"));
    }
    for (;;) {
        if (http_body_read(op, req, piece, sizeof piece, &n) || n == 0)
            return;
        if (str_eqc(req->path, "/call")) {
            piece[0] = 'x';
            n = 1;
        }
        if (http_stream_write(op, res, piece, n))
            return;
    }
}

static void helper_handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    struct seen *s = arg;
    s->handled++;
    snprintf(s->last_path, sizeof s->last_path, "%.*s", STR_FMT(req->path));
    snprintf(s->last_query, sizeof s->last_query, "%.*s", STR_FMT(req->query));
    snprintf(s->last_host, sizeof s->last_host, "%.*s", STR_FMT(req->host));
    s->last_body_len = req->body.len;
    snprintf(s->last_body, sizeof s->last_body, "%.*s", STR_FMT(req->body));
    if (str_starts(req->path, STR("/stream")) || str_eqc(req->path, "/sized") || str_eqc(req->path, "/fail-stream") || str_eqc(req->path, "/call")) {
        helper_stream(op, req, res);
        return;
    }
    if (str_eqc(req->path, "/big") || str_eqc(req->path, "/text")) {
        size_t n = str_eqc(req->path, "/big") ? 300000 : 5000;
        for (size_t i = 0; i < n; i++)
            buf_add_char(&res->body, (char)('a' + i % 26));
        http_set_type(res, "text/plain");
        return;
    }
    if (str_eqc(req->path, "/trailers") || str_eqc(req->path, "/status")) {
        http_set_trailer(res, "x-one", STR("1"));
        http_set_trailer(res, "x-two", STR("two"));
        if (str_eqc(req->path, "/status"))
            return;
    }
    if (str_eqc(req->path, "/large")) {
        char *to = buf_reserve(&res->body, LIMIT_MIB(16));
        memset(to, 'l', LIMIT_MIB(16));
        res->body.len = LIMIT_MIB(16);
        return;
    }
    if (str_eqc(req->path, "/huge-head")) {
        char *value = arena_array(op->arena, 70000, char);
        memset(value, 'h', 70000);
        http_set_header(res, "X-Huge", (struct str){value, 70000});
        return;
    }
    if (str_eqc(req->path, "/empty")) {
        res->status = 204;
        return;
    }
    buf_add_str(&res->body, req->body);
    http_set_type(res, "application/octet-stream");
}

static void helper_refuse(void *arg, struct op *op, int status, const char *text, struct http_res *res)
{
    struct seen *s = arg;
    (void)op;
    s->refused++;
    s->refused_status = status;
    res->status = status;
    buf_add_cstr(&res->body, text);
}

struct talk {
    struct arena *arena;
    struct op op;
    struct seen seen;
    struct buf out;
    bool closed;
};

UNUSED static void talk_raw(struct talk *t, const char *p, size_t n, size_t piece)
{
    if (!t->arena) {
        t->arena = arena_create(LIMIT_MIB(512));
        buf_init(&t->out, LIMIT_MIB(256));
    }
    op_init(&t->op, t->arena);
    buf_reset(&t->out);
    t->seen = (struct seen){0};
    struct http_handler h = {.arg = &t->seen, .plan = helper_plan, .handle = helper_handle, .refuse = helper_refuse};
    enum err e = loopback_exchange(&t->op, &h, (struct str){p, n}, piece, &t->out, &t->closed);
    if (e)
        fail_msg("loopback: %s", t->op.msg);
}

UNUSED static void talk_end(struct talk *t)
{
    arena_destroy(t->arena);
    buf_clear(&t->out);
}

/* Number of final answers (100 Continue not counted) in raw output; crude but exact for these tests. */
UNUSED static int count_of(const struct buf *b, const char *needle)
{
    int n = 0;
    struct str rest = buf_str(b);
    size_t at;
    while ((at = str_find(rest, str_from(needle))) != SIZE_MAX) {
        n++;
        rest = str_sub(rest, at + strlen(needle), SIZE_MAX);
    }
    return n;
}

#endif
