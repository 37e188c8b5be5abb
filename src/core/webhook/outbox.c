/* When a message is tried again, and what waits for it:
 *
 *   2xx                       delivered.
 *   no answer at all          The receiver is down, not the message bad. The message stays at the head of its webhook's line and the
 *                             whole line waits; the pause doubles with each such attempt in a row.
 *   429, 500, 502, 503, 504   It may be this message that the receiver cannot take. The line waits for it until the fifth such
 *                             answer; then it leaves the line and is tried on its own while the others go on.
 *   anything else, redirects  Trying again would change nothing: given up, with the reason. So is an address that is not allowed
 *   and refused addresses     at the time of sending.
 *
 * A message is given up after `retries` further attempts or LIMIT_WEBHOOK_AGE_US. Pauses are pause_us * 2^n, at most
 * LIMIT_WEBHOOK_BACKOFF_US, times a random factor from 1/2 to 3/2, so that many lines that broke together do not come
 * back together; a Retry-After of the receiver is honoured up to the same maximum.
 *
 * webhook.next_us is the earliest time at which a message of the webhook could be sent. raise.c sets it when it was "never";
 * whoever holds the lease sets it when the lease ends. As both are writes, and writes of a database run one after the
 * other, no message is overlooked. */
#include "core/webhook/outbox.h"

#include <inttypes.h>
#include <string.h>

#include "base/limits.h"
#include "base/time.h"
#include "base/vec.h"
#include "core/track/names.h"
#include "core/track/store.h"
#include "sql_gen.h"

#define LINE_REFUSALS 5
#define NEVER INT64_MAX
#define SWEEP_ROWS 1000
/* How long a lease outlives the attempt's own time limit: looking a name up, waiting for the writer. */
#define LEASE_SPARE_US (60 * TIME_US_PER_S)

const char *outbox_state_name(enum outbox_state s)
{
    static const char *const names[] = {"waiting", "waiting", "delivered", "failed"};
    return s < OUTBOX_STATES ? names[s] : "unknown";
}

/* ---- judging ---- */

struct outbox_result outbox_judge(struct op *op, enum err e, const struct notify_answer *a)
{
    struct outbox_result r = {.verdict = OUTBOX_TAKEN, .reason = STR("")};
    if (e) {
        r.reason = str_dup(op->arena, names_clip(str_from(op->msg ? op->msg : err_name(e)), LIMIT_WEBHOOK_REASON));
        r.verdict = e == E_CANCELLED ? OUTBOX_VERDICT_NONE : e == E_INVALID || e == E_CORRUPT ? OUTBOX_REFUSED : OUTBOX_UNHEARD;
        op_clear(op);
        return r;
    }
    r.status = a->status;
    if (a->status >= 200 && a->status < 300)
        return r;
    r.reason = str_from(op_printf(op, a->status >= 300 && a->status < 400 ? "HTTP %d: redirects are not followed" : "HTTP %d", a->status));
    bool again = a->status == 429 || a->status == 500 || (a->status >= 502 && a->status <= 504);
    r.verdict = again ? OUTBOX_AGAIN : OUTBOX_REFUSED;
    if (again && a->retry_after_s > 0)
        r.pause_us = a->retry_after_s < LIMIT_WEBHOOK_BACKOFF_US / TIME_US_PER_S ? a->retry_after_s * TIME_US_PER_S : LIMIT_WEBHOOK_BACKOFF_US;
    return r;
}

/* Before attempt n + 1, n from 1. */
static int64_t pause_of(const struct webhooks *h, int64_t n, int64_t wish_us)
{
    int64_t us = webhooks_config_of(h)->pause_us;
    for (int64_t i = 1; i < n && us < LIMIT_WEBHOOK_BACKOFF_US; i++)
        us *= 2;
    if (us > LIMIT_WEBHOOK_BACKOFF_US)
        us = LIMIT_WEBHOOK_BACKOFF_US;
    uint32_t random;
    hash_random(&random, sizeof random);
    us = us / 2 + (int64_t)((double)us * ((double)random / 4294967296.0));
    return us > wish_us ? us : wish_us;
}

/* ---- taking ---- */

struct call {
    struct webhooks *h;
    int64_t webhook;
    const struct outbox_message *last;
    const struct outbox_result *result;
    bool stop;
    struct outbox_message message;
    bool more;
    size_t max, len;
    int64_t *ids;
    struct str webhook_id, delivery_id;
    enum outbox_state state;
    int64_t before;
    VEC(struct outbox_row) rows;
    int64_t *counts;
};

static int64_t lease_until(const struct op *op, const struct webhooks *h)
{
    return op->now_us + webhooks_config_of(h)->timeout_ms * TIME_US_PER_MS + LEASE_SPARE_US;
}

