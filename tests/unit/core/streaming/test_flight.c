#include "core/streaming/flight.h"
#include "streaming_fixture.h"

/* Dear records are asked together; each slot has its own answer, and tombstones are left alone. */
static void test_many_at_once(void **state)
{
    struct streaming_fixture *f = *state;
    struct serve_endpoint *ep = NULL;
    struct flight flight;
    struct stream_record records[40] = {0};
    uint64_t retried = 0;
    CHECK(serve_acquire(&f->op, f->serve, STR("toy"), &ep));
    const struct flight_ask ask = {.endpoint = ep, .info = serve_endpoint_info(ep), .codec = &f->codec, .stop = &f->stop, .retries = 1, .retried = &retried};
    for (size_t i = 0; i < 40; i++)
        records[i] = (struct stream_record){.topic = STR("in"), .has_value = i != 5, .value = str_from(op_printf(&f->op, "{\"x\": [%zu, %d]}", i, i == 9 ? 666 : 1))};
    records[9].value = STR("{\"x\": [666, 0]}");
    records[11].value = STR("[]");
    flight_init(&flight, 40);
    for (int again = 0; again < 3; again++) {
        flight_run(&flight, &ask, records, 40);
        for (size_t i = 0; i < 40; i++) {
            const struct flight_slot *s = &flight.slots[i];
            assert_ptr_equal(s->record, &records[i]);
            assert_int_equal(s->err, i == 9 ? E_IO : i == 11 ? E_INVALID : OK);
            if (s->err)
                assert_non_null(s->op.msg);
            else if (records[i].has_value)
                assert_true(*(const float *)s->answer.outputs[0].data == (float)i + 1);
        }
        assert_int_equal(flight.pending, 0);
    }
    assert_true(retried >= 3);
    flight_clear(&flight);
    serve_release(ep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_many_at_once, streaming_setup, streaming_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
