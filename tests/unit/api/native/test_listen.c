/* test_listen.c - the event stream over the loopback: its beginning, a change, its end. */
#include "unit/core/track/fixture.h"

#include <stdlib.h>

#include "api/dispatch.h"
#include "api/native/listen.h"
#include "api/native/native.h"
#include "api/services.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/event/note.h"
#include "core/track/run.h"
#include "net/loopback.h"

#define MANY 2000 /* notes of 400 bytes: a stream holds 256 KiB */

struct world {
    struct db *db;
    struct listeners *listeners;
    db_fn change; /* NULL: nothing changes */
};

static enum err everyone(void *arg, struct op *op, struct str token, bool loopback, struct actor *ret)
{
    (void)arg, (void)op, (void)token, (void)loopback;
    *ret = (struct actor){STR("tester"), ~0u};
    return OK;
}

static enum err one_run(struct op *op, struct db_tx *tx, void *arg)
{
    struct world *w = arg;
    struct track_run r;
    (void)tx;
    return track_run_create(op, w->db, 0, STR("r"), STR("me"), 1000, NULL, 0, &r);
}

static enum err many_notes(struct op *op, struct db_tx *tx, void *arg)
{
    char name[401];
    enum err e = OK;
    (void)arg;
    for (int i = 0; i < MANY && !e; i++) {
        snprintf(name, sizeof name, "%0400d", i);
        e = event_note(op, tx, EVENT_WINDOW, str_from(name));
    }
    return e;
}

/* Changes something for a while, once somebody listens; then the stream is ended as a stopping server does. */
static void *others(void *arg)
{
    struct world *w = arg;
    struct arena *arena = arena_create(LIMIT_MIB(16));
    struct op op;
    op_init(&op, arena);
    while (!listeners_count(w->listeners))
        time_sleep_ms(5);
    for (int i = 0; i < 30 && w->change; i++) {
        if (i == 10 || w->change != many_notes)
            assert_ok(&op, db_write(&op, w->db, w->change, w));
        time_sleep_ms(100);
    }
    listeners_destroy(w->listeners);
    arena_destroy(arena);
    return NULL;
}

static const char *listened(struct fixture *f, const char *headers, db_fn change)
{
    static const struct route_table *const tables[] = {&native_routes, NULL};
    struct op *op = &f->op;
    struct world w = {f->db, listeners_create(f->db), change};
    struct services services = {.db = f->db, .listeners = w.listeners};
    struct dispatch_config c = {.tables = tables, .services = &services, .auth = {.check = everyone}};
    struct dispatch *d = NULL;
    struct buf out;
    bool closed = false;
    assert_ok(op, dispatch_create(op, &c, &d));
    struct http_handler handler = dispatch_handler(d);
    buf_init(&out, LIMIT_MIB(4));
    pthread_t thread = thread_start("others", others, &w);
    assert_ok(op, loopback_exchange(op, &handler, str_from(op_printf(op, "GET /api/ingot/v1/events HTTP/1.1\r\nHost: localhost\r\n%s\r\n", headers)), 0, &out, &closed));
    thread_join(thread);
    const char *text = str_cstr(op->arena, buf_str(&out));
    buf_clear(&out);
    dispatch_destroy(d);
    return text;
}

static void a_change_is_told(void **state)
{
    const char *text = listened(*state, "", one_run);
    assert_non_null(strstr(text, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(text, "Content-Type: text/event-stream"));
    assert_non_null(strstr(text, "retry: 2000\n\n"));
    assert_non_null(strstr(text, "\"kind\":\"run\",\"id\":\""));
    assert_non_null(strstr(text, "\r\n0\r\n\r\n")); /* ended, not broken off */
    assert_null(strstr(text, "reset"));
}

static void an_end_before_anything(void **state)
{
    const char *text = listened(*state, "Last-Event-ID: 1-1\r\n", NULL);
    assert_non_null(strstr(text, "retry: 2000\n\n"));
    assert_non_null(strstr(text, "\r\n0\r\n\r\n"));
    listeners_destroy(NULL);
}

/* More at once than a connection takes: told in parts, none left out, and the listener stays. */
static void many_changes_at_once(void **state)
{
    const char *text = listened(*state, "", many_notes);
    unsigned long long n = 0, seq, before = 0;
    for (const char *at = text; (at = strstr(at, "\"seq\":")); n++) {
        at += strlen("\"seq\":");
        seq = strtoull(at, NULL, 10);
        assert_true(n == 0 || seq == before + 1);
        before = seq;
    }
    assert_in_range(n, 400, (unsigned long long)MANY);
    assert_null(strstr(text, "reset"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(a_change_is_told), fixture_test(many_changes_at_once), fixture_test(an_end_before_anything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
