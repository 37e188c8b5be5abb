/* The stream contract on a real Kafka: $INGOT_TEST_KAFKA, see tests/services/kafka.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>

#include "adapter/kafka/kafka.h"
#include "base/time.h"
#include "contract/stream_contract.h"

static const char *brokers;

static enum err kafka_topic(struct op *op, const char *name, int partitions)
{
    char text[256] = "";
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, text, sizeof text) != RD_KAFKA_CONF_OK)
        return op_fail(op, E_INVALID, "%s", text);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!rk)
        return op_fail(op, E_IO, "%s", text);
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(name, partitions, 1, text, sizeof text);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_operation_timeout(options, 30000, text, sizeof text);
    rd_kafka_CreateTopics(rk, &topic, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 60000);
    enum err e = event && !rd_kafka_event_error(event) ? OK : op_fail(op, E_IO, "topic: %s", event ? rd_kafka_event_error_string(event) : "no answer");
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
    /* A node may know of a topic a moment later than its controller. */
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, name, NULL);
    for (bool there = false; !e && !there;) {
        const struct rd_kafka_metadata *md = NULL;
        there = !rd_kafka_metadata(rk, 0, handle, &md, 5000) && md->topic_cnt == 1 && md->topics[0].partition_cnt == partitions;
        if (md)
            rd_kafka_metadata_destroy(md);
        if (!there)
            time_sleep_ms(20);
    }
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(rk);
    return e;
}

static enum err open_with(struct op *op, const char *topic, const char *group, const char *id, struct kafka_setting strategy, struct stream **ret)
{
    const struct kafka_setting settings[] = {strategy, {STR("session.timeout.ms"), STR("6000")}, {STR("heartbeat.interval.ms"), STR("300")}};
    const struct kafka_config config = {.brokers = str_from(brokers), .topic = str_from(topic), .group = str_from(group), .transactional_id = str_from(id),
                                        .settings = settings, .setting_count = ARRAY_LEN(settings)};
    return kafka_open(op, &config, ret);
}

static enum err open_cooperative(struct op *op, const char *topic, const char *group, const char *id, struct stream **ret)
{
    return open_with(op, topic, group, id, (struct kafka_setting){STR("partition.assignment.strategy"), STR("cooperative-sticky")}, ret);
}

static enum err open_eager(struct op *op, const char *topic, const char *group, const char *id, struct stream **ret)
{
    return open_with(op, topic, group, id, (struct kafka_setting){STR("partition.assignment.strategy"), STR("range")}, ret);
}

static void test_needs_kafka(void **state)
{
    (void)state;
    skip();
}

int main(void)
{
    brokers = getenv("INGOT_TEST_KAFKA");
    if (!brokers || !*brokers) {
        fprintf(stderr, "needs a Kafka: tests/services/kafka.py runs a command beside one\n");
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_needs_kafka)};
        return cmocka_run_group_tests(tests, NULL, NULL);
    }
    int failed = stream_contract_run(&(const struct stream_contract){kafka_topic, open_cooperative});
    return failed + stream_contract_run(&(const struct stream_contract){kafka_topic, open_eager});
}
