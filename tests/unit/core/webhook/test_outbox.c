/* test_outbox.c - leases, order, retries, giving up; time is the op's own, so hours pass at once. */
#include "core/webhook/outbox.h"

#include "unit/core/webhook/hooks_fixture.h"

#define SECOND_US 1000000LL

static int64_t take_one(struct hooks *h, struct webhooks *who)
{
    int64_t due[8];
    size_t n = 0;
    assert_ok(&h->f.op, outbox_take(&h->f.op, who, 8, due, &n));
    assert_true(n <= 1);
    return n ? due[0] : 0;
}

static bool next(struct hooks *h, int64_t hook, const struct outbox_message *last, const struct outbox_result *r, struct outbox_message *ret)
{
    bool more = false;
    assert_ok(&h->f.op, outbox_next(&h->f.op, h->hooks, hook, last, r, false, ret, &more));
    return more;
}

static int number(const struct outbox_message *m)
{
    size_t at = str_find(m->body, STR("\"n\": "));
    return m->body.p[at + 5] - '0';
}

static const struct outbox_result taken = {OUTBOX_TAKEN, 200, STR_INIT(""), 0};
static const struct outbox_result again = {OUTBOX_AGAIN, 503, STR_INIT("HTTP 503"), 0};
static const struct outbox_result unheard = {OUTBOX_UNHEARD, 0, STR_INIT("refused"), 0};
static const struct outbox_result refused = {OUTBOX_REFUSED, 404, STR_INIT("HTTP 404"), 0};

static struct outbox_row newest(struct hooks *h, const struct webhook *w)
{
    struct outbox_row *rows = NULL;
    size_t n = 0;
    assert_ok(&h->f.op, outbox_list(&h->f.op, h->hooks, w->id, OUTBOX_STATES, 0, 1, &rows, &n));
    assert_int_equal(n, 1);
    return rows[0];
}

static void answers_are_judged(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    static const struct {
        int status;
        enum outbox_verdict verdict;
    } rows[] = {{200, OUTBOX_TAKEN}, {204, OUTBOX_TAKEN}, {299, OUTBOX_TAKEN}, {301, OUTBOX_REFUSED}, {307, OUTBOX_REFUSED}, {400, OUTBOX_REFUSED},
                {404, OUTBOX_REFUSED}, {429, OUTBOX_AGAIN}, {500, OUTBOX_AGAIN}, {501, OUTBOX_REFUSED}, {502, OUTBOX_AGAIN}, {503, OUTBOX_AGAIN}, {504, OUTBOX_AGAIN}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct notify_answer a = {.status = rows[i].status, .retry_after_s = -1};
        assert_int_equal(outbox_judge(op, OK, &a).verdict, rows[i].verdict);
    }
    struct notify_answer wish = {.status = 429, .retry_after_s = 90}, silly = {.status = 503, .retry_after_s = INT64_MAX};
    assert_int_equal(outbox_judge(op, OK, &wish).pause_us, 90 * SECOND_US);
    assert_int_equal(outbox_judge(op, OK, &silly).pause_us, LIMIT_WEBHOOK_BACKOFF_US);
    struct outbox_result r = outbox_judge(op, op_fail(op, E_IO, "connection refused"), NULL);
    assert_true(r.verdict == OUTBOX_UNHEARD && str_eqc(r.reason, "connection refused") && !op->err);
    assert_int_equal(outbox_judge(op, op_fail(op, E_TIMEOUT, "slow"), NULL).verdict, OUTBOX_UNHEARD);
    assert_int_equal(outbox_judge(op, op_fail(op, E_INVALID, "private address"), NULL).verdict, OUTBOX_REFUSED);
    assert_int_equal(outbox_judge(op, op_fail(op, E_CORRUPT, "key"), NULL).verdict, OUTBOX_REFUSED);
    assert_int_equal(outbox_judge(op, op_fail(op, E_CANCELLED, "stop"), NULL).verdict, OUTBOX_VERDICT_NONE);
}

