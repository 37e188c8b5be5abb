/* run_capture.c - the console's protocol is a file that only grows: PUT .../console?from=N with bytes. The answer tells the size
 * that the server has on disk now. A PUT that begins before that is cut by the server, one that begins behind it is refused (409), and then
 * the size is asked for. So an answer that was lost, a server that was killed, and a second sender (the watcher of cmd_run_exec.c)
 * are all the same case: go on at the server's size. */
#include "app/run_capture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/run_log.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/client.h"
#include "core/capture/sampler.h"

#define TICK_MS 200
#define CALL_MS 10000      /* for one answer */
#define PIECE LIMIT_KIB(256)
#define BACKOFF_MAX_MS 3000
#define ARENA_BYTES LIMIT_MIB(16)

struct sample {
    int64_t time_ms, step;
    size_t len;
    struct capture_metric *metrics;
};
struct run_capture {
    struct client *client;
    char *run_id, *spool;
    int64_t from, interval_ms, process;
    struct capture_sampler *sampler;
    pthread_t thread;
    struct mutex lock; /* `stop`, `flush_until_ms` */
    struct cond wake;
    bool stop;
    int64_t flush_until_ms;
    /* The thread's own until it was joined. */
    struct arena *arena;
    int64_t sent, backoff_ms, next_try_ms, next_sample_ms, steps;
    bool console_off;
    struct sample pending[LIMIT_CAPTURE_PENDING];
    size_t pending_from, pending_len;
    char *piece;
    struct run_capture_report report;
};

/* A server that may answer later, as opposed to one that refuses. */
static bool may_pass(enum err e)
{
    return e == E_IO || e == E_BUSY || e == E_TIMEOUT || e == E_CANCELLED;
}

static void failed(struct run_capture *c, const struct op *op)
{
    snprintf(c->report.error, sizeof c->report.error, "%s", op->msg ? op->msg : err_name(op->err));
    c->backoff_ms = c->backoff_ms ? c->backoff_ms * 2 : TICK_MS;
    if (c->backoff_ms > BACKOFF_MAX_MS)
        c->backoff_ms = BACKOFF_MAX_MS;
    c->next_try_ms = time_mono_ms() + c->backoff_ms;
}

static void passed(struct run_capture *c)
{
    if (!c->console_off || c->report.console_unknown)
        c->report.error[0] = 0;
    c->backoff_ms = c->next_try_ms = 0;
}

/* ---- console ---- */

static int64_t spool_size(const struct run_capture *c)
{
    struct stat st;
    return stat(c->spool, &st) == 0 && st.st_size > c->from ? (int64_t)st.st_size - c->from : 0;
}

static struct str console_path(struct op *op, const struct run_capture *c, int64_t from)
{
    return str_from(op_printf(op, "/api/ingot/v1/runs/%s/console?%s=%lld", c->run_id, from < 0 ? "max" : "from", (long long)(from < 0 ? 0 : from)));
}

/* What the server has. */
static enum err size_ask(struct op *op, struct run_capture *c)
{
    struct json *doc = NULL;
    int64_t size = 0;
    enum err e = client_json(op, c->client, "GET", console_path(op, c, -1), (struct str){0}, &doc);
    if (!e && !(e = json_want_i64(op, doc, "size", 0, INT64_MAX, &size)))
        c->sent = size;
    return e;
}

static enum err piece_send(struct op *op, struct run_capture *c, size_t n)
{
    struct client_answer a = {0};
    struct json *doc = NULL;
    int64_t size = 0;
    enum err e = client_call(op, c->client, "PUT", console_path(op, c, c->sent), STR("application/octet-stream"), (struct str){c->piece, n}, &a);
    if (e)
        return e;
    if (a.status == 409) { /* either we are beyond its end, or it takes nothing more (a deleted run) */
        int64_t before = c->sent;
        e = size_ask(op, c);
        return !e && c->sent == before ? op_fail(op, E_INVALID, "console of run %s: %.*s", c->run_id, STR_FMT(str_sub(a.body, 0, 150))) : e;
    }
    if (a.status == 404 || a.status == 405)
        return op_fail(op, E_NOT_FOUND, "the server has no console for run %s", c->run_id);
    if (a.status >= 400)
        return op_fail(op, (a.status >= 500 || a.status == 429) ? E_IO : E_INVALID, "console of run %s: status %d: %.*s", c->run_id, a.status,
                       STR_FMT(str_sub(a.body, 0, 150)));
    if ((e = json_parse(op, a.body, JSON_STRICT, &doc)) || (e = json_want_i64(op, doc, "size", 0, INT64_MAX, &size)))
        return e;
    c->sent = size;
    return OK;
}

