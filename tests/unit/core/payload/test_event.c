/* The fields and the data of an event; tests/e2e/test_payloads.py reads them with the CloudEvents SDK. The receiver of the queue's test is a port in memory. */
#include "unit/base/base_test.h"

#include "base/time.h"
#include "core/payload/event.h"
#include "core/payload/item.h"

static const float x[] = {1, 2, 3, 4};
static const struct str names[] = {STR_INIT("age"), STR_INIT("ssn")};
static const struct tensor in = {.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 2, .shape = {2, 2}, .count = 4, .data = x};

static struct payload_item *item(unsigned events, const struct str *redact, size_t n)
{
    const struct payload_config c = {.events = events, .url = STR("http://sink/"), .service = STR("d\xc3\xa9lais \"1\""), .space = STR("ns"), .redact = redact, .redact_count = n};
    return payload_item_make(&(struct payload_note){.config = &c, .endpoint = STR("fl/\xc3\xa9"), .request_id = STR("req"), .inference_id = STR("q-1"), .version = 4, .arm = "candidate",
                                                    .time_us = 1000000, .rows = 2, .inputs = &in, .input_count = 1, .outputs = &in, .output_count = 1, .features = names,
                                                    .feature_count = 2},
                             false);
}

static struct str field(const struct notify_message *m, const char *name)
{
    for (size_t i = 0; i < m->header_count; i++)
        if (str_eqc(m->headers[i].name, name))
            return m->headers[i].value;
    return STR("<none>");
}

static void fields_and_data(void **state)
{
    struct fixture *f = *state;
    struct payload_item *i = item(3, &names[1], 1);
    struct notify_message m;
    struct buf body;
    buf_init(&body, 1 << 16);
    ASSERT_OK(&f->op, payload_event_make(&f->op, i, PAYLOAD_EVENT_REQUEST, &body, &m));
    ASSERT_STR(field(&m, "ce-specversion"), "1.0");
    ASSERT_STR(field(&m, "ce-id"), "req");
    ASSERT_STR(field(&m, "ce-type"), "org.kubeflow.serving.inference.request");
    ASSERT_STR(field(&m, "ce-source"), "/ingot/endpoints/fl%2F%C3%A9");
    ASSERT_STR(field(&m, "ce-time"), "1970-01-01T00:00:01Z");
    ASSERT_STR(field(&m, "ce-inferenceservicename"), "d%C3%A9lais%20%221%22");
    ASSERT_STR(field(&m, "ce-namespace"), "ns");
    ASSERT_STR(field(&m, "ce-endpoint"), "canary");
    ASSERT_STR(m.body, "{\"id\":\"q-1\",\"inputs\":[{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[1.0,null,3.0,null]}]}");
    buf_reset(&body);
    ASSERT_OK(&f->op, payload_event_make(&f->op, i, PAYLOAD_EVENT_RESPONSE, &body, &m));
    ASSERT_STR(field(&m, "ce-type"), "org.kubeflow.serving.inference.response");
    assert_true(str_starts(m.body, STR("{\"model_name\":\"fl/\xc3\xa9\",\"model_version\":\"4\",\"id\":\"q-1\",\"outputs\":[{\"name\":\"x\"")));
    buf_clear(&body);
    payload_item_destroy(i);
}