static void messages_go_out_in_order(void **state)
{
    struct hooks *h = *state;
    struct outbox_message m;
    struct webhook w = hooks_register(h, "w", WEBHOOK_MODEL_CREATED, NULL);
    assert_int_equal(take_one(h, h->hooks), 0);
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 3);
    int64_t hook = take_one(h, h->hooks);
    assert_true(hook != 0);
    assert_int_equal(take_one(h, h->hooks), 0); /* leased */
    assert_true(next(h, hook, NULL, NULL, &m));
    assert_int_equal(number(&m), 0);
    assert_int_equal(m.delivery_id.len, 36);
    assert_true(next(h, hook, &m, &taken, &m) && number(&m) == 1);
    assert_true(next(h, hook, &m, &taken, &m) && number(&m) == 2);
    assert_false(next(h, hook, &m, &taken, &m));
    assert_int_equal(take_one(h, h->hooks), 0);
    assert_int_equal(hooks_waiting(h, w.id), 0);
    int64_t counts[OUTBOX_STATES];
    assert_ok(&h->f.op, outbox_counts(&h->f.op, h->hooks, counts));
    assert_int_equal(counts[OUTBOX_DONE], 3);
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 1); /* it is woken again */
    assert_int_equal(take_one(h, h->hooks), hook);
}

static void silence_holds_the_line(void **state)
{
    struct hooks *h = *state;
    struct outbox_message m;
    struct webhook w = hooks_register(h, "w", WEBHOOK_MODEL_CREATED, NULL);
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 2);
    int64_t pause_us = 0, hook;
    struct str id = STR("");
    for (int i = 0; i < 8; i++) {
        hook = take_one(h, h->hooks);
        assert_true(hook != 0 && next(h, hook, NULL, NULL, &m));
        assert_int_equal(number(&m), 0); /* always the first one */
        assert_true(i == 0 || str_eq(id, m.delivery_id));
        id = str_dup(h->f.op.arena, m.delivery_id);
        assert_false(next(h, hook, &m, &unheard, &m));
        assert_int_equal(take_one(h, h->hooks), 0);
        hooks_raise(h, WEBHOOK_MODEL_CREATED, 1); /* a new message does not cut the pause short */
        assert_int_equal(take_one(h, h->hooks), 0);
        int64_t due = 0;
        struct outbox_row *rows = NULL;
        size_t n = 0;
        assert_ok(&h->f.op, outbox_list(&h->f.op, h->hooks, w.id, OUTBOX_WAITING, 0, 100, &rows, &n));
        due = rows[n - 1].due_us;
        assert_int_equal(rows[n - 1].attempts, i + 1);
        assert_str(rows[n - 1].reason, "refused");
        int64_t wait = due - h->f.op.now_us;
        assert_true(wait >= (SECOND_US << i) / 2 && wait <= (SECOND_US << i) * 3 / 2);
        pause_us = wait;
        h->f.op.now_us = due;
    }
    assert_true(pause_us > 32 * SECOND_US);
    hook = take_one(h, h->hooks);
    assert_true(next(h, hook, NULL, NULL, &m) && number(&m) == 0);
    assert_true(next(h, hook, &m, &taken, &m) && number(&m) == 1); /* and the rest follows at once */
}

static void one_bad_message_leaves_the_line(void **state)
{
    struct hooks *h = *state;
    struct outbox_message m;
    hooks_register(h, "w", WEBHOOK_MODEL_CREATED, NULL);
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 3);
    for (int i = 0; i < 4; i++) { /* four refusals hold the line */
        int64_t hook = take_one(h, h->hooks);
        assert_true(next(h, hook, NULL, NULL, &m) && number(&m) == 0);
        assert_false(next(h, hook, &m, &again, &m));
        h->f.op.now_us += LIMIT_WEBHOOK_BACKOFF_US * 2;
    }
    int64_t hook = take_one(h, h->hooks);
    assert_true(next(h, hook, NULL, NULL, &m) && number(&m) == 0);
    assert_true(next(h, hook, &m, &again, &m) && number(&m) == 1); /* the fifth does not */
    assert_true(next(h, hook, &m, &taken, &m) && number(&m) == 2);
    assert_false(next(h, hook, &m, &taken, &m));
    h->f.op.now_us += LIMIT_WEBHOOK_BACKOFF_US * 2;
    hook = take_one(h, h->hooks);
    assert_true(next(h, hook, NULL, NULL, &m) && number(&m) == 0);
    assert_int_equal(m.attempts, 5);
    assert_false(next(h, hook, &m, &taken, &m));
}

