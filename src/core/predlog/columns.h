/* columns.h - names for the columns of a log's file. A model may call its inputs what it likes, two of them the same and as long as it
 * likes, and its rows must be written all the same: names are cut, and told apart. Letters count without their case, as in SQL. */
#ifndef INGOT_CORE_PREDLOG_COLUMNS_H
#define INGOT_CORE_PREDLOG_COLUMNS_H

#include "base/map.h"
#include "base/op.h"

struct column_names {
    struct map taken; /* in small letters */
    size_t tried;     /* numbers given out */
};
void column_names_init(struct op *op, struct column_names *n);
/* The first that is free of `prefix``name`, `before``prefix``name``after`, and the latter with "_1", "_2" ... behind it. Of a name LIMIT_LOG_NAME_BYTES
 * are kept, an empty one is "unnamed", and bytes that are no text become '?'. In op's arena. Each call takes as long as the names are, however many are alike. E_TOO_LARGE: the arena is full. */
MUST_USE enum err column_names_take(struct op *op, struct column_names *n, const char *prefix, struct str name, const char *before, const char *after,
                                    struct str *ret);

#endif
