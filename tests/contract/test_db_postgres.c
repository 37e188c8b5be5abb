/* test_db_postgres.c - the database contract on a real PostgreSQL. */
#include "adapter/postgres/postgres.h"
#include "contract/db_contract.h"
#include "contract/pgserver.h"
#include "sql_gen.h"

static enum err open_schema(struct op *op, const char *dir, struct db **ret)
{
    const struct sql_migration migrations[] = {{1, "contract", db_contract_schema}};
    return postgres_open_with(op, pgserver_schema_url(op, dir), migrations, 1, ret);
}

static enum err check(struct op *op UNUSED, struct db *db UNUSED)
{
    return OK; /* the server sees to its own files */
}

int main(void)
{
    const struct db_contract postgres = {"postgres", open_schema, check, .durable = true, .concurrent = true};
    if (!getenv("INGOT_TEST_POSTGRES"))
        return pgserver_skip();
    return db_contract_run(&postgres);
}
