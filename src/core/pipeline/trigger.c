/* trigger.c - the scheduler thread.
 *
 * A run is a `task` from submit until its `done` returned. Tasks stand in one list under one lock; a task's texts
 * never change, its handle belongs to the scheduler thread. The row in SQL is written before the child starts and
 * after it ended, so after a crash every open row is a run whose end nobody saw: it becomes 'lost' at the next
 * start, and the endpoint may be triggered again. */
#include "core/pipeline/trigger.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/audit/audit.h"
#include "core/pipeline/fspath.h"
#include "sql_gen.h"

#define WAIT_SLICE_MS 100
#define STOP_GRACE_MS 10000
#define RUN_VARIABLE "INGOT_PIPELINE_RUN" /* tells the child which row its stages belong to */

struct task {
    struct arena *arena; /* holds the task itself and its texts */
    struct trigger t;
    struct str log_path;
    int64_t id;
    void *handle;        /* NULL: not started */
    bool queued;         /* the row stands; the thread may start it */
    bool cancel, told;   /* somebody wants it to end; the runner knows */
};

struct scheduler {
    struct scheduler_config config;
    struct arena *arena; /* texts of the configuration */
    struct mutex lock;
    struct cond wake;
    struct task *tasks[LIMIT_TRIGGERS];
    size_t len;
    bool stopping;
    pthread_t thread;
};

/* --- rows --- */

struct run_write {
    struct task *task;
    struct str log_dir;
    const char *state;
    struct runner_status status;
    struct str result;
    struct str audit_verb;
};

static struct str argv_json(struct op *op, const struct trigger *t)
{
    struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_begin_array(&w);
    for (size_t i = 0; i < t->argc; i++)
        json_str(&w, t->argv[i]);
    json_end_array(&w);
    struct str s = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return s;
}

static struct str pipeline_of(const struct trigger *t)
{
    return t->pipeline.len ? t->pipeline : t->endpoint;
}

/* What the audit log says of a run's beginning (its reason), or of its end (how it went): which pipeline it is of stands in both. */
static struct str detail_json(struct op *op, const struct run_write *w, bool ended)
{
    const struct trigger *t = &w->task->t;
    AUTO(buf) struct buf b;
    struct json_out out;
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&out, &b, 0);
    json_begin_object(&out);
    json_kv_str(&out, "pipeline", pipeline_of(t));
    if (ended) {
        json_kv_cstr(&out, "state", w->state);
        json_kv_i64(&out, "code", w->status.code);
        json_kv_f64(&out, "wall_s", (double)w->status.wall_us / 1e6);
    } else if (t->reason.len) {
        json_key(&out, "reason");
        json_raw(&out, t->reason);
    }
    json_end_object(&out);
    return str_dup(op->arena, buf_str(&b));
}

static struct str id_str(struct op *op, int64_t id)
{
    return str_from(op_printf(op, "%lld", (long long)id));
}

static enum err check_free(struct op *op, struct db_tx *tx, const struct trigger *t)
{
    struct db_val last[3];
    if (!t->endpoint.len) /* place_take() has seen to it that the folder is free */
        return OK;
    enum err e = db_query_one(op, tx, &sql_pipeline_run_last, DB_ARGS(DB_TEXT(t->endpoint)), last, 3);
    if (e == E_NOT_FOUND) {
        op_clear(op);
        return OK;
    }
    if (e)
        return e;
    if (str_eqc(last[1].s, "queued") || str_eqc(last[1].s, "running"))
        return op_fail(op, E_CONFLICT, "pipeline run %lld of endpoint '%.*s' is not finished", (long long)last[0].i, STR_FMT(t->endpoint));
    if (str_eqc(last[1].s, "lost")) /* it came to nothing, so there is nothing to let settle */
        return OK;
    int64_t free_us;
    if (__builtin_add_overflow(last[2].i, t->cooldown_us, &free_us))
        free_us = INT64_MAX;
    if (t->time_us >= free_us)
        return OK;
    char text[32];
    text[time_format(free_us, text)] = '\0';
    return op_fail(op, E_CONFLICT, "endpoint '%.*s' cools down until %s", STR_FMT(t->endpoint), text);
}

