/* kafka.c - makes the two clients, waits until they are at work, and ends them. */
#include "adapter/kafka/kafka.h"

#include <inttypes.h>
#include <stdlib.h>

#include "adapter/kafka/client.h"
#include "base/log.h"
#include "base/time.h"

enum { SLICE_MS = 1000, TEXT_BYTES = 512 };

struct property {
    const char *name, *value;
};
/* What both clients have, then what each has. Buffers are bounded by LIMIT_STREAM_BUFFER_KIB. */
static const struct property both_defaults[] = {
    {"client.id", "ingot"},
    {"log.connection.close", "false"},
    {"socket.keepalive.enable", "true"},
    {"reconnect.backoff.max.ms", "1000"}, /* a broker that comes back is found soon */
    {"allow.auto.create.topics", "false"},
    {NULL, NULL},
};
static const struct property producer_defaults[] = {
    {"transaction.timeout.ms", "30000"}, /* what a killed writer leaves open is aborted by then, and readers go on */
    {"queue.buffering.max.kbytes", "65536"},
    {"partitioner", "murmur2_random"}, /* as Java's clients place keys */
    {"delivery.report.only.error", "true"},
    {NULL, NULL},
};
static const struct property consumer_defaults[] = {
    {"partition.assignment.strategy", "range"}, /* cooperative-sticky works too; see kafka_close for what is wrong with it */
    {"session.timeout.ms", "10000"},
    {"queued.max.messages.kbytes", "65536"},
    {"isolation.level", "read_committed"},
    {"enable.auto.commit", "false"},
    {"enable.auto.offset.store", "false"},
    {"enable.partition.eof", "true"},
    {"auto.offset.reset", "error"}, /* a position that the log no longer has is not quietly replaced by another */
    {NULL, NULL},
};
/* Settings that are ours alone: exactly-once rests on them, or a setting of the stream says them. */
static const char *const reserved[] = {"bootstrap.servers", "metadata.broker.list", "group.id", "transactional.id", "isolation.level", "enable.auto.commit",
                                       "auto.commit.enable", "enable.auto.offset.store", "enable.partition.eof", "enable.idempotence", "auto.offset.reset",
                                       "delivery.report.only.error", "message.max.bytes", "allow.auto.create.topics", "test.mock.num.brokers"};

const char *kafka_library_version(void)
{
    return rd_kafka_version_str();
}

/* ---- errors ---- */

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH || code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED ||
           code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

static enum err code_err(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return E_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return E_DENIED;
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
        return E_INVALID;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
        return E_TIMEOUT;
    default:
        return is_fenced(code) ? E_DENIED : E_IO;
    }
}

enum err kafka_fail(struct op *op, struct kafka *k, rd_kafka_resp_err_t code, const char *what, const char *text)
{
    char fatal[TEXT_BYTES] = "";
    rd_kafka_resp_err_t cause = k->producer ? rd_kafka_fatal_error(k->producer, fatal, sizeof(fatal)) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (!cause && k->consumer)
        cause = rd_kafka_fatal_error(k->consumer, fatal, sizeof(fatal));
    if (cause) {
        code = cause;
        text = fatal;
    }
    if (is_fenced(code))
        return op_fail(op, E_DENIED, "%s: another instance with our transactional id or group instance id took over, or our transaction was open for too long: %s", what, text && *text ? text : rd_kafka_err2str(code));
    return op_fail(op, code_err(code), "%s: %s", what, text && *text ? text : rd_kafka_err2str(code));
}

enum err kafka_fail_error(struct op *op, struct kafka *k, rd_kafka_error_t *error, const char *what)
{
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    const char *text = op_printf(op, "%s", rd_kafka_error_string(error));
    bool abort = rd_kafka_error_txn_requires_abort(error) && !rd_kafka_error_is_fatal(error);
    rd_kafka_error_destroy(error);
    return abort ? op_fail(op, E_CONFLICT, "%s: %s", what, text) : kafka_fail(op, k, code, what, text);
}

static void log_take(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
    (void)rk;
    if (str_eqc(str_from(facility), "CONFWARN")) /* one property of two is the other client's */
        return;
    log_at(level <= 3 ? LOG_ERROR : level == 4 ? LOG_WARN : level == 5 ? LOG_INFO : LOG_DEBUG, "stream.kafka", {"facility", LOG_C(facility)}, {"text", LOG_C(text)});
}

