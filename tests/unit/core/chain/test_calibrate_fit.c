/* Fitted maps against scikit-learn, and where there is no such code, against what makes a fit the best one. */
#include "core/chain/calibrate_fit.h"

#include "chain_fixture.h"

static struct calibrator *fit(struct op *op, const char *method, const float *scores, const float *labels, size_t n)
{
    struct calibrator *c = NULL;
    if (calibrate_fit(op, json_of(op, op_printf(op, "{\"method\":\"%s\"}", method)), scores, labels, n, &c))
        fail_msg("%s: %s", method, op->msg);
    return c;
}

static void test_sklearn(void **state)
{
    struct op *op = *state;
    const struct json *data = json_get(recorded(op), "calibration"), *list = json_get(data, "scores");
    const float *scores = floats_of(op, list), *labels = floats_of(op, json_get(data, "labels"));
    double *grid, *want, *x, *y;
    const size_t n = numbers_of(op, json_get(data, "grid"), &grid);
    const struct calibrator *iso = fit(op, "isotonic", scores, labels, list->len), *platt = fit(op, "platt", scores, labels, list->len);
    const size_t points = numbers_of(op, json_path(data, "isotonic.x"), &x);
    numbers_of(op, json_path(data, "isotonic.y"), &y);
    for (size_t i = 0; i < points; i++) { /* scikit-learn keeps the same points */
        near("isotonic x", i, iso->maps->x[i], x[i], 0);
        near("isotonic y", i, iso->maps->y[i], y[i], 1e-12);
    }
    assert_int_equal(iso->maps->len, points);
    numbers_of(op, json_path(data, "isotonic.out"), &want);
    for (size_t i = 0; i < n; i++)
        near("isotonic", i, calibrator_score(iso, grid[i]), want[i], 1e-12);
    numbers_of(op, json_path(data, "isotonic.whole"), &want);
    for (size_t i = 0; i < n; i++)
        near("CalibratedClassifierCV isotonic", i, calibrator_score(iso, grid[i]), want[i], 1e-12);
    numbers_of(op, json_path(data, "platt.out"), &want); /* theirs stops at a gradient of 1e-6 */
    for (size_t i = 0; i < n; i++)
        near("platt", i, calibrator_score(platt, grid[i]), want[i], 1e-5);
}

/* Minus the log of the likelihood of the labels. */
static double loss(const struct calibrator *c, const float *scores, const float *labels, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        const double p = calibrator_score(c, (double)scores[i]);
        sum -= labels[i] > 0 ? log(p) : log1p(-p);
    }
    return sum;
}

/* No step in any direction is better. */
static void test_best(void **state)
{
    struct op *op = *state;
    const struct json *data = json_get(recorded(op), "calibration"), *list = json_get(data, "scores");
    const float *scores = floats_of(op, list), *labels = floats_of(op, json_get(data, "labels"));
    static const char *const methods[] = {"temperature", "beta"};
    for (size_t m = 0; m < ARRAY_LEN(methods); m++) {
        struct calibrator *c = fit(op, methods[m], scores, labels, list->len);
        struct calibrate_map map = *c->maps, try = map;
        const double best = loss(c, scores, labels, list->len);
        c->maps = &try;
        for (size_t k = 0; k < 3; k++) {
            for (int sign = -1; sign <= 1; sign += 2) {
                try = map;
                *(k == 0 ? &try.a : k == 1 ? &try.b : &try.c) += sign * 1e-3;
                assert_true(loss(c, scores, labels, list->len) >= best);
            }
        }
    }
}

/* Scores made by a known map are mapped back. */
static void test_known(void **state)
{
    struct op *op = *state;
    enum { N = 20000 };
    float *scores = arena_array(op->arena, N, float), *labels = arena_array(op->arena, N, float);
    for (size_t i = 0; i < N; i++) { /* true odds are the square root of the score's: t = 2 */
        const double z = ((double)(i / 100) - 99.5) / 50;
        scores[i] = (float)(1 / (1 + exp(-2 * z)));
        labels[i] = (double)(i % 100) + 0.5 < 100 / (1 + exp(-z));
    }
    assert_float_equal(fit(op, "temperature", scores, labels, N)->maps->a, 2, 0.02);
    const struct calibrate_map *beta = fit(op, "beta", scores, labels, N)->maps;
    assert_float_equal(beta->a, 0.5, 0.02);
    assert_float_equal(beta->b, 0.5, 0.02);
    assert_float_equal(beta->c, 0, 0.02);
}

static void test_refused(void **state)
{
    struct op *op = *state;
    struct calibrator *c = NULL;
    const float scores[] = {0.1F, 0.2F, 0.8F, 0.9F}, apart[] = {0, 0, 1, 1}, one[] = {1, 1, 1, 1}, nan[] = {NAN, 0, 0, 1}, worse[] = {1, 0, 1, 0};
    REFUSED(op, calibrate_fit(op, json_of(op, "{\"method\":\"magic\"}"), scores, apart, 4, &c), "method must be");
    REFUSED(op, calibrate_fit(op, json_of(op, "{\"method\":\"platt\",\"x\":1}"), scores, apart, 4, &c), "no member");
    REFUSED(op, calibrate_fit(op, json_of(op, "{\"method\":\"platt\"}"), scores, one, 4, &c), "one class");
    REFUSED(op, calibrate_fit(op, json_of(op, "{\"method\":\"platt\"}"), nan, apart, 4, &c), "not finite");
    REFUSED(op, calibrate_fit(op, json_of(op, "{\"method\":\"temperature\"}"), scores, worse, 4, &c), "higher scores are worse");
    assert_null(c);
    fit(op, "platt", scores, apart, 4); /* Platt's targets keep it finite */
    assert_int_equal(fit(op, "isotonic", scores, worse, 4)->maps->len, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(test_sklearn), TEST(test_best), TEST(test_known), TEST(test_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
