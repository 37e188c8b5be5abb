/* writer.c - the transactional producer: records, positions and the end of a transaction.
 *
 * librdkafka sorts its errors: *fatal* (another writer has our transactional id, or the state is lost: the client can only be closed),
 * *abortable* (this transaction cannot be committed, the next one can), *retriable* (call again: what goes on in the background is
 * resumed). What is neither is treated as fatal, as its documentation recommends (rdkafka.h, "Transactional producer API").
 *
 * A commit that is cut off leaves no doubt behind. Outputs and positions are in one transaction, so whoever comes next with our transactional
 * id waits for the broker's verdict in init_transactions, and then reads positions that fit it. */
#include "adapter/kafka/client.h"

#include "base/time.h"

enum {
    SLICE_MS = 2000,  /* of one blocking call, then we look whether we shall stop */
    PAUSE_MS = 50,    /* before a call is tried again */
};

void writer_delivered(rd_kafka_t *rk, const rd_kafka_message_t *message, void *self)
{
    struct kafka *k = self;
    (void)rk;
    bool purged = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
    if (message->err && !purged && !k->undelivered)
        k->undelivered = message->err;
}

enum err writer_begin(struct op *op, struct kafka *k)
{
    if (k->open)
        return OK;
    rd_kafka_error_t *error = rd_kafka_begin_transaction(k->producer);
    if (error)
        return kafka_fail_error(op, k, error, "begin a transaction");
    k->open = true;
    k->spoilt = false;
    k->undelivered = RD_KAFKA_RESP_ERR_NO_ERROR;
    return OK;
}

/* ---- records ---- */

static enum err headers_make(struct op *op, struct kafka *k, const struct stream_record *r, rd_kafka_headers_t **ret)
{
    rd_kafka_headers_t *all = rd_kafka_headers_new(r->header_count);
    for (size_t i = 0; i < r->header_count; i++) {
        const struct stream_header *h = &r->headers[i];
        rd_kafka_resp_err_t code = rd_kafka_header_add(all, h->name.p ? h->name.p : "", (ssize_t)h->name.len,
                                                       h->has_value ? h->value.p ? h->value.p : "" : NULL, h->has_value ? (ssize_t)h->value.len : 0);
        if (code) {
            rd_kafka_headers_destroy(all);
            return kafka_fail(op, k, code, "header", "");
        }
    }
    *ret = all;
    return OK;
}

static enum err produce_fail(struct op *op, struct kafka *k, const struct stream_record *r, rd_kafka_resp_err_t code, const char *text)
{
    const char *what = op_printf(op, "write to \"%.*s\"", STR_FMT(r->topic));
    switch (code) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        return op_fail(op, E_TOO_LARGE, "%s: a record of %zu bytes is larger than message.max.bytes", what, r->key.len + r->value.len);
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
        return op_fail(op, E_NOT_FOUND, "%s: no partition %d there", what, (int)r->partition);
    case RD_KAFKA_RESP_ERR__STATE: /* the transaction has failed beside us; commit or abort tells why */
        return rd_kafka_fatal_error(k->producer, NULL, 0) ? kafka_fail(op, k, code, what, text) : op_fail(op, E_CONFLICT, "%s: the transaction has failed", what);
    default:
        return kafka_fail(op, k, code, what, text);
    }
}

