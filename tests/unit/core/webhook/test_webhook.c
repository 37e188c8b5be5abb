/* test_webhook.c - registrations: what is checked, what changes, what is never shown, what is audited. */
#include "core/webhook/webhook.h"

#include "core/audit/audit.h"
#include "unit/core/webhook/hooks_fixture.h"

static const enum webhook_event two[] = {WEBHOOK_ALIAS_CREATED, WEBHOOK_MODEL_CREATED};

static struct webhook_input input(void)
{
    return (struct webhook_input){.name = STR("hook"), .description = STR("words"), .url = STR("https://8.8.8.8/tok3n"), .secret = STR("s3cret"),
                                  .events = two, .event_count = 2};
}

static void a_webhook_lives(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct webhook_input in = input();
    struct webhook w, got;
    assert_ok(op, webhook_create(op, h->hooks, &in, &w));
    assert_ok(op, webhook_get(op, h->hooks, w.id, &got));
    assert_int_equal(got.id.len, 36);
    assert_str(got.name, "hook");
    assert_str(got.description, "words");
    assert_true(got.active && got.secret && !got.alert && got.event_count == 2);
    assert_int_equal(got.events[0], WEBHOOK_ALIAS_CREATED); /* by name: model_version_alias < registered_model */
    assert_ok(op, webhook_update(op, h->hooks, w.id, &(struct webhook_input){.name = STR("new"), .events = &two[1], .event_count = 1}, &got));
    assert_str(got.name, "new");
    assert_str(got.description, "words");
    assert_true(got.secret && got.event_count == 1 && got.events[0] == WEBHOOK_MODEL_CREATED);
    assert_ok(op, webhook_update(op, h->hooks, w.id, &(struct webhook_input){.secret = STR(""), .description = STR(""), .active = &(bool){false}}, &got));
    assert_true(!got.secret && !got.active && got.description.len == 0);
    assert_ok(op, webhook_delete(op, h->hooks, w.id));
    assert_fails(op, webhook_get(op, h->hooks, w.id, &got), E_NOT_FOUND, "not found.");
    assert_fails(op, webhook_delete(op, h->hooks, w.id), E_NOT_FOUND, "Webhook with ID ");
    assert_fails(op, webhook_update(op, h->hooks, w.id, &(struct webhook_input){.name = STR("x")}, &got), E_NOT_FOUND, "Webhook with ID ");
}

static void bad_input_is_refused(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct webhook w;
    static const char *const names[] = {"", "-a", "a-", "a b", "a/b", ".", "\xc3\xa9"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct webhook_input in = input();
        in.name = str_from(names[i]);
        assert_fails(op, webhook_create(op, h->hooks, &in, &w), E_INVALID, "It must start and end with a letter or digit");
    }
    struct webhook_input in = input();
    in.events = NULL, in.event_count = 0;
    assert_fails(op, webhook_create(op, h->hooks, &in, &w), E_INVALID, "must be a non-empty list");
    in = input();
    in.url = STR("ftp://8.8.8.8");
    assert_fails(op, webhook_create(op, h->hooks, &in, &w), E_INVALID, "scheme: 'ftp'");
    in = input();
    in.secret = str_from(op_printf(op, "%01001d", 1));
    assert_fails(op, webhook_create(op, h->hooks, &in, &w), E_INVALID, "secret");
    struct webhook_page page;
    assert_ok(op, webhook_list(op, h->hooks, 0, STR(""), &page));
    assert_int_equal(page.len, 0);
}

