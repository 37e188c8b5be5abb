/* exec.c - the scheduler of one run.
 *
 * Each stage counts the needs that are not finished; at zero it enters the ready queue, so the cost of a finished
 * stage is its own edges and nothing is ever scanned again. One thread plans, hashes and records; the work is in
 * the children. The repository lock (flock, shared with stock dvc) is given up while only children work, because
 * a stage may itself call dvc.
 *
 * dvc.lock is written when a batch of stages ended, at most every SAVE_EVERY_MS (or ten times what writing
 * costs), and always before returning. If we die before, the run cache still knows every finished stage: the next run
 * restores them instead of running them again. */
#include "core/pipeline/exec.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/pipeline/dvc_graph.h"
#include "core/pipeline/dvc_rwlock.h"
#include "core/pipeline/dvc_stage.h"
#include "core/pipeline/fspath.h"

#define SAVE_EVERY_MS 50
#define LOCK_WAIT_MS 60000
#define CLAIM_WAIT_MS 10000
#define STOP_POLL_MS 100
#define STOP_GRACE_MS 5000

struct job {
    const struct dvc_stage *stage;
    struct pipeline_step *step;
    uint32_t waits;          /* needs that are not finished */
    bool forced;             /* it, or what it needs, was asked for with `from` */
    struct dvc_inputs in;
    size_t command;          /* index of the running one */
    void *handle;
    int64_t not_before_ms;   /* of the next attempt */
};

struct exec {
    const struct pipeline_options *o;
    struct dvc_session d;
    struct dvc_graph *graph;
    struct job *jobs;        /* one per stage */
    uint32_t *ready;         /* ring of stage indices */
    size_t ready_head, ready_len;
    uint32_t *running;       /* stages with a child or a pending attempt */
    size_t running_len, running_max;
    int64_t next_save_ms;
    bool stopping;
    bool rwlock_stale;       /* a stage ended since the rwlock file was written */
    struct str log_dir, shell;
};

static const char *const state_names[PIPELINE_STATES] = {
    [PIPELINE_WAITING] = "waiting",     [PIPELINE_RUNNING] = "running",     [PIPELINE_RETRYING] = "retrying",
    [PIPELINE_SKIPPED] = "skipped",     [PIPELINE_RESTORED] = "restored",   [PIPELINE_RAN] = "ran",
    [PIPELINE_WOULD_RUN] = "would run", [PIPELINE_FAILED] = "failed",       [PIPELINE_BLOCKED] = "blocked",
    [PIPELINE_CANCELLED] = "cancelled",
};

const char *pipeline_state_name(enum pipeline_state s)
{
    return state_names[s];
}

static void announce(struct exec *x, struct job *j, enum pipeline_state state, const char *reason)
{
    j->step->state = state;
    j->step->reason = reason ? reason : "";
    if (x->o->event)
        x->o->event(x->o->arg, j->step);
}

/* --- readiness --- */

static void ready_push(struct exec *x, uint32_t i)
{
    x->ready[(x->ready_head + x->ready_len++) % x->graph->file->len] = i;
}

static bool finished_well(enum pipeline_state s)
{
    return s == PIPELINE_SKIPPED || s == PIPELINE_RESTORED || s == PIPELINE_RAN || s == PIPELINE_WOULD_RUN;
}

/* Marks everything downstream of a failed stage. Stages in the way were not started: they wait for it. */
static void block_dependents(struct op *op, struct exec *x, uint32_t failed)
{
    size_t n = x->graph->file->len, len = 0;
    uint32_t *todo = arena_alloc(op->arena, (n + 1) * sizeof(*todo));
    const char *why = op_printf(op, "stage '%.*s' failed", STR_FMT(x->graph->file->stages[failed].name));
    todo[len++] = failed;
    while (len) {
        const struct dvc_node *node = &x->graph->nodes[todo[--len]];
        for (uint32_t k = 0; k < node->feeds_len; k++) {
            struct job *j = &x->jobs[node->feeds[k]];
            if (!j->step || j->step->state != PIPELINE_WAITING)
                continue;
            announce(x, j, PIPELINE_BLOCKED, why);
            todo[len++] = node->feeds[k];
        }
    }
}

