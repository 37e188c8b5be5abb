#include "adapter/otlp/encode.h"

#include <stdio.h>

#include <otlp_trace.pb-c.h>

#include "base/hash.h"
#include "base/json.h"

#define OTLP_SCHEMA "https://opentelemetry.io/schemas/1.27.0" /* the conventions that our attributes' names follow */

enum { REMOTE_KNOWN = 0x100, REMOTE = 0x200 };

static bool is_called(const struct trace *t)
{
    uint8_t any = 0;
    for (size_t i = 0; i < TRACE_SPAN_BYTES; i++)
        any |= t->context.span_id[i];
    return any;
}

static uint32_t flags_of(const struct trace *t, size_t span)
{
    return t->context.flags | REMOTE_KNOWN | (!span && is_called(t) ? REMOTE : 0u);
}

/* Text for protobuf, whose strings are UTF-8 without exception. */
static struct str text_clean(struct op *op, struct str s)
{
    if (str_is_utf8(s))
        return s;
    struct str copy = str_dup(op->arena, s);
    char *p = (char *)(uintptr_t)copy.p;
    for (size_t at = 0; (at += str_utf8_prefix(str_sub(copy, at, SIZE_MAX))) < copy.len; at++)
        p[at] = '?';
    return copy;
}

static char *text_c(struct op *op, struct str s)
{
    s = text_clean(op, s);
    return str_cstr(op->arena, str_sub(s, 0, str_find_char(s, 0)));
}

/* ---- protobuf ---- */

static Otlp__KeyValue *pair_make(struct op *op, const char *key)
{
    Otlp__KeyValue *kv = op_new(op, Otlp__KeyValue);
    otlp__key_value__init(kv);
    kv->key = (char *)(uintptr_t)key;
    kv->value = op_new(op, Otlp__AnyValue);
    otlp__any_value__init(kv->value);
    return kv;
}

static Otlp__KeyValue *pair_text(struct op *op, const char *key, struct str value)
{
    Otlp__KeyValue *kv = pair_make(op, key);
    kv->value->value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
    kv->value->string_value = text_c(op, value);
    return kv;
}

static Otlp__KeyValue *attr_make(struct op *op, const struct trace *t, const struct trace_attr *a)
{
    if (a->type == TRACE_ATTR_TEXT)
        return pair_text(op, a->key, trace_str(t, a->text));
    Otlp__KeyValue *kv = pair_make(op, a->key);
    Otlp__AnyValue *v = kv->value;
    if (a->type == TRACE_ATTR_I64)
        v->value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE, v->int_value = a->i;
    else if (a->type == TRACE_ATTR_F64)
        v->value_case = OTLP__ANY_VALUE__VALUE_DOUBLE_VALUE, v->double_value = a->f;
    else
        v->value_case = OTLP__ANY_VALUE__VALUE_BOOL_VALUE, v->bool_value = a->b;
    return kv;
}

static enum err attrs_make(struct op *op, const struct trace *t, size_t span, Otlp__Span *s)
{
    size_t n = 0;
    for (size_t i = 0; i < t->attr_count; i++)
        n += t->attrs[i].span == (int16_t)span;
    s->attributes = arena_array(op->arena, n + 1, Otlp__KeyValue *);
    if (!s->attributes)
        return op_fail(op, E_TOO_LARGE, "no memory for the attributes of a span");
    for (size_t i = 0; i < t->attr_count; i++)
        if (t->attrs[i].span == (int16_t)span)
            s->attributes[s->n_attributes++] = attr_make(op, t, &t->attrs[i]);
    return OK;
}

static enum err span_make(struct op *op, const struct trace *t, size_t i, Otlp__Span **ret)
{
    const struct trace_span *from = &t->spans[i];
    Otlp__Span *s = op_new(op, Otlp__Span);
    otlp__span__init(s);
    uint8_t *trace_id = (uint8_t *)(uintptr_t)t->context.trace_id, *parent = (uint8_t *)(uintptr_t)t->context.span_id;
    s->trace_id = (ProtobufCBinaryData){TRACE_ID_BYTES, trace_id};
    s->span_id = (ProtobufCBinaryData){TRACE_SPAN_BYTES, (uint8_t *)(uintptr_t)&from->id};
    if (from->parent >= 0)
        s->parent_span_id = (ProtobufCBinaryData){TRACE_SPAN_BYTES, (uint8_t *)(uintptr_t)&t->spans[from->parent].id};
    else if (is_called(t))
        s->parent_span_id = (ProtobufCBinaryData){TRACE_SPAN_BYTES, parent};
    s->trace_state = text_c(op, trace_str(t, t->state));
    s->name = text_c(op, trace_str(t, from->name));
    s->kind = from->kind;
    s->start_time_unix_nano = (uint64_t)(from->from_ns + t->wall_ns);
    s->end_time_unix_nano = (uint64_t)(from->to_ns + t->wall_ns);
    s->dropped_attributes_count = i ? 0 : t->dropped;
    s->flags = flags_of(t, i);
    if (from->failed) {
        s->status = op_new(op, Otlp__Status);
        otlp__status__init(s->status);
        s->status->code = 2;
        s->status->message = text_c(op, trace_str(t, from->problem));
    }
    *ret = s;
    return attrs_make(op, t, i, s);
}

