/* suite.h - a declared expectation suite, run over a data file in one pass.
 *
 *     name: flights
 *     columns: {date: TIMESTAMP, delay: BIGINT}     shorthand: each exists and has the type
 *     expectations:
 *       - type: expect_column_values_to_be_between
 *         kwargs: {column: delay, min_value: -200, max_value: 2000, mostly: 1.0}
 *
 * Names, parameters and the result document are Great Expectations' (1.x). Unknown keys are errors. Everything
 * lives in op's arena. */
#ifndef INGOT_CORE_DATASET_SUITE_H
#define INGOT_CORE_DATASET_SUITE_H

#include "core/dataset/expect.h"

struct suite_item {
    const struct expect_kind *kind;
    const struct json *kwargs;
    const struct json *meta; /* NULL = none */
};
struct suite {
    struct str name;
    struct suite_item *items;
    size_t len;
};

/* E_INVALID names the key; E_TOO_LARGE above LIMIT_SUITE_BYTES or LIMIT_SUITE_EXPECTATIONS. */
MUST_USE enum err suite_parse(struct op *op, struct str yaml, struct suite **ret);
MUST_USE enum err suite_load(struct op *op, const char *path, struct suite **ret);

/* A row that some expectation did not expect, all its columns as JSON texts in the schema's order. */
struct suite_row {
    uint64_t index;
    struct str *cells;
};
struct suite_result {
    const struct suite *suite;
    struct str path;
    struct table_schema schema;
    struct expectation *items; /* suite->len, finished */
    uint64_t rows;             /* in the file */
    size_t successful;
    bool success;
    struct suite_row *failing; /* ascending by index, each once */
    size_t failing_len;
};

/* E_NOT_FOUND, E_INVALID: the file cannot be read, or the suite speaks of columns that it lacks. A file that does
 * not meet the suite is OK with ret->success false. */
MUST_USE enum err suite_run(struct op *op, struct table_engine *tables, const struct suite *suite, struct str path, struct suite_result **ret);
/* Great Expectations' result document, with the failing rows as `unexpected_rows`. */
void suite_result_write(const struct suite_result *r, struct json_out *w);
/* "column delay: 3 of 3000000 values (0.0001 %) unexpected: 99999, ..." in op's arena. */
struct str suite_item_text(struct op *op, const struct suite_result *r, size_t item);
/* NULL when that row was not kept. */
const struct suite_row *suite_row_find(const struct suite_result *r, uint64_t index);

#endif