static void finish(struct op *op, struct exec *x, uint32_t i, enum pipeline_state state, const char *reason)
{
    announce(x, &x->jobs[i], state, reason);
    if (!finished_well(state)) {
        block_dependents(op, x, i);
        return;
    }
    const struct dvc_node *node = &x->graph->nodes[i];
    for (uint32_t k = 0; k < node->feeds_len; k++) {
        struct job *j = &x->jobs[node->feeds[k]];
        if (j->step && --j->waits == 0 && j->step->state == PIPELINE_WAITING)
            ready_push(x, node->feeds[k]);
    }
}

/* Ends the stage with the failure that stands in op. */
static void fail_from_op(struct op *op, struct exec *x, uint32_t i)
{
    const char *why = op->msg;
    op_clear(op);
    finish(op, x, i, PIPELINE_FAILED, why);
}

/* --- children --- */

static struct str log_path(struct op *op, struct exec *x, struct str stage)
{
    char *name = str_cstr(op->arena, stage);
    for (char *c = name; *c; c++) {
        if (*c == '/' || (unsigned char)*c < ' ')
            *c = '_';
    }
    return str_from(op_printf(op, "%.*s/%s.log", STR_FMT(x->log_dir), name));
}

static size_t environment(struct op *op, struct exec *x, const struct dvc_stage *s, struct str **ret)
{
    size_t n = 0, len = 0;
    while (environ[n])
        n++;
    struct str *env = arena_alloc(op->arena, (n + s->policy.env_len + 3) * sizeof(*env));
    for (size_t i = 0; i < n; i++) {
        struct str e = str_from(environ[i]);
        bool ours = str_starts(e, STR("DVC_STAGE=")) || str_starts(e, STR("DVC_ROOT="));
        for (size_t k = 0; !ours && k < s->policy.env_len; k++) {
            size_t eq = str_find_char(s->policy.env[k], '=');
            ours = str_starts(e, str_sub(s->policy.env[k], 0, eq + 1));
        }
        if (!ours)
            env[len++] = e;
    }
    for (size_t k = 0; k < s->policy.env_len; k++)
        env[len++] = s->policy.env[k];
    env[len++] = str_from(op_printf(op, "DVC_ROOT=%.*s", STR_FMT(x->d.ws->root)));
    env[len++] = str_from(op_printf(op, "DVC_STAGE=%.*s", STR_FMT(s->name)));
    *ret = env;
    return len;
}

/* The k-th command: an item of the list, or a line that is not blank. False behind the last one. */
static bool command_at(const struct dvc_stage *s, size_t k, struct str *ret)
{
    if (s->cmd.type == JSON_ARRAY) {
        if (k >= s->cmd.len)
            return false;
        *ret = s->cmd.items[k].s;
        return true;
    }
    struct str rest = s->cmd.s, line;
    size_t n = 0;
    while (str_split(&rest, '\n', &line)) {
        if (str_trim(line).len && n++ == k) {
            *ret = line;
            return true;
        }
    }
    return false;
}

/* As stock dvc calls the user's shell: without start-up files that could change what runs. */
static size_t shell_argv(struct str shell, struct str cmd, struct str *argv)
{
    size_t n = 0;
    struct str name = fspath_name(shell);
    argv[n++] = shell;
    if (str_eqc(name, "bash")) {
        argv[n++] = STR("--noprofile");
        argv[n++] = STR("--norc");
    } else if (str_eqc(name, "zsh")) {
        argv[n++] = STR("--no-rcs");
    }
    argv[n++] = STR("-c");
    argv[n++] = cmd;
    return n;
}

static enum err child_start(struct op *op, struct exec *x, struct job *j)
{
    const struct dvc_stage *s = j->stage;
    struct str cmd, argv[5];
    if (!command_at(s, j->command, &cmd))
        return op_fail(op, E_INVALID, "the command is empty");
    struct runner_job job = {.name = s->name, .argv = argv, .cwd = s->wdir, .log_path = j->step->log_path,
                             .timeout_ms = s->policy.timeout_ms};
    job.argc = shell_argv(x->shell, cmd, argv);
    job.env_len = environment(op, x, s, &job.env);
    return runner_submit(op, x->o->runner, &job, &j->handle);
}

