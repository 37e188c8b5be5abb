/* csv.h - comma-separated values as RFC 4180 has them and pandas writes them: a line of names, then rows. Cells are texts: views into the
 * input, or in op's arena where quotes were doubled. Ends of lines are LF or CRLF; empty lines are skipped. E_INVALID names the line.
 * Pure; no threads. */
#ifndef INGOT_API_INVOCATIONS_CSV_H
#define INGOT_API_INVOCATIONS_CSV_H

#include "base/op.h"

struct csv {
    size_t rows, cols;
    const struct str *names;   /* cols */
    const struct str *cells;   /* rows x cols, row major; p NULL: a missing value ("", NA, NaN, null and what else pandas takes for one) */
};
MUST_USE enum err csv_parse(struct op *op, struct str text, struct csv *ret);

#endif
