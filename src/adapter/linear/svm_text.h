/* svm_text.h - reads the text models of LIBLINEAR (every solver) and of LIBSVM with a linear kernel into
 * one matrix of weights. Formats: the essay in svm_text.c. Nothing in the file is believed. */
#ifndef INGOT_ADAPTER_LINEAR_SVM_TEXT_H
#define INGOT_ADAPTER_LINEAR_SVM_TEXT_H

#include "base/op.h"

/* What stands at the end of the sums. VALUES: themselves; PROBABILITY: 1 / (1 + exp(-sum)), of several classes made to sum to 1; PLATT:
 * 1 / (1 + exp(a * sum + b)). VOTES and COUPLED: of the pairs of more than two classes (svm_pairs.h), the latter from their probabilities by a and b. */
enum svm_link { SVM_VALUES, SVM_PROBABILITY, SVM_PLATT, SVM_VOTES, SVM_COUPLED };
struct svm_text {
    size_t features, columns;  /* columns: 1, one per class, or one per pair of classes */
    size_t outputs;            /* values of a row: 1, or one per class */
    double *weight;            /* features x columns */
    double *bias;              /* columns; added last */
    enum svm_link link;
    const double *a, *b;       /* of SVM_PLATT and SVM_COUPLED: one per column */
    bool turned;               /* one column, and it speaks for the smaller label: the answer is turned round, so that it speaks for the greater */
    struct str *labels;        /* of more than two classes, ascending; else NULL */
    size_t label_count;
    uint32_t *order;           /* classes by ascending label: answer k is the file's class order[k] */
};

bool svm_text_accepts(struct str bytes);
/* Lives in `arena`. E_INVALID names the line; E_UNSUPPORTED: another kernel; E_TOO_LARGE: a limit. */
MUST_USE enum err svm_text_load(struct op *op, struct arena *arena, struct str bytes, struct svm_text *ret);

#endif
