/* rows_reader.h - pages of Parquet files that somebody uploaded, read in processes of their own: such a file goes through a million lines of foreign
 * code. LIMIT_ROWS_READERS at a time, LIMIT_ROWS_WAITING wait, each for LIMIT_ROWS_WAIT_MS; a page has LIMIT_ROWS_READ_MS and LIMIT_ROWS_MEMORY. Thread-safe. */
#ifndef INGOT_APP_ROWS_READER_H
#define INGOT_APP_ROWS_READER_H

#include "adapter/child/errand.h"

/* Appends the page (core/dataset/peek.h). Errors: errand_run()'s; E_UNSUPPORTED: no DuckDB. */
MUST_USE enum err rows_reader_read(struct op *op, struct str path, int64_t offset, int64_t limit, struct buf *ret);
/* The child's side: what main() hands to errand_main(). */
extern const struct errand_kind backend_errands[];

#endif
