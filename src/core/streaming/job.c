/* job.c - the loop: poll, score, put, commit.
 *
 * Why nothing is lost or answered twice: outputs, records put aside and positions are in one transaction of the log, and everything that a poll
 * handed out has been put before the next poll or the commit says so (the rhythm of port/stream.h). A crash at any point leaves either the
 * whole transaction or nothing of it. Scoring has no effect outside the process, so doing it again is harmless. */
#include "core/streaming/job.h"

#include <inttypes.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "base/trace.h"
#include "core/streaming/flight.h"

enum {
    IDLE_MS = 200,           /* of waiting for records when nothing is open */
    LAG_MS = 1000,           /* between two looks at the lag */
    PAUSE_MS = 50, PAUSE_MAX_MS = 2000, /* behind an abort */
    EXTRA_HEADERS = 5,
    TEXT_MAX = 1000,         /* of an error's text in a header */
    TEXT_SHORT = 100,        /* ... where there is little room */
};

struct run {
    struct op *op;           /* of the present round */
    const struct streaming_job *job;
    struct flight flight;
    struct buf value;        /* of the answer that is being written */
    struct streaming_counts open; /* of the open transaction */
    size_t records;          /* in it */
    int64_t until_ms;        /* when it shall end */
    int64_t lag_ms;          /* when the lag is looked at again */
    int aborts;              /* in a row */
    uint64_t trace_seed[2], traces; /* random; how many were begun */
};

static bool is_stopped(const struct run *r)
{
    return __atomic_load_n(r->job->stop, __ATOMIC_RELAXED) != 0;
}

/* ---- what goes out ---- */

static const struct stream_header *header_find(const struct stream_record *r, const char *name)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (str_eqc(r->headers[i].name, name))
            return &r->headers[i];
    return NULL;
}

/* A trace that nobody has begun: its ids are the hash of a number under a random seed, which costs no system call per record. */
static struct str trace_begin(struct run *r)
{
    struct trace_context c = {.flags = TRACE_RANDOM};
    char *text = arena_alloc(r->op->arena, TRACE_PARENT_LEN + 1);
    uint64_t ids[3];
    r->traces++;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = hash64(&r->traces, sizeof(r->traces), r->trace_seed[i % 2] + i) | 1;
    memcpy(c.trace_id, ids, sizeof(c.trace_id));
    memcpy(c.span_id, &ids[2], sizeof(c.span_id));
    trace_context_format(&c, text);
    return (struct str){text, TRACE_PARENT_LEN};
}

/* The input's headers and ours behind them; a header of ours that came along (from a job before us) is replaced. */
static enum err headers_make(struct run *r, const struct stream_record *in, const struct stream_header *ours, size_t n, struct stream_record *out)
{
    struct op *op = r->op;
    struct stream_header *all = arena_array(op->arena, in->header_count + EXTRA_HEADERS, struct stream_header);
    size_t count = 0;
    if (!all)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu headers", in->header_count);
    for (size_t i = 0; i < in->header_count; i++) {
        bool replaced = false;
        for (size_t k = 0; k < n; k++)
            replaced = replaced || str_eq(in->headers[i].name, ours[k].name);
        if (!replaced)
            all[count++] = in->headers[i];
    }
    for (size_t k = 0; k < n; k++)
        all[count++] = ours[k];
    if (!header_find(in, "traceparent"))
        all[count++] = (struct stream_header){STR("traceparent"), trace_begin(r), true};
    out->headers = all;
    out->header_count = count;
    return OK;
}

static struct str source_of(struct op *op, const struct stream_record *in)
{
    return str_from(op_printf(op, "%.*s/%" PRId32 "/%" PRId64, STR_FMT(in->topic), in->partition, in->offset));
}

