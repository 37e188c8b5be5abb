/* reference.h - what drift is measured against: samples of the training features and scores, and how good the model was.
 * Part of monitor.h's interface. Thread-safe; a parsed or sorted reference is immutable. */
#ifndef INGOT_CORE_MONITOR_REFERENCE_H
#define INGOT_CORE_MONITOR_REFERENCE_H

#include "base/buf.h"
#include "base/op.h"
#include "num/drift.h"

/* What the model saw in training and how good it was then. Values are any order, NaN allowed (counted as missing).
 * Of more than LIMIT_MONITOR_REFERENCE rows it keeps rows i * n / LIMIT (integer division), i = 0.., so anyone can repeat the choice. */
struct monitor_reference {
    int64_t version;
    size_t features;
    const struct str *names;        /* `features` of them */
    size_t rows;
    const float *const *columns;    /* `features` columns of `rows` */
    const float *scores;            /* `rows`, or NULL: score drift is not watched */
    double auc, accuracy, logloss, brier, ece; /* of the evaluation; NaN: that rule is off */
};
/* The reference as bytes for the model's artifacts and back; parse checks everything (E_INVALID) and the result borrows op's arena. */
MUST_USE enum err monitor_reference_format(struct op *op, const struct monitor_reference *ref, struct buf *ret);
MUST_USE enum err monitor_reference_parse(struct op *op, struct str bytes, struct monitor_reference *ret);

/* The reference as the monitor keeps it: every column sampled, without NaN, sorted. */
struct reference_column {
    double *values;
    size_t n;
    uint64_t missing; /* NaN among the sampled rows */
    struct drift_bins bins; /* its deciles; n > 0 only */
};
struct reference {
    struct arena *arena; /* owns everything */
    int64_t version;
    size_t features;
    struct str *names;
    struct reference_column *columns;
    struct reference_column score; /* n = 0: not watched */
    double auc, accuracy, logloss, brier, ece;
};
/* E_INVALID: names repeated or empty; E_TOO_LARGE. reference_destroy ends it. */
MUST_USE enum err reference_create(struct op *op, const struct monitor_reference *from, struct reference **ret);
void reference_destroy(struct reference *r); /* NULL is ignored */

#endif
