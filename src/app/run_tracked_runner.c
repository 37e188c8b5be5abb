/* run_tracked_runner.c - the runner of run_tracked.h: every job becomes a run, the log file is the spool. That a server cannot be
 * reached when a stage begins fails the stage; that it cannot be reached when one ends is told and nothing more, for the stage's work
 * is done. */
#include <stdio.h>
#include <sys/stat.h>

#include "app/run_tracked.h"
#include "base/limits.h"

struct tracked_stages {
    struct op *op; /* the command's: runs live in its arena */
    struct runner *inner;
    const struct tracked_config *config;
    struct str parent;
};
struct stage_job {
    void *inner;
    struct tracked *run; /* NULL: ended */
    bool stopped;
};

/* Ends the run, if it has not; what went wrong goes to stderr, beside the stage's own lines. */
static void job_finish(struct tracked_stages *s, struct stage_job *j, const struct runner_status *status)
{
    struct tracked_result r;
    if (!j->run)
        return;
    struct str id = tracked_run_id(j->run);
    tracked_finish(s->op, j->run, status, j->stopped, &r);
    j->run = NULL;
    if (!r.kept)
        fprintf(stderr, "ingot: run %.*s is incomplete on the server: %s\n", STR_FMT(id), r.problem);
}

static enum err stages_submit(void *self, struct op *op, const struct runner_job *job, void **ret_handle)
{
    struct tracked_stages *s = self;
    const struct tracked_command c = {.name = job->name, .parent = s->parent, .dir = job->cwd, .stage = job->name, .words = job->argv, .count = job->argc};
    struct stage_job *j = op_new(s->op, struct stage_job);
    struct runner_job ours = *job;
    struct stat st;
    const char *spool = str_cstr(s->op->arena, job->log_path);
    int64_t from = stat(spool, &st) == 0 ? (int64_t)st.st_size : 0;
    enum err e = tracked_start(s->op, s->config, &c, &j->run);
    if (e) {
        e = op_fail(op, e, "%s", s->op->msg);
        op_clear(s->op);
        return e;
    }
    if (s->config->stage_started)
        s->config->stage_started(s->config->stage_arg, job->name, tracked_run_id(j->run));
    tracked_env(s->op, j->run, job->env, job->env_len, &ours.env, &ours.env_len);
    e = runner_submit(op, s->inner, &ours, &j->inner);
    if (e) {
        job_finish(s, j, NULL);
        return e;
    }
    if (tracked_watch(s->op, j->run, spool, from, runner_process(s->inner, j->inner)))
        op_clear(s->op); /* the stage runs; its output is uploaded at the end */
    *ret_handle = j;
    return OK;
}

static enum err stages_wait_any(void *self, struct op *op, void **handles, size_t n, int64_t timeout_ms, size_t *ret_index, struct runner_status *ret)
{
    struct tracked_stages *s = self;
    void *inner[LIMIT_RUNNER_JOBS];
    if (n > LIMIT_RUNNER_JOBS)
        return op_fail(op, E_TOO_LARGE, "%zu jobs are too many to wait for; at most %d", n, LIMIT_RUNNER_JOBS);
    for (size_t i = 0; i < n; i++)
        inner[i] = ((struct stage_job *)handles[i])->inner;
    enum err e = runner_wait_any(op, s->inner, inner, n, timeout_ms, ret_index, ret);
    if (!e && *ret_index != SIZE_MAX)
        job_finish(s, handles[*ret_index], ret);
    return e;
}

static void stages_cancel(void *self, void *handle, int64_t grace_ms)
{
    struct tracked_stages *s = self;
    struct stage_job *j = handle;
    j->stopped = true;
    runner_cancel(s->inner, j->inner, grace_ms);
}

static void stages_release(void *self, void *take_handle)
{
    struct tracked_stages *s = self;
    struct stage_job *j = take_handle;
    runner_release(s->inner, j->inner);
    j->stopped = true; /* nobody asked how it went */
    job_finish(s, j, NULL);
}

static void stages_close(void *self)
{
    struct tracked_stages *s = self;
    runner_close(s->inner);
}

static int64_t stages_process(void *self, void *handle)
{
    struct tracked_stages *s = self;
    return runner_process(s->inner, ((struct stage_job *)handle)->inner);
}

static const struct runner_ops stages_ops = {
    .name = "tracked", .submit = stages_submit, .wait_any = stages_wait_any, .cancel = stages_cancel, .release = stages_release,
    .close = stages_close, .process = stages_process,
};

struct runner tracked_runner(struct op *op, struct runner *inner, const struct tracked_config *config, struct str parent)
{
    struct tracked_stages *s = op_new(op, struct tracked_stages);
    *s = (struct tracked_stages){op, inner, config, parent};
    return (struct runner){&stages_ops, s};
}
