/* run_report.c - see the header. The pipeline's thread writes into `steps` under a lock and marks what changed; the reporter's thread takes what is
 * marked, sends it, and takes the mark back if that failed. What a stage prints is read from its log file by the reporter's thread, which holds no lock
 * meanwhile: a file on a disk that does not answer must not hold the pipeline. A sign of life goes out
 * every ALIVE_MS, so that a server can tell a pipeline that works from one whose machine is gone. */
#include "app/run_report.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/pipeline/fspath.h"
#include "net/client.h"

#define REPORT_LOG_BYTES LIMIT_KIB(32)
#define GATHER_MS 300   /* between two reports */
#define ALIVE_MS 5000
#define CALL_MS 5000
#define FINISH_MS 8000  /* the end of a pipeline waits no longer for a server */
#define BEGIN_TRIES 3
#define REASON_BYTES 1000
#define FACT_BYTES 12000 /* of one stage; what exceeds that is left out */

struct slot {
    struct str name, needs, facts; /* JSON */
    struct str log_path, track_run;
    const char *state;
    char reason[REASON_BYTES];
    int64_t attempts, started_us, ended_us, cpu_us, max_rss_bytes, exit_code, log_sent;
    bool dirty;
};
struct run_report {
    struct run_report_config config;
    struct arena *arena; /* texts; the pipeline's thread allocates under the lock */
    struct client *client;
    struct mutex lock;
    struct cond wake;
    struct slot *slots;
    size_t len;
    int64_t id;          /* 0: not begun */
    bool planned, stopping, dead; /* dead: the server does not take reports */
    pthread_t thread;
};

/* ---- what is told ---- */

static struct str argv_json(struct arena *a, const struct str *argv, size_t n)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_JOURNAL_FACTS);
    json_out_init(&w, &b, 0);
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        json_str(&w, argv[i]);
    json_end_array(&w);
    struct str s = b.failed ? STR("[]") : str_dup(a, buf_str(&b));
    buf_clear(&b);
    return s;
}

static void paths_write(struct json_out *w, const char *key, const struct dvc_stage *s, bool outs)
{
    size_t n = outs ? s->outs_len : s->deps_len;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n && w->buf->len < FACT_BYTES; i++)
        json_str(w, outs ? s->outs[i].path.def : s->deps[i].def);
    json_end_array(w);
}

static struct str facts_json(struct arena *a, const struct dvc_stage *s)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_JOURNAL_FACTS);
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_key(&w, "cmd");
    if (s->cmd.type == JSON_STRING)
        json_str(&w, str_sub(s->cmd.s, 0, FACT_BYTES / 4));
    else
        json_value(&w, &s->cmd);
    json_kv_bool(&w, "frozen", s->frozen);
    json_kv_str(&w, "desc", str_sub(s->desc, 0, FACT_BYTES / 8));
    paths_write(&w, "deps", s, false);
    paths_write(&w, "outs", s, true);
    json_key(&w, "params");
    json_begin_array(&w);
    for (size_t i = 0; i < s->params_len; i++)
        for (size_t k = 0; k < s->params[i].keys_len && b.len < FACT_BYTES; k++)
            json_str(&w, s->params[i].keys[k]);
    json_end_array(&w);
    json_end_object(&w);
    struct str text = b.failed ? STR("{}") : str_dup(a, buf_str(&b));
    buf_clear(&b);
    return text;
}

static struct str needs_json(struct arena *a, const struct dvc_graph *g, uint32_t stage)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_JOURNAL_FACTS);
    json_out_init(&w, &b, 0);
    json_begin_array(&w);
    for (uint32_t i = 0; i < g->nodes[stage].needs_len && b.len < FACT_BYTES; i++)
        json_str(&w, g->file->stages[g->nodes[stage].needs[i]].name);
    json_end_array(&w);
    struct str text = b.failed ? STR("[]") : str_dup(a, buf_str(&b));
    buf_clear(&b);
    return text;
}