static void lists_come_in_pages(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    for (int i = 0; i < 5; i++) {
        op->now_us += 1000000;
        hooks_register(h, op_printf(op, "hook-%d", i), WEBHOOK_MODEL_CREATED, NULL);
    }
    struct webhook_input alert = input();
    struct webhook w;
    alert.alert = true;
    assert_ok(op, webhook_create(op, h->hooks, &alert, &w)); /* not shown */
    struct webhook_page page = {.next_token = STR("")};
    const char *seen = "";
    do {
        assert_ok(op, webhook_list(op, h->hooks, 2, page.next_token, &page));
        for (size_t i = 0; i < page.len; i++)
            seen = op_printf(op, "%s %.*s", seen, STR_FMT(page.hooks[i].name));
    } while (page.next_token.len);
    assert_string_equal(seen, " hook-4 hook-3 hook-2 hook-1 hook-0");
    assert_fails(op, webhook_list(op, h->hooks, 1001, STR(""), &page), E_INVALID, "max_results must be between 1 and 1000.");
    assert_fails(op, webhook_list(op, h->hooks, -1, STR(""), &page), E_INVALID, "max_results");
    assert_fails(op, webhook_list(op, h->hooks, 1, STR("x"), &page), E_INVALID, "page token");
}

/* What the database, the audit log and the answers hold of a secret: nothing. Of a URL the audit holds the host. */
static void secrets_stay_sealed(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct webhook_input in = input();
    struct webhook w;
    assert_ok(op, webhook_create(op, h->hooks, &in, &w));
    assert_ok(op, webhook_update(op, h->hooks, w.id, &(struct webhook_input){.secret = STR("s3cret-two")}, &w));
    struct audit_row *rows = NULL;
    size_t n = 0;
    assert_ok(op, audit_list(op, h->f.db, &(struct audit_filter){.kind = STR("webhook")}, &rows, &n));
    assert_int_equal(n, 2);
    assert_str(rows[1].verb, "webhook.create");
    assert_str(rows[0].verb, "webhook.update");
    for (size_t i = 0; i < n; i++) {
        assert_true(str_find(rows[i].detail, STR("s3cret")) == SIZE_MAX);
        assert_true(str_find(rows[i].detail, STR("tok3n")) == SIZE_MAX);
        assert_true(str_find(rows[i].detail, STR("8.8.8.8")) != SIZE_MAX);
    }
    hooks_raise(h, WEBHOOK_MODEL_CREATED, 1);
    int64_t due[2];
    struct outbox_message m;
    bool more = false;
    assert_ok(op, outbox_take(op, h->hooks, 2, due, &n));
    assert_int_equal(n, 1);
    assert_ok(op, outbox_next(op, h->hooks, due[0], NULL, NULL, false, &m, &more));
    assert_true(more && m.sealed.p && str_find(m.sealed, STR("s3cret")) == SIZE_MAX);
    struct notify_answer a;
    assert_int_equal(webhook_post(op, h->hooks, STR("another"), m.url, m.sealed, m.delivery_id, m.body, NULL, &a), E_CORRUPT); /* bound to its id */
    op_clear(op);
    struct webhooks *stranger = hooks_make(h, 8, "server-b");
    assert_int_equal(webhook_post(op, stranger, w.id, m.url, m.sealed, m.delivery_id, m.body, NULL, &a), E_CORRUPT);
    op_clear(op);
    int64_t unreadable = 0;
    assert_ok(op, outbox_unreadable(op, stranger, &unreadable));
    assert_int_equal(unreadable, 1);
    webhooks_destroy(stranger);
}

static void a_test_says_what_happened(void **state)
{
    struct hooks *h = *state;
    struct op *op = &h->f.op;
    struct webhook w = hooks_register(h, "w", WEBHOOK_MODEL_CREATED, "x");
    struct webhook_test t;
    assert_ok(op, webhook_send_test(op, h->hooks, w.id, NULL, &t)); /* nobody listens there */
    assert_true(!t.success && t.status == 0 && str_starts(t.error, STR("Failed to test webhook: ")));
    assert_fails(op, webhook_send_test(op, h->hooks, STR("none"), NULL, &t), E_NOT_FOUND, "Webhook with ID none not found.");
    struct audit_row *rows = NULL;
    size_t n = 0;
    assert_ok(op, audit_list(op, h->f.db, &(struct audit_filter){.verb = STR("webhook.test")}, &rows, &n));
    assert_int_equal(n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        hooks_test(a_webhook_lives),
        hooks_test(bad_input_is_refused),
        hooks_test(lists_come_in_pages),
        hooks_test(secrets_stay_sealed),
        hooks_test(a_test_says_what_happened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
