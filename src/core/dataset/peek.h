/* peek.h - a page of a Parquet file's rows as JSON, for people to look at. Texts are cut to LIMIT_ROWS_TEXT bytes and columns to LIMIT_ROWS_COLUMNS. */
#ifndef INGOT_CORE_DATASET_PEEK_H
#define INGOT_CORE_DATASET_PEEK_H

#include "base/json.h"
#include "port/table.h"

/* {"total", "offset", "all_columns", "columns": [{"name", "type"}], "rows": [[...]]}: `limit` rows from `offset` on. On a failure `w` holds part of it.
 * E_INVALID, E_NOT_FOUND, E_TOO_LARGE: the file; the text does not say where it lies. */
MUST_USE enum err dataset_peek(struct op *op, struct table_engine *t, struct str path, int64_t offset, int64_t limit, struct json_out *w);

#endif
