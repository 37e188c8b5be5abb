#include "core/rollout/sums.h"

#include "rollout_fixture.h"

static void sums_come_back_bit_for_bit(void **state)
{
    (void)state;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(4));
    struct op op;
    op_init(&op, arena);
    struct rng rng;
    rng_seed(&rng, 3);
    struct moments m = {0}, m_back = {0};
    struct moments2 m2 = {0}, m2_back = {0};
    struct sketch *s = op_new(&op, struct sketch), *s_back = op_new(&op, struct sketch);
    for (int i = 0; i < 1000; i++) {
        double v = rng_normal(&rng);
        moments_add(&m, v);
        moments2_add(&m2, v, v * rng_normal(&rng));
        sketch_add(s, i % 50 ? v : NAN);
    }
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *j = NULL;
    uint64_t count = 0;
    double real = 0;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    sums_moments_json(&w, "m", &m);
    sums_moments2_json(&w, "m2", &m2);
    sums_sketch_json(&w, "s", s);
    sums_count_json(&w, "c", UINT64_C(1) << 60);
    json_kv_f64(&w, "f", 0.1);
    json_end_object(&w);
    assert_int_equal(json_parse(&op, buf_str(&b), JSON_STRICT, &j), OK);
    assert_int_equal(sums_moments_parse(&op, j, "m", &m_back), OK);
    assert_int_equal(sums_moments2_parse(&op, j, "m2", &m2_back), OK);
    assert_int_equal(sums_sketch_parse(&op, j, "s", s_back), OK);
    assert_int_equal(sums_count_parse(&op, j, "c", &count), OK);
    assert_int_equal(sums_f64_parse(&op, j, "f", &real), OK);
    assert_true(!memcmp(&m, &m_back, sizeof m) && !memcmp(&m2, &m2_back, sizeof m2) && !memcmp(s, s_back, sizeof *s) && count == UINT64_C(1) << 60);
    static const char *const bad[] = {
        "{\"m\":[1,2],\"s\":{}}", "{\"m\":7,\"s\":{\"n\":1,\"missing\":0,\"cells\":[5]}}", "{\"m\":[-1,2,3],\"s\":{\"n\":1,\"missing\":0,\"cells\":[999999,1]}}",
        "{\"m\":[1,\"2\",3],\"s\":{\"n\":1,\"missing\":0,\"cells\":[5,-1]}}", "{\"s\":{\"n\":-1,\"missing\":0,\"cells\":[]}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(json_parse(&op, str_from(bad[i]), JSON_STRICT, &j), OK);
        assert_int_equal(sums_moments_parse(&op, j, "m", &m_back), E_CORRUPT);
        assert_int_equal(sums_sketch_parse(&op, j, "s", s_back), E_CORRUPT);
        assert_int_equal(sums_count_parse(&op, j, "c", &count), E_CORRUPT);
        assert_int_equal(sums_f64_parse(&op, j, "f", &real), E_CORRUPT);
        op_clear(&op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sums_come_back_bit_for_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