static enum err answer_put(struct run *r, const struct stream_record *in, const struct streaming_question *q, struct str value)
{
    struct stream_record out = {.topic = r->job->out,
                                .partition = r->job->by_key ? STREAM_BY_KEY : in->partition,
                                .time_ms = in->time_ms,
                                .has_key = q && q->has_key ? true : in->has_key,
                                .key = q && q->has_key ? q->key : in->key,
                                .has_value = in->has_value,
                                .value = value};
    const struct stream_header ours[] = {{STR("ingot-source"), source_of(r->op, in), true}};
    enum err e = headers_make(r, in, ours, ARRAY_LEN(ours), &out);
    r->open.bytes_out += value.len;
    return e ? e : stream_put(r->op, r->job->stream, &out);
}

/* What a record that is put aside is cut to when there is no room for it as it is: its own headers take what ours need, or it is as large as a
 * record may be. Its source tells where all of it stands. Without this whoever may write to the input could end the job for good. */
enum poison_cut { CUT_NOTHING, CUT_HEADERS, CUT_VALUE, CUT_KEY, CUTS };

static enum err poison_try(struct run *r, const struct stream_record *in, enum poison_cut cut, struct str source, enum err why, struct str reason)
{
    static const char *const words[CUTS] = {[CUT_HEADERS] = "headers", [CUT_VALUE] = "headers, value", [CUT_KEY] = "headers, value, key"};
    const struct stream_record bare = {0};
    const size_t most = cut ? TEXT_SHORT : TEXT_MAX;
    const size_t text = reason.len > most ? str_utf8_prefix(str_sub(reason, 0, most)) : reason.len;
    struct stream_record out = *in;
    out.topic = r->job->errors;
    out.partition = STREAM_BY_KEY;
    if (cut >= CUT_VALUE) {
        out.has_value = false;
        out.value = STR("");
    }
    if (cut >= CUT_KEY) {
        out.has_key = false;
        out.key = STR("");
    }
    const struct stream_header ours[] = {{STR("ingot-source"), source, true},
                                         {STR("ingot-error"), str_from(err_name(why)), true},
                                         {STR("ingot-error-text"), str_sub(reason, 0, text), true},
                                         {STR("ingot-cut"), str_from(cut ? words[cut] : ""), true}};
    enum err e = headers_make(r, cut ? &bare : in, ours, cut ? ARRAY_LEN(ours) : ARRAY_LEN(ours) - 1, &out);
    return e ? e : stream_put(r->op, r->job->stream, &out);
}

/* Puts a record aside, or tells why the job must end. `e` and `text`: what is wrong with it. */
static enum err poison_put(struct run *r, const struct stream_record *in, enum err why, const char *text)
{
    struct op *op = r->op;
    struct str source = source_of(op, in), reason = str_from(text ? text : err_name(why));
    log_at(LOG_WARN, "stream.poison", {"source", LOG_S(source)}, {"error", LOG_C(err_name(why))}, {"text", LOG_S(reason)});
    if (!r->job->errors.len)
        return op_fail(op, E_INVALID, "record %.*s cannot be answered, and there is no errors topic: %.*s", STR_FMT(source), STR_FMT(reason));
    enum err e = E_TOO_LARGE;
    for (int cut = CUT_NOTHING; cut < CUTS && e == E_TOO_LARGE; cut++) {
        op_clear(op);
        e = poison_try(r, in, (enum poison_cut)cut, source, why, reason);
    }
    if (e == E_TOO_LARGE) /* the topic does not even take what stands around it */
        return op_context(op, "record %.*s can neither be answered nor put aside", STR_FMT(source));
    r->open.poison += !e;
    return e;
}

/* An answer that is larger than its topic takes, or has too many headers, is poison. */
static enum err answer_or_poison(struct run *r, const struct stream_record *in, const struct streaming_question *q, struct str value, uint64_t *count)
{
    enum err e = answer_put(r, in, q, value);
    *count += !e;
    if (e != E_TOO_LARGE)
        return e;
    const char *text = r->op->msg;
    op_clear(r->op);
    return poison_put(r, in, e, text);
}

