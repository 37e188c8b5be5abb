/* reader.c - the member of a consumer group: records, positions, and partitions that come and go.
 *
 * Partitions move within a poll: librdkafka then calls reader_rebalance on our thread. Before a partition is let go, the open transaction must
 * end, since nobody else may go on where we did not say where we are. By the port's rhythm all records of *earlier* polls are answered
 * by then, so it is committed with their positions (`done`); records that the present poll has gathered are not, and those of a lost partition
 * are dropped before the caller sees them. When the group has already given the partitions away (assignment lost), or the commit fails, the
 * transaction is aborted: the next owner reads the same records again.
 *
 * Each partition has three positions: committed <= done <= seen. They begin where the group's stored position is, which we ask for ourselves when a
 * partition comes: the answer waits for transactions that are being decided, and a position that the log no longer has (its records were
 * deleted before they were read) ends the stream instead of being replaced. An abort seeks to `committed`. Both protocols of rebalancing are served: eager
 * (all partitions are taken back each time) and cooperative (those that move). */
#include "adapter/kafka/client.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/time.h"

enum {
    SLICE_MS = 100,    /* of waiting for a record, then we look whether we shall stop */
    ASK_MS = 2000,     /* of waiting for positions, likewise */
    SEEK_MS = 10000,
};

/* ---- what was handed out ---- */

void reader_release(struct kafka *k)
{
    for (size_t i = 0; i < k->held_count; i++)
        rd_kafka_message_destroy(k->held[i]);
    k->held_count = 0;
    k->held_bytes = 0;
    arena_reset(k->arena);
}

void reader_advance(struct kafka *k)
{
    for (size_t i = 0; i < k->parts_top; i++)
        k->parts[i].done = k->parts[i].seen;
}

/* librdkafka may say "timed out" before the time is over when its queue is woken meanwhile. Seeking again to the same places is no harm. */
static rd_kafka_error_t *seek_all(struct kafka *k, rd_kafka_topic_partition_list_t *list)
{
    int64_t until = time_mono_ms() + SEEK_MS;
    for (int64_t left = SEEK_MS;; left = until - time_mono_ms()) {
        rd_kafka_error_t *error = rd_kafka_seek_partitions(k->consumer, list, left > 1 ? (int)left : 1);
        if (!error || rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR__TIMED_OUT || time_mono_ms() >= until)
            return error;
        rd_kafka_error_destroy(error);
    }
}

enum err reader_rewind(struct op *op, struct kafka *k)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < k->parts_top; i++) {
        struct kafka_part *p = &k->parts[i];
        if (!p->mine || p->seen == p->committed)
            continue;
        rd_kafka_topic_partition_list_add(list, k->topic, (int32_t)i)->offset = p->committed;
        p->seen = p->done = p->committed;
        p->at_end = false;
    }
    rd_kafka_error_t *error = list->cnt ? seek_all(k, list) : NULL;
    enum err e = error ? kafka_fail_error(op, k, error, "go back") : OK;
    for (int i = 0; !e && i < list->cnt; i++)
        if (list->elems[i].err && list->elems[i].err != RD_KAFKA_RESP_ERR__STATE && list->elems[i].err != RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION)
            e = kafka_fail(op, k, list->elems[i].err, "go back", "");
    rd_kafka_topic_partition_list_destroy(list);
    return e;
}

/* ---- partitions come and go ---- */

/* Sets the offsets of `list` to where the group goes on. Another member's transaction may hold the answer up until the brokers end it. */
static enum err positions_ask(struct kafka *k, rd_kafka_topic_partition_list_t *list)
{
    struct op *op = k->op;
    int64_t until = time_mono_ms() + LIMIT_STREAM_POSITIONS_MS;
    for (;;) {
        rd_kafka_resp_err_t code = rd_kafka_committed(k->consumer, list, ASK_MS);
        for (int i = 0; !code && i < list->cnt; i++)
            code = list->elems[i].err;
        if (!code)
            break;
        if (op_is_gone(op) || time_mono_ms() > until)
            return op_is_gone(op) ? op_fail(op, E_CANCELLED, "stopped while asking for positions") : kafka_fail(op, k, code, "ask for the group's positions", "");
        log_at(LOG_DEBUG, "stream.positions", {"error", LOG_C(rd_kafka_err2name(code))});
        time_sleep_ms(SLICE_MS);
    }
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset < 0)
            list->elems[i].offset = k->from_end ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    return OK;
}

static void parts_add(struct kafka *k, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++) {
        int32_t n = list->elems[i].partition;
        if (n < 0 || n >= LIMIT_STREAM_PARTITIONS) {
            k->failed = op_fail(k->op, E_TOO_LARGE, "partition %" PRId32 " of \"%s\"; topics of up to %d are read", n, k->topic, LIMIT_STREAM_PARTITIONS);
            return;
        }
        int64_t at = list->elems[i].offset < 0 ? -1 : list->elems[i].offset;
        k->parts[n] = (struct kafka_part){.mine = true, .committed = at, .done = at, .seen = at, .end = -1};
        if (k->parts_top <= (size_t)n)
            k->parts_top = (size_t)n + 1;
    }
}

