/* cmd_run_exec.c - `ingot run exec -- COMMAND`: any program as a run, and `ingot run logs`: what it prints, from anywhere.
 *
 * Who dies when. The program writes into a file; it does not notice whether we or the server live. If it ends, or is stopped through
 * us, we send the rest and end the run. If we are killed, the watcher (run_watcher.h) does that for us. If the server is away,
 * whoever sends waits for it, and what is not acknowledged stays in the file, whose place is told. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/local/local_runner.h"
#include "app/commands.h"
#include "app/remote.h"
#include "app/run_tracked.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/time.h"

#define SLICE_MS 50        /* between two looks at the program and its output */
#define GRACE_MS 10000     /* from SIGTERM to SIGKILL */

extern char **environ;

static volatile sig_atomic_t exec_stop;

static void on_signal(int sig)
{
    (void)sig;
    exec_stop = 1;
}

/* ---- running ---- */

struct execution {
    struct command_ctx *ctx;
    struct tracked_config config;
    struct run_watcher watcher;
    const char *spool;
    struct tracked *run;
    struct str run_id, experiment;
    FILE *out; /* where the program's output is shown */
};

/* Shows what is new in the file. */
static void echo(struct execution *x, FILE *spool)
{
    char piece[16384];
    size_t n;
    clearerr(spool); /* an end that was met before is none now */
    while ((n = fread(piece, 1, sizeof piece, spool)) > 0)
        fwrite(piece, 1, n, x->out);
    fflush(x->out);
}

static enum err wait_end(struct op *op, struct execution *x, struct runner *runner, void *handle, struct runner_status *ret)
{
    size_t index = SIZE_MAX;
    bool told = false;
    FILE *spool = fopen(x->spool, "rbe");
    enum err e = OK;
    if (!spool)
        return op_fail_errno(op, "open '%s'", x->spool);
    while (!e && index == SIZE_MAX) {
        e = runner_wait_any(op, runner, &handle, 1, SLICE_MS, &index, ret);
        echo(x, spool);
        if (exec_stop && !told) {
            runner_cancel(runner, handle, GRACE_MS);
            told = true;
        }
    }
    fclose(spool);
    return e;
}

static enum err process_run(struct op *op, struct execution *x, struct runner_status *ret)
{
    struct runner runner = local_runner();
    struct runner_job job = {.name = STR("command"), .cwd = command_str(x->ctx, "cwd"), .log_path = str_from(x->spool)};
    const struct str *words;
    void *handle = NULL;
    size_t n = 0;
    while (environ[n])
        n++;
    struct str *env = arena_alloc(op->arena, (n + 1) * sizeof *env);
    for (size_t i = 0; i < n; i++)
        env[i] = str_from(environ[i]);
    tracked_env(op, x->run, env, n, &job.env, &job.env_len);
    job.argc = command_args(x->ctx, &words);
    job.argv = arena_alloc(op->arena, job.argc * sizeof *job.argv);
    memcpy(job.argv, words, job.argc * sizeof *job.argv);
    enum err e = runner_submit(op, &runner, &job, &handle);
    if (e)
        return e;
    e = tracked_watch(op, x->run, x->spool, 0, runner_process(&runner, handle));
    if (!e)
        e = wait_end(op, x, &runner, handle, ret);
    runner_release(&runner, handle);
    runner_close(&runner);
    return e;
}

static enum err spool_make(struct op *op, struct execution *x)
{
    const char *tmp = getenv("TMPDIR");
    char *folder = op_printf(op, "%s/ingot-run-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(folder))
        return op_fail_errno(op, "make '%s'", folder);
    x->spool = op_printf(op, "%s/console.log", folder);
    return file_write_unsynced(op, x->spool, STR(""));
}

static enum err run_begin(struct op *op, struct execution *x)
{
    const struct str *words;
    struct tracked_command c = {.name = command_str(x->ctx, "run-name"), .dir = command_str(x->ctx, "cwd"), .parent = command_str(x->ctx, "parent")};
    c.count = command_args(x->ctx, &words);
    c.words = words;
    enum err e = spool_make(op, x);
    if (!e)
        e = tracked_start(op, &x->config, &c, &x->run);
    if (e)
        return e;
    x->run_id = tracked_run_id(x->run);
    x->experiment = tracked_experiment(x->run);
    fprintf(stderr, "ingot: run %.*s of experiment %.*s\n", STR_FMT(x->run_id), STR_FMT(x->experiment));
    return OK;
}

static void result_tell(struct execution *x, const struct tracked_result *r, int code)
{
    struct json_out *w = command_out(x->ctx);
    json_begin_object(w);
    json_kv_str(w, "run_id", x->run_id);
    json_kv_str(w, "experiment_id", x->experiment);
    json_kv_cstr(w, "status", r->status);
    json_kv_i64(w, "exit_code", code);
    json_kv_i64(w, "console_bytes", r->report.console_bytes);
    json_kv_i64(w, "samples", r->report.samples);
    json_kv_bool(w, "kept", r->kept);
    if (!r->kept) {
        json_kv_cstr(w, "problem", r->problem);
        json_kv_cstr(w, "console", x->spool);
    }
    json_end_object(w);
    fprintf(stderr, "ingot: run %.*s %s\n", STR_FMT(x->run_id), r->status);
}

static enum err exec_run(struct op *op, struct command_ctx *ctx)
{
    struct execution x = {.ctx = ctx, .out = command_json(ctx) ? stderr : stdout};
    struct runner_status status = {0};
    struct tracked_result r;
    enum err e = run_tracked_config(op, ctx, &x.config);
    if (e)
        return e;
    x.config.spool_is_ours = true;
    run_watcher_start(&x.watcher, &x.config);
    x.config.watcher = &x.watcher;
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND}, ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    sigaction(SIGPIPE, &ignore, NULL); /* who read our output left; the run goes on */
    e = run_begin(op, &x);
    if (!e) {
        struct op job; /* its failure must not be lost in what ends the run */
        op_init(&job, op->arena);
        enum err started = process_run(&job, &x, &status);
        tracked_finish(op, x.run, started ? NULL : &status, exec_stop != 0, &r);
        int code = started ? 127 : status.state == RUNNER_EXITED ? status.code : 128 + status.code;
        result_tell(&x, &r, code);
        if (started)
            e = op_fail(op, started, "%s", job.msg);
        else if (!r.kept)
            e = op_fail(op, E_IO, "run %.*s is incomplete on the server: %s (the whole output: %s)", STR_FMT(x.run_id), r.problem, x.spool);
        command_exit_code(ctx, code);
        if (r.kept)
            tracked_spool_remove(op, x.spool);
    } else if (x.spool) { /* nothing ran */
        tracked_spool_remove(op, x.spool);
    }
    run_watcher_stop(&x.watcher);
    return e;
}