static void a_message_is_given_up(void **state)
{
    struct hooks *h = *state;
    struct outbox_message m;
    struct webhook w = hooks_register(h, "w", WEBHOOK_MODEL_CREATED, NULL);
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 1);
    int64_t hook = take_one(h, h->hooks);
    assert_true(next(h, hook, NULL, NULL, &m));
    assert_false(next(h, hook, &m, &refused, &m)); /* 404: at once */
    struct outbox_row row = newest(h, &w);
    assert_true(row.state == OUTBOX_DEAD && row.attempts == 1 && row.status == 404 && str_eqc(row.reason, "HTTP 404"));
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 1);
    for (int i = 0; i < 21; i++) { /* 503: after the first attempt and 20 more */
        hook = take_one(h, h->hooks);
        assert_true(hook && next(h, hook, NULL, NULL, &m));
        assert_false(next(h, hook, &m, &again, &m));
        h->f.op.now_us += LIMIT_WEBHOOK_BACKOFF_US * 2;
    }
    row = newest(h, &w);
    assert_true(row.state == OUTBOX_DEAD && row.attempts == 21 && row.status == 503);
    assert_int_equal(take_one(h, h->hooks), 0);
    /* By hand it gets another life, under its old name. */
    assert_ok(&h->f.op, outbox_retry(&h->f.op, h->hooks, w.id, row.delivery_id));
    assert_fails(&h->f.op, outbox_retry(&h->f.op, h->hooks, w.id, row.delivery_id), E_CONFLICT, "has not failed");
    assert_fails(&h->f.op, outbox_retry(&h->f.op, h->hooks, w.id, STR("none")), E_NOT_FOUND, "has no delivery");
    hook = take_one(h, h->hooks);
    assert_true(next(h, hook, NULL, NULL, &m) && str_eq(m.delivery_id, row.delivery_id) && m.attempts == 0);
    assert_false(next(h, hook, &m, &taken, &m));
}

static void age_gives_up_too(void **state)
{
    struct hooks *h = *state;
    struct outbox_message m;
    struct webhook w = hooks_register(h, "w", WEBHOOK_MODEL_CREATED, NULL);
    bool more = true;
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 1);
    h->f.op.now_us += LIMIT_WEBHOOK_AGE_US + 1;
    int64_t hook = take_one(h, h->hooks);
    assert_true(next(h, hook, NULL, NULL, &m));
    assert_false(next(h, hook, &m, &unheard, &m));
    assert_int_equal(newest(h, &w).state, OUTBOX_DEAD);
    h->f.op.now_us += LIMIT_WEBHOOK_KEEP_US;
    assert_ok(&h->f.op, outbox_sweep(&h->f.op, h->hooks, &more));
    assert_int_equal(newest(h, &w).state, OUTBOX_DEAD); /* exactly as old as it may be */
    h->f.op.now_us++;
    assert_ok(&h->f.op, outbox_sweep(&h->f.op, h->hooks, &more));
    struct outbox_row *rows = NULL;
    size_t n = 9;
    assert_ok(&h->f.op, outbox_list(&h->f.op, h->hooks, w.id, OUTBOX_STATES, 0, 9, &rows, &n));
    assert_true(n == 0 && !more);
}