static enum err attempt_start(struct op *op, struct exec *x, struct job *j)
{
    j->command = 0;
    j->step->attempts++;
    j->step->wall_us = j->step->cpu_us = j->step->max_rss_bytes = 0;
    j->step->log_path = log_path(op, x, j->stage->name);
    enum err e = fspath_make_dirs(op, x->log_dir);
    if (!e && j->step->attempts == 1)
        e = fspath_remove(op, j->step->log_path);
    if (!e)
        e = dvc_stage_clean(op, j->stage);
    return e ? e : child_start(op, x, j);
}

/* --- one stage --- */

static bool needs_would_run(const struct exec *x, uint32_t i)
{
    const struct dvc_node *n = &x->graph->nodes[i];
    for (uint32_t k = 0; k < n->needs_len; k++) {
        if (x->jobs[n->needs[k]].step->state == PIPELINE_WOULD_RUN)
            return true;
    }
    return false;
}

/* A frozen stage never runs: what stands there is taken as it is. */
static enum err frozen_record(struct op *op, struct exec *x, struct job *j)
{
    enum err e = dvc_stage_record(op, &x->d, j->stage, &j->in);
    return e ? op_context(op, "frozen stage") : OK;
}

/* Tells stock dvc what our stages are at work on; `next` is about to start. */
static enum err rwlock_publish(struct op *op, struct exec *x, const struct dvc_stage *next)
{
    const struct dvc_stage *stages[LIMIT_RUNNER_JOBS];
    for (size_t at = 0; at < x->running_len; at++)
        stages[at] = x->jobs[x->running[at]].stage;
    x->rwlock_stale = false;
    return dvc_rwlock_publish(op, x->d.ws, stages, x->running_len, next);
}

static enum err decide(struct op *op, struct exec *x, uint32_t i, bool *ret_run, const char **ret_why)
{
    struct job *j = &x->jobs[i];
    const struct dvc_stage *s = j->stage;
    *ret_run = false;
    if (x->o->dry && needs_would_run(x, i)) {
        finish(op, x, i, PIPELINE_WOULD_RUN, "what it needs would run");
        return OK;
    }
    enum err e = dvc_stage_inputs(op, &x->d, s, &j->in);
    if (e)
        return e;
    const char *why = dvc_stage_changed(op, &x->d, s, &j->in), *outs_why = NULL;
    bool unchanged = !why, done = false;
    if (unchanged && (e = dvc_stage_outs_changed(op, &x->d, s, &outs_why)))
        return e;
    why = why ? why : outs_why;
    bool force = x->o->force || j->forced;
    if (!why && !(force && !s->frozen)) {
        finish(op, x, i, PIPELINE_SKIPPED, NULL);
        return OK;
    }
    if (s->frozen) {
        if (!x->o->dry && (e = frozen_record(op, x, j)))
            return e;
        finish(op, x, i, PIPELINE_SKIPPED, "it is frozen");
        return OK;
    }
    if (!force && (e = dvc_stage_restore(op, &x->d, s, &j->in, unchanged, x->o->dry, &done)))
        return e;
    if (done || x->o->dry) {
        finish(op, x, i, done ? PIPELINE_RESTORED : PIPELINE_WOULD_RUN, why ? why : "forced");
        return OK;
    }
    *ret_run = true;
    *ret_why = why ? why : "forced";
    return OK;
}

static void begin(struct op *op, struct exec *x, uint32_t i)
{
    struct job *j = &x->jobs[i];
    bool run;
    const char *why;
    if (decide(op, x, i, &run, &why)) {
        fail_from_op(op, x, i);
        return;
    }
    if (!run)
        return;
    announce(x, j, PIPELINE_RUNNING, why);
    if (rwlock_publish(op, x, j->stage) || attempt_start(op, x, j)) {
        x->rwlock_stale = true;
        fail_from_op(op, x, i);
        return;
    }
    x->running[x->running_len++] = i;
}

static const char *ending(struct op *op, const struct runner_status *st)
{
    switch (st->state) {
    case RUNNER_SIGNALLED:
        return op_printf(op, "killed by signal %d", st->code);
    case RUNNER_TIMED_OUT:
        return "timed out";
    case RUNNER_LOST:
        return "lost";
    default:
        return op_printf(op, "exited with %d", st->code);
    }
}

