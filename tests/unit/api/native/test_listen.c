/* test_listen.c - the event stream over the loopback: its beginning, a change, its end. */
#include "unit/core/track/fixture.h"

#include "api/dispatch.h"
#include "api/native/listen.h"
#include "api/native/native.h"
#include "api/services.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/track/run.h"
#include "net/loopback.h"

struct world {
    struct db *db;
    struct listeners *listeners;
    bool change;
};

static enum err everyone(void *arg, struct op *op, struct str token, bool loopback, struct actor *ret)
{
    (void)arg, (void)op, (void)token, (void)loopback;
    *ret = (struct actor){STR("tester"), ~0u};
    return OK;
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
        struct track_run r;
        assert_ok(&op, track_run_create(&op, w->db, 0, STR("r"), STR("me"), 1000, NULL, 0, &r));
        time_sleep_ms(100);
    }
    listeners_destroy(w->listeners);
    arena_destroy(arena);
    return NULL;
}

static const char *listened(struct fixture *f, const char *headers, bool change)
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
    const char *text = listened(*state, "", true);
    assert_non_null(strstr(text, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(text, "Content-Type: text/event-stream"));
    assert_non_null(strstr(text, "retry: 2000\n\n"));
    assert_non_null(strstr(text, "\"kind\":\"run\",\"id\":\""));
    assert_non_null(strstr(text, "\r\n0\r\n\r\n")); /* ended, not broken off */
    assert_null(strstr(text, "reset"));
}

static void an_end_before_anything(void **state)
{
    const char *text = listened(*state, "Last-Event-ID: 1-1\r\n", false);
    assert_non_null(strstr(text, "retry: 2000\n\n"));
    assert_non_null(strstr(text, "\r\n0\r\n\r\n"));
    listeners_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(a_change_is_told), fixture_test(an_end_before_anything)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