/* A request decides how many values there are, the configuration what is hidden: neither may make more of the other. */
static void very_many_values_are_hidden(void **state)
{
    struct fixture *f = *state;
    enum { N = 1 << 20 };
    uint8_t *data = calloc(N, 1);
    const struct str redact[] = {STR("x_3"), STR("x_1048575"), STR("x_1048576"), STR("x_"), STR("x"), STR("y")};
    const struct tensor t = {.name = STR("x"), .type = TENSOR_UINT8, .rank = 1, .shape = {N}, .count = N, .data = data};
    struct payload_config c = {.events = 3, .url = STR("http://sink/"), .redact = redact, .redact_count = 4};
    const struct payload_note note = {.config = &c, .endpoint = STR("e"), .request_id = STR("r"), .rows = 1, .inputs = &t, .input_count = 1};
    struct payload_item *some = payload_item_make(&note, false);
    c.redact_count = ARRAY_LEN(redact);
    struct payload_item *all = payload_item_make(&note, false);
    struct notify_message m;
    struct buf body;
    free(data);
    buf_init(&body, LIMIT_MIB(32));
    const size_t before = arena_used(f->op.arena);
    ASSERT_OK(&f->op, payload_event_make(&f->op, some, PAYLOAD_EVENT_REQUEST, &body, &m));
    assert_true(str_find(m.body, STR("\"data\":[0,0,0,null,0,0,")) != SIZE_MAX && str_ends(m.body, STR(",0,0,null]}]}")));
    assert_true(arena_used(f->op.arena) - before < 2 * N);
    AUTO(arena) struct arena *small = arena_create(LIMIT_KIB(64));
    struct op sub;
    op_init(&sub, small);
    buf_reset(&body);
    assert_int_equal(payload_event_make(&sub, some, PAYLOAD_EVENT_REQUEST, &body, &m), E_TOO_LARGE); /* rather than with what is to be hidden */
    buf_reset(&body);
    ASSERT_OK(&f->op, payload_event_make(&f->op, all, PAYLOAD_EVENT_REQUEST, &body, &m));
    assert_true(str_find(m.body, STR("\"data\":[null,null,null,")) != SIZE_MAX && str_find(m.body, STR(",0")) == SIZE_MAX);
    buf_clear(&body);
    payload_item_destroy(some);
    payload_item_destroy(all);
}

struct receiver {
    struct notify notify;
    atomic_int calls, failures; /* the next `failures` calls are answered 500 */
};

static enum err sent(void *self, struct op *op, const struct notify_message *m, struct notify_answer *ret)
{
    struct receiver *r = self;
    (void)op, (void)m;
    atomic_fetch_add(&r->calls, 1);
    *ret = (struct notify_answer){.status = atomic_fetch_sub(&r->failures, 1) > 0 ? 500 : 202};
    return OK;
}

static const struct notify_ops ops = {"test", NULL, sent, NULL};

static void sent_once_and_again(void **state)
{
    (void)state;
    struct receiver r = {.notify = {&ops, &r}};
    atomic_store(&r.failures, 1);
    struct payload_sender *s = payload_sender_create();
    payload_sender_notify(s, &r.notify);
    payload_sender_take(s, item(3, NULL, 0));
    payload_sender_take(s, item(PAYLOAD_EVENT_RESPONSE, NULL, 0));
    uint64_t good = 0, bad = 0;
    while (payload_sender_stats(s, &good, &bad), good < 3)
        time_sleep_ms(2);
    assert_int_equal(atomic_load(&r.calls), 4);
    assert_int_equal(bad, 0);
    payload_sender_destroy(s);
}

static void without_a_way_they_are_dropped(void **state)
{
    (void)state;
    struct payload_sender *s = payload_sender_create();
    payload_sender_take(s, item(PAYLOAD_EVENT_REQUEST, NULL, 0));
    uint64_t good = 0, bad = 0;
    while (payload_sender_stats(s, &good, &bad), !bad)
        time_sleep_ms(2);
    assert_int_equal(good, 0);
    payload_sender_destroy(s);
    payload_sender_destroy(NULL);
}

static void the_queue_drops_the_oldest(void **state)
{
    (void)state;
    struct payload_queue q;
    struct payload_item *first = item(1, NULL, 0), *second = item(1, NULL, 0);
    payload_queue_init(&q, second->bytes);
    payload_queue_put(&q, first);
    payload_queue_put(&q, second);
    assert_int_equal(q.dropped, 1);
    assert_ptr_equal(payload_queue_pop(&q), second);
    assert_null(payload_queue_pop(&q));
    payload_item_destroy(second);
    payload_queue_clear(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(fields_and_data), TEST(very_many_values_are_hidden), TEST(sent_once_and_again), TEST(without_a_way_they_are_dropped), TEST(the_queue_drops_the_oldest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
