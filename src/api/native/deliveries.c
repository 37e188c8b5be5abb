#include "api/native/native.h"
#include "api/services.h"
#include "base/time.h"
#include "core/webhook/outbox.h"

static void kv_time(struct json_out *w, const char *key, int64_t us)
{
    char text[32];
    if (us)
        json_kv_str(w, key, (struct str){text, time_format(us, text)});
}

static void row_write(struct json_out *w, const struct outbox_row *r)
{
    bool waits = r->state == OUTBOX_WAITING || r->state == OUTBOX_LATE;
    json_begin_object(w);
    json_kv_i64(w, "seq", r->row);
    json_kv_str(w, "delivery_id", r->delivery_id);
    json_kv_str(w, "event", r->event);
    json_kv_cstr(w, "state", outbox_state_name(r->state));
    kv_time(w, "created", r->created_us);
    kv_time(w, waits ? "due" : "finished", waits ? r->due_us : r->finished_us);
    json_kv_i64(w, "attempts", r->attempts);
    if (r->status)
        json_kv_i64(w, "status", r->status);
    if (r->reason.len)
        json_kv_str(w, "reason", r->reason);
    json_key(w, "body");
    json_raw(w, r->body);
    json_end_object(w);
}

static enum err state_query(struct op *op, struct http_req *req, enum outbox_state *ret)
{
    struct str text;
    *ret = OUTBOX_STATES;
    if (!http_query_get(op, req, "state", &text))
        return OK;
    for (unsigned i = 0; i < OUTBOX_STATES; i++) {
        if (str_eqc(text, outbox_state_name((enum outbox_state)i))) {
            *ret = (enum outbox_state)i;
            return OK;
        }
    }
    return op_fail_field(op, "state", "query parameter 'state' must be waiting, delivered or failed, not '%.*s'", STR_FMT(text));
}

enum err native_delivery_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    enum outbox_state state;
    struct outbox_row *rows = NULL;
    size_t n = 0;
    int64_t limit = 0, before = 0;
    if (!s->webhooks)
        return op_fail(op, E_UNSUPPORTED, "this server does not serve webhooks");
    enum err e = native_query_i64(op, req, "limit", 1, NATIVE_PAGE_MAX, 100, &limit);
    if (e || (e = native_query_i64(op, req, "before", 0, INT64_MAX, 0, &before)) || (e = state_query(op, req, &state)) ||
        (e = outbox_list(op, s->webhooks, req->path_args[0], state, before, (size_t)limit, &rows, &n)))
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "deliveries");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        row_write(&w, &rows[i]);
    json_end_array(&w);
    if (n == (size_t)limit)
        json_kv_i64(&w, "next", rows[n - 1].row);
    json_end_object(&w);
    return OK;
}

enum err native_outbox(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    int64_t n[OUTBOX_STATES];
    (void)req;
    if (!s->webhooks)
        return op_fail(op, E_UNSUPPORTED, "this server does not serve webhooks");
    enum err e = outbox_counts(op, s->webhooks, n);
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, outbox_state_name(OUTBOX_WAITING), n[OUTBOX_WAITING] + n[OUTBOX_LATE]);
    json_kv_i64(&w, outbox_state_name(OUTBOX_DONE), n[OUTBOX_DONE]);
    json_kv_i64(&w, outbox_state_name(OUTBOX_DEAD), n[OUTBOX_DEAD]);
    json_end_object(&w);
    return OK;
}

enum err native_delivery_retry(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    if (!s->webhooks)
        return op_fail(op, E_UNSUPPORTED, "this server does not serve webhooks");
    enum err e = outbox_retry(op, s->webhooks, req->path_args[0], req->path_args[1]);
    if (e)
        return e;
    struct json_out w;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_str(&w, "delivery_id", req->path_args[1]);
    json_kv_cstr(&w, "state", outbox_state_name(OUTBOX_WAITING));
    json_end_object(&w);
    return OK;
}
