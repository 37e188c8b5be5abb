#include "app/retrain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/local/local_runner.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "core/access/access.h"
#include "core/monitor/monitor.h"
#include "core/pipeline/trigger.h"
#include "core/serve/serve.h"

#define REASON_NAME_BYTES 1000 /* of a feature or stage: the buffers below hold it however it is escaped */
#define RETRAIN_SET_MAX 64
#define RETRAIN_TIMEOUT_MS (6LL * 3600 * 1000)
#define RETRAIN_LIST_MAX 100
#define RETRAIN_TRIES 3 /* of a run whose server is killed each time */
#define RETRAIN_OFFSET_MAX_US (36525 * TIME_US_PER_DAY)

struct retrain {
    struct serve *serve;
    struct scheduler *scheduler;
    char program[4096];
    char server_env[256], supervisor_env[64], token_env[ACCESS_TOKEN_LEN + 32];
    char *token_path;
};

/* The endpoint's "retrain" object in op's arena, or NULL. */
static enum err section_get(struct op *op, struct retrain *r, struct str endpoint, const struct json **ret, struct serve_endpoint **ret_held)
{
    enum err e = serve_acquire(op, r->serve, endpoint, ret_held);
    if (!e)
        *ret = json_get(serve_endpoint_info(*ret_held)->config, "retrain");
    return e;
}

enum err retrain_expand(struct op *op, struct str text, int64_t at_us, struct str *ret)
{
    size_t at = str_find_char(text, '@');
    if (at == SIZE_MAX) {
        *ret = text;
        return OK;
    }
    struct str offset = str_sub(text, at + 1, SIZE_MAX);
    int64_t n = 0;
    if (offset.len) {
        bool before = offset.p[0] == '-', sign = before || offset.p[0] == '+';
        if (!time_parse_span(str_sub(offset, sign, offset.len), RETRAIN_OFFSET_MAX_US, &n))
            return op_fail(op, E_INVALID, "'%.*s': after @ comes +N or -N and s, m, h, d or w", STR_FMT(text));
        n = before ? -n : n;
    }
    char time[32];
    size_t len = time_format(at_us + n, time);
    *ret = str_from(op_printf(op, "%.*s%.*s", (int)at, text.p, (int)len, time));
    return OK;
}

/* The version that the pipeline registered becomes the candidate. */
static void run_done(void *arg, struct op *op, const struct trigger *t, bool ok, struct str registered)
{
    struct retrain *r = arg;
    struct json *doc = NULL;
    int64_t version = 0, rollout = 0;
    if (!ok) {
        log_at(LOG_ERROR, "retrain.failed", {"endpoint", LOG_S(t->endpoint)}, {"workspace", LOG_S(t->workspace)});
        return;
    }
    enum err e = json_parse(op, registered, JSON_STRICT, &doc);
    if (e || (e = json_want_i64(op, doc, "version", 1, INT64_MAX, &version)) ||
        (e = serve_start_rollout(op, r->serve, t->endpoint, version, NULL, t->time_us, &rollout)))
        log_at(LOG_ERROR, "retrain.rollout", {"endpoint", LOG_S(t->endpoint)}, {"error", LOG_C(op->msg)});
    else
        log_at(LOG_INFO, "retrain.rollout", {"endpoint", LOG_S(t->endpoint)}, {"version", LOG_I(version)}, {"rollout", LOG_I(rollout)});
}

enum err retrain_open(struct op *op, struct db *db, struct serve *serve, struct str data_dir, struct retrain **ret)
{
    struct retrain *r = calloc(1, sizeof *r);
    if (!r)
        return op_fail(op, E_IO, "out of memory");
    r->serve = serve;
    ssize_t n = readlink("/proc/self/exe", r->program, sizeof r->program - 1);
    if (n <= 0) {
        free(r);
        return op_fail_errno(op, "find the program's own path");
    }
    r->program[n] = 0;
    if (asprintf(&r->token_path, "%.*s/%s", STR_FMT(data_dir), ACCESS_TOKEN_FILE) < 0)
        abort();
    struct scheduler_config config = {
        .db = db,
        .runner = local_runner(),
        .log_dir = str_from(op_printf(op, "%.*s/pipeline-logs", STR_FMT(data_dir))),
        .timeout_ms = RETRAIN_TIMEOUT_MS,
        .done = run_done,
        .arg = r,
    };
    enum err e = scheduler_create(op, &config, &r->scheduler);
    if (e) {
        free(r->token_path);
        free(r);
        return e;
    }
    *ret = r;
    return OK;
}

void retrain_close(struct retrain *r)
{
    if (!r)
        return;
    scheduler_destroy(r->scheduler);
    explicit_bzero(r->token_env, sizeof r->token_env);
    free(r->token_path);
    free(r);
}