static enum err submit_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_write *w = arg;
    const struct trigger *t = &w->task->t;
    enum err e = check_free(op, tx, t);
    if (!e)
        e = db_exec(op, tx, &sql_pipeline_run_insert,
                    DB_ARGS(DB_TEXT(t->endpoint), DB_TEXT(t->workspace), DB_TEXT(t->reason), DB_TEXT(argv_json(op, t)), DB_I64(t->time_us),
                            DB_TEXT(pipeline_of(t)), DB_TEXT(op->actor.name)),
                    NULL);
    if (e)
        return e;
    w->task->id = db_last_id(tx);
    struct str path = str_from(op_printf(op, "%.*s/run-%lld.log", STR_FMT(w->log_dir), (long long)w->task->id));
    w->task->log_path = path;
    e = db_exec(op, tx, &sql_pipeline_run_set_log, DB_ARGS(DB_I64(w->task->id), DB_TEXT(path)), NULL);
    return e ? e : audit_append(op, tx, STR("trigger"), STR("pipeline_run"), id_str(op, w->task->id), detail_json(op, w, false));
}

static enum err started_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_write *w = arg;
    return db_exec(op, tx, &sql_pipeline_run_started, DB_ARGS(DB_I64(w->task->id), DB_I64(time_now_us())), NULL);
}

static enum err ended_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct run_write *w = arg;
    enum err e = db_exec(op, tx, &sql_pipeline_run_ended,
                         DB_ARGS(DB_I64(w->task->id), DB_TEXT(str_from(w->state)), DB_I64(time_now_us()), DB_I64(w->status.code),
                                 DB_I64(w->status.cpu_us), DB_I64(w->status.max_rss_bytes), DB_TEXT(w->result)),
                         NULL);
    if (e)
        return e;
    return audit_append(op, tx, STR("end"), STR("pipeline_run"), id_str(op, w->task->id), detail_json(op, w, true));
}

static enum err lost_tx(struct op *op, struct db_tx *tx, void *arg)
{
    (void)arg;
    struct db_rows *rows;
    bool row;
    int64_t ids[LIMIT_TRIGGERS];
    size_t n = 0;
    enum err e = db_query(op, tx, &sql_pipeline_run_open, DB_NO_ARGS, &rows);
    if (e)
        return e;
    while (!(e = db_step(op, tx, rows, &row)) && row && n < LIMIT_TRIGGERS)
        ids[n++] = db_col_i64(tx, rows, 0);
    db_end(tx, rows);
    for (size_t i = 0; !e && i < n; i++) {
        struct task gone = {.id = ids[i]};
        struct run_write w = {.task = &gone, .state = "lost", .status = {.code = -1}, .result = STR("")};
        e = ended_tx(op, tx, &w);
    }
    return e;
}

/* --- tasks --- */

static struct task *task_create(const struct trigger *t)
{
    struct arena *a = arena_create(LIMIT_REQUEST_ARENA);
    struct task *k = arena_new(a, struct task);
    struct str *argv = arena_alloc(a, (t->argc + 1) * sizeof(*argv)), *env = arena_alloc(a, (t->env_len + 1) * sizeof(*env));
    for (size_t i = 0; i < t->argc; i++)
        argv[i] = str_dup(a, t->argv[i]);
    for (size_t i = 0; i < t->env_len; i++)
        env[i] = str_dup(a, t->env[i]);
    k->arena = a;
    k->t = *t;
    k->t.endpoint = str_dup(a, t->endpoint);
    k->t.pipeline = str_dup(a, t->pipeline);
    k->t.reason = str_dup(a, t->reason);
    k->t.workspace = str_dup(a, t->workspace);
    k->t.on_success = str_dup(a, t->on_success);
    k->t.argv = argv;
    k->t.env = env;
    return k;
}

/* The lock is held. Tasks without endpoint are told apart by where they work; `workspace` "": any with this endpoint. */
static bool task_find(const struct scheduler *s, struct str endpoint, struct str workspace)
{
    for (size_t i = 0; i < s->len; i++) {
        const struct trigger *t = &s->tasks[i]->t;
        if ((endpoint.len && str_eq(t->endpoint, endpoint)) || (workspace.len && str_eq(t->workspace, workspace)))
            return true;
    }
    return false;
}

static void task_remove(struct scheduler *s, struct task *k)
{
    mutex_lock(&s->lock);
    size_t i = 0;
    while (s->tasks[i] != k)
        i++;
    s->tasks[i] = s->tasks[--s->len];
    mutex_unlock(&s->lock);
    arena_destroy(k->arena);
}

