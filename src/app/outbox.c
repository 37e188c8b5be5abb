#include "app/outbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/webhook/webhook.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/alert/watch.h"
#include "core/webhook/outbox.h"

#define KEY_ENV "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"
#define KEY_FILE "webhook-key"
#define POLL_MS 200
#define ALERT_MS 1000
#define SWEEP_MS 3600000
#define TURN_MESSAGES 100 /* of one webhook before others get their turn */
#define TROUBLE_MS 1000   /* after a failure of the database */
#define NOTE_ATTEMPTS 5

/* ---- the key ---- */

static enum err key_file_make(struct op *op, const char *path)
{
    uint8_t key[SEAL_KEY_LEN];
    char text[2 * SEAL_KEY_LEN + 2];
    hash_random(key, sizeof key);
    hash_hex(key, sizeof key, text);
    text[2 * SEAL_KEY_LEN] = '\n';
    mode_t old = umask(0077); /* before any other thread runs */
    enum err e = file_write(op, path, (struct str){text, 2 * SEAL_KEY_LEN + 1});
    umask(old);
    explicit_bzero(key, sizeof key);
    explicit_bzero(text, sizeof text);
    return e;
}

static enum err key_file_read(struct op *op, const char *path, uint8_t ret[SEAL_KEY_LEN])
{
    struct str text;
    struct stat st;
    enum err e = file_read(op, path, 4096, &text);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        e = key_file_make(op, path);
        if (!e)
            e = file_read(op, path, 4096, &text);
    }
    if (e)
        return e;
    if (stat(path, &st) == 0 && (st.st_mode & 077))
        return op_fail(op, E_INVALID, "'%s' holds a secret and may be read by others: chmod 600 it", path);
    if (!hash_unhex(str_trim(text), ret, SEAL_KEY_LEN))
        return op_fail(op, E_INVALID, "'%s' holds no key: 64 hex digits", path);
    return OK;
}

enum err outbox_key_load(struct op *op, const char *dir, uint8_t ret_key[SEAL_KEY_LEN], struct str *ret_server)
{
    uint8_t own[SEAL_KEY_LEN], mac[HASH_SHA256_LEN];
    char *name = arena_alloc(op->arena, 33);
    enum err e = key_file_read(op, op_printf(op, "%s/" KEY_FILE, dir), own);
    if (e)
        return e;
    seal_hmac_sha256((struct str){(const char *)own, sizeof own}, STR("ingot server name"), mac);
    hash_hex(mac, 16, name);
    *ret_server = str_from(name);
    memcpy(ret_key, own, SEAL_KEY_LEN);
    explicit_bzero(own, sizeof own);
    const char *env = getenv(KEY_ENV);
    if (env && *env && !seal_unbase64(str_trim(str_from(env)), ret_key, SEAL_KEY_LEN))
        return op_fail(op, E_INVALID, KEY_ENV " must be 32 bytes in base64 (44 characters), as a Fernet key is");
    return OK;
}

enum err outbox_open(struct op *op, const struct outbox_settings *s, struct db *db, const char *dir, struct notify **ret_notify, struct webhooks **ret)
{
    struct webhook_notify_config notify = {s->schemes, s->scheme_count, s->allow_private, s->networks, s->network_count, s->ca_path};
    struct webhooks_config c = {.db = db, .timeout_ms = s->timeout_s * 1000, .retries = s->retries, .pause_us = s->pause_ms * TIME_US_PER_MS};
    enum err e = outbox_key_load(op, dir, c.key, &c.server);
    if (!e)
        e = webhook_notify_open(op, &notify, &c.notify);
    if (!e) {
        *ret_notify = c.notify;
        *ret = webhooks_create(&c);
    }
    explicit_bzero(c.key, sizeof c.key);
    return e;
}

/* ---- the threads ---- */

