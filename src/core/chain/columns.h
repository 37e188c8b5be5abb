/* columns.h - the named tensors of a request, as the links of a chain hand them on. A plain view: nothing is owned. */
#ifndef INGOT_CORE_CHAIN_COLUMNS_H
#define INGOT_CORE_CHAIN_COLUMNS_H

#include "base/map.h"
#include "port/tensor.h"

struct chain_columns {
    const struct tensor *all;
    size_t len;
    const struct map *map;             /* name -> tensor; NULL: few, they are searched */
};
/* NULL when absent. `hint`: where it is likely to stand. */
const struct tensor *chain_columns_find(const struct chain_columns *c, struct str name, size_t hint);
/* Value `i` of a tensor that is not BYTES, as a double; data need not be aligned. */
double chain_value(const struct tensor *t, size_t i);

#endif