/* ---- logs ---- */

static const char *logs_path(struct op *op, struct str run, int64_t from, bool follow)
{
    struct str enc = http_percent_encode(op->arena, run, true);
    return op_printf(op, "/api/ingot/v1/runs/%.*s/console?from=%lld&max=%zu&wait_ms=%d", STR_FMT(enc), (long long)from, (size_t)LIMIT_KIB(256),
                     follow ? LIMIT_TRACK_CONSOLE_WAIT_MS : 0);
}

/* One answer. *from moves on; *ret_more: ask again. */
static enum err logs_step(struct op *op, struct command_ctx *ctx, struct client *c, int64_t *from, bool *ret_more)
{
    const struct str *args;
    struct json *doc = NULL;
    struct str text;
    int64_t start = 0, next = 0, size = 0;
    bool ended = false, follow = command_flag(ctx, "follow");
    command_args(ctx, &args);
    enum err e = client_json(op, c, "GET", str_from(logs_path(op, args[0], *from, follow)), (struct str){0}, &doc);
    if (e || (e = json_want_str(op, doc, "text", &text)) || (e = json_want_i64(op, doc, "from", 0, INT64_MAX, &start)) ||
        (e = json_want_i64(op, doc, "next", 0, INT64_MAX, &next)) || (e = json_want_i64(op, doc, "size", 0, INT64_MAX, &size)) ||
        (e = json_opt_bool(op, doc, "ended", false, &ended)))
        return e;
    if (start > *from && *from >= 0)
        fprintf(stderr, "ingot: %lld bytes before this are not kept here; the artifact capture/console.log has all\n", (long long)(start - *from));
    fwrite(text.p, 1, text.len, stdout);
    fflush(stdout);
    *ret_more = next < size || (follow && !ended);
    if (follow && next == *from && !ended)
        time_sleep_ms(SLICE_MS);
    *from = next;
    return OK;
}

static enum err logs_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_MIB(64));
    const struct client_config cc = {.base_url = remote_url(ctx), .bearer_token = remote_token(ctx), .timeout_ms = 30000};
    int64_t from = command_int(ctx, "from"), away_ms = 0;
    bool more = true;
    enum err e = client_create(op, &cc, &c);
    while (!e && more) {
        struct op step;
        arena_reset(arena);
        op_init(&step, arena);
        e = logs_step(&step, ctx, c, &from, &more);
        if (!e) {
            away_ms = 0;
        } else if ((e == E_IO || e == E_TIMEOUT || e == E_BUSY) && command_flag(ctx, "follow") && away_ms < 60000) { /* it restarts */
            time_sleep_ms(1000);
            away_ms += 1000;
            e = OK;
        } else {
            op_fail(op, e, "%s", step.msg);
        }
    }
    return e;
}

static const struct option_row exec_options[] = {
    RUN_TRACKED_OPTIONS,
    {"run-name", OPTION_STRING, "NAME", "name of the run; else the server makes one up", NULL, false},
    {"parent", OPTION_STRING, "RUN", "the run that this one is a part of", NULL, false},
    {"cwd", OPTION_STRING, "DIR", "where the command runs", ".", false},
    {0},
};
static const struct option_row logs_options[] = {
    REMOTE_OPTIONS,
    {"follow", OPTION_FLAG, NULL, "go on until the run ends", NULL, false},
    {"from", OPTION_INT, "BYTE", "begin at this byte of the output", "0", false},
    {0},
};

const struct command run_exec_commands[] = {
    {"run exec", "-- COMMAND...", 1, -1, "run a program as a run: its output, what it uses, where it comes from",
     "Makes a run on the server (any MLflow tracking server), starts the command with MLFLOW_RUN_ID set, so that what it logs\n"
     "through an MLflow client goes there too, and sends while it goes on: its output, and processor, memory, disk, network and\n"
     "GPU use every --interval. Commit, machine, packages of a Python environment and an allow list of variables are kept.\n"
     "The run ends as the command does (FINISHED, FAILED, KILLED), and its exit code is ours.",
     "  ingot run exec -- python train.py --epochs 3\n  ingot run exec --experiment flights --diff --env 'WANDB_MODE' -- ./train.sh\n"
     "  ingot run logs --follow 0f3a...",
     exec_options, exec_run},
    {"run logs", "RUN", 1, 1, "what a run printed, also while it goes on",
     "Prints the output that the server has of a run started by `ingot run`.", "  ingot run logs 0f3a...\n  ingot run logs --follow 0f3a...",
     logs_options, logs_run},
    {0},
};