static enum err release_all_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    return db_exec(op, tx, &sql_webhook_release_all, DB_ARGS(DB_TEXT(webhooks_config_of(c->h)->server)), NULL);
}

enum err outbox_recover(struct op *op, struct webhooks *h)
{
    return db_write(op, webhooks_config_of(h)->db, release_all_tx, &(struct call){.h = h});
}

static enum err due_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    struct db_rows *rows = NULL;
    bool more = false;
    c->len = 0;
    enum err e = db_query(op, tx, &sql_webhook_due,
                          DB_ARGS(DB_I64(op->now_us), DB_TEXT(webhooks_key_id(c->h)), DB_I64((int64_t)c->max)), &rows);
    if (e)
        return e;
    while (c->len < c->max && !(e = db_step(op, tx, rows, &more)) && more)
        c->ids[c->len++] = db_col_i64(tx, rows, 0);
    db_end(tx, rows);
    return e;
}

static enum err take_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    size_t got = 0;
    enum err e = due_tx(op, tx, c);
    for (size_t i = 0; !e && i < c->len; i++) {
        int64_t changes = 0;
        e = db_exec(op, tx, &sql_webhook_lease,
                    DB_ARGS(DB_I64(c->ids[i]), DB_TEXT(webhooks_config_of(c->h)->server), DB_I64(lease_until(op, c->h)), DB_I64(op->now_us)), &changes);
        if (!e && changes)
            c->ids[got++] = c->ids[i];
    }
    c->len = got;
    return e;
}

enum err outbox_take(struct op *op, struct webhooks *h, size_t max, int64_t *ret, size_t *ret_len)
{
    struct call c = {.h = h, .max = max, .ids = ret};
    enum err e = db_read(op, webhooks_config_of(h)->db, due_tx, &c);
    if (!e && c.len)
        e = db_write(op, webhooks_config_of(h)->db, take_tx, &c);
    if (!e)
        *ret_len = c.len;
    return e;
}

/* ---- one message after another ---- */

static enum err finish(struct op *op, struct db_tx *tx, const struct outbox_message *m, enum outbox_state state, const struct outbox_result *r)
{
    return db_exec(op, tx, &sql_webhook_delivery_finish,
                   DB_ARGS(DB_I64(m->row), DB_I64(state), DB_I64(op->now_us), DB_I64(m->attempts + 1), DB_I64(r->status), DB_TEXT(r->reason)), NULL);
}

/* Gives the message up when it was tried often or long enough; else says when to go on. */
static enum err note_failure(struct op *op, struct db_tx *tx, struct call *c)
{
    const struct outbox_message *m = c->last;
    const struct outbox_result *r = c->result;
    bool unheard = r->verdict == OUTBOX_UNHEARD;
    int64_t refusals = m->refusals + !unheard, failures = unheard ? m->failures + 1 : 0;
    int64_t due = op->now_us + pause_of(c->h, unheard ? failures : refusals, r->pause_us);
    enum err e = db_exec(op, tx, &sql_webhook_set_failures, DB_ARGS(DB_I64(c->webhook), DB_I64(failures), DB_I64(unheard ? due : 0)), NULL);
    if (e)
        return e;
    if (m->attempts + 1 > webhooks_config_of(c->h)->retries || op->now_us - m->created_us > LIMIT_WEBHOOK_AGE_US)
        return finish(op, tx, m, OUTBOX_DEAD, r);
    enum outbox_state state = refusals >= LINE_REFUSALS ? OUTBOX_LATE : OUTBOX_WAITING;
    return db_exec(op, tx, &sql_webhook_delivery_retry,
                   DB_ARGS(DB_I64(m->row), DB_I64(state), DB_I64(due), DB_I64(m->attempts + 1), DB_I64(refusals), DB_I64(r->status),
                           DB_TEXT(r->reason)), NULL);
}

