/* hooks_fixture.h - a database, the real way to receivers with any address allowed, and registrations on them. */
#ifndef INGOT_TESTS_HOOKS_FIXTURE_H
#define INGOT_TESTS_HOOKS_FIXTURE_H

#include "unit/core/track/fixture.h"

#include <stdlib.h>

#include "adapter/webhook/webhook.h"
#include "base/time.h"
#include "core/webhook/outbox.h"
#include "core/webhook/raise.h"

struct hooks {
    struct fixture f; /* first: the fixture's functions see it */
    struct notify *notify;
    struct webhooks *hooks;
};

static inline struct webhooks *hooks_make(struct hooks *h, uint8_t key, const char *server)
{
    struct webhooks_config c = {.db = h->f.db, .notify = h->notify, .server = str_from(server), .timeout_ms = 1000, .retries = 20, .pause_us = 1000000};
    memset(c.key, key, sizeof c.key);
    return webhooks_create(&c);
}

static inline int hooks_open(void **state)
{
    void *inner = NULL;
    static const struct str schemes[] = {STR_INIT("https"), STR_INIT("http")};
    fixture_open(&inner);
    struct hooks *h = calloc(1, sizeof *h);
    h->f = *(struct fixture *)inner;
    test_free(inner);
    struct webhook_notify_config c = {schemes, 2, true, NULL, 0, NULL};
    assert_ok(&h->f.op, webhook_notify_open(&h->f.op, &c, &h->notify));
    h->hooks = hooks_make(h, 7, "server-a");
    *state = h;
    return 0;
}

static inline int hooks_close(void **state)
{
    struct hooks *h = *state;
    webhooks_destroy(h->hooks);
    notify_close(h->notify);
    db_close(h->f.db);
    arena_destroy(h->f.op.arena);
    free(h);
    return 0;
}

#define hooks_test(name) cmocka_unit_test_setup_teardown(name, hooks_open, hooks_close)

static inline struct webhook hooks_register(struct hooks *h, const char *name, enum webhook_event event, const char *secret)
{
    struct webhook w;
    struct webhook_input in = {.name = str_from(name), .url = STR("http://127.0.0.1:1/hook"), .events = &event, .event_count = 1,
                               .secret = secret ? str_from(secret) : (struct str){0}};
    assert_ok(&h->f.op, webhook_create(&h->f.op, h->hooks, &in, &w));
    return w;
}

struct raised {
    enum webhook_event event;
    int n;
    enum err then;
};

static inline enum err hooks_raise_tx(struct op *op, struct db_tx *tx, void *arg)
{
    const struct raised *r = arg;
    for (int i = 0; i < r->n; i++) {
        enum err e = webhook_raise(op, tx, r->event, str_from(op_printf(op, "{\"n\": %d}", i)));
        if (e)
            return e;
    }
    return r->then ? op_fail(op, r->then, "the change failed") : OK;
}

static inline void hooks_raise(struct hooks *h, enum webhook_event event, int n)
{
    assert_ok(&h->f.op, db_write(&h->f.op, h->f.db, hooks_raise_tx, &(struct raised){event, n, OK}));
}

static inline size_t hooks_waiting(struct hooks *h, struct str id)
{
    struct outbox_row *rows = NULL;
    size_t n = 0;
    assert_ok(&h->f.op, outbox_list(&h->f.op, h->hooks, id, OUTBOX_WAITING, 0, 1000, &rows, &n));
    return n;
}

#endif
