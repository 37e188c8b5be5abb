/* datadir.h - the data folder belongs to one process at a time.
 * The lock ends with the process, however it ends; a pid left in the file is only a hint for people. */
#ifndef INGOT_ADAPTER_LOCALFS_DATADIR_H
#define INGOT_ADAPTER_LOCALFS_DATADIR_H

#include "base/op.h"

struct datadir;

/* Makes the folder (and missing parents) with mode 0700, takes the lock on <dir>/lock and writes our pid into it.
 * Sets the process's umask to 077: call it before threads start. E_CONFLICT: another process (or another call in this
 * one) holds it, which the text names; E_IO. */
MUST_USE enum err datadir_lock(struct op *op, const char *path, struct datadir **ret);
/* NULL is ignored. */
void datadir_unlock(struct datadir *d);

#endif
