/* validate.h - what the columns of a request must be like, checked before anything else looks at them.
 *
 *     {"policy": "reject",            or "warn": the answer says what was found, and the request goes on
 *      "columns": {"age": {"type": "number",      integer, string, boolean; absent: number or string, as it comes
 *                          "min": 0, "max": 120,  inclusive; numbers only
 *                          "in": [1, 2],          numbers or texts; nothing else
 *                          "max_length": 20,      characters; texts only
 *                          "required": true,      false: an absent column is one of missing values
 *                          "nullable": true}},    false: neither NaN nor an empty text
 *                  or "signature": what the version's signature and its training data say
 *      "unknown": "ignore",           tensors that nothing knows are left out; "reject": they break a rule; absent: the model decides
 *      "nan": "allow"}                or "reject": no NaN and no infinity in any column; nullable false refuses NaN alone
 * or the word "signature" for {"policy": "warn", "columns": "signature"}. null is the same as an absent member.
 *
 * Columns are named tensors (one value or one list per row), or, when the request is one matrix, the model's features by their place.
 * Compiled once per version, in the arena of the op that compiles; checking touches no JSON and allocates only when a rule is
 * broken. Threads: a compiled set of rules is immutable. */
#ifndef INGOT_CORE_CHAIN_VALIDATE_H
#define INGOT_CORE_CHAIN_VALIDATE_H

#include "base/json.h"
#include "core/chain/columns.h"
#include "core/chain/tally.h"

enum validate_type { VALIDATE_ANY, VALIDATE_NUMBER, VALIDATE_INTEGER, VALIDATE_BOOLEAN, VALIDATE_STRING };
enum validate_unknown { VALIDATE_UNKNOWN_MODEL, VALIDATE_UNKNOWN_IGNORE, VALIDATE_UNKNOWN_REJECT };

struct validate_rule {
    struct str name;
    enum validate_type type;
    double min, max;                   /* -INFINITY, INFINITY: none */
    size_t max_length;                 /* SIZE_MAX: none */
    bool required, nullable;
    const double *numbers;             /* "in", ascending */
    const struct str *texts;           /* likewise */
    size_t number_count, text_count;
    bool limited;                      /* there is an "in" */
};
struct validate {
    bool warn, reject_nan;
    enum validate_unknown unknown;
    bool signature;                    /* rules are to be taken from the version */
    const struct validate_rule *rules; /* in the order of the configuration */
    size_t len;
};
/* NULL or null gives NULL. `required`: what an absent "required" means. E_INVALID names the member. */
MUST_USE enum err validate_parse(struct op *op, const struct json *j, bool required, struct validate **ret);

/* How the rules meet a version: what its columns are called and where they stand in a matrix. Everything is borrowed. */
struct validate_names {
    const struct str *features;        /* of a row model's matrix; NULL: none */
    size_t feature_count;
    const size_t *places;              /* of each rule's column among the features, SIZE_MAX: none; NULL: they are searched */
    const struct str *beside;          /* names that may come along whatever the rules say; a request may be one of them and a matrix */
    size_t beside_count;
};
/* *ret_warning NULL: nothing was found; else a text in op's arena. `tally` (NULL: nothing is counted) counts one column per rule.
 * E_INVALID under the policy "reject", with the first LIMIT_CHAIN_VIOLATIONS violations. */
MUST_USE enum err validate_run(struct op *op, const struct validate *v, const struct validate_names *names, const struct chain_columns *in,
                               struct tally *tally, const char **ret_warning);
/* Where the column stands in the matrix; SIZE_MAX: nowhere. */
size_t validate_place(const struct validate_names *names, struct str name);
/* Is this tensor one that a rule or `names` knows? */
bool validate_knows(const struct validate *v, const struct validate_names *names, struct str name);

#endif