/* What comes here has been logged above, or shows in a call. */
static void error_take(rd_kafka_t *rk, int code, const char *text, void *self)
{
    (void)rk, (void)self;
    log_at(LOG_DEBUG, "stream.kafka", {"error", LOG_C(rd_kafka_err2name((rd_kafka_resp_err_t)code))}, {"text", LOG_C(text)});
}

/* ---- settings ---- */

static enum err conf_set(struct op *op, rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[TEXT_BYTES] = "";
    if (rd_kafka_conf_set(conf, name, value, text, sizeof(text)) != RD_KAFKA_CONF_OK)
        return op_fail(op, E_INVALID, "setting %s: %s", name, text);
    return OK;
}

static enum err defaults_set(struct op *op, rd_kafka_conf_t *conf, const struct property *list)
{
    enum err e = OK;
    for (; !e && list->name; list++)
        e = conf_set(op, conf, list->name, list->value);
    return e;
}

static enum err settings_check(struct op *op, const struct kafka_config *c)
{
    if (c->setting_count > LIMIT_STREAM_SETTINGS)
        return op_fail(op, E_TOO_LARGE, "%zu settings; %d are taken", c->setting_count, LIMIT_STREAM_SETTINGS);
    for (size_t i = 0; i < c->setting_count; i++)
        for (size_t j = 0; j < ARRAY_LEN(reserved); j++)
            if (str_eqc(c->settings[i].name, reserved[j]))
                return op_fail(op, E_INVALID, "setting %s is not free: exactly-once rests on it, or another option says it", reserved[j]);
    if (!c->brokers.len || !c->transactional_id.len || (c->topic.len && !c->group.len))
        return op_fail(op, E_INVALID, "brokers, a transactional id and, to read, a group are wanted");
    return OK;
}

/* In `own`: the settings of one client beside the common ones. */
static enum err conf_make(struct op *op, struct kafka *k, const struct kafka_config *c, const struct property *own, rd_kafka_conf_t *conf)
{
    /* Room for the largest record that a topic may hold, and for the frame around it. */
    const char *largest = op_printf(op, "%zu", LIMIT_STREAM_RECORD_BYTES + LIMIT_KIB(64)), *frame = op_printf(op, "%zu", LIMIT_STREAM_RECORD_BYTES * 2);
    rd_kafka_conf_set_opaque(conf, k);
    rd_kafka_conf_set_log_cb(conf, log_take);
    rd_kafka_conf_set_error_cb(conf, error_take);
    enum err e = defaults_set(op, conf, both_defaults);
    if (!e)
        e = defaults_set(op, conf, own);
    if (!e)
        e = conf_set(op, conf, "bootstrap.servers", str_cstr(op->arena, c->brokers));
    if (!e)
        e = conf_set(op, conf, "message.max.bytes", largest);
    if (!e)
        e = conf_set(op, conf, "receive.message.max.bytes", frame);
    for (size_t i = 0; !e && i < c->setting_count; i++)
        e = conf_set(op, conf, str_cstr(op->arena, c->settings[i].name), str_cstr(op->arena, c->settings[i].value));
    return e;
}

static enum err client_new(struct op *op, rd_kafka_type_t type, rd_kafka_conf_t *conf, rd_kafka_t **ret)
{
    char text[TEXT_BYTES] = "";
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof(text));
    if (!rk) {
        rd_kafka_conf_destroy(conf);
        return op_fail(op, E_INVALID, "Kafka client: %s", text);
    }
    *ret = rk;
    return OK;
}

static enum err producer_make(struct op *op, struct kafka *k, const struct kafka_config *c)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_dr_msg_cb(conf, writer_delivered);
    enum err e = conf_make(op, k, c, producer_defaults, conf);
    if (!e)
        e = conf_set(op, conf, "transactional.id", str_cstr(op->arena, c->transactional_id));
    if (!e)
        return client_new(op, RD_KAFKA_PRODUCER, conf, &k->producer);
    rd_kafka_conf_destroy(conf);
    return e;
}