static void running_drop(struct exec *x, size_t at)
{
    x->running[at] = x->running[--x->running_len];
    x->rwlock_stale = true;
}

/* A command ended badly: another attempt, or the end of the stage. */
static void attempt_failed(struct op *op, struct exec *x, size_t at, const struct runner_status *st)
{
    uint32_t i = x->running[at];
    struct job *j = &x->jobs[i];
    const char *why = ending(op, st);
    j->step->exit_code = st->state == RUNNER_EXITED ? st->code : 128 + st->code;
    if (x->stopping) {
        running_drop(x, at);
        finish(op, x, i, PIPELINE_CANCELLED, "stopped");
    } else if (j->step->attempts < j->stage->policy.attempts) {
        int64_t shift = j->step->attempts - 1 < 20 ? j->step->attempts - 1 : 20;
        j->not_before_ms = time_mono_ms() + (j->stage->policy.backoff_ms << shift);
        announce(x, j, PIPELINE_RETRYING, why);
    } else {
        running_drop(x, at);
        finish(op, x, i, PIPELINE_FAILED, why);
    }
}

/* The child of running[at] ended. */
static void child_ended(struct op *op, struct exec *x, size_t at, const struct runner_status *st)
{
    uint32_t i = x->running[at];
    struct job *j = &x->jobs[i];
    struct str next;
    runner_release(x->o->runner, j->handle);
    j->handle = NULL;
    j->step->wall_us += st->wall_us;
    j->step->cpu_us += st->cpu_us;
    if (st->max_rss_bytes > j->step->max_rss_bytes)
        j->step->max_rss_bytes = st->max_rss_bytes;
    if (st->state != RUNNER_EXITED || st->code != 0) {
        attempt_failed(op, x, at, st);
        return;
    }
    j->command++;
    if (command_at(j->stage, j->command, &next) && !x->stopping) {
        if (child_start(op, x, j)) {
            running_drop(x, at);
            fail_from_op(op, x, i);
        }
        return;
    }
    running_drop(x, at);
    if (x->stopping && command_at(j->stage, j->command, &next))
        finish(op, x, i, PIPELINE_CANCELLED, "stopped");
    else if (dvc_stage_record(op, &x->d, j->stage, &j->in))
        fail_from_op(op, x, i);
    else
        finish(op, x, i, PIPELINE_RAN, j->step->reason);
}

/* --- the loop --- */

/* Starts attempts whose back-off is over; returns milliseconds until the next one. */
static int64_t retries_start(struct op *op, struct exec *x)
{
    int64_t now_ms = time_mono_ms(), wait_ms = STOP_POLL_MS;
    for (size_t at = 0; at < x->running_len; at++) {
        uint32_t i = x->running[at];
        struct job *j = &x->jobs[i];
        if (j->handle)
            continue;
        if (x->stopping) {
            running_drop(x, at--);
            finish(op, x, i, PIPELINE_CANCELLED, "stopped");
        } else if (j->not_before_ms > now_ms) {
            int64_t left_ms = j->not_before_ms - now_ms;
            wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
        } else if (attempt_start(op, x, j)) {
            running_drop(x, at--);
            fail_from_op(op, x, i);
        } else {
            announce(x, j, PIPELINE_RUNNING, "another attempt");
        }
    }
    return wait_ms;
}

static void stop_check(struct exec *x)
{
    if (x->stopping || !x->o->stop || !*x->o->stop)
        return;
    x->stopping = true;
    x->ready_len = 0;
    for (size_t at = 0; at < x->running_len; at++) {
        struct job *j = &x->jobs[x->running[at]];
        if (j->handle)
            runner_cancel(x->o->runner, j->handle, STOP_GRACE_MS);
    }
}

static enum err save(struct op *op, struct exec *x, bool now)
{
    int64_t before_ms = time_mono_ms();
    if (x->o->dry || !x->d.lock->dirty || (!now && before_ms < x->next_save_ms))
        return OK;
    enum err e = dvc_lock_save(op, x->d.lock);
    int64_t after_ms = time_mono_ms(), pause_ms = 10 * (after_ms - before_ms);
    x->next_save_ms = after_ms + (pause_ms > SAVE_EVERY_MS ? pause_ms : SAVE_EVERY_MS);
    return e;
}

