/* stream_contract.h - what every adapter of port/stream.h must do. */
#ifndef INGOT_CONTRACT_STREAM_CONTRACT_H
#define INGOT_CONTRACT_STREAM_CONTRACT_H

#include "port/stream.h"

struct stream_contract {
    /* A fresh topic. */
    enum err (*topic)(struct op *op, const char *name, int partitions);
    /* `topic` NULL: a stream that only writes. */
    enum err (*open)(struct op *op, const char *topic, const char *group, const char *transactional_id, struct stream **ret);
};
/* Runs all tests; returns the number of failures. Names of topics and groups are unique to the process. */
int stream_contract_run(const struct stream_contract *contract);

#endif