void run_report_planned(struct run_report *r, const struct dvc_graph *graph, const struct pipeline_result *steps, const uint32_t *of)
{
    LOCK(&r->lock);
    r->len = steps->len < LIMIT_JOURNAL_STAGES ? steps->len : LIMIT_JOURNAL_STAGES;
    r->slots = arena_array(r->arena, r->len + 1, struct slot);
    for (size_t i = 0; i < r->len; i++)
        r->slots[i] = (struct slot){.name = str_dup(r->arena, str_sub(steps->steps[i].name, 0, LIMIT_JOURNAL_NAME)), .needs = needs_json(r->arena, graph, of[i]),
                                    .facts = facts_json(r->arena, &graph->file->stages[of[i]]), .state = "waiting", .log_path = STR(""), .track_run = STR("")};
    r->planned = true;
    cond_signal(&r->wake);
}

static struct slot *slot_find(struct run_report *r, struct str name)
{
    for (size_t i = 0; i < r->len; i++)
        if (str_eq(r->slots[i].name, name))
            return &r->slots[i];
    return NULL;
}

void run_report_step(struct run_report *r, const struct pipeline_step *step)
{
    LOCK(&r->lock);
    struct slot *s = slot_find(r, step->name);
    if (!s)
        return;
    s->state = pipeline_state_name(step->state);
    snprintf(s->reason, sizeof s->reason, "%s", step->reason);
    s->attempts = step->attempts;
    s->cpu_us = step->cpu_us;
    s->max_rss_bytes = step->max_rss_bytes;
    s->exit_code = step->exit_code;
    if (step->state == PIPELINE_RUNNING && !s->started_us)
        s->started_us = time_now_us();
    if (step->state != PIPELINE_RUNNING && step->state != PIPELINE_RETRYING)
        s->ended_us = time_now_us();
    if (!s->started_us)
        s->started_us = s->ended_us;
    if (step->log_path.len && !s->log_path.len)
        s->log_path = str_dup(r->arena, step->log_path);
    s->dirty = true;
    cond_signal(&r->wake);
}

void run_report_tracked(struct run_report *r, struct str stage, struct str run_id)
{
    LOCK(&r->lock);
    struct slot *s = slot_find(r, stage);
    if (!s)
        return;
    s->track_run = str_dup(r->arena, run_id);
    s->dirty = true;
}

/* ---- sending ---- */

/* The end of a stage's output, if there is more than was sent. */
static void log_write(struct json_out *w, const struct slot *s, int64_t *ret_size)
{
    struct stat st;
    char text[REPORT_LOG_BYTES];
    FILE *f = fopen(s->log_path.p, "rbe");
    if (f && fstat(fileno(f), &st) == 0 && st.st_size != s->log_sent &&
        fseek(f, st.st_size > (off_t)REPORT_LOG_BYTES ? (long)(st.st_size - (off_t)REPORT_LOG_BYTES) : 0, SEEK_SET) == 0) {
        size_t n = fread(text, 1, sizeof text, f);
        for (size_t i = 0; i < n; i++)
            if (!text[i])
                text[i] = ' ';
        json_kv_str(w, "log", (struct str){text, n});
        json_kv_i64(w, "log_bytes", st.st_size);
        *ret_size = st.st_size;
    }
    if (f)
        fclose(f);
}

static void slot_write(struct json_out *w, size_t place, const struct slot *s, int64_t *ret_log)
{
    json_begin_object(w);
    json_kv_i64(w, "place", (int64_t)place);
    json_kv_cstr(w, "state", s->state);
    json_kv_cstr(w, "reason", s->reason);
    json_kv_str(w, "run_id", s->track_run);
    json_kv_i64(w, "attempts", s->attempts);
    json_kv_i64(w, "started_us", s->started_us);
    json_kv_i64(w, "ended_us", s->ended_us);
    json_kv_i64(w, "cpu_us", s->cpu_us);
    json_kv_i64(w, "max_rss_bytes", s->max_rss_bytes);
    json_kv_i64(w, "exit_code", s->exit_code);
    if (s->log_path.len)
        log_write(w, s, ret_log);
    json_end_object(w);
}

static bool is_working(const struct slot *s)
{
    return !strcmp(s->state, "running") || !strcmp(s->state, "retrying");
}

/* A slot as it was when it was looked at; its texts stay where they are. */
struct pick {
    size_t place;
    struct slot slot;
    int64_t log; /* how much of the output is sent, once this is */
    bool taken;
};

/* Which stages changed since the last report, or may have printed more. Their marks are taken. */
static size_t report_pick(struct run_report *r, struct pick *picks)
{
    LOCK(&r->lock);
    size_t n = 0;
    for (size_t i = 0; i < r->len; i++) {
        struct slot *s = &r->slots[i];
        if (!s->dirty && !(is_working(s) && s->log_path.len))
            continue;
        picks[n++] = (struct pick){.place = i, .slot = *s, .log = s->log_sent};
        s->dirty = false;
    }
    return n;
}

