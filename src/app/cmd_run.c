/* cmd_run.c - `ingot run`: reproduces the pipeline of a folder. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "adapter/local/local_runner.h"
#include "app/commands.h"
#include "app/run_report.h"
#include "app/run_tracked.h"
#include "base/limits.h"
#include "core/pipeline/dvc_params.h"
#include "core/pipeline/exec.h"
#include "core/pipeline/fspath.h"
#include "core/pipeline/workspace.h"

static volatile sig_atomic_t run_stop;

static void on_signal(int sig)
{
    (void)sig;
    run_stop = 1;
}

/* A run that a server started ends with it, however the server ends: nobody would take its result. The signal of a parent that
 * was gone before it could be asked for never comes, hence the second look. The run of an earlier server may still be ending its
 * stages here: the lock on the folder, kept until the process ends, waits for it. */
static bool supervisor_follow(void)
{
    const char *pid = getenv("INGOT_SUPERVISOR_PID");
    int64_t n = 0;
    if (!pid || !str_parse_i64(str_from(pid), &n))
        return true;
    unsetenv("INGOT_SUPERVISOR_PID"); /* not meant for a stage that runs a pipeline of its own */
    /* The kernel may send it once for each of the parent's threads, so a second one must not end us halfway. */
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGTERM, &sa, NULL);
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != (pid_t)n)
        return false;
    int folder = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder >= 0 && flock(folder, LOCK_EX) == 0 && !run_stop;
}

/* The first signal ends the children and writes the lock file; a second one has its default effect. */
static void signals_setup(void)
{
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
}

struct view {
    struct op *op;
    struct command_ctx *ctx;
    struct run_report *report; /* NULL: no server was named */
};

static const char *seconds(struct op *op, int64_t us)
{
    return op_printf(op, "%.2f s", (double)us / 1e6);
}

/* The last lines of a failed stage's log, on stderr, where they stand also beside --json. */
static void log_tail(struct op *op, const struct pipeline_step *s)
{
    FILE *f = s->log_path.len ? fopen(str_cstr(op->arena, s->log_path), "rbe") : NULL;
    if (!f)
        return;
    char text[LIMIT_PIPELINE_LOG_TAIL];
    if (fseek(f, 0, SEEK_END) == 0) {
        long size = ftell(f), from = size > (long)sizeof(text) ? size - (long)sizeof(text) : 0;
        if (size > 0 && fseek(f, from, SEEK_SET) == 0) {
            size_t n = fread(text, 1, sizeof(text), f);
            fprintf(stderr, "--- end of %.*s\n%.*s%s---\n", STR_FMT(s->log_path), (int)n, text,
                    n && text[n - 1] != '\n' ? "\n" : "");
        }
    }
    fclose(f);
}

static void on_step(void *arg, const struct pipeline_step *s)
{
    struct view *v = arg;
    struct command_ctx *c = v->ctx;
    if (v->report)
        run_report_step(v->report, s);
    switch (s->state) {
    case PIPELINE_RUNNING:
        command_say(c, "Running stage '%.*s': %s", STR_FMT(s->name), s->reason);
        break;
    case PIPELINE_RETRYING:
        command_say(c, "Stage '%.*s' %s, trying again (attempt %lld)", STR_FMT(s->name), s->reason, (long long)s->attempts + 1);
        break;
    case PIPELINE_SKIPPED:
        command_say(c, "Stage '%.*s' didn't change, skipping%s%s", STR_FMT(s->name), *s->reason ? ": " : "", s->reason);
        break;
    case PIPELINE_RESTORED:
        command_say(c, "Stage '%.*s' is cached - skipping run, checking out outputs", STR_FMT(s->name));
        break;
    case PIPELINE_RAN:
        command_say(c, "Stage '%.*s' done in %s", STR_FMT(s->name), seconds(v->op, s->wall_us));
        break;
    case PIPELINE_WOULD_RUN:
        command_say(c, "Stage '%.*s' would run: %s", STR_FMT(s->name), s->reason);
        break;
    case PIPELINE_FAILED:
        command_say(c, "Stage '%.*s' FAILED: %s", STR_FMT(s->name), s->reason);
        log_tail(v->op, s);
        break;
    case PIPELINE_BLOCKED:
        command_say(c, "Stage '%.*s' not run: %s", STR_FMT(s->name), s->reason);
        break;
    case PIPELINE_CANCELLED:
        command_say(c, "Stage '%.*s' stopped", STR_FMT(s->name));
        break;
    default:
        break;
    }
}

static void on_plan(void *arg, const struct dvc_graph *graph, const struct pipeline_result *steps, const uint32_t *of)
{
    struct view *v = arg;
    if (v->report)
        run_report_planned(v->report, graph, steps, of);
}

static void on_tracked(void *arg, struct str stage, struct str run_id)
{
    struct view *v = arg;
    if (v->report)
        run_report_tracked(v->report, stage, run_id);
}

