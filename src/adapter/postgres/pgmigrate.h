/* pgmigrate.h - brings a PostgreSQL schema to the state of this program: numbered, each in one transaction under a lock, so
 * that servers which start at the same moment do it once. Also makes the adapter's own tables:
 *   schema_version (number, name, applied_us)  which migrations are in
 *   db_writer (server, number, seen)           the last group that each server's writer committed (pgwriter.c) */
#ifndef INGOT_ADAPTER_POSTGRES_PGMIGRATE_H
#define INGOT_ADAPTER_POSTGRES_PGMIGRATE_H

#include "base/op.h"
#include "sql_gen.h"

/* Applies those of `migrations` (ascending numbers, SQLite's words) that schema_version does not list, on a connection of its own. A
 * failure leaves the schema as the last complete migration left it.
 * E_CONFLICT: the schema has a migration that this program does not know. E_IO: not reachable. */
MUST_USE enum err pgmigrate_apply(struct op *op, const char *url, const struct sql_migration *migrations, int count);

#endif