/* How many stages went in. */
static size_t report_write(struct json_out *w, struct pick *picks, size_t len)
{
    size_t n = 0;
    json_begin_object(w);
    json_key(w, "stages");
    json_begin_array(w);
    for (size_t i = 0; i < len && w->buf->len < LIMIT_MIB(24); i++) {
        struct pick *p = &picks[i];
        struct stat st;
        if (!p->slot.dirty && (stat(p->slot.log_path.p, &st) != 0 || st.st_size == p->slot.log_sent))
            continue;
        p->taken = true;
        slot_write(w, p->place, &p->slot, &p->log);
        n++;
    }
    json_end_array(w);
    json_end_object(w);
    return n;
}

/* What was sent is remembered; what was not keeps its mark. */
static void report_done(struct run_report *r, const struct pick *picks, size_t len, bool sent)
{
    LOCK(&r->lock);
    for (size_t i = 0; i < len; i++) {
        struct slot *s = &r->slots[picks[i].place];
        if (picks[i].taken && sent)
            s->log_sent = picks[i].log;
        else if (picks[i].taken || picks[i].slot.dirty)
            s->dirty = true;
    }
}

static enum err call(struct op *op, struct run_report *r, const char *method, const char *path, struct buf *body, struct json **ret)
{
    enum err e = body->failed ? op_fail(op, E_TOO_LARGE, "the report is too large") : client_json(op, r->client, method, str_from(path), buf_str(body), ret);
    buf_clear(body);
    return e;
}