/* The next bytes, if there are any. *ret_more: ask again at once. */
static enum err console_step(struct op *op, struct run_capture *c, bool *ret_more)
{
    *ret_more = false;
    if (c->console_off || spool_size(c) <= c->sent)
        return OK;
    int fd = open(c->spool, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? pread(fd, c->piece, PIECE, (off_t)(c->from + c->sent)) : -1;
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return n ? op_fail_errno(op, "read '%s'", c->spool) : OK;
    enum err e = piece_send(op, c, (size_t)n);
    if (e && !may_pass(e)) {
        c->console_off = true;
        c->report.console_unknown = e == E_NOT_FOUND;
    }
    *ret_more = !e && spool_size(c) > c->sent;
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    return e;
}

/* ---- samples ---- */

static void sample_drop(struct run_capture *c)
{
    free(c->pending[c->pending_from].metrics);
    c->pending_from = (c->pending_from + 1) % LIMIT_CAPTURE_PENDING;
    c->pending_len--;
}

static void sample_take(struct run_capture *c)
{
    struct capture_metric *m = calloc(LIMIT_CAPTURE_METRICS, sizeof *m);
    if (!m)
        abort();
    if (c->pending_len == LIMIT_CAPTURE_PENDING) {
        sample_drop(c);
        c->report.samples_lost++;
    }
    size_t len = capture_sampler_read(c->sampler, c->process, m, LIMIT_CAPTURE_METRICS);
    c->pending[(c->pending_from + c->pending_len++) % LIMIT_CAPTURE_PENDING] =
        (struct sample){.time_ms = time_now_us() / 1000, .step = c->steps++, .len = len, .metrics = m};
}

static enum err sample_send(struct op *op, struct run_capture *c, const struct sample *s)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_cstr(&w, "run_id", c->run_id);
    json_key(&w, "metrics");
    json_begin_array(&w);
    for (size_t i = 0; i < s->len; i++) {
        json_begin_object(&w);
        json_kv_cstr(&w, "key", s->metrics[i].key);
        json_kv_f64(&w, "value", s->metrics[i].value);
        json_kv_i64(&w, "timestamp", s->time_ms);
        json_kv_i64(&w, "step", s->step);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    return client_json(op, c->client, "POST", STR("/api/2.0/mlflow/runs/log-batch"), buf_str(&b), &doc);
}

/* The oldest that waits. One that is refused is dropped: it would be refused again. */
static enum err sample_step(struct op *op, struct run_capture *c)
{
    if (!c->pending_len)
        return OK;
    enum err e = sample_send(op, c, &c->pending[c->pending_from]);
    if (e && may_pass(e))
        return e;
    if (e)
        c->report.samples_lost++;
    else
        c->report.samples++;
    sample_drop(c);
    return e;
}

/* ---- the thread ---- */

/* One round of sending; true when there is more to send now. */
static bool round_run(struct run_capture *c)
{
    struct op op;
    bool more = false;
    arena_reset(c->arena);
    op_init(&op, c->arena);
    enum err e = console_step(&op, c, &more);
    if (!e)
        e = sample_step(&op, c);
    if (e)
        failed(c, &op);
    else
        passed(c);
    return !e && (more || c->pending_len > 0);
}

static bool is_idle(const struct run_capture *c)
{
    return !c->pending_len && (c->console_off || spool_size(c) <= c->sent);
}

static void *capture_main(void *arg)
{
    struct run_capture *c = arg;
    bool more = false, stopping = false;
    for (;;) {
        mutex_lock(&c->lock);
        if (!more && !c->stop)
            (void)cond_wait_ms(&c->wake, &c->lock, TICK_MS);
        bool stop = c->stop;
        int64_t until_ms = c->flush_until_ms;
        mutex_unlock(&c->lock);
        int64_t now_ms = time_mono_ms();
        if (c->sampler && (now_ms >= c->next_sample_ms || (stop && !stopping))) {
            sample_take(c);
            c->next_sample_ms = now_ms + c->interval_ms;
        }
        if (stop && !stopping) { /* the last tries begin at once */
            c->next_try_ms = 0;
            c->interval_ms = INT64_MAX / 4;
            c->next_sample_ms = now_ms + c->interval_ms;
        }
        stopping = stop;
        more = now_ms >= c->next_try_ms ? round_run(c) : false;
        if (stop && (is_idle(c) || time_mono_ms() >= until_ms))
            return NULL;
        if (stop && !more)
            time_sleep_ms(TICK_MS / 4);
    }
}

enum err run_capture_start(struct op *op, const struct run_capture_config *config, struct run_capture **ret)
{
    const struct client_config cc = {.base_url = config->url, .bearer_token = config->token, .timeout_ms = CALL_MS};
    struct client *client = NULL;
    enum err e = client_create(op, &cc, &client);
    if (e)
        return e;
    struct run_capture *c = calloc(1, sizeof *c);
    char *piece = malloc(PIECE), *run_id = strndup(config->run_id.p, config->run_id.len), *spool = strdup(config->spool);
    if (!c || !piece || !run_id || !spool)
        abort();
    c->client = client;
    c->piece = piece;
    c->run_id = run_id;
    c->spool = spool;
    c->from = config->from;
    c->interval_ms = config->interval_ms;
    c->process = config->process;
    c->arena = arena_create(ARENA_BYTES);
    if (config->interval_ms > 0)
        c->sampler = capture_sampler_create("/proc", "/", config->gpus);
    c->next_sample_ms = time_mono_ms() + c->interval_ms;
    mutex_init(&c->lock);
    cond_init(&c->wake);
    c->thread = thread_start("capture", capture_main, c);
    *ret = c;
    return OK;
}

void run_capture_stop(struct run_capture *take_c, int64_t flush_ms, struct run_capture_report *ret)
{
    struct run_capture *c = take_c;
    *ret = (struct run_capture_report){0};
    if (!c)
        return;
    mutex_lock(&c->lock);
    c->stop = true;
    c->flush_until_ms = time_mono_ms() + flush_ms;
    cond_signal(&c->wake);
    mutex_unlock(&c->lock);
    thread_join(c->thread);
    c->report.console_bytes = spool_size(c);
    c->report.sent_bytes = c->sent < c->report.console_bytes ? c->sent : c->report.console_bytes;
    while (c->pending_len) {
        sample_drop(c);
        c->report.samples_lost++;
    }
    *ret = c->report;
    capture_sampler_destroy(c->sampler);
    client_destroy(c->client);
    arena_destroy(c->arena);
    cond_clear(&c->wake);
    mutex_clear(&c->lock);
    free(c->piece);
    free(c->run_id);
    free(c->spool);
    free(c);
}