/* One try. *ret_full: the buffer is, try again. */
static enum err produce(struct op *op, struct kafka *k, const struct stream_record *r, rd_kafka_topic_t *topic, bool *ret_full)
{
    rd_kafka_headers_t *headers = NULL;
    enum err e = r->header_count ? headers_make(op, k, r, &headers) : OK;
    if (e)
        return e;
    rd_kafka_vu_t vus[8];
    size_t n = 0;
    vus[n].vtype = RD_KAFKA_VTYPE_RKT;
    vus[n++].u.rkt = topic;
    vus[n].vtype = RD_KAFKA_VTYPE_PARTITION;
    vus[n++].u.i32 = r->partition == STREAM_BY_KEY ? RD_KAFKA_PARTITION_UA : r->partition;
    vus[n].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    vus[n++].u.i = RD_KAFKA_MSG_F_COPY;
    vus[n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
    vus[n++].u.i64 = r->time_ms < 0 ? 0 : r->time_ms;
    vus[n].vtype = RD_KAFKA_VTYPE_VALUE;
    vus[n].u.mem.ptr = r->has_value ? (void *)(uintptr_t)(r->value.p ? r->value.p : "") : NULL;
    vus[n++].u.mem.size = r->has_value ? r->value.len : 0;
    vus[n].vtype = RD_KAFKA_VTYPE_KEY;
    vus[n].u.mem.ptr = r->has_key ? (void *)(uintptr_t)(r->key.p ? r->key.p : "") : NULL;
    vus[n++].u.mem.size = r->has_key ? r->key.len : 0;
    if (headers) {
        vus[n].vtype = RD_KAFKA_VTYPE_HEADERS;
        vus[n++].u.headers = headers;
    }
    rd_kafka_error_t *error = rd_kafka_produceva(k->producer, vus, n);
    *ret_full = false;
    if (!error)
        return OK;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    const char *text = op_printf(op, "%s", rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    if (headers)
        rd_kafka_headers_destroy(headers);
    *ret_full = code == RD_KAFKA_RESP_ERR__QUEUE_FULL;
    return *ret_full ? OK : produce_fail(op, k, r, code, text);
}

enum err writer_put(void *self, struct op *op, const struct stream_record *r)
{
    struct kafka *k = self;
    const struct kafka_topic *topic = NULL;
    bool full = true;
    enum err e = topic_get(op, k, r->topic, &topic);
    if (!e)
        e = topic_check(op, topic, r);
    if (!e)
        e = writer_begin(op, k);
    while (!e) {
        e = produce(op, k, r, topic->handle, &full);
        if (e || !full)
            break;
        rd_kafka_poll(k->producer, PAUSE_MS);
        e = op_is_gone(op) ? op_fail(op, E_CANCELLED, "stopped while the brokers take no records") : op_check_deadline(op);
    }
    return e;
}

/* ---- the end of a transaction ---- */

typedef rd_kafka_error_t *(*step_fn)(struct kafka *k, void *arg);

/* Calls `step` until it is done or failed for good. */
static enum err step_run(struct op *op, struct kafka *k, const char *what, step_fn step, void *arg)
{
    for (;;) {
        rd_kafka_error_t *error = step(k, arg);
        if (!error)
            return OK;
        bool again = rd_kafka_error_is_retriable(error) && !rd_kafka_error_txn_requires_abort(error) && !rd_kafka_error_is_fatal(error);
        bool over = again && (op_is_gone(op) || (op->deadline_ms && time_mono_ms() >= op->deadline_ms));
        if (over) {
            enum err e = op_fail(op, op_is_gone(op) ? E_CANCELLED : E_TIMEOUT, "%s: %s", what, rd_kafka_error_string(error));
            rd_kafka_error_destroy(error);
            return e;
        }
        if (!again)
            return kafka_fail_error(op, k, error, what);
        rd_kafka_error_destroy(error);
        rd_kafka_poll(k->producer, 0);
        time_sleep_ms(PAUSE_MS);
    }
}

struct positions {
    rd_kafka_topic_partition_list_t *list;
    rd_kafka_consumer_group_metadata_t *group;
};
static rd_kafka_error_t *step_positions(struct kafka *k, void *arg)
{
    const struct positions *p = arg;
    return rd_kafka_send_offsets_to_transaction(k->producer, p->list, p->group, SLICE_MS);
}
static rd_kafka_error_t *step_commit(struct kafka *k, void *arg)
{
    (void)arg;
    return rd_kafka_commit_transaction(k->producer, SLICE_MS);
}
static rd_kafka_error_t *step_abort(struct kafka *k, void *arg)
{
    (void)arg;
    return rd_kafka_abort_transaction(k->producer, SLICE_MS);
}

static enum err positions_send(struct op *op, struct kafka *k)
{
    struct positions p = {.list = rd_kafka_topic_partition_list_new(8)};
    for (size_t i = 0; i < k->parts_top; i++)
        if (k->parts[i].mine && k->parts[i].done > k->parts[i].committed)
            rd_kafka_topic_partition_list_add(p.list, k->topic, (int32_t)i)->offset = k->parts[i].done;
    enum err e = OK;
    if (p.list->cnt) {
        p.group = rd_kafka_consumer_group_metadata(k->consumer);
        e = step_run(op, k, "send the positions", step_positions, &p);
        rd_kafka_consumer_group_metadata_destroy(p.group);
    }
    rd_kafka_topic_partition_list_destroy(p.list);
    return e;
}

/* A broker's refusal of one record makes the whole transaction fail, and would do so again. */
static enum err undelivered_fail(struct op *op, struct kafka *k, enum err e)
{
    if (e != E_CONFLICT || k->undelivered != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return e;
    return op_fail(op, E_TOO_LARGE, "a record is larger than its topic takes (max.message.bytes): %s", rd_kafka_err2str(k->undelivered));
}

enum err writer_commit(struct op *op, struct kafka *k)
{
    if (!k->open)
        return OK;
    enum err e = k->consumer ? positions_send(op, k) : OK;
    if (!e)
        e = step_run(op, k, "commit", step_commit, NULL);
    if (e) {
        k->spoilt = true;
        rd_kafka_poll(k->producer, 0); /* brings the records that were refused to writer_delivered */
        return undelivered_fail(op, k, e);
    }
    k->open = false;
    for (size_t i = 0; i < k->parts_top; i++)
        k->parts[i].committed = k->parts[i].done;
    return OK;
}

enum err writer_abort(struct op *op, struct kafka *k)
{
    if (!k->open)
        return OK;
    /* A broker that has not yet heard of the transaction takes its abort for a mistake, and librdkafka that for the end: so what was put
     * goes out first. */
    if (!k->spoilt)
        rd_kafka_flush(k->producer, SLICE_MS);
    enum err e = step_run(op, k, "abort", step_abort, NULL);
    if (e == E_CONFLICT) /* an abort that cannot be had has nowhere to go */
        e = op_fail(op, E_IO, "the transaction can be neither committed nor aborted");
    if (!e)
        k->open = false;
    return e;
}