static void parts_remove(struct kafka *k, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].partition >= 0 && list->elems[i].partition < LIMIT_STREAM_PARTITIONS)
            k->parts[list->elems[i].partition].mine = false;
    size_t kept = 0;
    for (size_t i = 0; i < k->held_count; i++) {
        if (k->parts[k->held[i]->partition].mine)
            k->held[kept++] = k->held[i];
        else
            rd_kafka_message_destroy(k->held[i]);
    }
    k->held_count = kept;
}

/* Before partitions are let go. */
static void transaction_end(struct kafka *k, bool lost)
{
    if (!k->open)
        return;
    struct op *op = k->op;
    enum err e = lost ? op_fail(op, E_CONFLICT, "the group gave our partitions away") : writer_commit(op, k);
    if (!e) {
        k->ended = STREAM_COMMITTED;
        return;
    }
    log_at(LOG_WARN, "stream.rebalance", {"transaction", LOG_C("aborted")}, {"reason", LOG_C(op->msg)});
    if (e == E_CONFLICT) {
        op_clear(op);
        e = writer_abort(op, k);
    }
    k->failed = e;
    k->ended = STREAM_ABORTED;
    k->rewind = true;
    for (size_t i = 0; i < k->held_count; i++)
        rd_kafka_message_destroy(k->held[i]);
    k->held_count = 0;
}

void reader_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t err, rd_kafka_topic_partition_list_t *list, void *self)
{
    struct kafka *k = self;
    bool cooperative = str_eqc(str_from(rd_kafka_rebalance_protocol(rk)), "COOPERATIVE"), assign = err == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    rd_kafka_error_t *error = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    log_at(LOG_INFO, "stream.rebalance", {"change", LOG_C(assign ? "assigned" : "revoked")}, {"partitions", LOG_I(list->cnt)});
    k->assigned = k->assigned || assign;
    if (assign) {
        if (!k->closing && (k->failed = positions_ask(k, list))) /* partitions that come while we leave go back at once */
            return; /* the stream ends */
        parts_add(k, list);
        if (cooperative)
            error = rd_kafka_incremental_assign(rk, list);
        else
            code = rd_kafka_assign(rk, list);
    } else {
        transaction_end(k, rd_kafka_assignment_lost(rk));
        parts_remove(k, list);
        if (cooperative)
            error = rd_kafka_incremental_unassign(rk, list);
        else
            code = rd_kafka_assign(rk, NULL);
    }
    if (error)
        k->failed = kafka_fail_error(k->op, k, error, "take over partitions");
    else if (code)
        k->failed = kafka_fail(k->op, k, code, "take over partitions", "");
}

/* ---- records ---- */

static enum err headers_read(struct op *op, struct kafka *k, const rd_kafka_message_t *m, struct stream_record *r)
{
    rd_kafka_headers_t *all = NULL;
    if (rd_kafka_message_headers(m, &all) || !all)
        return OK;
    size_t n = rd_kafka_header_cnt(all);
    n = n > LIMIT_STREAM_HEADERS + 1 ? LIMIT_STREAM_HEADERS + 1 : n; /* one too many shows that there are; a record may hold millions */
    struct stream_header *headers = n ? arena_array(k->arena, n, struct stream_header) : NULL;
    if (n && !headers)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu headers", n);
    for (size_t i = 0; i < n; i++) {
        const char *name = NULL;
        const void *value = NULL;
        size_t size = 0;
        if (rd_kafka_header_get_all(all, i, &name, &value, &size))
            break;
        headers[i] = (struct stream_header){.name = str_from(name), .value = {value, value ? size : 0}, .has_value = value != NULL};
        r->header_count = i + 1;
    }
    r->headers = headers;
    return OK;
}

static enum err record_read(struct op *op, struct kafka *k, const rd_kafka_message_t *m, struct stream_record *r)
{
    rd_kafka_timestamp_type_t kind;
    int64_t time_ms = rd_kafka_message_timestamp(m, &kind);
    *r = (struct stream_record){.topic = str_from(k->topic),
                                .partition = m->partition,
                                .offset = m->offset,
                                .time_ms = kind == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1 : time_ms,
                                .has_key = m->key != NULL,
                                .has_value = m->payload != NULL,
                                .key = {m->key, m->key ? m->key_len : 0},
                                .value = {m->payload, m->payload ? m->len : 0}};
    return headers_read(op, k, m, r);
}

