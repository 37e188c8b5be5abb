#include "api/grpc/infer.h"

#include <stdatomic.h>

#include "api/grpc/call.h"
#include "api/grpc/infer_read.h"
#include "api/grpc/infer_write.h"
#include "api/services.h"
#include "base/limits.h"
#include "base/time.h"

/* One inference from its message to its answer. */
struct asked {
    struct grpc_call call;
    struct grpc_infer in;
    struct infer_answer answer;
    struct http_res *res;
};

static struct grpc_answer answer_of(const struct asked *a, bool final)
{
    return (struct grpc_answer){.model = a->in.model, .id = a->in.request.id, .version = a->answer.version, .warning = a->answer.warning, .final = final,
                                .raw = a->in.raw, .places = &a->in.places, .outputs = a->answer.outputs, .output_count = a->answer.output_count};
}

/* ---- one request, one answer ---- */

static enum err infer_answer(struct op *op, struct http_req *req, struct http_res *res, void *arg)
{
    struct asked *a = arg;
    const struct grpc_answer answer = answer_of(a, false);
    (void)req;
    enum err e = memory_write(op, &a->in.places, a->answer.outputs, a->answer.output_count);
    if (e)
        return e;
    grpc_answer_head(&a->call, res);
    grpc_frame_open(&res->body);
    grpc_answer_write(&answer, &res->body);
    e = grpc_frame_close(op, &a->call, &res->body, 0);
    if (!e)
        grpc_answer_status(op, OK, res);
    return e;
}

static void *infer_begin(void *arg)
{
    struct asked *a = arg;
    return http_later(a->res, infer_answer, a);
}

enum err grpc_model_infer(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct asked *a = op_new(op, struct asked);
    struct serve_endpoint *ep = NULL;
    struct str message = STR("");
    enum err e = grpc_call_open(op, req, &a->call);
    if (!e)
        e = grpc_message_only(op, &a->call, req->body, &message);
    if (!e)
        e = grpc_infer_read(op, message, s->memory, &a->in);
    if (!e)
        e = serve_acquire(op, s->serve, a->in.model, &ep);
    if (e)
        return e;
    a->res = res;
    a->in.request.started_ns = req->started_ns;
    const struct infer_later later = {.begin = infer_begin, .done = http_later_done, .arg = a};
    e = serve_infer_start(op, ep, &a->in.request, &a->answer, &later);
    serve_release(ep);
    return e || res->later ? e : infer_answer(op, req, res, a);
}

/* ---- streams ---- */

struct stream {
    struct services *services;
    struct http_req *req;
    struct http_res *res;
    struct grpc_call call;
    struct arena *arena;   /* of one message and its answer */
    struct buf frame, out;
};

static enum err stream_ask(struct op *op, struct stream *s, struct str message, struct asked *a)
{
    struct serve_endpoint *ep = NULL;
    enum err e = grpc_infer_read(op, message, s->services->memory, &a->in);
    if (!e)
        e = serve_acquire(op, s->services->serve, a->in.model, &ep);
    if (e)
        return e;
    a->in.request.started_ns = time_mono_ns();
    e = serve_infer(op, ep, &a->in.request, &a->answer);
    serve_release(ep);
    return e ? e : memory_write(op, &a->in.places, a->answer.outputs, a->answer.output_count);
}

/* The answer to one message in s->out, closed as a frame. `e`: it failed, its text is in op. */
static enum err stream_encode(struct op *op, struct stream *s, struct str message, struct asked *a, enum err e)
{
    struct grpc_answer answer = {.model = STR(""), .id = STR("")};
    buf_reset(&s->out);
    grpc_frame_open(&s->out);
    if (e) {
        answer.id = grpc_infer_id(message);
        answer.final = a->in.wants_final;
        grpc_stream_answer_write(&answer, str_from(op->msg ? op->msg : err_name(e)), &s->out);
        return grpc_frame_close(op, &s->call, &s->out, 0);
    }
    answer = answer_of(a, a->in.wants_final);
    if (s->services->grpc_stream_plain)
        grpc_answer_write(&answer, &s->out);
    else
        grpc_stream_answer_write(&answer, STR(""), &s->out);
    return grpc_frame_close(op, &s->call, &s->out, 0);
}

/* Takes one message and answers it. */
static enum err stream_step(struct op *op, struct stream *s, bool *ret_end)
{
    struct str message = STR("");
    struct op one;
    struct asked *a;
    op_init(&one, s->arena);
    one.actor = op->actor;
    one.request_id = op->request_id;
    one.deadline_ms = op->deadline_ms;
    one.trace = op->trace;
    enum err e = grpc_message_next(&one, &s->call, s->req, &s->frame, &message, ret_end);
    if (e)
        return op_fail(op, e, "%s", one.msg);
    if (*ret_end)
        return OK;
    a = op_new(&one, struct asked);
    one.now_us = time_now_us();
    e = stream_ask(&one, s, message, a);
    if (e && s->services->grpc_stream_plain)
        return op_fail(op, e, "%s", one.msg);
    if (e == E_TIMEOUT && op_check_deadline(op))
        return op->err; /* the whole call's time is over */
    e = stream_encode(&one, s, message, a, e);
    if (e)
        return op_fail(op, e, "%s", one.msg);
    return http_stream_write(op, s->res, s->out.p, s->out.len);
}

static enum err stream_run(struct op *op, struct stream *s)
{
    bool end = false;
    enum err e = http_stream_begin(op, s->res, UINT64_MAX);
    while (!e && !end) {
        arena_reset(s->arena);
        e = stream_step(op, s, &end);
    }
    return e;
}

enum err grpc_model_stream_infer(struct op *op, struct services *services, struct http_req *req, struct http_res *res)
{
    static atomic_int open_streams;
    struct stream s = {.services = services, .req = req, .res = res};
    enum err e = grpc_call_open(op, req, &s.call);
    if (e)
        return e;
    if (atomic_fetch_add(&open_streams, 1) >= LIMIT_GRPC_STREAMS) {
        atomic_fetch_sub(&open_streams, 1);
        return op_fail(op, E_TOO_LARGE, "more than %d streams at once", LIMIT_GRPC_STREAMS);
    }
    s.arena = arena_create(LIMIT_REQUEST_ARENA);
    buf_init(&s.frame, LIMIT_GRPC_MESSAGE_BYTES);
    buf_init(&s.out, LIMIT_HTTP_BODY_BYTES * 4);
    grpc_answer_head(&s.call, res);
    e = stream_run(op, &s);
    grpc_answer_status(op, e, res);
    buf_clear(&s.out);
    buf_clear(&s.frame);
    arena_destroy(s.arena);
    atomic_fetch_sub(&open_streams, 1);
    return e == E_CANCELLED ? e : OK; /* the failure is told by the trailers */
}
