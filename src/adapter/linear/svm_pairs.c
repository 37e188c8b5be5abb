/* Coupling is the second method of Wu, Lin and Weng, "Probability estimates for multi-class classification by pairwise coupling", JMLR 5 (2004): with
 * r_ij the probability of i against j, the p that minimises sum_i sum_j (r_ji p_i - r_ij p_j)^2 over all p that sum to 1. With
 *
 *     Q_ii = sum over j of r_ji^2,   Q_ij = -r_ji r_ij
 *
 * p solves Q p = (p'Q p) 1. One entry after the other is set so that its row holds, and p is made to sum to 1 again (their algorithm 2): with
 * d = (p'Qp - (Qp)_i) / Q_ii, p becomes (p + d e_i) / (1 + d), and p'Qp becomes (p'Qp + d (d Q_ii + 2 (Qp)_i)) / (1 + d)^2. LIBSVM stops when no row is off by
 * more than 0.005 / k, after 100 sweeps (or k) at most. That is coarse enough to be seen in the third decimal, so the same rule is kept here. */
#include "adapter/linear/svm_pairs.h"

#include <math.h>

#include "base/cc.h"
#include "base/limits.h"

#define TOLERANCE 0.005
enum { SWEEPS = 100 };

void svm_pairs_vote(const double *sums, size_t k, double *ret_votes)
{
    size_t best = 0;
    for (size_t i = 0; i < k; i++)
        ret_votes[i] = 0;
    for (size_t i = 0; i < k; i++)
        for (size_t j = i + 1; j < k; j++)
            ret_votes[*sums++ > 0 ? i : j] += 1;
    for (size_t i = 1; i < k; i++)
        best = ret_votes[i] > ret_votes[best] ? i : best;
    bool tie = false;
    for (size_t i = best + 1; i < k; i++)
        tie = tie || ret_votes[i] >= ret_votes[best];
    ret_votes[best] += tie ? 0.5 : 0;
}

static double row_times(const double *row, const double *p, size_t k)
{
    double sum = 0;
    for (size_t j = 0; j < k; j++)
        sum += row[j] * p[j];
    return sum;
}

/* p'Qp; *ret_error: how far the worst row is from it. */
static double form(const double *q, const double *p, size_t k, double *ret_error)
{
    double rows[LIMIT_SVM_CLASSES], sum = 0, error = 0;
    for (size_t i = 0; i < k; i++) {
        rows[i] = row_times(q + i * k, p, k);
        sum += p[i] * rows[i];
    }
    for (size_t i = 0; i < k; i++)
        error = fmax(error, fabs(rows[i] - sum));
    *ret_error = error;
    return sum;
}

static void sweep(const double *q, double *p, size_t k, double sum)
{
    for (size_t i = 0; i < k; i++) {
        const double own = q[i * k + i], row = row_times(q + i * k, p, k), d = (sum - row) / own;
        sum = (sum + d * (d * own + 2 * row)) / ((1 + d) * (1 + d));
        p[i] += d;
        for (size_t j = 0; j < k; j++)
            p[j] /= 1 + d;
    }
}

void svm_pairs_couple(const double *pairs, size_t k, double *ret_p)
{
    double q[LIMIT_SVM_CLASSES * LIMIT_SVM_CLASSES] = {0}, error = 0;
    const size_t most = k > SWEEPS ? k : SWEEPS;
    for (size_t i = 0; i < k; i++) {
        ret_p[i] = 1 / (double)k;
        for (size_t j = i + 1; j < k; j++) {
            const double r = *pairs++; /* of i; 1 - r is j's */
            q[i * k + i] += (1 - r) * (1 - r);
            q[j * k + j] += r * r;
            q[i * k + j] = q[j * k + i] = -r * (1 - r);
        }
    }
    double sum = form(q, ret_p, k, &error);
    for (size_t n = 0; n < most && error >= TOLERANCE / (double)k; n++) {
        sweep(q, ret_p, k, sum);
        sum = form(q, ret_p, k, &error);
    }
}