/* An event that is no record. */
static enum err event_take(struct op *op, struct kafka *k, const rd_kafka_message_t *m)
{
    bool known = m->partition >= 0 && (size_t)m->partition < k->parts_top;
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        if (known && k->parts[m->partition].mine) {
            k->parts[m->partition].at_end = true;
            k->parts[m->partition].end = m->offset;
        }
        return OK;
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED: /* a rebalance follows */
        log_at(LOG_WARN, "stream.slow", {"reason", LOG_C(rd_kafka_message_errstr(m))});
        return OK;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
        return kafka_fail(op, k, m->err, "read", rd_kafka_message_errstr(m));
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return op_fail(op, E_IO, "partition %" PRId32 " of \"%s\" no longer has the records behind the group's position: they were deleted before they were read; "
                       "set the position by Kafka's own tools to go on without them", m->partition, k->topic);
    default: /* librdkafka goes on by itself */
        log_at(LOG_WARN, "stream.read", {"error", LOG_C(rd_kafka_err2name(m->err))}, {"text", LOG_C(rd_kafka_message_errstr(m))});
        return OK;
    }
}

static size_t headers_bytes(const rd_kafka_message_t *m)
{
    rd_kafka_headers_t *all = NULL;
    size_t bytes = 0, size = 0;
    const char *name = NULL;
    const void *value = NULL;
    if (rd_kafka_message_headers(m, &all) || !all)
        return 0;
    for (size_t i = 0; !rd_kafka_header_get_all(all, i, &name, &value, &size); i++)
        bytes += strlen(name) + (value ? size : 0) + sizeof(struct stream_header);
    return bytes;
}

/* True when `m` was kept. */
static bool message_keep(struct kafka *k, rd_kafka_message_t *m)
{
    struct kafka_part *p = m->partition >= 0 && (size_t)m->partition < k->parts_top ? &k->parts[m->partition] : NULL;
    if (!p || !p->mine || m->offset < p->seen) /* fetched before we went elsewhere */
        return false;
    if (p->seen < 0)
        p->committed = p->done = m->offset;
    p->seen = m->offset + 1;
    p->at_end = false;
    k->held[k->held_count++] = m;
    k->held_bytes += m->len + m->key_len + headers_bytes(m);
    return true;
}

static enum err messages_gather(struct op *op, struct kafka *k, size_t max, int64_t until_ms)
{
    while (k->held_count < max && k->held_bytes < LIMIT_STREAM_POLL_BYTES) {
        int64_t left = k->held_count ? 0 : until_ms - time_mono_ms();
        rd_kafka_message_t *m = rd_kafka_consumer_poll(k->consumer, left < 0 ? 0 : left > SLICE_MS ? SLICE_MS : (int)left);
        enum err e = k->failed;
        bool event = m && m->err;
        if (!e && event)
            e = event_take(op, k, m);
        if (m && (e || event || !message_keep(k, m)))
            rd_kafka_message_destroy(m);
        if (!e && k->rewind) {
            k->rewind = false;
            e = reader_rewind(op, k);
        }
        if (e)
            return e;
        if (!m && (k->held_count || left <= 0 || op_is_gone(op)))
            break;
        if (event && k->ended != STREAM_OPEN)
            break;
    }
    return OK;
}

static bool all_at_end(const struct kafka *k)
{
    size_t n = 0;
    for (size_t i = 0; i < k->parts_top; i++) {
        if (k->parts[i].mine && !k->parts[i].at_end)
            return false;
        n += k->parts[i].mine;
    }
    return n > 0;
}

enum err reader_poll(void *self, struct op *op, size_t max_records, int wait_ms, struct stream_poll *ret)
{
    struct kafka *k = self;
    reader_release(k);
    reader_advance(k);
    rd_kafka_poll(k->producer, 0);
    if (!k->consumer)
        return OK;
    k->op = op;
    k->ended = STREAM_OPEN;
    k->failed = OK;
    enum err e = messages_gather(op, k, max_records, time_mono_ms() + wait_ms);
    k->op = NULL;
    if (!e && k->held_count)
        e = writer_begin(op, k);
    for (size_t i = 0; !e && i < k->held_count; i++)
        e = record_read(op, k, k->held[i], &k->records[i]);
    if (!e)
        *ret = (struct stream_poll){.records = k->records, .count = k->held_count, .ended = k->ended, .at_end = all_at_end(k)};
    return e;
}

size_t reader_lag(void *self, struct op *op, struct stream_lag **ret)
{
    struct kafka *k = self;
    size_t n = 0;
    struct stream_lag *all = arena_alloc(op->arena, (k->parts_top + 1) * sizeof(*all));
    for (size_t i = 0; i < k->parts_top; i++) {
        int64_t low = -1, high = -1;
        if (!k->parts[i].mine)
            continue;
        if (rd_kafka_get_watermark_offsets(k->consumer, k->topic, (int32_t)i, &low, &high) || high < 0)
            high = k->parts[i].end;
        /* At the end of what is committed there may be markers of transactions, which are no records. */
        bool done = k->parts[i].at_end && k->parts[i].end >= high;
        all[n++] = (struct stream_lag){.topic = str_from(k->topic), .partition = (int32_t)i, .position = done ? high : k->parts[i].seen, .end = high};
    }
    *ret = all;
    return n;
}
