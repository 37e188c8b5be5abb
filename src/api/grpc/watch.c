#include "api/grpc/watch.h"

#include <stdatomic.h>

#include <health.pb-c.h>

#include "api/grpc/call.h"
#include "api/grpc/control.h"
#include "base/limits.h"
#include "base/time.h"

struct watch {
    struct services *services;
    struct http_req *req;
    struct http_res *res;
    struct grpc_call call;
    char *service;
    struct arena *arena; /* of one look */
};

static enum err request_take(struct op *op, struct watch *w)
{
    AUTO(buf) struct buf frame;
    struct str message = STR("");
    bool end = false;
    buf_init(&frame, LIMIT_GRPC_CONTROL_BYTES);
    enum err e = grpc_message_next(op, &w->call, w->req, &frame, &message, &end);
    if (!e && end)
        e = op_fail(op, E_INVALID, "the body holds no message");
    if (e)
        return e;
    Grpc__Health__V1__HealthCheckRequest *q = grpc__health__v1__health_check_request__unpack(NULL, message.len, (const uint8_t *)message.p);
    if (!q)
        return op_fail(op, E_INVALID, "the request is not a HealthCheckRequest");
    w->service = control_text(op, str_from(q->service));
    grpc__health__v1__health_check_request__free_unpacked(q, NULL);
    return OK;
}

static enum err status_send(struct op *op, struct watch *w, enum control_health health)
{
    /* Field 1, a varint below 128, in a frame. */
    const char frame[] = {0, 0, 0, 0, 2, 1 << 3, (char)health};
    return http_stream_write(op, w->res, frame, sizeof frame);
}

static enum err watch_run(struct op *op, struct watch *w)
{
    enum control_health last = 0;
    enum err e = request_take(op, w);
    if (!e)
        e = http_stream_begin(op, w->res, UINT64_MAX);
    while (!e) {
        bool over = http_req_over(w->req);
        struct op look;
        arena_reset(w->arena);
        op_init(&look, w->arena);
        enum control_health health = control_health_of(&look, w->services, w->service);
        if (over && health == HEALTH_SERVING)
            health = HEALTH_NOT_SERVING;
        if (health != last)
            e = status_send(op, w, health);
        last = health;
        if (!e && over)
            return op_fail(op, E_BUSY, "the server stops");
        if (!e)
            e = op_check_deadline(op);
        if (!e)
            time_sleep_ms(LIMIT_GRPC_WATCH_MS);
    }
    return e;
}

enum err grpc_health_watch(struct op *op, struct services *services, struct http_req *req, struct http_res *res)
{
    static atomic_int watchers;
    struct watch w = {.services = services, .req = req, .res = res};
    enum err e = grpc_call_open(op, req, &w.call);
    if (e)
        return e;
    if (atomic_fetch_add(&watchers, 1) >= LIMIT_GRPC_WATCHERS) {
        atomic_fetch_sub(&watchers, 1);
        return op_fail(op, E_TOO_LARGE, "more than %d watchers at once", LIMIT_GRPC_WATCHERS);
    }
    w.call.packs = false;
    w.arena = arena_create(LIMIT_REQUEST_ARENA);
    grpc_answer_head(&w.call, res);
    e = watch_run(op, &w);
    arena_destroy(w.arena);
    atomic_fetch_sub(&watchers, 1);
    if (!res->streamed)
        return e;
    grpc_answer_status(op, e, res);
    return e == E_CANCELLED ? e : OK; /* the failure is told by the trailers */
}