struct outbox {
    struct webhooks *hooks;
    struct alerts *alerts;
    struct pool *pool;
    int workers;
    struct mutex lock;
    struct cond wake;
    int busy;            /* workers with a webhook */
    atomic_bool stopping;
    bool troubled;       /* the last look failed; said once */
    pthread_t thread;
};
struct job {
    struct outbox *outbox;
    int64_t webhook;
};

static void op_fresh(struct op *op, struct arena *arena)
{
    arena_reset(arena);
    op_init(op, arena);
    op->actor.name = STR("outbox");
}

/* Notes the result until the database takes it: a note that is lost means a message that is sent twice. */
static enum err next_message(struct op *op, struct arena *arena, const struct job *j, const struct outbox_message *last, const struct outbox_result *r,
                             bool stop, struct outbox_message *ret, bool *ret_more)
{
    enum err e = OK;
    for (int i = 0; i < NOTE_ATTEMPTS; i++) {
        op_fresh(op, arena);
        e = outbox_next(op, j->outbox->hooks, j->webhook, last, r, stop || atomic_load(&j->outbox->stopping), ret, ret_more);
        if (!e || atomic_load(&j->outbox->stopping))
            break;
        log_at(LOG_ERROR, "webhook.note", {"webhook", LOG_I(j->webhook)}, {"error", LOG_C(op->msg)});
        time_sleep_ms(TROUBLE_MS);
    }
    return e;
}

static void message_log(const struct outbox_message *m, const struct outbox_result *r, int64_t wall_ms)
{
    static const char *const words[] = {"ended", "delivered", "again", "unheard", "refused"};
    log_at(r->verdict == OUTBOX_TAKEN ? LOG_DEBUG : LOG_WARN, "webhook.delivery", {"webhook", LOG_S(m->webhook_id)}, {"delivery", LOG_S(m->delivery_id)},
           {"event", LOG_S(m->event)}, {"attempt", LOG_I(m->attempts + 1)}, {"outcome", LOG_C(words[r->verdict])}, {"status", LOG_I(r->status)},
           {"reason", LOG_S(r->reason)}, {"ms", LOG_I(wall_ms)});
}

/* A message and what became of it lie in one arena while the next message comes into the other. */
static void deliver(struct job *j)
{
    struct arena *arenas[2] = {arena_create(LIMIT_WEBHOOK_BODY * 4), arena_create(LIMIT_WEBHOOK_BODY * 4)};
    struct outbox_message m, next;
    struct outbox_result r = {0};
    struct op op;
    bool more = false;
    enum err e = next_message(&op, arenas[0], j, NULL, NULL, false, &m, &more);
    for (int n = 0; !e && more; n++) {
        struct notify_answer a;
        int64_t start_ms = time_mono_ms();
        e = webhook_post(&op, j->outbox->hooks, m.webhook_id, m.url, m.sealed, m.delivery_id, m.body, &j->outbox->stopping, &a);
        r = outbox_judge(&op, e, &a);
        message_log(&m, &r, time_mono_ms() - start_ms);
        e = next_message(&op, arenas[(n + 1) % 2], j, &m, &r, n + 1 >= TURN_MESSAGES, &next, &more);
        m = next;
    }
    arena_destroy(arenas[0]);
    arena_destroy(arenas[1]);
}

static void work(void *arg)
{
    struct job *j = arg;
    struct outbox *o = j->outbox;
    deliver(j);
    free(j);
    LOCK(&o->lock);
    o->busy--;
    cond_broadcast(&o->wake);
}

static void submit(struct outbox *o, int64_t webhook)
{
    struct job *j = malloc(sizeof *j);
    if (!j)
        abort();
    *j = (struct job){o, webhook};
    mutex_lock(&o->lock);
    o->busy++;
    mutex_unlock(&o->lock);
    if (pool_submit(o->pool, work, j))
        return;
    free(j); /* cannot be: there are as many places as workers; the lease ends by itself */
    mutex_lock(&o->lock);
    o->busy--;
    mutex_unlock(&o->lock);
}

static int workers_free(struct outbox *o)
{
    LOCK(&o->lock);
    return o->workers - o->busy;
}