static enum err note(struct op *op, struct db_tx *tx, struct call *c)
{
    struct db_val v[10];
    if (!c->last || c->result->verdict == OUTBOX_VERDICT_NONE)
        return OK;
    /* A webhook that was deleted meanwhile has dropped it. */
    enum err e = db_query_one(op, tx, &sql_webhook_delivery_get, DB_ARGS(DB_I64(c->last->row)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    if (e || v[9].i > OUTBOX_LATE)
        return e;
    if (c->result->verdict == OUTBOX_AGAIN || c->result->verdict == OUTBOX_UNHEARD)
        return note_failure(op, tx, c);
    e = db_exec(op, tx, &sql_webhook_set_failures, DB_ARGS(DB_I64(c->webhook), DB_I64(0), DB_I64(0)), NULL);
    return e ? e : finish(op, tx, c->last, c->result->verdict == OUTBOX_TAKEN ? OUTBOX_DONE : OUTBOX_DEAD, c->result);
}

/* The head of a line, if any: *ret_due NEVER when there is none. */
static enum err head_of(struct op *op, struct db_tx *tx, const struct sql *sql, int64_t webhook, struct outbox_message *m, int64_t *ret_due)
{
    struct db_val v[8];
    *ret_due = NEVER;
    enum err e = db_query_one(op, tx, sql, DB_ARGS(DB_I64(webhook)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    if (e)
        return e;
    *ret_due = v[5].i;
    *m = (struct outbox_message){.webhook = webhook, .row = v[0].i, .delivery_id = v[1].s, .event = v[2].s, .body = v[3].s,
                                 .created_us = v[4].i, .attempts = v[6].i, .refusals = v[7].i};
    return OK;
}

/* The message that is due first, in line or out of it, but nothing before `hold_us`. */
static enum err choose(struct op *op, struct db_tx *tx, struct call *c, int64_t hold_us, int64_t *ret_next)
{
    struct outbox_message line = {0}, late = {0};
    int64_t line_due, late_due;
    enum err e = head_of(op, tx, &sql_webhook_line_head, c->webhook, &line, &line_due);
    if (!e)
        e = head_of(op, tx, &sql_webhook_late_head, c->webhook, &late, &late_due);
    if (e)
        return e;
    c->message = line_due <= late_due ? line : late;
    *ret_next = line_due < late_due ? line_due : late_due;
    if (*ret_next < hold_us)
        *ret_next = hold_us;
    c->more = !c->stop && *ret_next <= op->now_us;
    return OK;
}

static enum err next_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    struct str server = webhooks_config_of(c->h)->server;
    struct db_val hook[7];
    int64_t next = NEVER;
    enum err e = note(op, tx, c);
    if (!e)
        e = db_query_one(op, tx, &sql_webhook_leased, DB_ARGS(DB_I64(c->webhook), DB_TEXT(server)), hook, ARRAY_LEN(hook));
    if (e == E_NOT_FOUND) { /* another server has it now */
        op_clear(op);
        c->more = false;
        return OK;
    }
    if (!e)
        e = choose(op, tx, c, hook[6].i, &next);
    if (e)
        return e;
    c->more = c->more && hook[3].i && !hook[4].i;
    if (!c->more)
        return db_exec(op, tx, &sql_webhook_release, DB_ARGS(DB_I64(c->webhook), DB_TEXT(server), DB_I64(hook[4].i ? NEVER : next)), NULL);
    c->message.webhook_id = hook[0].s;
    c->message.url = hook[1].s;
    c->message.sealed = hook[2].type == DB_TYPE_NULL ? (struct str){0} : hook[2].s;
    c->message.failures = hook[5].i;
    return db_exec(op, tx, &sql_webhook_lease_extend, DB_ARGS(DB_I64(c->webhook), DB_TEXT(server), DB_I64(lease_until(op, c->h))), NULL);
}

enum err outbox_next(struct op *op, struct webhooks *h, int64_t webhook, const struct outbox_message *last, const struct outbox_result *result, bool stop, struct outbox_message *ret, bool *ret_more)
{
    struct call c = {.h = h, .webhook = webhook, .last = last, .result = result, .stop = stop};
    enum err e = db_write(op, webhooks_config_of(h)->db, next_tx, &c);
    if (e)
        return e;
    if (c.more)
        *ret = c.message;
    *ret_more = c.more;
    return OK;
}

static enum err sweep_tx(struct op *op, struct db_tx *tx, void *arg)
{
    return db_exec(op, tx, &sql_webhook_delivery_sweep, DB_ARGS(DB_I64(op->now_us - LIMIT_WEBHOOK_KEEP_US), DB_I64(SWEEP_ROWS)), arg);
}

enum err outbox_sweep(struct op *op, struct webhooks *h, bool *ret_more)
{
    int64_t gone = 0;
    enum err e = db_write(op, webhooks_config_of(h)->db, sweep_tx, &gone);
    if (!e)
        *ret_more = gone == SWEEP_ROWS;
    return e;
}

/* ---- for people ---- */

static enum err list_rows(struct op *op, struct db_tx *tx, struct call *c, struct db_rows *rows)
{
    bool more = false;
    enum err e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        struct outbox_row *r = store_room(op, db_col_str(tx, rows, 10).len) ? NULL : vec_push(&c->rows, op->arena);
        if (!r)
            return op_fail(op, E_TOO_LARGE, "the deliveries do not fit into memory: ask for fewer");
        *r = (struct outbox_row){
            .row = db_col_i64(tx, rows, 0),
            .delivery_id = db_col_dup(op, tx, rows, 1),
            .event = db_col_dup(op, tx, rows, 2),
            .state = (enum outbox_state)db_col_i64(tx, rows, 3),
            .created_us = db_col_i64(tx, rows, 4),
            .due_us = db_col_i64(tx, rows, 5),
            .finished_us = db_col_i64(tx, rows, 6),
            .attempts = db_col_i64(tx, rows, 7),
            .status = (int)db_col_i64(tx, rows, 8),
            .reason = db_col_dup(op, tx, rows, 9),
            .body = db_col_dup(op, tx, rows, 10),
        };
    }
    return e;
}

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    struct webhook w;
    struct db_rows *rows = NULL;
    enum err e = webhook_find(op, tx, c->webhook_id, &w);
    if (e)
        return e;
    bool all = c->state == OUTBOX_STATES, waits = c->state <= OUTBOX_LATE;
    e = db_query(op, tx, &sql_webhook_deliveries,
                 DB_ARGS(DB_I64(w.row), DB_I64(c->before ? c->before : NEVER), DB_I64((int64_t)c->max), DB_I64(all || waits ? OUTBOX_WAITING : c->state),
                         DB_I64(all ? OUTBOX_DEAD : waits ? OUTBOX_LATE : c->state)), &rows);
    if (e)
        return e;
    e = list_rows(op, tx, c, rows);
    db_end(tx, rows);
    return e;
}

enum err outbox_list(struct op *op, struct webhooks *h, struct str webhook_id, enum outbox_state state, int64_t before, size_t limit, struct outbox_row **ret, size_t *ret_len)
{
    struct call c = {.webhook_id = webhook_id, .state = state, .before = before, .max = limit};
    enum err e = db_read(op, webhooks_config_of(h)->db, list_tx, &c);
    if (e)
        return e;
    *ret = c.rows.p;
    *ret_len = c.rows.len;
    return OK;
}

static enum err retry_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    struct db_val v[3];
    enum err e = db_query_one(op, tx, &sql_webhook_delivery_by_uuid, DB_ARGS(DB_TEXT(c->webhook_id), DB_TEXT(c->delivery_id)), v, ARRAY_LEN(v));
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return op_fail(op, E_NOT_FOUND, "Webhook %.*s has no delivery %.*s", STR_FMT(c->webhook_id), STR_FMT(c->delivery_id));
    }
    if (!e && v[1].i != OUTBOX_DEAD)
        return op_fail(op, E_CONFLICT, "delivery %.*s has not failed: it is %s", STR_FMT(c->delivery_id), outbox_state_name((enum outbox_state)v[1].i));
    if (!e)
        e = db_exec(op, tx, &sql_webhook_delivery_again, DB_ARGS(v[0], DB_I64(op->now_us)), NULL);
    if (!e)
        e = db_exec(op, tx, &sql_webhook_wake_now, DB_ARGS(v[2], DB_I64(op->now_us)), NULL);
    struct track_kv detail = {STR("delivery"), c->delivery_id};
    return e ? e : store_audit(op, tx, "webhook.retry", "webhook", c->webhook_id, &detail, 1);
}