static enum err request_make(struct op *op, const struct otlp_resource *resource, const struct trace *const *traces, size_t n, Otlp__TraceRequest *ret)
{
    Otlp__ResourceSpans **all = arena_array(op->arena, 1, Otlp__ResourceSpans *), *rs = op_new(op, Otlp__ResourceSpans);
    Otlp__ScopeSpans **scopes = arena_array(op->arena, 1, Otlp__ScopeSpans *), *ss = op_new(op, Otlp__ScopeSpans);
    size_t spans = 0;
    for (size_t i = 0; i < n; i++)
        spans += traces[i]->span_count;
    otlp__resource_spans__init(rs);
    otlp__scope_spans__init(ss);
    rs->resource = op_new(op, Otlp__Resource);
    otlp__resource__init(rs->resource);
    rs->resource->attributes = arena_array(op->arena, resource->count + 1, Otlp__KeyValue *);
    ss->spans = arena_array(op->arena, spans + 1, Otlp__Span *);
    if (!all || !scopes || !rs->resource->attributes || !ss->spans)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu spans", spans);
    for (size_t i = 0; i < resource->count; i++)
        rs->resource->attributes[rs->resource->n_attributes++] = pair_text(op, text_c(op, resource->pairs[i].key), resource->pairs[i].value);
    ss->scope = op_new(op, Otlp__Scope);
    otlp__scope__init(ss->scope);
    ss->scope->name = (char *)(uintptr_t)"ingot";
    ss->scope->version = (char *)(uintptr_t)INGOT_VERSION;
    rs->schema_url = ss->schema_url = (char *)(uintptr_t)OTLP_SCHEMA;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < traces[i]->span_count; k++) {
            enum err e = span_make(op, traces[i], k, &ss->spans[ss->n_spans++]);
            if (e)
                return e;
        }
    scopes[0] = ss;
    rs->scope_spans = scopes, rs->n_scope_spans = 1;
    all[0] = rs;
    ret->resource_spans = all, ret->n_resource_spans = 1;
    return OK;
}

enum err otlp_encode(struct op *op, const struct otlp_resource *resource, const struct trace *const *traces, size_t n, struct buf *out)
{
    Otlp__TraceRequest request;
    otlp__trace_request__init(&request);
    enum err e = request_make(op, resource, traces, n, &request);
    if (e)
        return e;
    size_t size = otlp__trace_request__get_packed_size(&request);
    uint8_t *p = (uint8_t *)buf_reserve(out, size);
    if (!p)
        return op_fail(op, E_TOO_LARGE, "a message of %zu bytes is too large", size);
    out->len += otlp__trace_request__pack(&request, p);
    return OK;
}

/* ---- JSON ---- */

static void json_hex(struct json_out *w, const char *key, const void *p, size_t n)
{
    char hex[2 * TRACE_ID_BYTES + 1];
    hash_hex(p, n, hex);
    json_kv_cstr(w, key, hex);
}

static void json_digits(struct json_out *w, const char *key, int64_t v)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    json_kv_cstr(w, key, text);
}

static void json_attr(struct json_out *w, const struct trace *t, const struct trace_attr *a)
{
    json_begin_object(w);
    json_kv_cstr(w, "key", a->key);
    json_key(w, "value");
    json_begin_object(w);
    if (a->type == TRACE_ATTR_TEXT)
        json_kv_str(w, "stringValue", trace_str(t, a->text));
    else if (a->type == TRACE_ATTR_I64)
        json_digits(w, "intValue", a->i);
    else if (a->type == TRACE_ATTR_F64)
        json_kv_f64(w, "doubleValue", a->f);
    else
        json_kv_bool(w, "boolValue", a->b);
    json_end_object(w);
    json_end_object(w);
}