static enum err slot_put(struct run *r, struct flight_slot *s, const struct serve_info *info)
{
    const struct stream_record *in = s->record;
    if (!in->has_value)
        return answer_or_poison(r, in, NULL, STR(""), &r->open.tombstones);
    enum err e = s->err;
    buf_reset(&r->value);
    if (!e)
        e = r->job->codec->encode(r->job->codec->arg, &s->op, info, &s->question, &s->answer, &r->value);
    if (!e && r->value.failed)
        e = op_fail(&s->op, E_TOO_LARGE, "the answer is larger than %zu bytes", r->value.max);
    if (e)
        return poison_put(r, in, e, s->op.msg);
    return answer_or_poison(r, in, &s->question, buf_str(&r->value), &r->open.answered);
}

/* ---- a round ---- */

static enum err endpoint_reload(struct run *r)
{
    if (!r->job->reload || !__atomic_exchange_n(r->job->reload, 0, __ATOMIC_RELAXED))
        return OK;
    enum err e = serve_repository_load(r->op, r->job->serve, r->job->endpoint, NULL);
    if (e) { /* what is loaded goes on */
        log_at(LOG_ERROR, "stream.reload", {"model", LOG_S(r->job->endpoint)}, {"error", LOG_C(r->op->msg)});
        op_clear(r->op);
    } else {
        log_at(LOG_INFO, "stream.reload", {"model", LOG_S(r->job->endpoint)});
    }
    return OK;
}

static enum err records_answer(struct run *r, const struct stream_poll *p)
{
    const struct streaming_job *job = r->job;
    struct serve_endpoint *ep = NULL;
    uint64_t retried = 0;
    enum err e = endpoint_reload(r);
    if (!e)
        e = serve_acquire(r->op, job->serve, job->endpoint, &ep);
    if (e)
        return e;
    const struct serve_info *info = serve_endpoint_info(ep);
    const struct flight_ask ask = {.endpoint = ep, .info = info, .codec = job->codec, .stop = job->stop, .retries = job->retries, .retried = &retried};
    flight_run(&r->flight, &ask, p->records, p->count);
    for (size_t i = 0; !e && i < p->count; i++) {
        r->open.bytes_in += p->records[i].value.len;
        e = slot_put(r, &r->flight.slots[i], info);
    }
    serve_release(ep);
    LOCK(&job->figures->lock);
    job->figures->counts.retries += retried;
    job->figures->counts.records += p->count;
    return e;
}

/* What was counted since the last commit counts now, or not at all. */
static void transaction_over(struct run *r, bool committed)
{
    struct streaming_counts *c = &r->job->figures->counts;
    LOCK(&r->job->figures->lock);
    if (committed) {
        c->answered += r->open.answered;
        c->tombstones += r->open.tombstones;
        c->poison += r->open.poison;
        c->bytes_in += r->open.bytes_in;
        c->bytes_out += r->open.bytes_out;
        r->aborts = 0;
    } else {
        c->aborts++;
    }
    r->open = (struct streaming_counts){0};
    r->records = 0;
}

static enum err transaction_commit(struct run *r)
{
    int64_t from = time_mono_ns();
    enum err e = stream_commit(r->op, r->job->stream);
    if (e)
        return e;
    streaming_figures_commit(r->job->figures, (uint64_t)(time_mono_ns() - from));
    transaction_over(r, true);
    return OK;
}

/* The log refused the transaction: back to where it began, a moment later each time. */
static enum err transaction_abort(struct run *r)
{
    struct op *op = r->op;
    log_at(LOG_WARN, "stream.abort", {"reason", LOG_C(op->msg)}, {"records", LOG_I(r->records)});
    if (++r->aborts > LIMIT_STREAM_ABORTS)
        return op_fail(op, E_IO, "%d transactions in a row could not be committed", LIMIT_STREAM_ABORTS);
    op_clear(op);
    enum err e = stream_abort(op, r->job->stream);
    transaction_over(r, false);
    int64_t pause = r->aborts > 6 ? PAUSE_MAX_MS : (int64_t)PAUSE_MS << (r->aborts - 1);
    for (; !e && pause > 0 && !is_stopped(r); pause -= PAUSE_MS)
        time_sleep_ms(PAUSE_MS);
    return e;
}

