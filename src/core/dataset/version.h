/* version.h - the identity of a data file: SHA-256 over its content's SHA-256 and its schema, so the same bytes read
 * as the same columns are the same data version, wherever they lie. */
#ifndef INGOT_CORE_DATASET_VERSION_H
#define INGOT_CORE_DATASET_VERSION_H

#include "port/table.h"

struct dataset_version {
    char version[65];     /* hex */
    char file_sha256[65];
    uint64_t bytes;
    uint64_t rows;
    struct table_schema schema; /* in op's arena */
};
/* E_NOT_FOUND, E_INVALID (not a data file), E_IO. */
MUST_USE enum err dataset_version(struct op *op, struct table_engine *tables, struct str path, struct dataset_version *ret);

#endif
