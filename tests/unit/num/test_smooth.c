#include "num/smooth.h"

#include "oracle.h"

static double *values_of(const struct json *array)
{
    double *x = calloc(array->len + 1, sizeof *x);
    assert_non_null(x);
    for (uint32_t i = 0; i < array->len; i++)
        x[i] = array->items[i].type == JSON_NULL ? (double)NAN : num_at(array, i);
    return x;
}

static void as_pandas(void **state)
{
    (void)state;
    struct op op;
    op_init(&op, arena_create(LIMIT_MIB(64)));
    const struct json *rows = oracle_load(&op, "smooth.json");
    static const char *const kinds[] = {"ema", "ema_at", "mean", "gaussian"};
    size_t seen = 0;
    for (uint32_t r = 0; r < rows->len; r++) {
        const struct json *row = &rows->items[r], *xs = json_get(row, "x");
        double *x = values_of(xs), *at = values_of(json_get(row, "at")), *out = calloc(xs->len, sizeof *out);
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
            const struct json *cases = json_get(row, kinds[k]);
            for (uint32_t c = 0; c < cases->len; c++, seen++) {
                double p = num_at(&cases->items[c], 0);
                double *want = values_of(&cases->items[c].items[1]);
                if (k == 0)
                    smooth_ema(x, xs->len, p, out);
                else if (k == 1)
                    smooth_ema_at(at, x, xs->len, p, out);
                else if (k == 2)
                    smooth_mean(x, xs->len, (size_t)p, out);
                else
                    smooth_gaussian(x, xs->len, p, out);
                for (uint32_t i = 0; i < xs->len; i++) {
                    if (isnan(want[i]) != isnan(out[i]))
                        fail_msg("%s %g at %u: %g, want %g", kinds[k], p, i, out[i], want[i]);
                    near_rel(kinds[k], out[i], want[i], 1e-12, 1e-14);
                }
                free(want);
            }
        }
        free(x);
        free(at);
        free(out);
    }
    assert_int_equal(seen, 5 * 12);
    arena_destroy(op.arena);
}

static void in_place(void **state)
{
    (void)state;
    double x[] = {1, 2, (double)NAN, 4}, y[4];
    smooth_ema(x, 4, 0.5, y);
    smooth_ema(x, 4, 0.5, x);
    assert_true(isnan(x[2]) && isnan(y[2]));
    assert_true(x[0] == y[0] && x[1] == y[1] && x[3] == y[3] && x[1] == 5.0 / 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_pandas), cmocka_unit_test(in_place)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
