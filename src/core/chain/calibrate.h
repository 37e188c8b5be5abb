/* calibrate.h - scores into probabilities: a map per model, or per class, that was fitted on rows the model had not seen.
 *
 *     {"format": "ingot.calibrator", "version": 1,    both may be absent in an endpoint's configuration
 *      "method": "platt",       "a", "b":             1 / (1 + exp(a s + b))
 *                "isotonic",    "x": [...], "y": [...] a line through the points, flat outside; x ascending
 *                "temperature", "t":                  1 / (1 + exp(-logit(s) / t)); of several classes softmax(log(s) / t)
 *                "beta",        "a", "b", "c":        1 / (1 + exp(-(a log(s) - b log(1 - s) + c)))
 *                "none",                              s
 *      "classes": [{...}, ...]} instead of the numbers: one map per class, whose answers are divided by their sum
 * s is the model's score; the last two methods hold it away from 0 and 1 by 1e-15.
 * Sources: Platt 1999 in the form of Lin, Lin, Weng 2007; Zadrozny, Elkan 2002; Guo et al. 2017; Kull, Silva Filho, Flach 2017.
 * Compiled in the arena of the op that parses; immutable: any thread may ask it. */
#ifndef INGOT_CORE_CHAIN_CALIBRATE_H
#define INGOT_CORE_CHAIN_CALIBRATE_H

#include "base/json.h"

enum calibrate_method { CALIBRATE_NONE, CALIBRATE_PLATT, CALIBRATE_ISOTONIC, CALIBRATE_TEMPERATURE, CALIBRATE_BETA };

struct calibrate_map {
    double a, b, c;                    /* t is a */
    const double *x, *y;               /* isotonic: `len` points, at least one */
    size_t len;
};
struct calibrator {
    enum calibrate_method method;
    size_t classes;                    /* 0: one map for one score (or one temperature for all classes) */
    const struct calibrate_map *maps;
};
/* "platt" ...; NULL-ended. */
extern const char *const calibrate_method_names[];

/* E_INVALID names the member. */
MUST_USE enum err calibrator_parse(struct op *op, const struct json *j, struct calibrator **ret);
/* The same from a file's bytes. */
MUST_USE enum err calibrator_read(struct op *op, struct str bytes, struct calibrator **ret);
void calibrator_write(struct json_out *w, const struct calibrator *c);
/* Can it judge so many values per row? 1 and 2 are one score: the second of two. */
bool calibrator_fits(const struct calibrator *c, size_t width);

/* One score; NaN stays NaN. */
double calibrator_score(const struct calibrator *c, double score);
/* The `n` classes of one row in place. */
void calibrator_classes(const struct calibrator *c, double *p, size_t n);

#endif