static void trouble(struct outbox *o, struct op *op, const char *event)
{
    if (!o->troubled)
        log_at(LOG_ERROR, event, {"error", LOG_C(op->msg ? op->msg : "")});
    o->troubled = true;
}

/* Hands out what is due. */
static void look(struct outbox *o, struct op *op)
{
    int64_t ids[LIMIT_WEBHOOK_WORKERS];
    size_t n = 0;
    int room = workers_free(o);
    if (room <= 0)
        return;
    if (outbox_take(op, o->hooks, (size_t)room, ids, &n)) {
        trouble(o, op, "webhook.look");
        return;
    }
    o->troubled = false;
    for (size_t i = 0; i < n; i++)
        submit(o, ids[i]);
}

/* Applies the alert rules; true when there is more to look at. */
static bool look_at_runs(struct outbox *o, struct op *op, int64_t since_us)
{
    struct alert_look seen = {0};
    if (alert_look(op, o->alerts, since_us, &seen)) {
        trouble(o, op, "alert.look");
        return false;
    }
    if (seen.fired || seen.resolved)
        log_at(LOG_INFO, "alert.look", {"fired", LOG_I(seen.fired)}, {"resolved", LOG_I(seen.resolved)});
    return seen.more;
}

static void pause_ms(struct outbox *o, int64_t ms)
{
    LOCK(&o->lock);
    if (!atomic_load(&o->stopping))
        cond_wait_ms(&o->wake, &o->lock, ms);
}

static void *outbox_main(void *arg)
{
    struct outbox *o = arg;
    struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct op op;
    int64_t sweep_ms = time_mono_ms() + SWEEP_MS, alert_ms = 0, since_us = time_now_us();
    while (!atomic_load(&o->stopping)) {
        op_fresh(&op, arena);
        look(o, &op);
        if (time_mono_ms() >= sweep_ms) {
            bool more = false;
            op_fresh(&op, arena);
            if (outbox_sweep(&op, o->hooks, &more))
                trouble(o, &op, "webhook.sweep");
            sweep_ms = time_mono_ms() + (more ? 0 : SWEEP_MS);
        }
        if (o->alerts && time_mono_ms() >= alert_ms) {
            op_fresh(&op, arena);
            alert_ms = time_mono_ms() + (look_at_runs(o, &op, since_us) ? 0 : ALERT_MS);
        }
        pause_ms(o, o->troubled ? TROUBLE_MS : POLL_MS);
    }
    arena_destroy(arena);
    return NULL;
}

enum err outbox_start(struct op *op, struct webhooks *hooks, struct alerts *alerts, int workers, struct outbox **ret)
{
    int64_t unreadable = 0;
    enum err e = outbox_recover(op, hooks);
    if (!e)
        e = outbox_unreadable(op, hooks, &unreadable);
    if (e)
        return op_context(op, "start the deliveries of webhooks");
    if (unreadable)
        log_at(LOG_WARN, "webhook.key", {"webhooks", LOG_I(unreadable)},
               {"why", LOG_C("their secrets were sealed under another key; a server with that key delivers for them (" KEY_ENV ")")});
    struct outbox *o = calloc(1, sizeof *o);
    if (!o)
        abort();
    o->hooks = hooks;
    o->alerts = alerts;
    o->workers = workers;
    mutex_init(&o->lock);
    cond_init(&o->wake);
    o->pool = pool_create("webhook", workers, (size_t)workers);
    o->thread = thread_start("outbox", outbox_main, o);
    *ret = o;
    return OK;
}

void outbox_stop(struct outbox *o)
{
    if (!o)
        return;
    mutex_lock(&o->lock);
    atomic_store(&o->stopping, true);
    cond_broadcast(&o->wake);
    mutex_unlock(&o->lock);
    thread_join(o->thread);
    pool_destroy(o->pool);
    cond_clear(&o->wake);
    mutex_clear(&o->lock);
    free(o);
}
