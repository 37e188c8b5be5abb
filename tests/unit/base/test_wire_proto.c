#include "base_test.h"

#include "base/wire_proto.h"

#define BYTES(...) ((struct str){(const char[]){__VA_ARGS__}, sizeof((const char[]){__VA_ARGS__})})

/* The examples of protobuf's own description of its encoding: 150 in field 1, "testing" in field 2. */
static void reads_the_public_examples(void **state)
{
    (void)state;
    struct proto_in in = proto_in(BYTES(0x08, (char)0x96, 0x01, 0x12, 0x07, 't', 'e', 's', 't', 'i', 'n', 'g'));
    struct proto_field f;
    assert_true(proto_next(&in, &f));
    assert_int_equal(f.number, 1);
    assert_int_equal(f.wire, PROTO_VARINT);
    assert_int_equal(f.value, 150);
    assert_true(proto_next(&in, &f));
    assert_int_equal(f.number, 2);
    assert_int_equal(f.wire, PROTO_LEN);
    ASSERT_STR(f.bytes, "testing");
    assert_false(proto_next(&in, &f));
    assert_false(in.bad);
}

static void reads_fixed_numbers_and_negative_ones(void **state)
{
    (void)state;
    struct proto_in in = proto_in(BYTES(0x0d, 0, 0, (char)0x80, 0x3f, 0x11, 0, 0, 0, 0, 0, 0, 0, (char)0xc0, 0x18, (char)0xff, (char)0xff, (char)0xff,
                                        (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xff, 0x01));
    struct proto_field f;
    assert_true(proto_next(&in, &f));
    assert_int_equal(f.wire, PROTO_I32);
    assert_true(proto_f32(&f) == 1.0f);
    assert_true(proto_next(&in, &f));
    assert_int_equal(f.wire, PROTO_I64);
    assert_true(proto_f64(&f) == -2.0);
    assert_true(proto_next(&in, &f));
    assert_int_equal(f.number, 3);
    assert_int_equal(proto_i64(&f), -1);
    assert_false(proto_next(&in, &f));
    assert_false(in.bad);
}

static void repeated_numbers_packed_or_not(void **state)
{
    (void)state;
    /* The documentation's packed example: 3, 270, 86942. */
    struct proto_in in = proto_in(BYTES(0x32, 0x06, 0x03, (char)0x8e, 0x02, (char)0x9e, (char)0xa7, 0x05, 0x30, 0x07));
    struct proto_field f;
    int64_t v = 0, want[] = {3, 270, 86942};
    assert_true(proto_next(&in, &f));
    assert_int_equal(proto_value_count(&f, PROTO_VARINT), 3);
    struct proto_in values = proto_values(&f);
    for (size_t i = 0; i < 3; i++) {
        assert_true(proto_value_i64(&f, &values, &v));
        assert_int_equal(v, want[i]);
    }
    assert_false(proto_value_i64(&f, &values, &v));
    assert_false(values.bad);
    assert_true(proto_next(&in, &f));
    assert_int_equal(proto_value_count(&f, PROTO_VARINT), 1);
    values = proto_values(&f);
    assert_true(proto_value_i64(&f, &values, &v));
    assert_int_equal(v, 7);
    assert_false(proto_value_i64(&f, &values, &v));

    float x = 0;
    double d = 0;
    struct proto_field floats = {.number = 1, .wire = PROTO_LEN, .bytes = BYTES(0, 0, (char)0x80, 0x3f, 0, 0, 0, 0x40)};
    assert_int_equal(proto_value_count(&floats, PROTO_I32), 2);
    values = proto_values(&floats);
    assert_true(proto_value_f32(&floats, &values, &x) && x == 1.0f);
    assert_true(proto_value_f32(&floats, &values, &x) && x == 2.0f);
    assert_false(proto_value_f32(&floats, &values, &x));
    floats.bytes.len = 7;
    assert_int_equal(proto_value_count(&floats, PROTO_I32), SIZE_MAX);
    values = proto_values(&floats);
    assert_true(proto_value_f32(&floats, &values, &x));
    assert_false(proto_value_f32(&floats, &values, &x));
    assert_true(values.bad);
    struct proto_field one = {.number = 1, .wire = PROTO_I64, .value = 0x4000000000000000};
    values = proto_values(&one);
    assert_true(proto_value_f64(&one, &values, &d) && d == 2.0);
    values = proto_values(&one);
    assert_false(proto_value_f32(&one, &values, &x)); /* of another wire type */
    assert_true(values.bad);
}

static void malformed(void **state)
{
    (void)state;
    const struct str bad[] = {
        BYTES(0x08),                                                                  /* no value */
        BYTES(0x08, (char)0x80),                                                      /* a varint without its end */
        BYTES(0x08, (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80, (char)0x80, 0x01),
        BYTES(0x12, 0x05, 'a'),                                                       /* longer than what is there */
        BYTES(0x12, (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xff, (char)0xff, 0x01),
        BYTES(0x00, 0x00),                                                            /* field 0 */
        BYTES(0x0b, 0x0c),                                                            /* a group */
        BYTES(0x0e),                                                                  /* wire type 6 */
        BYTES(0x0d, 0, 0, 0),                                                         /* three of four bytes */
        BYTES((char)0xf8, (char)0xff, (char)0xff, (char)0xff, (char)0xff, 0x01, 0x00), /* a field number beyond 2^29 - 1 */
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct proto_in in = proto_in(bad[i]);
        struct proto_field f;
        assert_false(proto_next(&in, &f));
        assert_true(in.bad);
        assert_false(proto_next(&in, &f));
    }
    struct proto_field run_on = {.number = 1, .wire = PROTO_LEN, .bytes = BYTES(0x01, (char)0x80)};
    assert_int_equal(proto_value_count(&run_on, PROTO_VARINT), SIZE_MAX);
    struct proto_in empty = proto_in(STR(""));
    struct proto_field f;
    assert_false(proto_next(&empty, &f));
    assert_false(empty.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_public_examples),
        cmocka_unit_test(reads_fixed_numbers_and_negative_ones),
        cmocka_unit_test(repeated_numbers_packed_or_not),
        cmocka_unit_test(malformed),
    };
    return cmocka_run_group_tests_name("wire_proto", tests, NULL, NULL);
}
