/* kafka.h - Apache Kafka as port/stream: a member of a consumer group and a transactional producer of librdkafka. Kafka 2.5 or later, because
 * the positions of a group are sent with its generation (KIP-447), so that a member that lost its partitions cannot commit them.
 * Calls block as the port says; librdkafka's own threads fetch and send beside us. */
#ifndef INGOT_ADAPTER_KAFKA_KAFKA_H
#define INGOT_ADAPTER_KAFKA_KAFKA_H

#include "port/stream.h"

struct kafka_setting {         /* a property of librdkafka: TLS, SASL, timeouts */
    struct str name, value;
};
struct kafka_config {          /* copied */
    struct str brokers;        /* HOST:PORT, comma between them */
    struct str topic;          /* that is read; "": nothing, the stream only writes */
    struct str group;          /* of readers; wanted with a topic */
    struct str transactional_id;
    bool from_end;             /* a group without positions starts behind what is there; else at the beginning */
    const struct kafka_setting *settings; /* for both clients; they win over our defaults, but may not touch what exactly-once rests on */
    size_t setting_count;
};

/* Waits for the brokers until op's deadline, else LIMIT_STREAM_OPEN_MS, and until an earlier writer of that transactional id is ended.
 * E_INVALID: a setting; E_NOT_FOUND: the topic; E_DENIED: the brokers refuse us; E_TIMEOUT: no broker answers; E_CANCELLED. */
MUST_USE enum err kafka_open(struct op *op, const struct kafka_config *config, struct stream **ret);
/* librdkafka's version, for `ingot doctor`; static storage. */
const char *kafka_library_version(void);

#endif