static enum err consumer_make(struct op *op, struct kafka *k, const struct kafka_config *c)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_rebalance_cb(conf, reader_rebalance);
    enum err e = conf_make(op, k, c, consumer_defaults, conf);
    if (!e)
        e = conf_set(op, conf, "group.id", str_cstr(op->arena, c->group));
    if (e) {
        rd_kafka_conf_destroy(conf);
        return e;
    }
    e = client_new(op, RD_KAFKA_CONSUMER, conf, &k->consumer);
    if (!e)
        rd_kafka_poll_set_consumer(k->consumer);
    return e;
}

/* ---- waiting for the brokers ---- */

static int64_t open_until(const struct op *op)
{
    return op->deadline_ms ? op->deadline_ms : time_mono_ms() + LIMIT_STREAM_OPEN_MS;
}

static enum err kafka_partitions(void *self, struct op *op, struct str topic, int32_t *ret)
{
    struct kafka *k = self;
    rd_kafka_t *rk = k->consumer ? k->consumer : k->producer;
    rd_kafka_topic_t *handle = rd_kafka_topic_new(rk, str_cstr(op->arena, topic), NULL);
    int64_t until = open_until(op);
    enum err e = handle ? E_BUSY : op_fail(op, E_INVALID, "\"%.*s\" is no name of a topic", STR_FMT(topic));
    while (e == E_BUSY) {
        const struct rd_kafka_metadata *md = NULL;
        rd_kafka_resp_err_t code = rd_kafka_metadata(rk, 0, handle, &md, SLICE_MS);
        rd_kafka_resp_err_t of_topic = !code && md->topic_cnt == 1 ? md->topics[0].err : code;
        if (!of_topic && md->topic_cnt == 1 && md->topics[0].partition_cnt > 0) {
            *ret = md->topics[0].partition_cnt;
            e = OK;
        } else if (of_topic == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || of_topic == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC) {
            e = op_fail(op, E_NOT_FOUND, "there is no topic \"%.*s\"", STR_FMT(topic));
        } else if (code_err(of_topic) == E_DENIED || of_topic == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION) {
            e = op_fail(op, code_err(of_topic) == E_DENIED ? E_DENIED : E_INVALID, "topic \"%.*s\": %s", STR_FMT(topic), rd_kafka_err2str(of_topic));
        } else if (op_is_gone(op)) {
            e = op_fail(op, E_CANCELLED, "stopped while waiting for the brokers");
        } else if (time_mono_ms() >= until) {
            e = op_fail(op, E_TIMEOUT, "the brokers do not answer: %s", rd_kafka_err2str(of_topic));
        } else {
            time_sleep_ms(50);
        }
        if (md)
            rd_kafka_metadata_destroy(md);
    }
    if (handle)
        rd_kafka_topic_destroy(handle);
    return e;
}

static enum err transactions_init(struct op *op, struct kafka *k)
{
    int64_t until = open_until(op);
    for (;;) {
        rd_kafka_error_t *error = rd_kafka_init_transactions(k->producer, SLICE_MS);
        if (!error)
            return OK;
        bool again = rd_kafka_error_is_retriable(error) && !rd_kafka_error_is_fatal(error);
        if (!again)
            return kafka_fail_error(op, k, error, "start transactions");
        if (op_is_gone(op) || time_mono_ms() >= until) {
            enum err e = op_fail(op, op_is_gone(op) ? E_CANCELLED : E_TIMEOUT, "start transactions: %s", rd_kafka_error_string(error));
            rd_kafka_error_destroy(error);
            return e;
        }
        rd_kafka_error_destroy(error);
    }
}

