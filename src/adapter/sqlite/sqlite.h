/* sqlite.h - the embedded database behind port/db: one file, one writer thread, many readers.
 * A write is acknowledged after its commit record is on the disk (WAL, synchronous FULL); writes that wait at the
 * same moment share one commit. After the disk reports an I/O error on a write, every later write fails (E_IO)
 * until the process starts again: the kernel may have dropped what it could not store, and acknowledging more
 * would be guessing. Reads go on. A full disk fails the write at hand only. Thread-safe. */
#ifndef INGOT_ADAPTER_SQLITE_SQLITE_H
#define INGOT_ADAPTER_SQLITE_SQLITE_H

#include "port/db.h"

struct sql_migration;

/* Opens or creates the file and applies the program's migrations. ":memory:" is a database that lives in this object
 * only; its reads and writes take turns. E_IO, E_CORRUPT; E_CONFLICT: the file belongs to another
 * program or to a newer version of this one. db_close() ends it. */
MUST_USE enum err sqlite_open(struct op *op, const char *path, struct db **ret);
/* The same with other migrations: for tests and tools. */
MUST_USE enum err sqlite_open_with(struct op *op, const char *path, const struct sql_migration *migrations,
                                   int count, struct db **ret);
/* Another program's database, for reading: nothing is written there. Writes are E_UNSUPPORTED. */
MUST_USE enum err sqlite_open_foreign(struct op *op, const char *path, struct db **ret);

struct sqlite_stats {
    uint64_t writes;  /* functions run */
    uint64_t commits; /* durable ones, each for one or more writes */
    uint64_t checkpoints;
    uint64_t wal_pages; /* in the log now */
    uint64_t queued;
    bool failed; /* the disk failed: writes are refused until a restart */
};
/* `db` must come from sqlite_open. Any thread. */
void sqlite_stats(struct db *db, struct sqlite_stats *ret);

#endif