static void lag_look(struct run *r)
{
    int64_t now = time_mono_ms();
    struct stream_lag *lag = NULL;
    if (now >= r->lag_ms) {
        size_t n = stream_lag(r->op, r->job->stream, &lag);
        streaming_figures_lag(r->job->figures, lag, n);
        r->lag_ms = now + LAG_MS;
    }
    LOCK(&r->job->figures->lock);
    r->job->figures->counts.last_poll_ms = now;
}

/* One poll and what follows from it. *ret_over: the job's end was reached. */
static enum err round_run(struct run *r, bool *ret_over)
{
    const struct streaming_job *job = r->job;
    struct stream_poll p = {0};
    int64_t left = r->records ? r->until_ms - time_mono_ms() : IDLE_MS;
    size_t want = job->transaction_records - r->records;
    enum err e = stream_poll(r->op, job->stream, want < job->flight ? want : job->flight, left < 0 ? 0 : left > IDLE_MS ? IDLE_MS : (int)left, &p);
    if (e)
        return e;
    lag_look(r);
    if (p.ended != STREAM_OPEN)
        transaction_over(r, p.ended == STREAM_COMMITTED);
    if (p.count) {
        if (!r->records)
            r->until_ms = time_mono_ms() + job->transaction_ms;
        r->records += p.count;
        if ((e = records_answer(r, &p)))
            return e;
    }
    bool end = job->until_end && p.at_end && !p.count;
    if (r->records && (r->records >= job->transaction_records || end || is_stopped(r) || time_mono_ms() >= r->until_ms))
        e = transaction_commit(r);
    *ret_over = !e && !r->records && (end || is_stopped(r));
    return e;
}

enum err streaming_run(struct op *op, const struct streaming_job *job)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct run r = {.job = job};
    struct op round;
    bool over = false;
    enum err e = OK;
    hash_random(r.trace_seed, sizeof(r.trace_seed));
    flight_init(&r.flight, job->flight);
    buf_init(&r.value, LIMIT_STREAM_RECORD_BYTES);
    while (!e && !over) {
        arena_reset(arena);
        op_init(&round, arena);
        round.gone = job->stop;
        r.op = &round;
        e = round_run(&r, &over);
        if (e == E_CONFLICT)
            e = transaction_abort(&r);
    }
    if (e == E_CANCELLED && is_stopped(&r)) { /* the log did not answer; what is open is aborted when its time is over */
        log_at(LOG_WARN, "stream.stop", {"reason", LOG_C(round.msg)});
        e = OK;
    }
    if (e)
        e = op_fail(op, e, "%s", round.msg ? round.msg : err_name(e));
    buf_clear(&r.value);
    flight_clear(&r.flight);
    return e;
}

enum err streaming_check(struct op *op, const struct streaming_job *job)
{
    int32_t in = 0, out = 0, errors = 0;
    enum err e = stream_partitions(op, job->stream, job->in, &in);
    if (!e)
        e = stream_partitions(op, job->stream, job->out, &out);
    if (!e && job->errors.len)
        e = stream_partitions(op, job->stream, job->errors, &errors);
    if (!e && (str_eq(job->in, job->out) || str_eq(job->in, job->errors)))
        e = op_fail(op, E_INVALID, "\"%.*s\" is read: answers and errors go to other topics", STR_FMT(job->in));
    if (!e && !job->by_key && out < in)
        e = op_fail(op, E_INVALID, "\"%.*s\" has %" PRId32 " partitions, \"%.*s\" has %" PRId32 ": answers cannot keep their partition; place them by key",
                    STR_FMT(job->in), in, STR_FMT(job->out), out);
    return e;
}
