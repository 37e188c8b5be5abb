/* svm.h - the engine for the text models of LIBLINEAR and of LIBSVM with a linear kernel (svm_text.h). Needs no library.
 *
 * Answers, rounded to float32 at the end, all else in float64 in the order of the features, as the libraries do: logistic regression and
 * LIBSVM's calibrated classifiers give probabilities, other classifiers the decision values, regression its value, one class
 * w x - rho. Two classes: one value, for the greater label; more: one per class, by ascending label (info.labels). More than two classes of LIBSVM, which
 * has a machine for every two: the probabilities that it couples (svm-predict -b 1), else the machines that each class wins. A missing value
 * (NaN) adds nothing, as what a sparse row leaves out. */
#ifndef INGOT_ADAPTER_LINEAR_SVM_H
#define INGOT_ADAPTER_LINEAR_SVM_H

#include "port/engine.h"

extern const struct engine_ops svm_engine;

#endif
