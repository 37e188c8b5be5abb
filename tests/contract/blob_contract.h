/* blob_contract.h - what every back-end of port/blob must do, as one suite. */
#ifndef INGOT_TESTS_BLOB_CONTRACT_H
#define INGOT_TESTS_BLOB_CONTRACT_H

#include "port/blob.h"

struct blob_contract {
    const char *name;
    enum err (*open)(struct op *op, const char *dir, struct blob_store **ret);
    bool durable; /* files under `dir`, as localfs.h lays them out; outlives its process */
    bool remote;  /* ages in whole seconds, renewed only when they are old */
};

/* Runs all tests; the number of failures. */
int blob_contract_run(const struct blob_contract *contract);

#endif