static size_t environment(struct op *op, const struct task *task, struct str **ret)
{
    const struct trigger *t = &task->t;
    size_t n = 0, len = 0;
    while (environ[n])
        n++;
    struct str *env = arena_alloc(op->arena, (n + t->env_len + 2) * sizeof(*env));
    for (size_t i = 0; i < n; i++) {
        struct str e = str_from(environ[i]);
        bool over = str_starts(e, STR(RUN_VARIABLE "="));
        for (size_t k = 0; k < t->env_len; k++)
            over |= str_starts(e, str_sub(t->env[k], 0, str_find_char(t->env[k], '=') + 1));
        if (!over)
            env[len++] = e;
    }
    for (size_t k = 0; k < t->env_len; k++)
        env[len++] = t->env[k];
    env[len++] = str_from(op_printf(op, RUN_VARIABLE "=%lld", (long long)task->id));
    *ret = env;
    return len;
}

static enum err task_start(struct op *op, struct scheduler *s, struct task *k)
{
    struct runner_job job = {.name = k->t.endpoint.len ? k->t.endpoint : k->t.pipeline, .cwd = k->t.workspace, .log_path = k->log_path, .timeout_ms = s->config.timeout_ms};
    job.argv = arena_alloc(op->arena, (k->t.argc + 1) * sizeof(struct str));
    memcpy(job.argv, k->t.argv, k->t.argc * sizeof(struct str));
    job.argc = k->t.argc;
    job.env_len = environment(op, k, &job.env);
    struct run_write w = {.task = k};
    enum err e = db_write(op, s->config.db, started_tx, &w);
    return e ? e : runner_submit(op, &s->config.runner, &job, &k->handle);
}

/* Exit code 0 is success only if the promised file can be read. */
static bool result_read(struct op *op, const struct task *k, const struct runner_status *st, struct str *ret)
{
    *ret = STR("");
    if (st->state != RUNNER_EXITED || st->code != 0)
        return false;
    if (k->t.on_success.len == 0)
        return true;
    struct json *doc;
    struct str path = fspath_join(op, k->t.workspace, k->t.on_success);
    if (fspath_read(op, path, LIMIT_MIB(1), ret) == OK && json_parse(op, *ret, JSON_STRICT, &doc) == OK)
        return true;
    log_at(LOG_ERROR, "pipeline.result", {"path", LOG_S(path)}, {"error", LOG_C(op->msg)});
    op_clear(op);
    *ret = STR("");
    return false;
}

static void task_end(struct op *op, struct scheduler *s, struct task *k, const struct runner_status *st, bool cancelled)
{
    struct run_write w = {.task = k, .status = *st};
    bool ok = !cancelled && result_read(op, k, st, &w.result);
    w.state = cancelled ? "cancelled" : ok ? "succeeded" : "failed";
    if (st->state != RUNNER_EXITED)
        w.status.code = 128 + st->code;
    if (db_write(op, s->config.db, ended_tx, &w)) {
        log_at(LOG_ERROR, "pipeline.record", {"run", LOG_I(k->id)}, {"error", LOG_C(op->msg)});
        op_clear(op);
    }
    log_at(ok ? LOG_INFO : LOG_WARN, "pipeline.end", {"run", LOG_I(k->id)}, {"endpoint", LOG_S(k->t.endpoint)}, {"state", LOG_C(w.state)},
           {"wall_ms", LOG_I(st->wall_us / 1000)});
    if (s->config.done && !cancelled)
        s->config.done(s->config.arg, op, &k->t, ok, w.result);
    op_clear(op);
    task_remove(s, k);
}

/* --- the thread --- */

/* A task that may start now, or NULL. */
static struct task *next_queued(struct scheduler *s)
{
    LOCK(&s->lock);
    for (size_t i = 0; i < s->len; i++) {
        if (s->tasks[i]->queued && !s->tasks[i]->handle)
            return s->tasks[i];
    }
    return NULL;
}

static size_t running_list(struct scheduler *s, struct task **tasks, void **handles)
{
    LOCK(&s->lock);
    size_t n = 0;
    for (size_t i = 0; i < s->len; i++) {
        if (s->tasks[i]->handle) {
            tasks[n] = s->tasks[i];
            handles[n++] = s->tasks[i]->handle;
        }
    }
    return n;
}

/* Sleeps until there is something to start or to watch; false when stopping. */
static bool wait_for_work(struct scheduler *s)
{
    LOCK(&s->lock);
    while (!s->stopping && s->len == 0)
        cond_wait(&s->wake, &s->lock);
    return !s->stopping;
}