struct str retrain_reason(struct op *op, const struct monitor_trigger *why)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_KIB(64));
    json_out_init(&w, &b, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    json_begin_object(&w);
    json_kv_cstr(&w, "rule", why->rule);
    json_kv_str(&w, "subject", str_sub(why->subject, 0, REASON_NAME_BYTES));
    json_kv_f64(&w, "value", why->value);
    json_kv_f64(&w, "limit", why->limit);
    json_kv_i64(&w, "window_start_us", why->window_start_us);
    json_kv_i64(&w, "window_end_us", why->window_end_us);
    json_end_object(&w);
    struct str s = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return s;
}

/* {program, run, --cwd, workspace, --set, a=b, ...} */
static enum err argv_make(struct op *op, struct retrain *r, const struct json *section, struct str workspace, int64_t at_us, struct str **ret,
                          size_t *ret_n)
{
    struct str *argv = arena_alloc(op->arena, (4 + 2 * RETRAIN_SET_MAX) * sizeof *argv);
    size_t n = 0;
    argv[n++] = str_from(r->program);
    argv[n++] = STR("run");
    argv[n++] = STR("--cwd");
    argv[n++] = workspace;
    const struct json *set = json_get(section, "set");
    if (set && (set->type != JSON_ARRAY || set->len > RETRAIN_SET_MAX))
        return op_fail_field(op, "retrain.set", "retrain.set must be a list of at most %d texts", RETRAIN_SET_MAX);
    for (uint32_t i = 0; set && i < set->len; i++) {
        if (set->items[i].type != JSON_STRING)
            return op_fail_field(op, "retrain.set", "retrain.set[%u] must be a text such as split.fit_end=@-8d", i);
        argv[n++] = STR("--set");
        enum err e = retrain_expand(op, set->items[i].s, at_us, &argv[n++]);
        if (e)
            return e;
    }
    *ret = argv;
    *ret_n = n;
    return OK;
}

/* Commands of this folder run as the server's user, so nobody else may be able to put some there. */
static enum err workspace_check(struct op *op, struct str workspace)
{
    struct stat st;
    const char *path = str_cstr(op->arena, workspace);
    if (stat(path, &st))
        return op_fail_errno(op, "retrain.workspace '%s'", path);
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & S_IWOTH))
        return op_fail(op, E_DENIED, "retrain.workspace '%s' must be a folder of the server's user that others cannot write", path);
    return OK;
}

enum err retrain_result(struct op *op, const struct json *section, struct str *ret)
{
    struct str result, rest, part;
    enum err e = json_opt_str(op, section, "result", STR("registered.json"), &result);
    bool ok = !e && result.len && result.p[0] != '/' && str_find_char(result, 0) == SIZE_MAX;
    for (rest = e ? STR("") : result; ok && str_split(&rest, '/', &part);)
        ok = !str_eqc(part, "..");
    if (!e && !ok)
        e = op_fail_field(op, "retrain.result", "retrain.result must name a file below the workspace");
    if (!e)
        *ret = result;
    return e;
}

static void env_set(const struct retrain *r, struct str env[3], struct trigger *t)
{
    env[0] = str_from(r->server_env);
    env[1] = str_from(r->supervisor_env);
    env[2] = str_from(r->token_env);
    t->env = env;
    t->env_len = r->token_env[sizeof "INGOT_TOKEN=" - 1] ? 3 : 2;
}

static enum err submit(struct op *op, struct retrain *r, const struct json *section, struct str endpoint, struct str reason, int64_t at_us)
{
    struct str workspace, result = STR("");
    int64_t days = 0, id = 0;
    struct trigger t = {.endpoint = endpoint, .reason = reason, .time_us = at_us};
    struct str *argv = NULL;
    enum err e = json_want_str(op, section, "workspace", &workspace);
    if (e || (e = workspace_check(op, workspace)) || (e = retrain_result(op, section, &result)) ||
        (e = json_opt_i64(op, section, "cooldown_days", 0, 10000, 0, &days)) ||
        (e = argv_make(op, r, section, workspace, at_us, &argv, &t.argc)))
        return e;
    struct str env[3];
    t.workspace = workspace;
    t.argv = argv;
    t.on_success = result;
    t.cooldown_us = days * TIME_US_PER_DAY;
    env_set(r, env, &t);
    return scheduler_submit(op, r->scheduler, &t, &id);
}

/* Whether the endpoint's last run was lost with its server, and not as often that it may be the cause. */
static bool is_resumable(const struct pipeline_run_row *rows, size_t n)
{
    size_t lost = 0;
    while (lost < n && str_eqc(rows[lost].state, "lost") && rows[lost].time_us == rows[0].time_us)
        lost++;
    return lost > 0 && lost < RETRAIN_TRIES;
}

