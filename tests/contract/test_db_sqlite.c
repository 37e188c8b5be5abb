/* test_db_sqlite.c - the database contract on SQLite, on disk and in memory. */
#include "adapter/sqlite/sqlite.h"
#include "contract/db_contract.h"
#include "sql_gen.h"

#include <stdio.h>

static const struct sql integrity = {.name = "integrity", .text = "PRAGMA integrity_check", .id = -1};
static const struct sql foreign = {
    .name = "foreign", .text = "SELECT count(*) FROM pragma_foreign_key_check", .id = -1};

static enum err open_file(struct op *op, const char *dir, struct db **ret)
{
    const struct sql_migration migrations[] = {{1, "contract", db_contract_schema}};
    return sqlite_open_with(op, op_printf(op, "%s/contract.db", dir), migrations, 1, ret);
}

static enum err open_memory(struct op *op, const char *dir UNUSED, struct db **ret)
{
    const struct sql_migration migrations[] = {{1, "contract", db_contract_schema}};
    return sqlite_open_with(op, ":memory:", migrations, 1, ret);
}

static enum err check_fn(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &integrity, DB_NO_ARGS, &v, 1);
    if (!e && !str_eqc(v.s, "ok"))
        return op_fail(op, E_CORRUPT, "%.*s", STR_FMT(v.s));
    if (!e)
        e = db_query_one(op, tx, &foreign, DB_NO_ARGS, &v, 1);
    return e || v.i == 0 ? e : op_fail(op, E_CORRUPT, "dangling foreign keys");
}

static enum err check(struct op *op, struct db *db)
{
    return db_read(op, db, check_fn, NULL);
}

int main(void)
{
    const struct db_contract file = {"sqlite file", open_file, check, .durable = true, .concurrent = true};
    const struct db_contract memory = {"sqlite :memory:", open_memory, check, .durable = false,
                                       .concurrent = false};
    return db_contract_run(&file) + db_contract_run(&memory);
}