/* Tells the runner of those that somebody wants to end; ends those that did not begin. */
static void cancel_asked(struct op *op, struct scheduler *s)
{
    struct task *gone[LIMIT_TRIGGERS];
    const struct runner_status st = {.state = RUNNER_LOST};
    size_t n = 0;
    mutex_lock(&s->lock);
    for (size_t i = 0; i < s->len; i++) {
        struct task *k = s->tasks[i];
        if (!k->cancel || k->told)
            continue;
        k->told = true;
        if (k->handle)
            runner_cancel(&s->config.runner, k->handle, STOP_GRACE_MS);
        else
            gone[n++] = k;
    }
    mutex_unlock(&s->lock);
    for (size_t i = 0; i < n; i++)
        task_end(op, s, gone[i], &st, true);
}

static void run_once(struct op *op, struct scheduler *s)
{
    struct task *k, *tasks[LIMIT_TRIGGERS];
    void *handles[LIMIT_TRIGGERS];
    struct runner_status st = {.state = RUNNER_LOST};
    cancel_asked(op, s);
    while ((k = next_queued(s))) {
        if (task_start(op, s, k)) {
            log_at(LOG_ERROR, "pipeline.start", {"run", LOG_I(k->id)}, {"error", LOG_C(op->msg)});
            op_clear(op);
            task_end(op, s, k, &st, false);
        }
    }
    size_t n = running_list(s, tasks, handles), hit = SIZE_MAX;
    if (n == 0) {
        time_sleep_ms(1); /* a submit holds its place but has not written its row yet */
        return;
    }
    if (runner_wait_any(op, &s->config.runner, handles, n, WAIT_SLICE_MS, &hit, &st)) {
        log_at(LOG_ERROR, "pipeline.wait", {"error", LOG_C(op->msg)});
        op_clear(op);
        time_sleep_ms(WAIT_SLICE_MS);
    }
    if (hit == SIZE_MAX)
        return;
    runner_release(&s->config.runner, handles[hit]);
    task_end(op, s, tasks[hit], &st, tasks[hit]->told);
}

/* Everything still open is told to end, then waited for. */
static void stop_all(struct op *op, struct scheduler *s)
{
    struct task *tasks[LIMIT_TRIGGERS], *k;
    void *handles[LIMIT_TRIGGERS];
    struct runner_status st = {.state = RUNNER_LOST};
    size_t n = running_list(s, tasks, handles), hit;
    for (size_t i = 0; i < n; i++)
        runner_cancel(&s->config.runner, handles[i], STOP_GRACE_MS);
    while (n && !runner_wait_any(op, &s->config.runner, handles, n, 2 * STOP_GRACE_MS, &hit, &st) && hit != SIZE_MAX) {
        runner_release(&s->config.runner, handles[hit]);
        task_end(op, s, tasks[hit], &st, true);
        n = running_list(s, tasks, handles);
    }
    st = (struct runner_status){.state = RUNNER_LOST};
    while ((k = next_queued(s)))
        task_end(op, s, k, &st, true);
}

static void *scheduler_main(void *arg)
{
    struct scheduler *s = arg;
    struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    while (wait_for_work(s)) {
        struct op op;
        op_init(&op, arena);
        op.actor.name = STR("scheduler");
        run_once(&op, s);
        arena_reset(arena);
    }
    struct op op;
    op_init(&op, arena);
    op.actor.name = STR("scheduler");
    stop_all(&op, s);
    arena_destroy(arena);
    return NULL;
}

/* --- public --- */

enum err scheduler_create(struct op *op, const struct scheduler_config *config, struct scheduler **ret)
{
    enum err e = fspath_make_dirs(op, config->log_dir);
    if (!e)
        e = db_write(op, config->db, lost_tx, NULL);
    if (e)
        return e;
    struct scheduler *s = calloc(1, sizeof(*s));
    if (!s)
        abort();
    s->arena = arena_create(LIMIT_KIB(64));
    s->config = *config;
    s->config.log_dir = str_dup(s->arena, config->log_dir);
    mutex_init(&s->lock);
    cond_init(&s->wake);
    s->thread = thread_start("scheduler", scheduler_main, s);
    *ret = s;
    return OK;
}

void scheduler_destroy(struct scheduler *s)
{
    if (!s)
        return;
    mutex_lock(&s->lock);
    s->stopping = true;
    cond_broadcast(&s->wake);
    mutex_unlock(&s->lock);
    thread_join(s->thread);
    for (size_t i = 0; i < s->len; i++)
        arena_destroy(s->tasks[i]->arena); /* asked for while we stopped; the rows become 'lost' at the next start */
    cond_clear(&s->wake);
    mutex_clear(&s->lock);
    arena_destroy(s->arena);
    free(s);
}

