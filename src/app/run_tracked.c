#include "app/run_tracked.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/nvml/nvml.h"
#include "app/run_facts.h"
#include "base/time.h"

#define START_MS 30000 /* for one call while a run is made */
#define RETRY_MS 500

struct tracked {
    const struct tracked_config *config;
    struct client *client;
    struct run_log *log;
    struct gpu_probe gpus;
    struct run_capture *capture;
    const char *spool;
    int64_t from;
};

enum err run_tracked_config(struct op *op, struct command_ctx *ctx, struct tracked_config *ret)
{
    const char *experiment = getenv("MLFLOW_EXPERIMENT_NAME"), *uri = getenv("MLFLOW_TRACKING_URI"), *token = getenv("MLFLOW_TRACKING_TOKEN");
    double interval = command_real(ctx, "interval");
    int64_t wait = command_int(ctx, "wait");
    if (!(interval == 0 || (interval >= 0.1 && interval <= 86400)))
        return op_fail_field(op, "interval", "--interval must be 0, or 0.1 to 86400 seconds");
    if (wait < 0 || wait > 86400)
        return op_fail_field(op, "wait", "--wait must be 0 to 86400 seconds");
    *ret = (struct tracked_config){.url = remote_url(ctx), .token = remote_token(ctx), .interval_ms = (int64_t)(interval * 1000), .wait_ms = wait * 1000,
                                   .diff = command_flag(ctx, "diff")};
    if (!command_given(ctx, "server") && uri && str_starts(str_from(uri), STR("http")))
        ret->url = str_from(uri);
    if (!ret->token.len)
        ret->token = str_from(token);
    ret->experiment = command_has(ctx, "experiment") ? command_str(ctx, "experiment") : str_from(experiment && *experiment ? experiment : "Default");
    ret->variable_count = command_multi(ctx, "env", &ret->variables);
    return OK;
}

struct str tracked_run_id(const struct tracked *t)
{
    return run_log_id(t->log);
}

struct str tracked_experiment(const struct tracked *t)
{
    return run_log_experiment(t->log);
}

/* What people call the program: the script that an interpreter runs, else the first word. */
static struct str source_name(const struct tracked_command *c)
{
    for (size_t i = 1; i < c->count; i++)
        if (c->words[i].len && c->words[i].p[0] != '-' && (str_ends(c->words[i], STR(".py")) || str_ends(c->words[i], STR(".sh")) || str_ends(c->words[i], STR(".R"))))
            return c->words[i];
    return c->count ? c->words[0] : STR("");
}

static enum err run_make(struct op *op, struct tracked *t, const struct tracked_command *c, struct run_facts *f)
{
    struct run_log_tag tags[RUN_FACTS_TAGS + 2];
    size_t n = 0;
    tags[n++] = (struct run_log_tag){"mlflow.parentRunId", c->parent};
    tags[n++] = (struct run_log_tag){"ingot.stage", c->stage};
    memcpy(tags + n, f->tags, f->tag_count * sizeof *tags);
    const struct run_log_start start = {.experiment = t->config->experiment, .run_name = c->name, .source_name = source_name(c), .tags = tags,
                                        .tag_count = n + f->tag_count};
    enum err e = run_log_start(op, t->client, &start, &t->log);
    if (!e)
        run_watcher_tell(t->config->watcher, tracked_run_id(t), "", 0, 0);
    return e;
}

static void client_close(struct tracked *t)
{
    client_destroy(t->client);
    t->client = NULL;
    gpu_close(&t->gpus);
}

enum err tracked_start(struct op *op, const struct tracked_config *config, const struct tracked_command *command, struct tracked **ret)
{
    struct tracked *t = op_new(op, struct tracked);
    struct run_facts facts = {.variables = config->variables, .variable_count = config->variable_count};
    const struct client_config cc = {.base_url = config->url, .bearer_token = config->token, .timeout_ms = START_MS};
    t->config = config;
    if (config->interval_ms > 0 && nvml_open(op, &t->gpus))
        op_clear(op); /* most machines have none */
    enum err e = client_create(op, &cc, &t->client);
    if (!e)
        e = run_facts_read(op, command->words, command->count, str_cstr(op->arena, command->dir), &t->gpus, &facts);
    if (!e)
        e = run_make(op, t, command, &facts);
    if (!e && (e = run_facts_upload(op, t->log, &facts, config->diff))) {
        struct op end;
        op_init(&end, op->arena);
        if (run_log_end_as(&end, t->log, "FAILED"))
            op_context(op, "(and the run could not be marked FAILED: %s)", end.msg);
        run_watcher_forget(config->watcher, tracked_run_id(t));
    }
    if (e)
        client_close(t);
    else
        *ret = t;
    return e;
}

