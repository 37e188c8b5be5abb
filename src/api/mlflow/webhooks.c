#include "api/mlflow/webhooks.h"

#include <ctype.h>

#include "api/mlflow/decode.h"
#include "api/mlflow/encode.h"
#include "api/services.h"
#include "core/webhook/webhook.h"

struct webhook_in {
    struct str name, description, url, secret, status, page_token;
    const struct json *events, *event;
    int64_t max_results;
};
struct event_in {
    struct str entity, action;
};

static const char *const statuses[] = {"ACTIVE", "DISABLED"};

static enum err served(struct op *op, const struct services *s)
{
    return s->webhooks ? OK : op_fail(op, E_UNSUPPORTED, "this server does not serve webhooks");
}

static void kv_upper(struct op *op, struct json_out *w, const char *key, const char *text)
{
    char *up = str_cstr(op->arena, str_from(text));
    for (char *p = up; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    json_kv_cstr(w, key, up);
}

static void encode_webhook(struct op *op, struct json_out *w, const struct webhook *h)
{
    json_begin_object(w);
    json_kv_str(w, "webhook_id", h->id);
    json_kv_str(w, "name", h->name);
    encode_text(w, "description", h->description);
    json_kv_str(w, "url", h->url);
    json_key(w, "events");
    json_begin_array(w);
    for (size_t i = 0; i < h->event_count; i++) {
        json_begin_object(w);
        kv_upper(op, w, "entity", webhook_event_entity(h->events[i]));
        kv_upper(op, w, "action", webhook_event_action(h->events[i]));
        json_end_object(w);
    }
    json_end_array(w);
    json_kv_cstr(w, "status", statuses[!h->active]);
    json_kv_i64(w, "creation_timestamp", h->created_ms);
    json_kv_i64(w, "last_updated_timestamp", h->updated_ms);
    json_end_object(w);
}

static enum err answer(struct op *op, const struct webhook *h, struct http_res *res)
{
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "webhook");
    encode_webhook(op, &w, h);
    return encode_end(op, &w, res);
}

static const struct field event_fields[] = {
    FIELD(struct event_in, entity, FIELD_NAME, true),
    FIELD(struct event_in, action, FIELD_NAME, true),
};

static enum err decode_event(struct op *op, const struct json *obj, const char *path, enum webhook_event *ret)
{
    struct event_in in = {0};
    enum err e = decode_object(op, obj, path, event_fields, ARRAY_LEN(event_fields), &in);
    return e ? e : webhook_event_of_enums(op, in.entity, in.action, ret);
}

/* What a create or an update asks for; `active` lives as long as `ret`. */
static enum err input_of(struct op *op, const struct webhook_in *in, bool *active, struct webhook_input *ret)
{
    struct event_in *names = NULL;
    size_t n = 0;
    *ret = (struct webhook_input){.name = in->name, .description = in->description, .url = in->url, .secret = in->secret};
    enum err e = decode_items(op, in->events, "events", event_fields, ARRAY_LEN(event_fields), sizeof *names, &(struct event_in){0}, (void **)&names, &n);
    enum webhook_event *events = arena_array(op->arena, n + 1, enum webhook_event);
    if (!e && !events)
        e = op_fail(op, E_TOO_LARGE, "'events' is too long");
    for (size_t i = 0; !e && i < n; i++)
        e = webhook_event_of_enums(op, names[i].entity, names[i].action, &events[i]);
    if (e)
        return e;
    ret->events = events;
    ret->event_count = n;
    if (in->status.len) {
        size_t i = decode_name(in->status, statuses, ARRAY_LEN(statuses));
        if (i == SIZE_MAX)
            return op_fail_field(op, "status", "Invalid value %.*s for parameter 'status' supplied: it must be ACTIVE or DISABLED", STR_FMT(in->status));
        *active = i == 0;
        ret->active = active;
    }
    return OK;
}

