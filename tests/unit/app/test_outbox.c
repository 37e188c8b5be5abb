/* test_outbox.c - the key file, and the threads with a receiver on a real socket: what is raised arrives, a stop ends a call under way. */
#include "app/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <sys/stat.h>

#include "adapter/sqlite/sqlite.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"
#include "contract/scratch.h"
#include "core/webhook/outbox.h"
#include "core/webhook/raise.h"
#include "sql_gen.h"
#include "unit/net/sock_helper.h"

struct world {
    struct scratch s;
    struct db *db;
    struct notify *notify;
    struct webhooks *hooks;
    int listener, port;
    atomic_int heard;
    atomic_bool silent; /* takes requests and does not answer */
    pthread_t thread;
};

static void *receiver_main(void *arg)
{
    struct world *w = arg;
    int held[16];
    size_t n = 0;
    for (;;) {
        int fd = accept(w->listener, NULL, NULL);
        if (fd < 0)
            break;
        AUTO(buf) struct buf b;
        buf_init(&b, LIMIT_MIB(1));
        sock_read_until(fd, "\"end\"", &b);
        atomic_fetch_add(&w->heard, 1);
        if (atomic_load(&w->silent) && n < ARRAY_LEN(held)) {
            held[n++] = fd;
            continue;
        }
        sock_puts(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        close(fd);
    }
    while (n)
        close(held[--n]);
    return NULL;
}

static int world_open(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct str schemes[] = {STR("http")};
    struct outbox_settings settings = {.schemes = schemes, .scheme_count = 1, .allow_private = true, .timeout_s = 20, .workers = 4, .retries = 3, .pause_ms = 50};
    scratch_init(&w->s);
    log_setup(LOG_ERROR + 1, LOG_TEXT);
    assert_int_equal(sqlite_open_with(&w->s.op, scratch_path(&w->s, "x.db"), sql_migrations, sql_migration_count, &w->db), OK);
    assert_int_equal(outbox_open(&w->s.op, &settings, w->db, w->s.dir, &w->notify, &w->hooks), OK);
    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    assert_int_equal(bind(w->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(w->listener, 16), 0);
    assert_int_equal(getsockname(w->listener, (struct sockaddr *)&a, &len), 0);
    w->port = ntohs(a.sin_port);
    w->thread = thread_start("receiver", receiver_main, w);
    *state = w;
    return 0;
}

static int world_close(void **state)
{
    struct world *w = *state;
    shutdown(w->listener, SHUT_RDWR);
    thread_join(w->thread);
    close(w->listener);
    webhooks_destroy(w->hooks);
    notify_close(w->notify);
    db_close(w->db);
    scratch_clear(&w->s);
    free(w);
    return 0;
}

static struct webhook hook(struct world *w)
{
    static const enum webhook_event event = WEBHOOK_MODEL_CREATED;
    struct webhook made;
    struct webhook_input in = {.name = STR("h"), .url = str_from(op_printf(&w->s.op, "http://127.0.0.1:%d/", w->port)), .secret = STR("s"), .events = &event, .event_count = 1};
    assert_int_equal(webhook_create(&w->s.op, w->hooks, &in, &made), OK);
    return made;
}

static enum err raise_tx(struct op *op, struct db_tx *tx, void *arg)
{
    (void)arg;
    return webhook_raise(op, tx, WEBHOOK_MODEL_CREATED, STR("{\"x\": \"end\"}"));
}

static void raise_one(struct world *w)
{
    assert_int_equal(db_write(&w->s.op, w->db, raise_tx, NULL), OK);
}

static bool soon(struct world *w, const struct webhook *h, enum outbox_state state, size_t want)
{
    for (int i = 0; i < 500; i++) {
        struct outbox_row *rows = NULL;
        size_t n = 0;
        assert_int_equal(outbox_list(&w->s.op, w->hooks, h->id, state, 0, 100, &rows, &n), OK);
        if (n == want)
            return true;
        time_sleep_ms(20);
    }
    return false;
}

static void what_is_raised_arrives(void **state)
{
    struct world *w = *state;
    struct outbox *o = NULL;
    struct webhook a = hook(w), b = hook(w);
    for (int i = 0; i < 10; i++)
        raise_one(w);
    assert_int_equal(outbox_start(&w->s.op, w->hooks, NULL, 4, &o), OK);
    for (int i = 0; i < 10; i++)
        raise_one(w);
    assert_true(soon(w, &a, OUTBOX_DONE, 20) && soon(w, &b, OUTBOX_DONE, 20));
    outbox_stop(o);
    assert_int_equal(atomic_load(&w->heard), 40);
}

static void a_stop_ends_calls_under_way(void **state)
{
    struct world *w = *state;
    struct outbox *o = NULL;
    struct webhook h = hook(w);
    atomic_store(&w->silent, true);
    raise_one(w);
    assert_int_equal(outbox_start(&w->s.op, w->hooks, NULL, 4, &o), OK);
    while (!atomic_load(&w->heard))
        time_sleep_ms(10);
    int64_t start = time_mono_ms();
    outbox_stop(o);
    assert_true(time_mono_ms() - start < 5000); /* its time limit is 20 s */
    assert_true(soon(w, &h, OUTBOX_WAITING, 1));
    atomic_store(&w->silent, false);
    assert_int_equal(outbox_start(&w->s.op, w->hooks, NULL, 4, &o), OK); /* the next server sends it, at once */
    assert_true(soon(w, &h, OUTBOX_DONE, 1));
    outbox_stop(o);
    outbox_stop(NULL);
}

static void the_key_file_is_made_once_and_guarded(void **state)
{
    struct world *w = *state;
    struct op *op = &w->s.op;
    const char *dir = w->s.dir, *path = scratch_path(&w->s, "webhook-key");
    uint8_t key[SEAL_KEY_LEN], again[SEAL_KEY_LEN], other[SEAL_KEY_LEN];
    struct str server, server_again;
    struct stat st;
    unsetenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY");
    assert_int_equal(outbox_key_load(op, dir, key, &server), OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(outbox_key_load(op, dir, again, &server_again), OK);
    assert_memory_equal(key, again, sizeof key);
    assert_true(str_eq(server, server_again) && server.len == 32);
    setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", 1);
    assert_int_equal(outbox_key_load(op, dir, other, &server_again), OK);
    assert_true(other[0] == 0 && other[31] == 31 && str_eq(server, server_again));
    setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", "AAEC", 1);
    assert_int_equal(outbox_key_load(op, dir, other, &server), E_INVALID);
    unsetenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY");
    op_clear(op);
    chmod(path, 0644);
    assert_int_equal(outbox_key_load(op, dir, other, &server), E_INVALID);
    op_clear(op);
    chmod(path, 0600);
    assert_int_equal(file_write(op, path, STR("not a key\n")), OK);
    chmod(path, 0600);
    assert_int_equal(outbox_key_load(op, dir, other, &server), E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_raised_arrives, world_open, world_close),
        cmocka_unit_test_setup_teardown(a_stop_ends_calls_under_way, world_open, world_close),
        cmocka_unit_test_setup_teardown(the_key_file_is_made_once_and_guarded, world_open, world_close),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