/* Whoever named a server, by an option or in the environment, finds the run in its pages. */
static struct run_report *report_start(struct op *op, struct command_ctx *ctx, const struct pipeline_options *o)
{
    const char *run = getenv("INGOT_PIPELINE_RUN"), *uri = getenv("MLFLOW_TRACKING_URI"), *server = getenv("INGOT_SERVER"), *token = getenv("MLFLOW_TRACKING_TOKEN");
    struct run_report_config c = {.url = remote_url(ctx), .token = remote_token(ctx), .workspace = o->dir, .stop = &run_stop};
    bool named = command_given(ctx, "server"), by_uri = !named && uri && str_starts(str_from(uri), STR("http"));
    if (!named && !by_uri && !(server && *server))
        return NULL;
    if (by_uri && !(server && *server)) {
        c.url = str_from(uri);
        c.token = c.token.len ? c.token : str_from(token ? token : "");
    }
    if (run && !str_parse_i64(str_from(run), &c.run))
        c.run = 0;
    unsetenv("INGOT_PIPELINE_RUN"); /* not meant for a stage that runs a pipeline of its own */
    if (command_has(ctx, "pipeline"))
        c.pipeline = command_str(ctx, "pipeline");
    const struct str words[] = {STR("ingot"), STR("run"), STR("--cwd"), o->dir};
    c.argv = words;
    c.argc = ARRAY_LEN(words);
    return run_report_create(op, &c);
}

/* "train.depth=6" sets a key of params.yaml, "other.yaml:a.b=x" one of another file. */
static enum err set_one(struct op *op, struct str dir, struct str text)
{
    size_t eq = str_find_char(text, '=');
    if (eq == SIZE_MAX || eq == 0)
        return op_fail(op, E_INVALID, "--set '%.*s': expected [FILE:]KEY=VALUE", STR_FMT(text));
    struct str key = str_sub(text, 0, eq), file = STR("params.yaml");
    size_t colon = str_find_char(key, ':');
    if (colon != SIZE_MAX) {
        file = str_sub(key, 0, colon);
        key = str_sub(key, colon + 1, key.len);
    }
    return dvc_params_set(op, fspath_join(op, dir, file), key, str_sub(text, eq + 1, text.len));
}

static enum err verdict(struct op *op, const struct pipeline_result *r)
{
    if (r->cancelled)
        return op_fail(op, E_CANCELLED, "stopped; finished stages are recorded");
    if (!r->count[PIPELINE_FAILED])
        return OK;
    for (size_t i = 0; i < r->len; i++) {
        const struct pipeline_step *s = &r->steps[i];
        if (s->state == PIPELINE_FAILED)
            return op_fail(op, E_CONFLICT, "stage '%.*s' failed: %s%s%.*s%s", STR_FMT(s->name), s->reason, s->log_path.len ? " (log: " : "",
                           STR_FMT(s->log_path), s->log_path.len ? ")" : "");
    }
    return OK;
}

static enum err result_save(struct op *op, struct str path, const struct pipeline_result *r)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(64));
    json_out_init(&w, &b, 2);
    pipeline_result_write(&w, r);
    buf_add_char(&b, '\n');
    return fspath_write(op, path, buf_str(&b), true);
}

/* The pipeline itself as a run, whose children the stages are. */
static enum err pipeline_tracked(struct op *op, struct command_ctx *ctx, struct tracked_config *config, struct runner *inner, struct runner *outer,
                                 struct run_watcher *watcher, struct tracked **ret)
{
    const struct str words[] = {STR("ingot"), STR("run")};
    const struct tracked_command c = {.name = STR("pipeline"), .dir = command_str(ctx, "cwd"), .words = words, .count = ARRAY_LEN(words)};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    enum err e = run_tracked_config(op, ctx, config);
    if (e)
        return e;
    sigaction(SIGPIPE, &ignore, NULL); /* the watcher may be gone */
    run_watcher_start(watcher, config);
    config->watcher = watcher;
    e = tracked_start(op, config, &c, ret);
    if (!e)
        *outer = tracked_runner(op, inner, config, tracked_run_id(*ret));
    return e;
}

/* Ends the pipeline's run as the pipeline did; `e` is its failure, or OK. */
static void pipeline_ended(struct op *op, struct tracked *run, enum err e)
{
    const struct runner_status status = {.state = RUNNER_EXITED, .code = e ? 1 : 0};
    struct tracked_result r;
    struct op end;
    op_init(&end, op->arena);
    struct str id = tracked_run_id(run);
    tracked_finish(&end, run, &status, run_stop != 0, &r);
    if (!r.kept)
        fprintf(stderr, "ingot: run %.*s is incomplete on the server: %s\n", STR_FMT(id), r.problem);
}