/* Waits for one child at most `wait_ms`, then takes all that ended meanwhile. */
static enum err collect(struct op *op, struct exec *x, int64_t wait_ms)
{
    void *handles[LIMIT_RUNNER_JOBS];
    size_t at_of[LIMIT_RUNNER_JOBS];
    bool first = true;
    for (;;) {
        size_t n = 0, hit;
        for (size_t at = 0; at < x->running_len; at++) {
            if (x->jobs[x->running[at]].handle) {
                at_of[n] = at;
                handles[n++] = x->jobs[x->running[at]].handle;
            }
        }
        struct runner_status st;
        if (first)
            workspace_unlock(x->d.ws);
        enum err e = runner_wait_any(op, x->o->runner, handles, n, first ? wait_ms : 0, &hit, &st);
        if (first && !e)
            e = workspace_lock(op, x->d.ws, LOCK_WAIT_MS);
        if (e || hit == SIZE_MAX)
            return e;
        first = false;
        child_ended(op, x, at_of[hit], &st);
    }
}

static enum err loop(struct op *op, struct exec *x)
{
    for (;;) {
        stop_check(x);
        while (x->ready_len && x->running_len < x->running_max) {
            uint32_t i = x->ready[x->ready_head];
            x->ready_head = (x->ready_head + 1) % x->graph->file->len;
            x->ready_len--;
            begin(op, x, i);
            stop_check(x);
        }
        int64_t wait_ms = retries_start(op, x);
        enum err e = save(op, x, x->running_len == 0 && x->ready_len == 0);
        if (!e && x->rwlock_stale)
            e = rwlock_publish(op, x, NULL);
        if (e)
            return e;
        if (x->running_len == 0) {
            if (x->ready_len == 0)
                return OK;
            continue;
        }
        if ((e = collect(op, x, wait_ms)))
            return e;
    }
}

/* Ends children that an error of our own left behind. */
static void abandon(struct exec *x)
{
    for (size_t at = 0; at < x->running_len; at++)
        runner_release(x->o->runner, x->jobs[x->running[at]].handle);
    x->running_len = 0;
}

/* Marks what `from` names and all that follows from it. */
static enum err force_from(struct op *op, struct exec *x)
{
    size_t n = x->graph->file->len, named = 0;
    for (size_t i = 0; i < n; i++) {
        struct str name = x->graph->file->stages[i].name;
        bool same = str_eq(name, x->o->from) || (str_starts(name, x->o->from) && name.len > x->o->from.len && name.p[x->o->from.len] == '@');
        x->jobs[i].forced = same && x->jobs[i].step;
        named += same;
    }
    if (!named)
        return op_fail(op, E_NOT_FOUND, "there is no stage '%.*s'", STR_FMT(x->o->from));
    for (size_t k = 0; k < n; k++) { /* an order in which needs come first: one pass */
        const struct dvc_node *node = &x->graph->nodes[x->graph->order[k]];
        struct job *j = &x->jobs[x->graph->order[k]];
        for (uint32_t i = 0; j->step && i < node->needs_len; i++)
            j->forced |= x->jobs[node->needs[i]].forced;
    }
    return OK;
}

static enum err plan(struct op *op, struct exec *x, struct pipeline_result *r)
{
    struct dvc_file *file;
    enum err e = dvc_file_load(op, x->d.ws, &file);
    if (!e)
        e = dvc_graph_build(op, file, &x->graph);
    if (e)
        return e;
    size_t n = file->len;
    bool *wanted = arena_alloc(op->arena, n + 1);
    if ((e = dvc_graph_select(op, x->graph, x->o->targets, x->o->targets_len, wanted)))
        return e;
    x->jobs = arena_array(op->arena, n + 1, struct job);
    x->ready = arena_array(op->arena, n + 1, uint32_t);
    r->steps = arena_array(op->arena, n + 1, struct pipeline_step);
    uint32_t *of = arena_array(op->arena, n + 1, uint32_t);
    if (!x->jobs || !x->ready || !r->steps || !of)
        return op_fail(op, E_TOO_LARGE, "dvc.yaml: too many stages");
    for (size_t k = 0; k < n; k++) {
        uint32_t i = x->graph->order[k];
        if (!wanted[i])
            continue;
        of[r->len] = i;
        struct pipeline_step *step = &r->steps[r->len++];
        *step = (struct pipeline_step){.name = file->stages[i].name, .reason = "", .log_path = STR("")};
        x->jobs[i] = (struct job){.stage = &file->stages[i], .step = step, .waits = x->graph->nodes[i].needs_len};
        if (x->jobs[i].waits == 0)
            ready_push(x, i);
    }
    if (x->o->from.len && (e = force_from(op, x)))
        return e;
    if (x->o->planned)
        x->o->planned(x->o->arg, x->graph, r, of);
    return OK;
}