void tracked_env(struct op *op, const struct tracked *t, const struct str *env, size_t n, struct str **ret, size_t *ret_n)
{
    const struct str run = tracked_run_id(t), experiment = tracked_experiment(t);
    const struct {
        const char *name;
        struct str value;
    } ours[] = {{"MLFLOW_TRACKING_URI", t->config->url}, {"MLFLOW_TRACKING_TOKEN", t->config->token}, {"MLFLOW_RUN_ID", run},
                {"MLFLOW_EXPERIMENT_ID", experiment},    {"INGOT_SERVER", t->config->url},            {"INGOT_TOKEN", t->config->token},
                {"INGOT_RUN_ID", run},                   {"PYTHONUNBUFFERED", STR("1")}};
    struct str *out = arena_alloc(op->arena, (n + ARRAY_LEN(ours)) * sizeof *out);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        struct str name = str_sub(env[i], 0, str_find_char(env[i], '='));
        bool replaced = false;
        for (size_t k = 0; k < ARRAY_LEN(ours) && !replaced; k++)
            replaced = ours[k].value.len && str_eqc(name, ours[k].name);
        if (!replaced && !str_eqc(name, "MLFLOW_EXPERIMENT_NAME")) /* with the id of another one, clients would refuse both */
            out[len++] = env[i];
    }
    for (size_t k = 0; k < ARRAY_LEN(ours); k++)
        if (ours[k].value.len)
            out[len++] = str_from(op_printf(op, "%s=%.*s", ours[k].name, STR_FMT(ours[k].value)));
    *ret = out;
    *ret_n = len;
}

enum err tracked_watch(struct op *op, struct tracked *t, const char *spool, int64_t from, int64_t process)
{
    const struct run_capture_config c = {.url = t->config->url, .token = t->config->token, .run_id = tracked_run_id(t), .spool = spool, .from = from,
                                         .interval_ms = t->config->interval_ms, .process = process, .gpus = &t->gpus};
    t->spool = spool;
    t->from = from;
    run_watcher_tell(t->config->watcher, tracked_run_id(t), spool, from, process);
    return run_capture_start(op, &c, &t->capture);
}

/* ---- the end ---- */

struct ending {
    const char *status;
    struct run_log_tag tag;
    const struct runner_status *facts;
};

/* The output as a whole. A log that other attempts share is cut to ours; large ones are sent as they lie. */
static enum err spool_upload(struct op *op, struct tracked *t)
{
    struct stat st;
    if (!t->spool || stat(t->spool, &st) || st.st_size <= t->from)
        return OK;
    if (t->from == 0)
        return run_log_artifact_file(op, t->log, "capture/console.log", STR("text/plain"), t->spool);
    size_t n = (size_t)(st.st_size - t->from);
    char *bytes = n <= arena_left(op->arena) / 4 ? arena_try_alloc(op->arena, n, 1) : NULL;
    FILE *f = bytes ? fopen(t->spool, "rbe") : NULL;
    if (!bytes)
        return op_fail(op, E_TOO_LARGE, "the output of a further attempt is too large to be kept whole");
    if (!f)
        return op_fail_errno(op, "open '%s'", t->spool);
    n = fseek(f, (long)t->from, SEEK_SET) == 0 ? fread(bytes, 1, n, f) : 0;
    fclose(f);
    return run_log_artifact(op, t->log, "capture/console.log", STR("text/plain"), (struct str){bytes, n});
}

static enum err usage_log(struct op *op, struct tracked *t, const struct runner_status *s)
{
    enum err e = run_log_metric(op, t->log, "system/process_cpu_seconds", (double)s->cpu_us / 1e6, 0);
    if (!e)
        e = run_log_metric(op, t->log, "system/process_peak_memory_megabytes", (double)s->max_rss_bytes / 1e6, 0);
    if (!e)
        e = run_log_metric(op, t->log, "system/process_wall_seconds", (double)s->wall_us / 1e6, 0);
    return e ? e : run_log_flush(op, t->log);
}

