/* client.h - what the files of this folder share: the two clients of librdkafka behind one stream. Private to the folder.
 * Everything is used by the stream's one thread; librdkafka's call-backs come on that thread too, from within our calls. */
#ifndef INGOT_ADAPTER_KAFKA_CLIENT_H
#define INGOT_ADAPTER_KAFKA_CLIENT_H

#include <librdkafka/rdkafka.h>

#include "adapter/kafka/kafka.h"
#include "base/limits.h"

enum { KAFKA_TOPICS = 8 };     /* that one stream writes to */

/* One partition of the topic that is read. Offsets are -1 in a group without positions, until the first record came. */
struct kafka_part {
    bool mine;
    bool at_end;
    int64_t committed;         /* where an abort goes back to */
    int64_t done;              /* behind the records of earlier polls: what a commit stores */
    int64_t seen;              /* behind the records of the present poll */
    int64_t end;               /* where the broker last said that the end is, when we were there; -1 */
};
/* One topic that is written. */
struct kafka_topic {
    struct str name;
    rd_kafka_topic_t *handle;
    uint64_t max_bytes;        /* of a batch, as the topic has it; 0: not known */
};
struct kafka {
    rd_kafka_t *producer, *consumer; /* consumer NULL: nothing is read */
    char *topic;
    bool subscribed, assigned; /* to the group; it gave us partitions once (maybe none of them) */
    bool closing;
    bool from_end;             /* where a group without positions begins */
    struct kafka_part *parts;  /* LIMIT_STREAM_PARTITIONS, by number */
    size_t parts_top;          /* numbers below are in use */

    bool open;                 /* a transaction is */
    bool spoilt;               /* it can only be aborted */
    rd_kafka_resp_err_t undelivered; /* why a record of the open transaction was refused */
    struct kafka_topic topics[KAFKA_TOPICS];
    size_t topic_count;

    /* of the present poll */
    struct op *op;             /* whoever called us; NULL outside of calls */
    rd_kafka_message_t **held; /* LIMIT_STREAM_POLL: what was handed out */
    size_t held_count, held_bytes;
    struct stream_record *records;
    struct arena *arena;       /* their headers */
    enum stream_end ended;
    enum err failed;           /* in a call-back */
    bool rewind;               /* an abort within a call-back left partitions that must go back */
};

/* Makes a text of librdkafka's error and its kind of ours; fatal errors are looked up. */
enum err kafka_fail(struct op *op, struct kafka *k, rd_kafka_resp_err_t code, const char *what, const char *text);
/* The same for an error object, which is destroyed. */
enum err kafka_fail_error(struct op *op, struct kafka *k, rd_kafka_error_t *error, const char *what);

/* reader.c */
MUST_USE enum err reader_poll(void *self, struct op *op, size_t max_records, int wait_ms, struct stream_poll *ret);
size_t reader_lag(void *self, struct op *op, struct stream_lag **ret);
void reader_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *self);
/* Lets go of the records that were handed out. */
void reader_release(struct kafka *k);
/* What was handed out counts as answered. */
void reader_advance(struct kafka *k);
/* Goes back to what is committed. */
MUST_USE enum err reader_rewind(struct op *op, struct kafka *k);

/* topic.c: E_TOO_LARGE: too many topics; a record that the topic would refuse */
MUST_USE enum err topic_get(struct op *op, struct kafka *k, struct str name, const struct kafka_topic **ret);
MUST_USE enum err topic_check(struct op *op, const struct kafka_topic *t, const struct stream_record *r);

/* writer.c */
MUST_USE enum err writer_begin(struct op *op, struct kafka *k);
MUST_USE enum err writer_put(void *self, struct op *op, const struct stream_record *r);
/* Ends the open transaction with the positions in `done`. */
MUST_USE enum err writer_commit(struct op *op, struct kafka *k);
MUST_USE enum err writer_abort(struct op *op, struct kafka *k);
void writer_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *self);

#endif
