/* csv.h - table chunks as CSV (RFC 4180) text: a line of names, then one line per row.
 * Numbers are the shortest text that reads back the same; NaN is "NaN", infinities "inf" and "-inf"; times RFC 3339; booleans true and
 * false; a null is an empty field and an empty text is "". Lines end with a line feed. Pure; threads: any. */
#ifndef INGOT_CORE_SCORING_CSV_H
#define INGOT_CORE_SCORING_CSV_H

#include "base/buf.h"
#include "port/table.h"

void csv_add_names(struct buf *b, const struct table_schema *schema);
void csv_add_rows(struct buf *b, const struct table_chunk *chunk);

#endif