/* Takes a place in the list, so that two submits for one endpoint cannot pass each other. */
static enum err place_take(struct op *op, struct scheduler *s, struct task *k)
{
    LOCK(&s->lock);
    if (s->stopping)
        return op_fail(op, E_CANCELLED, "the scheduler stops");
    if (task_find(s, k->t.endpoint, STR("")))
        return op_fail(op, E_CONFLICT, "a pipeline run of endpoint '%.*s' is not finished", STR_FMT(k->t.endpoint));
    if (!k->t.endpoint.len && task_find(s, STR(""), k->t.workspace))
        return op_fail(op, E_CONFLICT, "a pipeline run in '%.*s' is not finished", STR_FMT(k->t.workspace));
    if (s->len == LIMIT_TRIGGERS)
        return op_fail(op, E_BUSY, "%d pipeline runs are open", LIMIT_TRIGGERS);
    s->tasks[s->len++] = k;
    return OK;
}

enum err scheduler_submit(struct op *op, struct scheduler *s, const struct trigger *t, int64_t *ret_id)
{
    if (t->argc == 0 || (t->endpoint.len == 0 && t->pipeline.len == 0) || t->cooldown_us < 0)
        return op_fail(op, E_INVALID, "a trigger needs an endpoint or a pipeline, a command and a cool-down");
    struct task *k = task_create(t);
    enum err e = place_take(op, s, k);
    if (e) {
        arena_destroy(k->arena);
        return e;
    }
    struct run_write w = {.task = k, .log_dir = s->config.log_dir};
    if ((e = db_write(op, s->config.db, submit_tx, &w))) {
        task_remove(s, k);
        return e;
    }
    k->log_path = str_dup(k->arena, k->log_path); /* was in op's arena */
    *ret_id = k->id;
    mutex_lock(&s->lock);
    k->queued = true;
    cond_signal(&s->wake);
    mutex_unlock(&s->lock);
    return OK;
}

bool scheduler_pending(struct scheduler *s, struct str endpoint)
{
    LOCK(&s->lock);
    return task_find(s, endpoint, STR(""));
}

enum err scheduler_cancel(struct op *op, struct scheduler *s, int64_t id)
{
    LOCK(&s->lock);
    for (size_t i = 0; i < s->len; i++) {
        if (s->tasks[i]->id == id && s->tasks[i]->queued) {
            s->tasks[i]->cancel = true;
            return OK;
        }
    }
    return op_fail(op, E_NOT_FOUND, "pipeline run %lld does not run here", (long long)id);
}

struct list_read {
    struct str endpoint;
    int64_t before;
    size_t limit;
    struct pipeline_run_row *rows;
    size_t len;
};

static enum err list_tx(struct op *op, struct db_tx *tx, void *arg)
{
    struct list_read *l = arg;
    struct db_rows *r;
    bool row;
    enum err e = db_query(op, tx, &sql_pipeline_run_list,
                          DB_ARGS(DB_TEXT(l->endpoint), DB_I64(l->before ? l->before : INT64_MAX), DB_I64((int64_t)l->limit)), &r);
    if (e)
        return e;
    while (!(e = db_step(op, tx, r, &row)) && row) {
        l->rows[l->len++] = (struct pipeline_run_row){
            .id = db_col_i64(tx, r, 0), .endpoint = db_col_dup(op, tx, r, 1), .workspace = db_col_dup(op, tx, r, 2),
            .reason = db_col_dup(op, tx, r, 3), .state = db_col_dup(op, tx, r, 4), .time_us = db_col_i64(tx, r, 5),
            .started_us = db_col_i64(tx, r, 6), .ended_us = db_col_i64(tx, r, 7), .exit_code = db_col_i64(tx, r, 8),
            .cpu_us = db_col_i64(tx, r, 9), .max_rss_bytes = db_col_i64(tx, r, 10), .log_path = db_col_dup(op, tx, r, 11),
            .result = db_col_dup(op, tx, r, 12),
        };
    }
    db_end(tx, r);
    return e;
}

enum err scheduler_list(struct op *op, struct scheduler *s, struct str endpoint, int64_t before, size_t limit,
                        struct pipeline_run_row **ret, size_t *ret_len)
{
    struct list_read l = {.endpoint = endpoint, .before = before, .limit = limit ? limit : 100};
    l.rows = arena_array(op->arena, l.limit, struct pipeline_run_row);
    if (!l.rows)
        return op_fail(op, E_TOO_LARGE, "%zu pipeline runs are too many to list", limit);
    enum err e = db_read(op, s->config.db, list_tx, &l);
    if (e)
        return e;
    *ret = l.rows;
    *ret_len = l.len;
    return OK;
}
