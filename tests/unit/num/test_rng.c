#include "num/rng.h"

#include "oracle.h"

/* The first outputs of xoshiro256** from the state 1, 2, 3, 4 (the reference implementation's). */
static void known_sequence(void **state)
{
    (void)state;
    struct rng r = {{1, 2, 3, 4}};
    static const uint64_t want[] = {11520, 0, 1509978240, 1215971899390074240};
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_true(rng_u64(&r) == want[i]);
}

static void moments_are_right(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 42);
    double sum = 0, square = 0, flat = 0;
    uint64_t counts[7] = {0};
    for (int i = 0; i < 100000; i++) {
        double z = rng_normal(&r), u = rng_f64(&r);
        assert_true(u >= 0 && u < 1);
        sum += z;
        square += z * z;
        flat += u;
        counts[rng_below(&r, 7)]++;
    }
    near_rel("mean", sum / 100000, 0, 0, 0.02);
    near_rel("variance", square / 100000, 1, 0.03, 0);
    near_rel("uniform", flat / 100000, 0.5, 0.01, 0);
    for (int i = 0; i < 7; i++)
        near_rel("below", (double)counts[i], 100000.0 / 7, 0.05, 0);
    struct rng a, b;
    rng_seed(&a, 9);
    rng_seed(&b, 9);
    assert_true(rng_u64(&a) == rng_u64(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_sequence), cmocka_unit_test(moments_are_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
