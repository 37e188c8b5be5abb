#include "adapter/linear/svm_pairs.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/cc.h"
#include "base/limits.h"

static void places(void **state)
{
    (void)state;
    for (size_t k = 2; k <= LIMIT_SVM_CLASSES; k++) {
        size_t n = 0;
        for (size_t i = 0; i < k; i++)
            for (size_t j = i + 1; j < k; j++)
                assert_int_equal(svm_pair(k, i, j), n++);
        assert_int_equal(svm_pairs(k), n);
    }
}

static void votes(void **state)
{
    (void)state;
    static const struct {
        double sums[3], want[3];
    } cases[] = {
        {{1, 1, 1}, {2, 1, 0}}, {{-1, 0, 5}, {0, 2, 1}}, /* nothing is a vote against the first */
        {{1, -1, 1}, {1.5, 1, 1}}, {{-1, 1, -1}, {1.5, 1, 1}}, {{-1, -1, -0.0}, {0, 1, 2}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double got[3];
        svm_pairs_vote(cases[i].sums, 3, got);
        for (size_t c = 0; c < 3; c++)
            if (got[c] != cases[i].want[c])
                fail_msg("%zu: class %zu has %g", i, c, got[c]);
    }
}

/* Pairs that agree with some p are answered by that p; two classes by what is given. */
static void coupling(void **state)
{
    (void)state;
    double p[LIMIT_SVM_CLASSES], got[LIMIT_SVM_CLASSES], pairs[LIMIT_SVM_CLASSES * (LIMIT_SVM_CLASSES - 1) / 2];
    for (size_t k = 2; k <= LIMIT_SVM_CLASSES; k = k < 5 ? k + 1 : k + 13) {
        double total = 0, sum = 0, worst = 0;
        for (size_t i = 0; i < k; i++)
            total += p[i] = 1 + (double)(i * i * 7 % 11);
        for (size_t i = 0; i < k; i++)
            for (size_t j = i + 1; j < k; j++)
                pairs[svm_pair(k, i, j)] = p[i] / (p[i] + p[j]);
        svm_pairs_couple(pairs, k, got);
        for (size_t i = 0; i < k; i++) {
            sum += got[i];
            worst = fmax(worst, fabs(got[i] - p[i] / total));
        }
        if (fabs(sum - 1) > 1e-12 || worst > 0.02)
            fail_msg("%zu classes: off by %g, sum %g", k, worst, sum);
    }
    /* As certain as it gets. */
    for (size_t i = 0; i < svm_pairs(LIMIT_SVM_CLASSES); i++)
        pairs[i] = i % 2 ? 1e-7 : 1 - 1e-7;
    svm_pairs_couple(pairs, LIMIT_SVM_CLASSES, got);
    for (size_t i = 0; i < LIMIT_SVM_CLASSES; i++)
        assert_true(got[i] >= 0 && got[i] <= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(places), cmocka_unit_test(votes), cmocka_unit_test(coupling)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
