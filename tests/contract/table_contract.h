/* table_contract.h - what every adapter of port/table.h must do. `make` gives a fresh engine; the suite closes it. */
#ifndef INGOT_CONTRACT_TABLE_CONTRACT_H
#define INGOT_CONTRACT_TABLE_CONTRACT_H

#include "port/table.h"

typedef struct table_engine *(*table_contract_make)(struct op *op);
/* Runs all tests in the folder `dir` (which exists); returns the number of failures. */
int table_contract_run(table_contract_make make, const char *dir);

#endif