/* All of it may be done again. The status goes last: whoever sees the end sees all. */
static enum err end_once(struct op *op, struct tracked *t, const struct ending *x)
{
    enum err e = spool_upload(op, t);
    if (!e && x->facts)
        e = usage_log(op, t, x->facts);
    if (!e && x->tag.key)
        e = run_log_tag(op, t->log, x->tag.key, x->tag.value);
    return e;
}

/* Until the server answers or `until_ms` has passed; what is refused, rather than not answered, is told, and the run ends all the same. */
static const char *end_send(struct op *op, struct tracked *t, const struct ending *x, int64_t until_ms)
{
    const char *problem = NULL;
    for (;;) {
        struct op try;
        op_init(&try, op->arena);
        enum err e = end_once(&try, t, x);
        problem = e ? try.msg : NULL;
        bool away = e == E_IO || e == E_TIMEOUT || e == E_BUSY;
        op_clear(&try);
        if (!away || time_mono_ms() >= until_ms) {
            e = run_log_end_as(&try, t->log, x->status);
            if (!e)
                return problem;
            problem = try.msg;
            if (time_mono_ms() >= until_ms || (e != E_IO && e != E_TIMEOUT && e != E_BUSY))
                return problem;
        }
        time_sleep_ms(RETRY_MS);
    }
}

static struct ending ending_of(struct op *op, const struct runner_status *s, bool stopped)
{
    struct ending x = {.status = "FAILED", .facts = s};
    if (!s)
        return x;
    if (s->state == RUNNER_EXITED) {
        x.status = stopped ? "KILLED" : s->code ? "FAILED" : "FINISHED";
        x.tag = (struct run_log_tag){"ingot.exit_code", str_from(op_printf(op, "%d", s->code))};
    } else {
        bool asked = s->state == RUNNER_SIGNALLED && (s->code == SIGTERM || s->code == SIGINT);
        x.status = stopped || asked ? "KILLED" : "FAILED";
        x.tag = (struct run_log_tag){"ingot.signal", s->state == RUNNER_TIMED_OUT ? STR("timeout") : str_from(op_printf(op, "%d", s->code))};
    }
    return x;
}

void tracked_finish(struct op *op, struct tracked *take_t, const struct runner_status *status, bool stopped, struct tracked_result *ret)
{
    struct tracked *t = take_t;
    const struct ending x = ending_of(op, status, stopped);
    int64_t until_ms = time_mono_ms() + t->config->wait_ms;
    *ret = (struct tracked_result){.status = x.status};
    run_capture_stop(t->capture, t->config->wait_ms, &ret->report);
    ret->problem = end_send(op, t, &x, until_ms);
    if (!ret->problem && ret->report.error[0])
        ret->problem = op_printf(op, "%s", ret->report.error);
    ret->kept = !ret->problem;
    run_watcher_forget(t->config->watcher, tracked_run_id(t));
    client_close(t);
}

void tracked_spool_remove(struct op *op, const char *spool)
{
    char *folder = op_printf(op, "%s", spool), *slash = strrchr(folder, '/');
    unlink(spool);
    if (slash) {
        *slash = 0;
        rmdir(folder);
    }
}

void tracked_take_over(struct op *op, const struct tracked_config *config, struct str run_id, const char *spool, int64_t from)
{
    struct tracked t = {.config = config};
    const struct client_config cc = {.base_url = config->url, .bearer_token = config->token, .timeout_ms = START_MS};
    const struct ending x = {.status = "KILLED", .tag = {"ingot.signal", STR("the one who ran it was killed")}};
    struct run_capture_report report;
    int64_t until_ms = time_mono_ms() + config->wait_ms;
    enum err e = client_create(op, &cc, &t.client);
    while (!e && (e = run_log_resume(op, t.client, run_id, &t.log)) && time_mono_ms() < until_ms) {
        op_clear(op);
        time_sleep_ms(RETRY_MS);
        e = OK;
    }
    if (!e && !(e = tracked_watch(op, &t, spool, from, 0))) {
        run_capture_stop(t.capture, config->wait_ms, &report);
        if (!end_send(op, &t, &x, until_ms) && !report.error[0] && config->spool_is_ours)
            tracked_spool_remove(op, spool);
    }
    client_close(&t);
}
