/* migrate.h - brings a database's schema to the state of this program: numbered, each in one transaction.
 * Runs on the writer's connection before anybody else has one. */
#ifndef INGOT_ADAPTER_SQLITE_MIGRATE_H
#define INGOT_ADAPTER_SQLITE_MIGRATE_H

#include "adapter/sqlite/dbconn.h"
#include "sql_gen.h"

/* Applies those of `migrations` (ascending numbers) that table schema_version does not list, in order. A failure or a
 * crash leaves the database as the last complete migration left it.
 * E_CONFLICT: the database knows a migration that this program does not: it was written by a newer one. */
MUST_USE enum err migrate_apply(struct op *op, struct dbconn *c, const struct sql_migration *migrations,
                                int count);

#endif
