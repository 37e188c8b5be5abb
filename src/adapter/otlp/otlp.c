#include "adapter/otlp/otlp.h"

#include <stdlib.h>

#include "adapter/otlp/encode.h"
#include "base/log.h"
#include "net/gzip.h"
#include "net/pinned.h"

struct otlp {
    struct telemetry telemetry;
    struct arena *arena;
    struct pinned_rules rules;
    struct str url;
    struct str headers[LIMIT_TRACE_HEADERS + 1]; /* "Name: value" */
    size_t header_count;
    struct otlp_resource resource;
    bool json, gzip;
    int timeout_ms;
};

static enum err body_make(struct op *op, const struct otlp *o, const struct trace *const *traces, size_t n, struct buf *plain, struct buf *packed)
{
    enum err e = o->json ? otlp_encode_json(op, &o->resource, traces, n, plain) : otlp_encode(op, &o->resource, traces, n, plain);
    if (!e && o->gzip && !gzip_pack(buf_str(plain), packed))
        e = op_fail(op, E_TOO_LARGE, "no memory to pack a message of %zu bytes", plain->len);
    return e;
}

static enum err answer_judge(struct op *op, const struct otlp *o, const struct pinned_answer *a, struct telemetry_answer *ret)
{
    struct str why = STR("");
    if (a->status >= 200 && a->status < 300) {
        ret->rejected = otlp_rejected(op, a->body, o->json, &why);
        if (ret->rejected)
            log_at(LOG_WARN, "otlp.rejected", {"spans", LOG_I(ret->rejected)}, {"why", LOG_S(why)});
        return OK;
    }
    bool again = a->status == 429 || a->status == 502 || a->status == 503 || a->status == 504;
    ret->retry_after_ms = again && a->retry_after_s >= 0 && a->retry_after_s < INT32_MAX ? a->retry_after_s * 1000 : -1;
    return op_fail(op, again ? E_BUSY : E_INVALID, "the receiver of traces answered %d", a->status);
}

static enum err otlp_send(void *self, struct op *op, const struct trace *const *traces, size_t n, const atomic_bool *stop, struct telemetry_answer *ret)
{
    struct otlp *o = self;
    AUTO(buf) struct buf plain, packed;
    buf_init(&plain, LIMIT_TRACE_QUEUE_BYTES * 4);
    buf_init(&packed, LIMIT_TRACE_QUEUE_BYTES * 4);
    enum err e = body_make(op, o, traces, n, &plain, &packed);
    if (e)
        return e == E_TOO_LARGE ? op_fail(op, E_INVALID, "the message cannot be made") : e;
    const struct pinned_request r = {.url = o->url,
                                     .content_type = o->json ? STR("application/json") : STR("application/x-protobuf"),
                                     .body = buf_str(o->gzip ? &packed : &plain),
                                     .headers = o->headers,
                                     .header_count = o->header_count,
                                     .timeout_ms = o->timeout_ms,
                                     .stop = stop};
    struct pinned_answer a = {0};
    e = pinned_post(op, &o->rules, &r, &a);
    if (e == E_INVALID) /* a name that is not found today may be there tomorrow */
        e = op_fail(op, E_IO, "the receiver of traces is not reached");
    return e ? e : answer_judge(op, o, &a, ret);
}

static void otlp_close(void *self)
{
    struct otlp *o = self;
    arena_destroy(o->arena);
    free(o);
}

static const struct telemetry_ops otlp_ops = {"otlp", otlp_send, otlp_close};

/* A field's name is a token of HTTP; its value has no control bytes. */
static enum err header_make(struct op *op, struct otlp *o, const struct otlp_pair *h)
{
    bool fits = h->key.len > 0;
    for (size_t i = 0; i < h->key.len; i++) {
        char c = h->key.p[i];
        fits = fits && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.');
    }
    for (size_t i = 0; i < h->value.len; i++)
        fits = fits && (unsigned char)h->value.p[i] >= 0x20 && h->value.p[i] != 0x7f;
    if (!fits || o->header_count == LIMIT_TRACE_HEADERS)
        return op_fail(op, E_INVALID, "the header \"%.*s\" for traces is none, or there are more than %d", STR_FMT(h->key), LIMIT_TRACE_HEADERS);
    struct op mine = *op;
    mine.arena = o->arena;
    o->headers[o->header_count++] = str_from(op_printf(&mine, "%.*s: %.*s", STR_FMT(h->key), STR_FMT(h->value)));
    return OK;
}

enum err otlp_open(struct op *op, const struct otlp_config *c, struct telemetry **ret)
{
    static const struct str schemes[] = {STR_INIT("https"), STR_INIT("http")};
    if (c->resource_count > LIMIT_TRACE_RESOURCE)
        return op_fail(op, E_INVALID, "more than %d attributes of the server", LIMIT_TRACE_RESOURCE);
    struct otlp *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    o->arena = arena_create(LIMIT_MIB(1));
    o->telemetry = (struct telemetry){&otlp_ops, o};
    o->json = c->json, o->gzip = c->gzip;
    o->timeout_ms = c->timeout_ms ? c->timeout_ms : LIMIT_TRACE_TIMEOUT_MS;
    o->url = str_dup(o->arena, c->url);
    o->rules = (struct pinned_rules){.what = "The receiver of traces", .schemes = schemes, .scheme_count = ARRAY_LEN(schemes), .allow_private = true,
                                     .ca_path = c->ca_path ? str_cstr(o->arena, str_from(c->ca_path)) : NULL};
    struct otlp_pair *pairs = arena_alloc(o->arena, (c->resource_count + 1) * sizeof *pairs);
    for (size_t i = 0; i < c->resource_count; i++)
        pairs[i] = (struct otlp_pair){str_dup(o->arena, c->resource[i].key), str_dup(o->arena, c->resource[i].value)};
    o->resource = (struct otlp_resource){pairs, c->resource_count};
    enum err e = pinned_check(op, &o->rules, o->url);
    if (!e && o->gzip)
        e = header_make(op, o, &(struct otlp_pair){STR("Content-Encoding"), STR("gzip")});
    for (size_t i = 0; !e && i < c->header_count; i++)
        e = header_make(op, o, &c->headers[i]);
    if (e) {
        otlp_close(o);
        return e;
    }
    *ret = &o->telemetry;
    return OK;
}
