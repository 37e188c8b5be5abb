/* svm_pairs.h - from what two-class machines say of each pair of classes to one value per class, as LIBSVM does it. Private to adapter/linear.
 *
 * The pairs of k classes stand in the order (0, 1), (0, 2) ... (0, k-1), (1, 2) ...; a pair's value speaks for its first class. k is 2 to
 * LIMIT_SVM_CLASSES. Pure; cannot fail; any thread. */
#ifndef INGOT_ADAPTER_LINEAR_SVM_PAIRS_H
#define INGOT_ADAPTER_LINEAR_SVM_PAIRS_H

#include <stddef.h>

static inline size_t svm_pairs(size_t k) { return k * (k - 1) / 2; }
/* The place of the pair of i < j. */
static inline size_t svm_pair(size_t k, size_t i, size_t j) { return i * k - i * (i + 1) / 2 + j - i - 1; }

/* Pairs that each class wins: a sum above 0 is a vote for the first. Of classes with equally many LIBSVM names the first; it gets half a vote more, so
 * that the largest value is its answer. */
void svm_pairs_vote(const double *sums, size_t k, double *ret_votes);
/* Probabilities of the classes from those of the pairs, which lie in (0, 1). */
void svm_pairs_couple(const double *pairs, size_t k, double *ret_p);

#endif