static const struct field create_fields[] = {
    FIELD(struct webhook_in, name, FIELD_STR, true),         FIELD(struct webhook_in, url, FIELD_STR, true),
    FIELD(struct webhook_in, events, FIELD_ITEMS, true),     FIELD(struct webhook_in, description, FIELD_STR, false),
    FIELD(struct webhook_in, secret, FIELD_STR, false),      FIELD(struct webhook_in, status, FIELD_NAME, false),
};

enum err mlflow_webhook_create(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct webhook_in in = {0};
    struct webhook_input input;
    struct webhook h;
    bool active = true;
    enum err e = served(op, s);
    if (!e)
        e = DECODE(op, req, create_fields, &in);
    if (!e)
        e = input_of(op, &in, &active, &input);
    if (!e)
        e = webhook_create(op, s->webhooks, &input, &h);
    return e ? e : answer(op, &h, res);
}

static const struct field list_fields[] = {
    FIELD(struct webhook_in, max_results, FIELD_I64, false),
    FIELD(struct webhook_in, page_token, FIELD_STR, false),
};

enum err mlflow_webhook_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct webhook_in in = {0};
    struct webhook_page page;
    enum err e = served(op, s);
    if (!e)
        e = DECODE(op, req, list_fields, &in);
    if (!e)
        e = webhook_list(op, s->webhooks, in.max_results, in.page_token, &page);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    if (page.len) {
        json_key(&w, "webhooks");
        json_begin_array(&w);
        for (size_t i = 0; i < page.len; i++)
            encode_webhook(op, &w, &page.hooks[i]);
        json_end_array(&w);
    }
    encode_text(&w, "next_page_token", page.next_token);
    return encode_end(op, &w, res);
}

enum err mlflow_webhook_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct webhook h;
    enum err e = served(op, s);
    if (!e)
        e = webhook_get(op, s->webhooks, req->path_args[0], &h);
    return e ? e : answer(op, &h, res);
}

static const struct field update_fields[] = {
    FIELD(struct webhook_in, name, FIELD_STR, false),    FIELD(struct webhook_in, url, FIELD_STR, false),
    FIELD(struct webhook_in, events, FIELD_ITEMS, false), FIELD(struct webhook_in, description, FIELD_STR, false),
    FIELD(struct webhook_in, secret, FIELD_STR, false),  FIELD(struct webhook_in, status, FIELD_NAME, false),
};

/* An empty name or URL changes nothing, as in MLflow; an empty description or secret takes it away. */
enum err mlflow_webhook_update(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct webhook_in in = {0};
    struct webhook_input input;
    struct webhook h;
    bool active = true;
    enum err e = served(op, s);
    if (!e)
        e = DECODE(op, req, update_fields, &in);
    if (!e)
        e = input_of(op, &in, &active, &input);
    if (e)
        return e;
    if (!input.name.len)
        input.name = (struct str){0};
    if (!input.url.len)
        input.url = (struct str){0};
    e = webhook_update(op, s->webhooks, req->path_args[0], &input, &h);
    return e ? e : answer(op, &h, res);
}

enum err mlflow_webhook_delete(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    enum err e = served(op, s);
    if (!e)
        e = webhook_delete(op, s->webhooks, req->path_args[0]);
    return e ? e : encode_empty(op, res);
}

static const struct field test_fields[] = {FIELD(struct webhook_in, event, FIELD_OBJECT, false)};

enum err mlflow_webhook_test(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct webhook_in in = {0};
    struct webhook_test t;
    enum webhook_event event;
    enum err e = served(op, s);
    if (!e)
        e = DECODE(op, req, test_fields, &in);
    if (!e && in.event)
        e = decode_event(op, in.event, "event.", &event);
    if (!e)
        e = webhook_send_test(op, s->webhooks, req->path_args[0], in.event ? &event : NULL, &t);
    if (e)
        return e;
    struct json_out w;
    encode_begin(&w, res);
    json_key(&w, "result");
    json_begin_object(&w);
    json_kv_bool(&w, "success", t.success);
    if (t.status) {
        json_kv_i64(&w, "response_status", t.status);
        json_kv_str(&w, "response_body", t.body);
    }
    encode_text(&w, "error_message", t.error);
    json_end_object(&w);
    return encode_end(op, &w, res);
}