static enum err begin_send(struct op *op, struct run_report *r)
{
    struct buf b;
    struct json_out w;
    struct json *answer = NULL;
    char host[256] = "";
    int64_t id = 0;
    (void)gethostname(host, sizeof host - 1);
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_i64(&w, "run", r->config.run);
    json_kv_str(&w, "pipeline", r->config.pipeline);
    json_kv_str(&w, "workspace", r->config.workspace);
    json_kv_cstr(&w, "host", host);
    json_key(&w, "argv");
    json_raw(&w, argv_json(op->arena, r->config.argv, r->config.argc));
    json_key(&w, "stages");
    json_begin_array(&w);
    for (size_t i = 0; i < r->len; i++) { /* names, needs and facts never change */
        json_begin_object(&w);
        json_kv_str(&w, "name", r->slots[i].name);
        json_key(&w, "needs");
        json_raw(&w, r->slots[i].needs);
        json_key(&w, "facts");
        json_raw(&w, r->slots[i].facts);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    enum err e = call(op, r, "POST", "/api/ingot/v1/pipeline-runs", &b, &answer);
    if (!e && !(e = json_want_i64(op, answer, "id", 1, INT64_MAX, &id)))
        r->id = id;
    return e;
}

static enum err report_send(struct op *op, struct run_report *r, bool always)
{
    struct buf b;
    struct json_out w;
    struct json *answer = NULL;
    struct pick *picks = arena_array(op->arena, r->len + 1, struct pick);
    bool cancel = false;
    if (!picks)
        return op_fail(op, E_TOO_LARGE, "no memory for a report");
    buf_init(&b, LIMIT_MIB(40));
    json_out_init(&w, &b, 0);
    size_t picked = report_pick(r, picks), n = report_write(&w, picks, picked);
    if (!n && !always) {
        buf_clear(&b);
        return OK;
    }
    enum err e = call(op, r, "PUT", op_printf(op, "/api/ingot/v1/pipeline-runs/%lld/stages", (long long)r->id), &b, &answer);
    report_done(r, picks, picked, !e);
    if (!e && !(e = json_opt_bool(op, answer, "cancel", false, &cancel)) && cancel && r->config.stop)
        *r->config.stop = 1;
    return e;
}

/* Until there is a plan, or the end. */
static bool plan_wait(struct run_report *r)
{
    LOCK(&r->lock);
    while (!r->planned && !r->stopping)
        cond_wait(&r->wake, &r->lock);
    return r->planned;
}

static bool pause_is_stop(struct run_report *r)
{
    LOCK(&r->lock);
    if (!r->stopping)
        (void)cond_wait_ms(&r->wake, &r->lock, GATHER_MS);
    return r->stopping;
}

static void *report_main(void *arg)
{
    struct run_report *r = arg;
    struct arena *arena = arena_create(LIMIT_MIB(64));
    struct op op;
    int64_t alive_ms = 0;
    bool ok = plan_wait(r);
    for (int i = 0; ok && !r->id && i < BEGIN_TRIES; i++) {
        op_init(&op, arena);
        enum err e = begin_send(&op, r);
        if (e == E_NOT_FOUND || e == E_UNSUPPORTED || e == E_DENIED)
            break; /* a server of another kind, or one that does not want it */
        if (e && pause_is_stop(r))
            break;
        arena_reset(arena);
    }
    while (ok && r->id) {
        bool last = pause_is_stop(r);
        int64_t now_ms = time_mono_ms();
        op_init(&op, arena);
        enum err e = report_send(&op, r, now_ms - alive_ms >= ALIVE_MS);
        if (!e && now_ms - alive_ms >= ALIVE_MS)
            alive_ms = now_ms;
        if (e == E_NOT_FOUND || e == E_CONFLICT) /* it ended there, or is gone */
            r->id = 0;
        arena_reset(arena);
        if (last)
            break;
        if (e)
            time_sleep_ms(GATHER_MS);
    }
    arena_destroy(arena);
    return NULL;
}

/* ---- life ---- */

struct run_report *run_report_create(struct op *op, const struct run_report_config *config)
{
    struct run_report *r = calloc(1, sizeof *r);
    char real[4096];
    if (!r)
        abort();
    r->arena = arena_create(LIMIT_MIB(64));
    r->config = *config;
    const char *dir = str_cstr(op->arena, config->workspace);
    r->config.workspace = str_dup(r->arena, realpath(dir, real) ? str_from(real) : config->workspace);
    r->config.pipeline = str_dup(r->arena, config->pipeline.len ? config->pipeline : fspath_name(r->config.workspace));
    struct str *argv = arena_array(r->arena, config->argc + 1, struct str);
    for (size_t i = 0; i < config->argc; i++)
        argv[i] = str_dup(r->arena, config->argv[i]);
    r->config.argv = argv;
    const struct client_config cc = {.base_url = config->url, .bearer_token = config->token, .timeout_ms = CALL_MS};
    mutex_init(&r->lock);
    cond_init(&r->wake);
    if (client_create(op, &cc, &r->client)) {
        op_clear(op);
        r->dead = true;
        return r;
    }
    r->thread = thread_start("report", report_main, r);
    return r;
}

static void end_send(struct run_report *r, const char *state, int exit_code)
{
    struct arena *arena = arena_create(LIMIT_MIB(64));
    int64_t until_ms = time_mono_ms() + FINISH_MS;
    enum err e;
    do {
        struct op op;
        struct buf b;
        struct json_out w;
        struct json *answer = NULL;
        op_init(&op, arena);
        e = report_send(&op, r, false); /* what the last report did not bring */
        if (!e && !r->config.run) {
            buf_init(&b, LIMIT_KIB(4));
            json_out_init(&w, &b, 0);
            json_begin_object(&w);
            json_kv_cstr(&w, "state", state);
            json_kv_i64(&w, "exit_code", exit_code);
            json_end_object(&w);
            e = call(&op, r, "POST", op_printf(&op, "/api/ingot/v1/pipeline-runs/%lld/end", (long long)r->id), &b, &answer);
        }
        arena_reset(arena);
        if (r->config.run) /* the server that started us is there, or nobody waits for this */
            break;
        if (e == E_IO || e == E_TIMEOUT || e == E_BUSY)
            time_sleep_ms(GATHER_MS);
    } while ((e == E_IO || e == E_TIMEOUT || e == E_BUSY) && time_mono_ms() < until_ms);
    arena_destroy(arena);
}

void run_report_finish(struct run_report *take_r, const char *state, int exit_code)
{
    struct run_report *r = take_r;
    if (!r)
        return;
    if (!r->dead) {
        mutex_lock(&r->lock);
        r->stopping = true;
        cond_broadcast(&r->wake);
        mutex_unlock(&r->lock);
        thread_join(r->thread);
        if (r->id)
            end_send(r, state, exit_code);
        client_destroy(r->client);
    }
    cond_clear(&r->wake);
    mutex_clear(&r->lock);
    arena_destroy(r->arena);
    free(r);
}
