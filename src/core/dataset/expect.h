/* expect.h - the expectations by name: their parameters, how a row or a column is judged. The names and
 * parameters are Great Expectations' (1.x); docs/expectations are generated from the table. suite.c drives them:
 * bind once against the file's schema, rows chunk by chunk, finish. Not thread-safe. Memory: op's arena, and heap
 * that expect_clear() frees. */
#ifndef INGOT_CORE_DATASET_EXPECT_H
#define INGOT_CORE_DATASET_EXPECT_H

#include "base/json.h"
#include "core/dataset/distinct.h"
#include "core/dataset/regex.h"

#define EXPECT_COLUMNS_MAX 16
#define EXPECT_ROWS_SHOWN 20

enum expect_shape {
    EXPECT_MAP,       /* each value of one column */
    EXPECT_PAIR,      /* each pair of two columns */
    EXPECT_MULTI,     /* each tuple of several columns */
    EXPECT_AGGREGATE, /* one number of a column, between min_value and max_value */
    EXPECT_TABLE,     /* the schema or the row count */
};

struct expectation;
struct expect_kind {
    const char *name;
    enum expect_shape shape;
    const char *params;  /* the parameters besides column(s) and mostly, comma-separated */
    const char *summary; /* for the generated reference */
    /* Reads the parameters. May be NULL. */
    enum err (*bind)(struct op *op, struct expectation *x, const struct table_schema *schema);
    /* Row-wise: is this row as expected? NULL for AGGREGATE and TABLE. */
    bool (*row)(struct expectation *x, const struct table_column *const *cols, size_t row);
    /* Column-wise: takes in a chunk. NULL: nothing to take. */
    enum err (*chunk)(struct op *op, struct expectation *x, const struct table_column *const *cols, size_t rows, uint64_t first_row);
    /* Sets success and what was observed. NULL: from the counts. */
    enum err (*finish)(struct op *op, struct expectation *x, const struct table_schema *schema, uint64_t rows);
    bool nulls; /* row-wise: nulls are judged too */
};

/* A bound of a range. */
struct expect_bound {
    bool set, strict, text;
    long double number; /* holds every int64 and double exactly */
    struct str s;
};

struct expectation {
    const struct expect_kind *kind;
    const struct json *kwargs, *meta;
    double mostly;
    size_t cols[EXPECT_COLUMNS_MAX]; /* of the schema */
    struct str col_names[EXPECT_COLUMNS_MAX];
    enum table_type types[EXPECT_COLUMNS_MAX];
    size_t col_len;
    struct expect_bound min, max;
    const struct json *values;  /* value_set, column_list ... */
    long double *numbers;       /* of value_set, sorted */
    struct str *texts;          /* of value_set, open addressing by hash */
    size_t number_len, text_slots;
    struct regex *regex;
    struct distinct *distinct;
    enum expect_row_nulls { EXPECT_NULLS_ALL, EXPECT_NULLS_ANY, EXPECT_NULLS_NEVER } ignore; /* which rows of pairs and tuples are skipped */
    bool or_equal, exact_match;
    /* running */
    uint64_t elements, missing, unexpected;
    uint64_t shown[EXPECT_ROWS_SHOWN]; /* row indices of the first unexpected rows */
    size_t shown_len;
    double sum, sum_low, mean, m2;     /* compensated sum; Welford */
    uint64_t aggregated;
    bool has_extreme;
    long double extreme_low, extreme_high;
    /* result */
    bool success;
    struct str observed;               /* JSON text, "" = none */
    struct str details;                /* JSON text, "" = none */
};

/* The i-th expectation of all, NULL behind the last. */
const struct expect_kind *expect_kind_at(size_t i);
/* NULL when there is none of that name. */
const struct expect_kind *expect_find(struct str name);
/* Reads kwargs (NULL = none) and resolves the columns. E_INVALID: an unknown or wrong parameter, a column that the
 * schema lacks, a type that the expectation cannot judge. */
MUST_USE enum err expect_bind(struct op *op, struct expectation *x, const struct expect_kind *kind, const struct json *kwargs,
                              const struct table_schema *schema);
/* `first_row` is the index of the chunk's first row in the file. */
MUST_USE enum err expect_chunk(struct op *op, struct expectation *x, const struct table_chunk *chunk, uint64_t first_row);
MUST_USE enum err expect_finish(struct op *op, struct expectation *x, const struct table_schema *schema, uint64_t rows);
void expect_clear(struct expectation *x);

/* One cell as JSON text: instants as RFC 3339, nulls and NaN as null. */
void expect_cell_json(struct json_out *w, const struct table_column *c, size_t row);
/* The table type that a type name of SQL, pandas or Arrow means; false when there is none. */
bool expect_type_parse(struct str name, enum table_type *ret);

#endif
