/* postgres.h - PostgreSQL behind port/db: one writer thread and a pool of connections for reads; several servers may share a database.
 * A write is acknowledged after its commit is on the server's disk. The writes of all servers run one group after the other (pgwriter.c). A
 * server that restarts or goes away for a while is met by trying again for a bounded time; a commit whose answer was lost is looked
 * up. Reads are snapshots (REPEATABLE READ). Thread-safe. */
#ifndef INGOT_ADAPTER_POSTGRES_POSTGRES_H
#define INGOT_ADAPTER_POSTGRES_POSTGRES_H

#include "port/db.h"

struct sql_migration;

/* "postgresql://user@host:5432/database" or "postgres://...". */
bool postgres_is_url(struct str url);
/* Connects and applies the program's migrations. Tables go into the first schema of the connection's search_path. E_INVALID: no
 * such URL; E_IO: not reachable; E_CONFLICT: written by a newer version; E_UNSUPPORTED: too old a server, or not UTF-8.
 * db_close() ends it. */
MUST_USE enum err postgres_open(struct op *op, const char *url, struct db **ret);
/* The same with other migrations: for tests and tools. */
MUST_USE enum err postgres_open_with(struct op *op, const char *url, const struct sql_migration *migrations, int count, struct db **ret);
/* Another program's database, for reading: nothing is written there, not even our migrations. Writes are E_UNSUPPORTED. */
MUST_USE enum err postgres_open_foreign(struct op *op, const char *url, struct db **ret);
/* The server's version, after a connection was made: for `ingot doctor`. In op's arena. */
MUST_USE enum err postgres_probe(struct op *op, const char *url, const char **ret_text);
/* "host:port/database": what may be shown and logged of a URL. */
const char *postgres_place(struct op *op, const char *url);

struct postgres_stats {
    uint64_t writes;     /* functions run */
    uint64_t commits;    /* durable ones, each for one or more writes */
    uint64_t reconnects; /* of the writer */
    uint64_t resolved;   /* commits whose answer was lost and looked up */
    uint64_t queued;
    bool unreachable; /* the last try to connect failed */
};
/* `db` must come from postgres_open. Any thread. */
void postgres_stats(struct db *db, struct postgres_stats *ret);
bool postgres_is(const struct db *db);

#endif