/* A killed server's lease: its own restart frees it, another server waits for its end. What the dead one noted late is ignored. */
static void leases_keep_two_servers_apart(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct outbox_message m, theirs;
    bool more = false;
    struct webhooks *b = hooks_make(h, 7, "server-b");
    hooks_register(h, "w", WEBHOOK_MODEL_CREATED, "x");
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 2);
    int64_t hook = take_one(h, h->hooks);
    assert_true(next(h, hook, NULL, NULL, &m));
    assert_int_equal(take_one(h, b), 0);
    assert_ok(op, outbox_recover(op, b)); /* not its own */
    assert_int_equal(take_one(h, b), 0);
    assert_ok(op, outbox_recover(op, h->hooks));
    assert_int_equal(take_one(h, h->hooks), hook);
    assert_true(next(h, hook, NULL, NULL, &m) && number(&m) == 0);
    op->now_us += 62 * SECOND_US; /* the lease's end: timeout and spare */
    assert_int_equal(take_one(h, b), hook);
    assert_ok(op, outbox_next(op, b, hook, NULL, NULL, false, &theirs, &more));
    assert_true(more && str_eq(theirs.delivery_id, m.delivery_id));
    struct outbox_message none;
    assert_false(next(h, hook, &m, &taken, &none)); /* its note counts, its lease does not */
    assert_ok(op, outbox_next(op, b, hook, &theirs, &taken, false, &theirs, &more));
    assert_true(more && number(&theirs) == 1);
    webhooks_destroy(b);
    struct webhooks *stranger = hooks_make(h, 9, "server-c"); /* it could not sign */
    op->now_us += 62 * SECOND_US;
    assert_int_equal(take_one(h, stranger), 0);
    assert_int_equal(take_one(h, h->hooks), hook);
    webhooks_destroy(stranger);
}

static void what_is_deleted_or_disabled_is_not_sent(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct outbox_message m;
    struct webhook w = hooks_register(h, "w", WEBHOOK_MODEL_CREATED, NULL);
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 2);
    assert_ok(op, webhook_update(op, h->hooks, w.id, &(struct webhook_input){.active = &(bool){false}}, &w));
    assert_int_equal(take_one(h, h->hooks), 0);
    assert_ok(op, webhook_update(op, h->hooks, w.id, &(struct webhook_input){.active = &(bool){true}}, &w));
    int64_t hook = take_one(h, h->hooks);
    assert_true(next(h, hook, NULL, NULL, &m));
    assert_ok(op, webhook_delete(op, h->hooks, w.id)); /* while it is being sent */
    assert_false(next(h, hook, &m, &again, &m));
    op->now_us += LIMIT_WEBHOOK_BACKOFF_US * 2;
    assert_int_equal(take_one(h, h->hooks), 0);
    int64_t counts[OUTBOX_STATES];
    assert_ok(op, outbox_counts(op, h->hooks, counts));
    assert_int_equal(counts[OUTBOX_DEAD], 2);
}

static void a_stop_keeps_what_was_not_sent(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct outbox_message m;
    const struct outbox_result ended = {0};
    bool more = true;
    struct webhook w = hooks_register(h, "w", WEBHOOK_MODEL_CREATED, NULL);
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 2);
    int64_t hook = take_one(h, h->hooks);
    assert_true(next(h, hook, NULL, NULL, &m));
    assert_ok(op, outbox_next(op, h->hooks, hook, &m, &ended, true, &m, &more));
    assert_false(more);
    assert_int_equal(hooks_waiting(h, w.id), 2);
    assert_int_equal(take_one(h, h->hooks), hook); /* at once: the lease was given back */
    assert_true(next(h, hook, NULL, NULL, &m) && number(&m) == 0 && m.attempts == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        hooks_test(answers_are_judged),
        hooks_test(messages_go_out_in_order),
        hooks_test(silence_holds_the_line),
        hooks_test(one_bad_message_leaves_the_line),
        hooks_test(a_message_is_given_up),
        hooks_test(age_gives_up_too),
        hooks_test(leases_keep_two_servers_apart),
        hooks_test(what_is_deleted_or_disabled_is_not_sent),
        hooks_test(a_stop_keeps_what_was_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