static enum err resume(struct op *op, struct retrain *r, struct str endpoint)
{
    struct pipeline_run_row *rows = NULL;
    const struct json *section = NULL;
    struct serve_endpoint *held = NULL;
    size_t n = 0;
    enum err e = scheduler_list(op, r->scheduler, endpoint, 0, RETRAIN_TRIES, &rows, &n);
    if (e || !is_resumable(rows, n) || (e = section_get(op, r, endpoint, &section, &held)))
        return e;
    if (section && !serve_endpoint_info(held)->weights.active) {
        e = submit(op, r, section, endpoint, rows[0].reason, rows[0].time_us);
        log_at(LOG_INFO, "retrain.resumed", {"endpoint", LOG_S(endpoint)}, {"lost_run", LOG_I(rows[0].id)});
    }
    serve_release(held);
    return e;
}

/* Retrainings that a killed server left behind are taken up again; what their pipelines had finished is not repeated. */
static void resume_all(struct op *op, struct retrain *r)
{
    struct str *names = NULL;
    size_t n = serve_list(op, r->serve, &names);
    for (size_t i = 0; i < n; i++) {
        if (resume(op, r, names[i]))
            log_at(LOG_ERROR, "retrain.resume", {"endpoint", LOG_S(names[i])}, {"error", LOG_C(op->msg)});
        op_clear(op);
    }
}

enum err retrain_serve(struct op *op, struct retrain *r, const struct config *config, int port)
{
    bool any = str_eqc(config->host, "0.0.0.0") || str_eqc(config->host, "::"), v6 = str_find_char(config->host, ':') != SIZE_MAX;
    struct str host = any ? (v6 ? STR("::1") : STR("127.0.0.1")) : config->host;
    snprintf(r->server_env, sizeof r->server_env, "INGOT_SERVER=%s://%s%.*s%s:%d", config->tls_cert ? "https" : "http", v6 ? "[" : "",
             STR_FMT(host), v6 ? "]" : "", port);
    snprintf(r->supervisor_env, sizeof r->supervisor_env, "INGOT_SUPERVISOR_PID=%ld", (long)getpid());
    struct str token = STR("");
    enum err e = config->auth ? file_read(op, r->token_path, LIMIT_KIB(1), &token) : OK;
    if (!e)
        snprintf(r->token_env, sizeof r->token_env, "INGOT_TOKEN=%.*s", STR_FMT(str_trim(token)));
    if (!e)
        resume_all(op, r);
    return e;
}

static enum err hook_trigger(void *arg, struct op *op, struct str endpoint, const struct monitor_trigger *why, bool *ret_started)
{
    struct retrain *r = arg;
    const struct json *section = NULL;
    struct serve_endpoint *held = NULL;
    enum err e = section_get(op, r, endpoint, &section, &held);
    if (e)
        return e;
    /* While a rollout runs its outcome is waited for: a second candidate would compare with a moving target. */
    bool busy = serve_endpoint_info(held)->weights.active;
    if (section && !busy) {
        e = submit(op, r, section, endpoint, retrain_reason(op, why), why->window_end_us);
        *ret_started = !e;
        if (e == E_CONFLICT) { /* one runs, or the cool-down: the trigger stands in the window's row */
            log_at(LOG_INFO, "retrain.not_started", {"endpoint", LOG_S(endpoint)}, {"why", LOG_C(op->msg)});
            op_clear(op);
            e = OK;
        }
    }
    serve_release(held);
    return e;
}

static bool hook_pending(void *arg, struct str endpoint)
{
    struct retrain *r = arg;
    return scheduler_pending(r->scheduler, endpoint);
}

static enum err hook_list(void *arg, struct op *op, struct str endpoint, struct json_out *w)
{
    struct retrain *r = arg;
    struct pipeline_run_row *rows = NULL;
    size_t n = 0;
    enum err e = scheduler_list(op, r->scheduler, endpoint, 0, RETRAIN_LIST_MAX, &rows, &n);
    if (e)
        return e;
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(w);
        json_kv_i64(w, "id", rows[i].id);
        json_kv_str(w, "state", rows[i].state);
        json_kv_str(w, "workspace", rows[i].workspace);
        json_kv_i64(w, "time_us", rows[i].time_us);
        json_kv_i64(w, "started_us", rows[i].started_us);
        json_kv_i64(w, "ended_us", rows[i].ended_us);
        json_kv_i64(w, "exit_code", rows[i].exit_code);
        json_key(w, "reason");
        json_raw(w, rows[i].reason.len ? rows[i].reason : STR("null"));
        json_key(w, "result");
        json_raw(w, rows[i].result.len ? rows[i].result : STR("null"));
        json_end_object(w);
    }
    json_end_array(w);
    return OK;
}

