/* log.h - streams in memory (port/stream): topics, groups and transactions of one process, for tests and for jobs that are tried without a broker.
 * Everything that is written stays until the log is destroyed. A member that neither polls nor closes keeps its partitions: there is no
 * session that runs out. Thread-safe; each stream is for one thread at a time, as the port says. */
#ifndef INGOT_ADAPTER_MEM_LOG_H
#define INGOT_ADAPTER_MEM_LOG_H

#include "port/stream.h"

struct mem_log;

/* `max_bytes` of all records; 0: LIMIT_BLOB_MEM_BYTES. */
struct mem_log *mem_log_create(size_t max_bytes);
void mem_log_destroy(struct mem_log *l); /* NULL is ignored; no stream may be open */
/* E_EXISTS; E_INVALID: not 1 to LIMIT_STREAM_PARTITIONS partitions. */
MUST_USE enum err mem_log_topic(struct op *op, struct mem_log *l, struct str name, int32_t partitions);
/* `topic` "": only writes. Ends an earlier stream of that transactional id. E_NOT_FOUND. */
MUST_USE enum err mem_stream_open(struct op *op, struct mem_log *l, struct str topic, struct str group, struct str transactional_id, struct stream **ret);

#endif
