/* filter.h - the filter and order_by language of MLflow's searches, for every kind of search.
 * A search describes its vocabulary by `struct filter_rules`; parsing checks names, operators and value types
 * against it, so that matching needs no further checks. Texts view the input or op's arena. Beyond MLflow's
 * grammar (clauses joined by AND) OR, parentheses, and IN and IS NULL for everything are understood. Pure; thread-safe. */
#ifndef INGOT_CORE_TRACK_FILTER_H
#define INGOT_CORE_TRACK_FILTER_H

#include "base/op.h"

enum filter_entity { FILTER_ATTRIBUTE, FILTER_METRIC, FILTER_PARAM, FILTER_TAG, FILTER_DATASET, FILTER_ENTITIES };
enum filter_op {
    FILTER_EQ, FILTER_NE, FILTER_LT, FILTER_LE, FILTER_GT, FILTER_GE,
    FILTER_LIKE, FILTER_ILIKE, FILTER_IN, FILTER_NOT_IN, FILTER_IS_NULL, FILTER_NOT_NULL,
};
/* MLflow has a parser for each kind of search; they differ in texts and small liberties. */
enum filter_dialect {
    FILTER_RUNS,
    FILTER_EXPERIMENTS,   /* attributes are whole numbers */
    FILTER_REGISTRY,      /* so are they, and may be quoted */
    FILTER_LOGGED_MODELS, /* texts need no quotes */
};

struct filter_attr {
    const char *name;
    int id;          /* what the search knows it by; aliases share one */
    bool numeric;
    bool list;       /* MLflow allows IN and NOT IN */
    bool hidden;     /* an alias */
};
struct filter_rules {
    unsigned entities; /* bits 1 << enum filter_entity */
    const struct filter_attr *attrs;
    size_t attr_count;
    enum filter_dialect dialect;
};

struct filter_number {
    double real;
    int64_t whole;
    bool integer; /* `whole` holds it */
};
struct filter_clause {
    enum filter_entity entity;
    enum filter_op op;
    int attr;          /* id of the attribute, or of the dataset's: 0 name, 1 digest, 2 context */
    bool numeric;      /* the value is a number */
    bool integer;      /* ... and an int64 */
    struct str key;    /* metric, parameter or tag */
    struct str text;
    double real;
    int64_t whole;
    struct str *list;  /* IN, NOT IN: texts, or */
    struct filter_number *numbers; /* ... numbers */
    size_t list_len;
};
enum filter_step_kind { FILTER_STEP_CLAUSE, FILTER_STEP_AND, FILTER_STEP_OR };
struct filter_step {
    enum filter_step_kind kind;
    size_t clause;
};
/* Clauses, and the order to combine them in (postfix). No clause: everything matches. */
struct filter {
    struct filter_clause *clauses;
    size_t clause_count;
    struct filter_step *steps;
    size_t step_count;
    bool only_and;
};
struct filter_order {
    enum filter_entity entity;
    int attr;
    struct str key;
    bool descending;
};

/* E_INVALID with MLflow's wording where it has one; E_TOO_LARGE beyond LIMIT_TRACK_FILTER_*. */
MUST_USE enum err filter_parse(struct op *op, const struct filter_rules *rules, struct str text, struct filter *ret);
/* "key [ASC|DESC]". */
MUST_USE enum err filter_parse_order(struct op *op, const struct filter_rules *rules, struct str text, struct filter_order *ret);

/* Does the thing at `arg` fulfil one clause? An absent tag, parameter or metric fulfils only IS NULL. */
typedef enum err (*filter_clause_fn)(struct op *op, void *arg, const struct filter_clause *clause, bool *ret);
MUST_USE enum err filter_match(struct op *op, const struct filter *f, filter_clause_fn fn, void *arg, bool *ret);

/* One value against one clause (IS NULL and IS NOT NULL: a value is there). */
bool filter_test_text(const struct filter_clause *c, struct str value);
bool filter_test_i64(const struct filter_clause *c, int64_t value);
bool filter_test_f64(const struct filter_clause *c, double value);
/* SQL's LIKE: % any text, _ any one character, case counts unless `fold` (ASCII). */
bool filter_like(struct str value, struct str pattern, bool fold);

#endif