static enum err subscribe(struct op *op, struct kafka *k)
{
    int32_t partitions = 0;
    enum err e = kafka_partitions(k, op, str_from(k->topic), &partitions);
    if (e)
        return e;
    if (partitions > LIMIT_STREAM_PARTITIONS)
        return op_fail(op, E_TOO_LARGE, "\"%s\" has %" PRId32 " partitions; %d are read", k->topic, partitions, LIMIT_STREAM_PARTITIONS);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, k->topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(k->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    k->subscribed = !code;
    return code ? kafka_fail(op, k, code, "subscribe", "") : OK;
}

/* ---- the port ---- */

static enum err kafka_commit(void *self, struct op *op)
{
    struct kafka *k = self;
    reader_advance(k);
    return writer_commit(op, k);
}

static enum err kafka_abort(void *self, struct op *op)
{
    struct kafka *k = self;
    reader_release(k);
    enum err e = writer_abort(op, k);
    return e || !k->consumer ? e : reader_rewind(op, k);
}

/* librdkafka 2.0 aborts the process (rd_kafka_sticky_assignor_state_destroy) when a cooperative-sticky member that leads its group is closed between its
 * join and its first partitions: so we wait for these. */
static void first_partitions_wait(struct kafka *k)
{
    char strategy[TEXT_BYTES] = "";
    size_t size = sizeof(strategy);
    int64_t until = time_mono_ms() + LIMIT_STREAM_CLOSE_MS;
    if (!k->subscribed || rd_kafka_conf_get(rd_kafka_conf(k->consumer), "partition.assignment.strategy", strategy, &size) != RD_KAFKA_CONF_OK ||
        !strstr(strategy, "sticky"))
        return;
    while (!k->assigned && time_mono_ms() < until) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(k->consumer, 50);
        if (m)
            rd_kafka_message_destroy(m);
    }
}

/* A broker that does not answer holds us up for LIMIT_STREAM_CLOSE_MS: what is open is aborted when its time is over. */
static void kafka_close(void *self)
{
    struct kafka *k = self;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, arena);
    op.deadline_ms = time_mono_ms() + LIMIT_STREAM_CLOSE_MS;
    bool fatal = k->producer && rd_kafka_fatal_error(k->producer, NULL, 0);
    if (k->producer && !fatal && writer_abort(&op, k))
        log_at(LOG_WARN, "stream.close", {"reason", LOG_C(op.msg)});
    reader_release(k);
    k->open = false;
    k->op = &op;
    k->closing = true;
    if (k->consumer) {
        first_partitions_wait(k);
        rd_kafka_consumer_close(k->consumer);
        rd_kafka_destroy(k->consumer);
    }
    for (size_t i = 0; i < k->topic_count; i++)
        rd_kafka_topic_destroy(k->topics[i].handle);
    if (k->producer) {
        rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(k->producer, 0);
        rd_kafka_destroy(k->producer);
    }
    arena_destroy(k->arena);
    free(k->parts);
    free(k->held);
    free(k->records);
    free(k->topic);
    free(k);
}

static const struct stream_ops kafka_ops = {
    .name = "kafka",
    .poll = reader_poll,
    .put = writer_put,
    .commit = kafka_commit,
    .abort = kafka_abort,
    .partitions = kafka_partitions,
    .lag = reader_lag,
    .close = kafka_close,
};

static struct kafka *kafka_create(const struct kafka_config *c)
{
    struct kafka *k = calloc(1, sizeof(*k));
    if (!k)
        abort();
    k->from_end = c->from_end;
    k->topic = strndup(c->topic.p ? c->topic.p : "", c->topic.len);
    k->parts = calloc(LIMIT_STREAM_PARTITIONS, sizeof(*k->parts));
    k->held = calloc(LIMIT_STREAM_POLL, sizeof(rd_kafka_message_t *));
    k->records = calloc(LIMIT_STREAM_POLL, sizeof(*k->records));
    k->arena = arena_create(LIMIT_REQUEST_ARENA);
    if (!k->topic || !k->parts || !k->held || !k->records)
        abort();
    return k;
}

enum err kafka_open(struct op *op, const struct kafka_config *c, struct stream **ret)
{
    enum err e = settings_check(op, c);
    if (e)
        return e;
    struct stream *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    struct kafka *k = kafka_create(c);
    *s = (struct stream){&kafka_ops, k};
    e = producer_make(op, k, c);
    if (!e && c->topic.len)
        e = consumer_make(op, k, c);
    /* The writer first: what an earlier instance left open is decided before positions are read. */
    if (!e)
        e = transactions_init(op, k);
    if (!e && k->consumer)
        e = subscribe(op, k);
    if (e) {
        stream_close(s);
        return e;
    }
    *ret = s;
    return OK;
}