static enum err sets_apply(struct op *op, struct command_ctx *ctx, const struct pipeline_options *o)
{
    const struct str *sets;
    struct workspace *ws;
    size_t n = command_multi(ctx, "set", &sets);
    if (!n)
        return OK;
    if (o->dry)
        return op_fail(op, E_INVALID, "--set changes files; it cannot go with --dry");
    enum err e = workspace_open(op, o->dir, false, &ws);
    for (size_t i = 0; !e && i < n; i++)
        e = set_one(op, ws->dir, sets[i]);
    return e;
}

static enum err run_run(struct op *op, struct command_ctx *ctx)
{
    struct view v = {.op = op, .ctx = ctx};
    struct runner inner = local_runner(), runner = inner;
    struct tracked_config config = {0};
    struct run_watcher watcher = {.fd = -1};
    struct tracked *tracked = NULL;
    struct pipeline_options o = {.dir = command_str(ctx, "cwd"), .jobs = (int)command_int(ctx, "jobs"), .force = command_flag(ctx, "force"),
                                 .dry = command_flag(ctx, "dry"), .stop = &run_stop, .runner = &runner, .event = on_step, .planned = on_plan, .arg = &v};
    o.targets_len = command_args(ctx, &o.targets);
    if (command_has(ctx, "from"))
        o.from = command_str(ctx, "from");
    const char *yaml = op_printf(op, "%.*s/dvc.yaml", STR_FMT(o.dir));
    if (access(yaml, R_OK)) /* before a workspace is made in a folder that is none */
        return op_fail_errno(op, "open '%s'", yaml);
    enum err e = sets_apply(op, ctx, &o);
    if (e)
        return e;
    signals_setup();
    if (!supervisor_follow())
        return op_fail(op, E_CANCELLED, "the server that started this run is gone");
    struct pipeline_result *r;
    if (command_has(ctx, "experiment") && !o.dry && (e = pipeline_tracked(op, ctx, &config, &inner, &runner, &watcher, &tracked)))
        return e;
    config.stage_started = on_tracked;
    config.stage_arg = &v;
    if (!o.dry)
        v.report = report_start(op, ctx, &o);
    e = pipeline_run(op, &o, &r);
    run_report_finish(v.report, !e && r->cancelled ? "cancelled" : e || r->count[PIPELINE_FAILED] ? "failed" : "succeeded", e || r->count[PIPELINE_FAILED] ? 1 : 0);
    if (tracked)
        pipeline_ended(op, tracked, e || r->cancelled || r->count[PIPELINE_FAILED] ? E_CONFLICT : OK);
    run_watcher_stop(&watcher);
    if (e)
        return e;
    pipeline_result_write(command_out(ctx), r);
    if (command_has(ctx, "out") && (e = result_save(op, command_str(ctx, "out"), r)))
        return e;
    command_say(ctx, "%zu stages: %zu ran, %zu restored, %zu unchanged, %zu failed, %zu blocked; %s", r->len,
                r->count[PIPELINE_RAN], r->count[PIPELINE_RESTORED], r->count[PIPELINE_SKIPPED], r->count[PIPELINE_FAILED],
                r->count[PIPELINE_BLOCKED], seconds(op, r->wall_us));
    return verdict(op, r);
}

static const struct option_row run_options[] = {
    {"cwd", OPTION_STRING, "DIR", "the folder that holds dvc.yaml", ".", false},
    {"jobs", OPTION_INT, "N", "stages side by side; 0: one per core", "0", false},
    {"force", OPTION_FLAG, NULL, "run every stage, changed or not", NULL, false},
    {"from", OPTION_STRING, "STAGE", "also run this stage, and all that follows from it, though they did not change", NULL, false},
    {"pipeline", OPTION_STRING, "NAME", "what the pipeline is called on the server; else as its folder", NULL, false},
    {"out", OPTION_STRING, "FILE", "also write what happened to each stage as JSON", NULL, false},
    {"dry", OPTION_FLAG, NULL, "say what would run and change nothing", NULL, false},
    {"set", OPTION_MULTI, "[FILE:]KEY=VALUE", "first set a parameter (of params.yaml); may repeat", NULL, false},
    RUN_TRACKED_OPTIONS,
    {0},
};

const struct command run_commands[] = {
    {"run", "[STAGE...]", 0, -1, "run the stages of a pipeline that changed",
     "Reads dvc.yaml, skips stages whose command, dependencies, parameters and outputs are as dvc.lock says, takes\n"
     "known results from the run cache and runs the rest, independent stages side by side. A failed stage stops only\n"
     "what depends on it. Each stage's output goes to .dvc/tmp/ingot/logs/STAGE.log. Stock dvc reads and writes the\n"
     "same files. Where a server is named (--server, $INGOT_SERVER, $MLFLOW_TRACKING_URI) its page of pipelines shows the run while it runs.\n"
     "With --experiment each stage that runs is a run on the server, below one of the pipeline, as `ingot run exec`\n"
     "makes them.",
     "  ingot run\n  ingot run --cwd examples/flights --jobs 4 evaluate\n  ingot run --set fit.end=2001-04-01 --set other.yaml:depth=6",
     run_options, run_run},
    {0},
};