static void json_span(struct json_out *w, const struct trace *t, size_t i)
{
    const struct trace_span *s = &t->spans[i];
    json_begin_object(w);
    json_hex(w, "traceId", t->context.trace_id, TRACE_ID_BYTES);
    json_hex(w, "spanId", &s->id, TRACE_SPAN_BYTES);
    if (s->parent >= 0 || is_called(t))
        json_hex(w, "parentSpanId", s->parent >= 0 ? (const uint8_t *)&t->spans[s->parent].id : t->context.span_id, TRACE_SPAN_BYTES);
    if (t->state.len)
        json_kv_str(w, "traceState", trace_str(t, t->state));
    json_kv_str(w, "name", trace_str(t, s->name));
    json_kv_i64(w, "kind", s->kind);
    json_digits(w, "startTimeUnixNano", s->from_ns + t->wall_ns);
    json_digits(w, "endTimeUnixNano", s->to_ns + t->wall_ns);
    json_key(w, "attributes");
    json_begin_array(w);
    for (size_t k = 0; k < t->attr_count; k++)
        if (t->attrs[k].span == (int16_t)i)
            json_attr(w, t, &t->attrs[k]);
    json_end_array(w);
    if (s->failed) {
        json_key(w, "status");
        json_begin_object(w);
        json_kv_str(w, "message", trace_str(t, s->problem));
        json_kv_i64(w, "code", 2);
        json_end_object(w);
    }
    json_kv_i64(w, "flags", flags_of(t, i));
    json_end_object(w);
}

static void json_resource(struct json_out *w, const struct otlp_resource *resource)
{
    json_key(w, "resource");
    json_begin_object(w);
    json_key(w, "attributes");
    json_begin_array(w);
    for (size_t i = 0; i < resource->count; i++) {
        json_begin_object(w);
        json_kv_str(w, "key", resource->pairs[i].key);
        json_key(w, "value");
        json_begin_object(w);
        json_kv_str(w, "stringValue", resource->pairs[i].value);
        json_end_object(w);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
}

enum err otlp_encode_json(struct op *op, const struct otlp_resource *resource, const struct trace *const *traces, size_t n, struct buf *out)
{
    struct json_out w;
    json_out_init(&w, out, 0);
    json_begin_object(&w);
    json_key(&w, "resourceSpans");
    json_begin_array(&w);
    json_begin_object(&w);
    json_resource(&w, resource);
    json_key(&w, "scopeSpans");
    json_begin_array(&w);
    json_begin_object(&w);
    json_key(&w, "scope");
    json_begin_object(&w);
    json_kv_cstr(&w, "name", "ingot");
    json_kv_cstr(&w, "version", INGOT_VERSION);
    json_end_object(&w);
    json_key(&w, "spans");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < traces[i]->span_count; k++)
            json_span(&w, traces[i], k);
    json_end_array(&w);
    json_kv_cstr(&w, "schemaUrl", OTLP_SCHEMA);
    json_end_object(&w);
    json_end_array(&w);
    json_kv_cstr(&w, "schemaUrl", OTLP_SCHEMA);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    return out->failed ? op_fail(op, E_TOO_LARGE, "a message of so many spans is too large") : OK;
}

/* ---- the answer ---- */

uint64_t otlp_rejected(struct op *op, struct str body, bool json, struct str *ret_why)
{
    int64_t n = 0;
    *ret_why = STR("");
    if (json) {
        struct op sub = *op; /* its failure is nobody's */
        struct json *j = NULL;
        if (!body.len || json_parse(&sub, body, 0, &j))
            return 0;
        const struct json *partial = json_get(j, "partialSuccess"), *count = partial ? json_get(partial, "rejectedSpans") : NULL,
                          *why = partial ? json_get(partial, "errorMessage") : NULL;
        bool known = count && (count->type == JSON_STRING ? str_parse_i64(count->s, &n) : json_as_i64(count, &n));
        *ret_why = why && why->type == JSON_STRING ? why->s : STR("");
        return known && n > 0 ? (uint64_t)n : 0;
    }
    Otlp__TraceResponse *r = otlp__trace_response__unpack(NULL, body.len, (const uint8_t *)body.p);
    if (r && r->partial_success) {
        n = r->partial_success->rejected_spans;
        *ret_why = str_dup(op->arena, str_from(r->partial_success->error_message));
    }
    if (r)
        otlp__trace_response__free_unpacked(r, NULL);
    return n > 0 ? (uint64_t)n : 0;
}
