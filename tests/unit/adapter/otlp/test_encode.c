/* What is written is read back by protobuf-c and by the JSON parser; tests/e2e/test_traces.py reads it with OpenTelemetry's own messages. */
#include "unit/base/base_test.h"

#include <otlp_trace.pb-c.h>

#include "adapter/otlp/encode.h"
#include "base/json.h"

static const struct otlp_pair pairs[] = {{STR_INIT("service.name"), STR_INIT("test")}};
static const struct otlp_resource resource = {pairs, 1};

static struct trace *some(struct fixture *f)
{
    struct trace_context c;
    assert_true(trace_context_parse(STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), &c));
    struct trace *t = trace_make(f->arena, &c, 0, 0, 7);
    t->wall_ns = 5;
    t->state = trace_text(t, STR("k=v"));
    int root = trace_span(t, TRACE_NONE, TRACE_SERVER, STR("request"), 1000, 9000), child = trace_note(t, "chi\xffld", 2000, 3000);
    trace_attr_text(t, root, "text", STR("v\"alue"));
    trace_attr_i64(t, root, "int", INT64_MIN);
    trace_attr_f64(t, child, "real", 0.5);
    trace_attr_bool(t, child, "flag", true);
    trace_fail(t, child, STR("broken"));
    trace_seal(t);
    return t;
}

static void protobuf(void **state)
{
    struct fixture *f = *state;
    const struct trace *t = some(f);
    struct buf out;
    buf_init(&out, 1 << 20);
    ASSERT_OK(&f->op, otlp_encode(&f->op, &resource, &t, 1, &out));
    Otlp__TraceRequest *r = otlp__trace_request__unpack(NULL, out.len, (const uint8_t *)out.p);
    assert_non_null(r);
    assert_string_equal(r->resource_spans[0]->resource->attributes[0]->value->string_value, "test");
    const Otlp__ScopeSpans *s = r->resource_spans[0]->scope_spans[0];
    assert_int_equal(s->n_spans, 2);
    const Otlp__Span *root = s->spans[0], *child = s->spans[1];
    assert_memory_equal(root->trace_id.data, t->context.trace_id, 16);
    assert_memory_equal(root->parent_span_id.data, t->context.span_id, 8);
    assert_memory_equal(child->parent_span_id.data, root->span_id.data, 8);
    assert_int_equal(root->start_time_unix_nano, 1005);
    assert_int_equal(root->flags, 0x301);
    assert_int_equal(child->flags, 0x101);
    assert_string_equal(root->trace_state, "k=v");
    assert_string_equal(child->name, "chi?ld");
    assert_int_equal(root->attributes[1]->value->int_value, INT64_MIN);
    assert_int_equal(child->status->code, 2);
    assert_null(root->status);
    otlp__trace_request__free_unpacked(r, NULL);
    buf_clear(&out);
}

static void json(void **state)
{
    struct fixture *f = *state;
    const struct trace *t = some(f);
    struct json *j = NULL;
    struct buf out;
    buf_init(&out, 1 << 20);
    ASSERT_OK(&f->op, otlp_encode_json(&f->op, &resource, &t, 1, &out));
    ASSERT_OK(&f->op, json_parse(&f->op, buf_str(&out), 0, &j));
    const struct json *spans = json_get(&json_get(&json_get(j, "resourceSpans")->items[0], "scopeSpans")->items[0], "spans");
    ASSERT_STR(json_get(&spans->items[0], "traceId")->s, "0af7651916cd43dd8448eb211c80319c");
    ASSERT_STR(json_get(&spans->items[0], "parentSpanId")->s, "b7ad6b7169203331");
    ASSERT_STR(json_get(&spans->items[0], "endTimeUnixNano")->s, "9005");
    ASSERT_STR(json_path(&json_get(&spans->items[0], "attributes")->items[1], "value.intValue")->s, "-9223372036854775808");
    assert_true(str_eq(json_get(&spans->items[1], "parentSpanId")->s, json_get(&spans->items[0], "spanId")->s));
    buf_clear(&out);
}

static void a_message_that_is_too_large(void **state)
{
    struct fixture *f = *state;
    const struct trace *t = some(f);
    struct buf out;
    buf_init(&out, 64);
    assert_int_equal(otlp_encode(&f->op, &resource, &t, 1, &out), E_TOO_LARGE);
    buf_clear(&out);
}

static void partial_success(void **state)
{
    struct fixture *f = *state;
    struct str why = STR("");
    assert_int_equal(otlp_rejected(&f->op, STR("\x0a\x07\x08\x03\x12\x03" "why"), false, &why), 3);
    ASSERT_STR(why, "why");
    assert_int_equal(otlp_rejected(&f->op, STR(""), false, &why), 0);
    assert_int_equal(otlp_rejected(&f->op, STR("<html>"), false, &why), 0);
    assert_int_equal(otlp_rejected(&f->op, STR("{\"partialSuccess\":{\"rejectedSpans\":\"4\",\"errorMessage\":\"x\"}}"), true, &why), 4);
    ASSERT_STR(why, "x");
    assert_int_equal(otlp_rejected(&f->op, STR("{}"), true, &why), 0);
    assert_int_equal(otlp_rejected(&f->op, STR("<html>"), true, &why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(protobuf), TEST(json), TEST(a_message_that_is_too_large), TEST(partial_success)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