static enum err open_session(struct op *op, struct exec *x)
{
    const struct pipeline_options *o = x->o;
    enum err e = workspace_open(op, o->dir, o->dry, &x->d.ws);
    if (!e && !o->dry)
        e = workspace_claim(op, x->d.ws, CLAIM_WAIT_MS);
    if (!e && !o->dry)
        e = workspace_lock(op, x->d.ws, LOCK_WAIT_MS);
    if (!e)
        e = dvc_lock_load(op, fspath_join(op, x->d.ws->dir, STR("dvc.lock")), &x->d.lock);
    if (e)
        return e;
    dvc_state_load(op, x->d.ws->tmp_dir, &x->d.state);
    x->log_dir = fspath_join(op, x->d.ws->tmp_dir, STR("ingot/logs"));
    const char *shell = getenv("SHELL");
    x->shell = str_from(shell && *shell ? shell : "/bin/sh");
    int jobs = o->jobs > 0 ? o->jobs : thread_cpu_count();
    x->running_max = jobs > LIMIT_RUNNER_JOBS ? LIMIT_RUNNER_JOBS : (size_t)jobs;
    x->running = arena_alloc(op->arena, x->running_max * sizeof(uint32_t));
    return OK;
}

enum err pipeline_run(struct op *op, const struct pipeline_options *o, struct pipeline_result **ret)
{
    struct exec x = {.o = o};
    struct pipeline_result *r = op_new(op, struct pipeline_result);
    int64_t start_ns = time_mono_ns();
    enum err e = open_session(op, &x);
    if (!e)
        e = plan(op, &x, r);
    if (!e)
        e = loop(op, &x);
    if (e)
        abandon(&x);
    if (x.d.lock && !o->dry) {
        struct op quiet = *op; /* a failure to save must not hide the first one */
        enum err saved = save(e ? &quiet : op, &x, true);
        e = e ? e : saved;
        dvc_state_save(op, &x.d.state);
    }
    if (x.d.ws) {
        workspace_unlock(x.d.ws);
        workspace_release(x.d.ws);
    }
    if (e)
        return e;
    for (size_t i = 0; i < r->len; i++)
        r->count[r->steps[i].state]++;
    r->cancelled = x.stopping;
    r->wall_us = (time_mono_ns() - start_ns) / 1000;
    *ret = r;
    return OK;
}

void pipeline_result_write(struct json_out *w, const struct pipeline_result *r)
{
    json_begin_object(w);
    json_key(w, "stages");
    json_begin_array(w);
    for (size_t i = 0; i < r->len; i++) {
        const struct pipeline_step *s = &r->steps[i];
        json_begin_object(w);
        json_kv_str(w, "name", s->name);
        json_kv_cstr(w, "state", state_names[s->state]);
        json_kv_cstr(w, "reason", s->reason);
        json_kv_i64(w, "attempts", s->attempts);
        json_kv_f64(w, "wall_s", (double)s->wall_us / 1e6);
        json_kv_f64(w, "cpu_s", (double)s->cpu_us / 1e6);
        json_kv_i64(w, "max_rss_bytes", s->max_rss_bytes);
        json_kv_i64(w, "exit_code", s->exit_code);
        json_kv_str(w, "log", s->log_path);
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "counts");
    json_begin_object(w);
    for (int k = 0; k < PIPELINE_STATES; k++) {
        if (r->count[k])
            json_kv_i64(w, state_names[k], (int64_t)r->count[k]);
    }
    json_end_object(w);
    json_kv_f64(w, "wall_s", (double)r->wall_us / 1e6);
    json_kv_bool(w, "cancelled", r->cancelled);
    json_end_object(w);
}