struct retrainer retrain_hooks(struct retrain *r)
{
    return (struct retrainer){r, hook_trigger, hook_pending, hook_list};
}

/* --- by hand --- */

static enum err control_cancel(void *arg, struct op *op, int64_t run)
{
    struct retrain *r = arg;
    return scheduler_cancel(op, r->scheduler, run);
}

static enum err control_check(void *arg, struct op *op, const struct journal_run *run)
{
    (void)arg;
    char host[256] = "";
    (void)gethostname(host, sizeof host - 1);
    bool reported = !str_eqc(run->origin, "server"); /* its folder is what the reporter said, who must have said where, too */
    if (reported && !run->host.len)
        return op_fail(op, E_CONFLICT, "whoever reported it did not say on which machine it ran");
    if (run->host.len && !str_eqc(run->host, host))
        return op_fail(op, E_CONFLICT, "it ran on '%.*s', and this server is on '%s'", STR_FMT(run->host), host);
    if (str_eqc(run->state, "queued") || str_eqc(run->state, "running"))
        return op_fail(op, E_CONFLICT, "it has not ended yet");
    return workspace_check(op, run->workspace);
}

/* What the server ran before goes with the same parameters; of what others reported only the folder is taken. */
static enum err rerun_argv(struct op *op, const struct retrain *r, const struct journal_run *run, struct str stage, struct trigger *t)
{
    struct json *before = NULL;
    size_t n = 0;
    bool ours = str_eqc(run->origin, "server") && json_parse(op, run->argv, JSON_STRICT, &before) == OK && before->type == JSON_ARRAY;
    op_clear(op);
    struct str *argv = arena_array(op->arena, (ours ? before->len : 0) + 6, struct str);
    if (!argv)
        return op_fail(op, E_TOO_LARGE, "the command line is too long");
    argv[n++] = str_from(r->program);
    argv[n++] = STR("run");
    argv[n++] = STR("--cwd");
    argv[n++] = run->workspace;
    for (uint32_t i = 4; ours && i < before->len; i++) {
        if (before->items[i].type == JSON_STRING && str_eqc(before->items[i].s, "--from"))
            i++; /* where an earlier one began */
        else if (before->items[i].type == JSON_STRING)
            argv[n++] = before->items[i].s;
    }
    if (stage.len) {
        argv[n++] = STR("--from");
        argv[n++] = stage;
    }
    t->argv = argv;
    t->argc = n;
    return OK;
}

struct str retrain_again_reason(struct op *op, int64_t run, struct str stage)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_KIB(16));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_i64(&w, "again", run);
    json_kv_str(&w, "from", str_sub(stage, 0, REASON_NAME_BYTES));
    json_end_object(&w);
    struct str s = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return s;
}

/* A run of an endpoint's pipeline is that again: the version that it registers becomes a candidate. */
static enum err rerun_of_endpoint(struct op *op, struct retrain *r, const struct journal_run *run, struct trigger *t)
{
    const struct json *section = NULL;
    struct serve_endpoint *held = NULL;
    struct str result = STR("");
    enum err e = section_get(op, r, run->endpoint, &section, &held);
    if (e)
        return e;
    if (serve_endpoint_info(held)->weights.active)
        e = op_fail(op, E_CONFLICT, "a rollout of endpoint '%.*s' is running: what comes out could not become its candidate", STR_FMT(run->endpoint));
    else if (section)
        e = retrain_result(op, section, &result);
    else
        e = op_fail(op, E_CONFLICT, "endpoint '%.*s' has no 'retrain' section any more", STR_FMT(run->endpoint));
    t->endpoint = run->endpoint;
    t->on_success = str_dup(op->arena, result);
    serve_release(held);
    return e;
}

static enum err control_rerun(void *arg, struct op *op, const struct journal_run *run, struct str stage, int64_t *ret_id)
{
    struct retrain *r = arg;
    struct str env[3];
    struct trigger t = {.pipeline = run->pipeline, .workspace = run->workspace, .time_us = run->endpoint.len ? run->time_us : time_now_us(),
                        .reason = retrain_again_reason(op, run->id, stage), .on_success = STR("")};
    enum err e = control_check(arg, op, run);
    if (!e && stage.len && stage.p[0] == '-')
        e = op_fail_field(op, "stage", "there is no stage '%.*s'", STR_FMT(stage));
    if (!e && run->endpoint.len)
        e = rerun_of_endpoint(op, r, run, &t);
    if (e || (e = rerun_argv(op, r, run, stage, &t)))
        return e;
    env_set(r, env, &t);
    return scheduler_submit(op, r->scheduler, &t, ret_id);
}

struct pipeline_control retrain_control(struct retrain *r)
{
    return (struct pipeline_control){r, control_cancel, control_check, control_rerun};
}
