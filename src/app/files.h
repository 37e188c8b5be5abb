/* files.h - small files for the commands: whole reads with a maximum, atomic durable writes. */
#ifndef INGOT_APP_FILES_H
#define INGOT_APP_FILES_H

#include "base/op.h"

/* The whole file in op's arena. E_NOT_FOUND, E_TOO_LARGE above `max` bytes, E_IO. */
MUST_USE enum err file_read(struct op *op, struct str path, size_t max, struct str *ret);
/* Temporary name, fsync, rename. */
MUST_USE enum err file_write(struct op *op, struct str path, struct str bytes);

#endif
