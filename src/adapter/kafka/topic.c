/* topic.c - the topics that are written: a handle each, and how large a record they take.
 *
 * A broker looks at the size of a batch of records after it has got it, and its refusal makes the whole transaction fail without a word about which
 * record it was. So the topic's max.message.bytes is asked for once, and a record that would be too large is refused before it is sent. A
 * batch of one record is its bytes and at most BATCH_BYTES + RECORD_BYTES + HEADER_BYTES for each header around them (record batch,
 * version 2: 61 bytes, then per record a few variable-length integers of up to 5 or 10 bytes). Compression makes it smaller; that is not counted on. */
#include "adapter/kafka/client.h"

#include "base/log.h"

enum { ASK_MS = 10000, BATCH_BYTES = 61, RECORD_BYTES = 36, HEADER_BYTES = 10 };

/* 0: the broker does not tell. */
static uint64_t limit_of(rd_kafka_event_t *event)
{
    const rd_kafka_DescribeConfigs_result_t *result = event ? rd_kafka_event_DescribeConfigs_result(event) : NULL;
    size_t topics = 0, entries = 0;
    const rd_kafka_ConfigResource_t **all = result ? rd_kafka_DescribeConfigs_result_resources(result, &topics) : NULL;
    if (topics != 1 || rd_kafka_ConfigResource_error(all[0]))
        return 0;
    const rd_kafka_ConfigEntry_t **configs = rd_kafka_ConfigResource_configs(all[0], &entries);
    uint64_t bytes = 0;
    for (size_t i = 0; i < entries; i++)
        if (str_eqc(str_from(rd_kafka_ConfigEntry_name(configs[i])), "max.message.bytes") &&
            !str_parse_u64(str_from(rd_kafka_ConfigEntry_value(configs[i])), &bytes))
            return 0;
    return bytes;
}

static uint64_t limit_ask(struct kafka *k, const char *name)
{
    char text[256] = "";
    rd_kafka_ConfigResource_t *resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(k->producer);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(k->producer, RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS);
    rd_kafka_AdminOptions_set_request_timeout(options, ASK_MS, text, sizeof(text));
    rd_kafka_DescribeConfigs(k->producer, &resource, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, ASK_MS + 1000);
    uint64_t bytes = limit_of(event);
    if (!bytes)
        log_at(LOG_INFO, "stream.topic", {"topic", LOG_C(name)}, {"note", LOG_C("its max.message.bytes is not told; a record that is too large ends the job")});
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_queue_destroy(queue);
    rd_kafka_ConfigResource_destroy(resource);
    return bytes;
}

enum err topic_get(struct op *op, struct kafka *k, struct str name, const struct kafka_topic **ret)
{
    for (size_t i = 0; i < k->topic_count; i++) {
        if (str_eq(k->topics[i].name, name)) {
            *ret = &k->topics[i];
            return OK;
        }
    }
    if (k->topic_count == KAFKA_TOPICS)
        return op_fail(op, E_TOO_LARGE, "a stream writes to %d topics at most", KAFKA_TOPICS);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(k->producer, str_cstr(op->arena, name), NULL);
    if (!handle)
        return kafka_fail(op, k, rd_kafka_last_error(), "topic", "");
    struct kafka_topic *t = &k->topics[k->topic_count++];
    *t = (struct kafka_topic){.name = str_from(rd_kafka_topic_name(handle)), .handle = handle, .max_bytes = limit_ask(k, rd_kafka_topic_name(handle))};
    *ret = t;
    return OK;
}

enum err topic_check(struct op *op, const struct kafka_topic *t, const struct stream_record *r)
{
    uint64_t bytes = BATCH_BYTES + RECORD_BYTES + r->key.len + r->value.len;
    for (size_t i = 0; i < r->header_count; i++)
        bytes += HEADER_BYTES + r->headers[i].name.len + r->headers[i].value.len;
    if (t->max_bytes && bytes > t->max_bytes)
        return op_fail(op, E_TOO_LARGE, "a record of %zu bytes, with what is around it, is larger than topic \"%.*s\" takes (max.message.bytes %zu)", (size_t)bytes,
                       STR_FMT(t->name), (size_t)t->max_bytes);
    return OK;
}