enum err outbox_retry(struct op *op, struct webhooks *h, struct str webhook_id, struct str delivery_id)
{
    return db_write(op, webhooks_config_of(h)->db, retry_tx, &(struct call){.webhook_id = webhook_id, .delivery_id = delivery_id});
}

static enum err unreadable_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    struct db_val v;
    enum err e = db_query_one(op, tx, &sql_webhook_unreadable, DB_ARGS(DB_TEXT(webhooks_key_id(c->h))), &v, 1);
    c->before = e ? 0 : v.i;
    return e;
}

enum err outbox_unreadable(struct op *op, struct webhooks *h, int64_t *ret)
{
    struct call c = {.h = h};
    enum err e = db_read(op, webhooks_config_of(h)->db, unreadable_tx, &c);
    if (!e)
        *ret = c.before;
    return e;
}

static enum err counts_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct call *c = arg;
    struct db_rows *rows = NULL;
    bool more = false;
    enum err e = db_query(op, tx, &sql_webhook_counts, DB_NO_ARGS, &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &more)) && more) {
        int64_t state = db_col_i64(tx, rows, 0);
        if (state >= 0 && state < OUTBOX_STATES)
            c->counts[state] = db_col_i64(tx, rows, 1);
    }
    db_end(tx, rows);
    return e;
}

enum err outbox_counts(struct op *op, struct webhooks *h, int64_t ret[OUTBOX_STATES])
{
    int64_t counts[OUTBOX_STATES] = {0};
    enum err e = db_read(op, webhooks_config_of(h)->db, counts_tx, &(struct call){.counts = counts});
    if (!e)
        memcpy(ret, counts, sizeof counts);
    return e;
}
