/* db_contract.h - what every back-end of port/db must do, as one suite. */
#ifndef INGOT_TESTS_DB_CONTRACT_H
#define INGOT_TESTS_DB_CONTRACT_H

#include "port/db.h"

struct db_contract {
    const char *name;
    /* Opens the database that lives in folder `dir`, made with db_contract_schema. */
    enum err (*open)(struct op *op, const char *dir, struct db **ret);
    /* The back-end's own view of its files: OK when they are sound. */
    enum err (*check)(struct op *op, struct db *db);
    bool durable;    /* outlives its process */
    bool concurrent; /* reads go on while a write runs */
};
extern const char db_contract_schema[];

/* Part of it (db_contract_kill.c): children that write to the database in `dir` are killed, and nothing that they acknowledged is lost.
 * Nobody has it open meanwhile. */
void db_contract_kill(const struct db_contract *contract, struct op *op, const char *dir);
/* Runs all tests; the number of failures. */
int db_contract_run(const struct db_contract *contract);

#endif
