#include <stdio.h>
#include <sys/stat.h>

#include "api/native/native.h"
#include "api/services.h"
#include "base/limits.h"
#include "core/pipeline/journal.h"

#define NEWEST_RUNS 20 /* of each pipeline in the list of all */

static enum err run_arg(struct op *op, const struct http_req *req, int64_t *ret)
{
    if (!str_parse_i64(req->path_args[0], ret) || *ret < 1)
        return op_fail(op, E_NOT_FOUND, "there is no pipeline run '%.*s'", STR_FMT(req->path_args[0]));
    return OK;
}

/* JSON that was stored, or null. */
static void kv_json(struct json_out *w, const char *key, struct str json)
{
    json_key(w, key);
    json_raw(w, json.len ? json : STR("null"));
}

static void kv_time(struct json_out *w, const char *key, int64_t us)
{
    if (us)
        json_kv_i64(w, key, us);
}

static void run_write(struct json_out *w, const struct journal_run *r)
{
    json_kv_i64(w, "id", r->id);
    json_kv_str(w, "pipeline", r->pipeline);
    json_kv_str(w, "origin", r->origin);
    json_kv_str(w, "endpoint", r->endpoint);
    json_kv_str(w, "workspace", r->workspace);
    json_kv_str(w, "state", r->state);
    json_kv_str(w, "actor", r->actor);
    json_kv_str(w, "host", r->host);
    json_kv_i64(w, "time_us", r->time_us);
    kv_time(w, "started_us", r->started_us);
    kv_time(w, "ended_us", r->ended_us);
    kv_time(w, "seen_us", r->seen_us);
    json_kv_bool(w, "cancelling", r->cancel_us != 0 && !r->ended_us);
    if (r->ended_us) {
        json_kv_i64(w, "exit_code", r->exit_code);
        json_kv_i64(w, "cpu_us", r->cpu_us);
        json_kv_i64(w, "max_rss_bytes", r->max_rss_bytes);
    }
    kv_json(w, "reason", r->reason);
    kv_json(w, "result", r->result);
    kv_json(w, "argv", r->argv);
}

static void runs_write(struct json_out *w, const char *key, const struct journal_run *r, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(w);
        run_write(w, &r[i]);
        json_end_object(w);
    }
    json_end_array(w);
}

enum err native_pipeline_list(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct journal_pipeline *p = NULL;
    size_t n = 0;
    int64_t limit = 0;
    struct str after = STR("");
    struct json_out w;
    (void)http_query_get(op, req, "after", &after);
    enum err e = native_query_i64(op, req, "limit", 1, NATIVE_PAGE_MAX, 100, &limit);
    if (!e)
        e = journal_pipelines(op, s->db, after, (size_t)limit, NEWEST_RUNS, &p, &n);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "pipelines");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_begin_object(&w);
        json_kv_str(&w, "name", p[i].name);
        json_kv_i64(&w, "runs", p[i].runs);
        runs_write(&w, "newest", p[i].newest, p[i].len);
        json_end_object(&w);
    }
    json_end_array(&w);
    if (n == (size_t)limit && n)
        json_kv_str(&w, "next", p[n - 1].name);
    json_end_object(&w);
    return OK;
}

enum err native_pipeline_runs(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct journal_run *r = NULL;
    size_t n = 0;
    int64_t limit = 0, before = 0;
    struct json_out w;
    enum err e = native_query_i64(op, req, "limit", 1, NATIVE_PAGE_MAX, 100, &limit);
    if (!e)
        e = native_query_i64(op, req, "before", 0, INT64_MAX, 0, &before);
    if (!e)
        e = journal_list(op, s->db, req->path_args[0], before, (size_t)limit, &r, &n);
    if (!e && !n && !before)
        e = op_fail(op, E_NOT_FOUND, "there is no pipeline '%.*s'", STR_FMT(req->path_args[0]));
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    runs_write(&w, "runs", r, n);
    if (n == (size_t)limit)
        json_kv_i64(&w, "next", r[n - 1].id);
    json_end_object(&w);
    return OK;
}

static void stage_write(struct json_out *w, const struct journal_stage *s)
{
    json_begin_object(w);
    json_kv_str(w, "name", s->name);
    kv_json(w, "needs", s->needs);
    kv_json(w, "facts", s->facts);
    json_kv_str(w, "state", s->state);
    json_kv_str(w, "reason", s->reason);
    json_kv_i64(w, "attempts", s->attempts);
    kv_time(w, "started_us", s->started_us);
    kv_time(w, "ended_us", s->ended_us);
    kv_time(w, "usual_us", s->usual_us);
    if (s->ended_us) {
        json_kv_i64(w, "cpu_us", s->cpu_us);
        json_kv_i64(w, "max_rss_bytes", s->max_rss_bytes);
        json_kv_i64(w, "exit_code", s->exit_code);
    }
    json_kv_str(w, "run_id", s->track_run);
    json_kv_i64(w, "log_bytes", s->log_bytes);
    json_end_object(w);
}

/* Whether the pipeline can run again here, and if not why. */
static void again_write(struct op *op, struct services *s, const struct journal_run *r, struct json_out *w)
{
    struct op ask;
    op_init(&ask, op->arena);
    enum err e = s->pipelines.check ? s->pipelines.check(s->pipelines.arg, &ask, r) : op_fail(&ask, E_UNSUPPORTED, "this server runs no pipelines");
    json_key(w, "again");
    json_begin_object(w);
    json_kv_bool(w, "possible", !e);
    if (e)
        json_kv_cstr(w, "why_not", ask.msg);
    json_end_object(w);
}

enum err native_pipeline_run_get(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct journal_run r;
    struct journal_stage *stages = NULL;
    size_t n = 0;
    int64_t id = 0;
    struct json_out w;
    enum err e = run_arg(op, req, &id);
    if (!e)
        e = journal_get(op, s->db, id, &r, &stages, &n);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    run_write(&w, &r);
    again_write(op, s, &r, &w);
    json_key(&w, "stages");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        stage_write(&w, &stages[i]);
    json_end_array(&w);
    json_end_object(&w);
    return OK;
}

/* The end of the server's own file of a run that it started. */
static enum err file_tail(struct op *op, const char *path, struct str *ret, int64_t *ret_bytes)
{
    struct stat st;
    char *text = arena_alloc(op->arena, LIMIT_JOURNAL_LOG);
    FILE *f = fopen(path, "rbe");
    enum err e = !f || fstat(fileno(f), &st) ? op_fail(op, E_NOT_FOUND, "the run's output is not on this server") : OK;
    if (!e && fseek(f, st.st_size > (off_t)LIMIT_JOURNAL_LOG ? (long)(st.st_size - (off_t)LIMIT_JOURNAL_LOG) : 0, SEEK_SET))
        e = op_fail_errno(op, "read the run's output");
    if (!e) {
        *ret = (struct str){text, fread(text, 1, LIMIT_JOURNAL_LOG, f)};
        *ret_bytes = st.st_size;
    }
    if (f)
        fclose(f);
    return e;
}

enum err native_pipeline_run_log(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct str stage = STR(""), text = STR("");
    struct journal_run r;
    struct journal_stage *stages = NULL;
    size_t n = 0;
    int64_t id = 0, bytes = 0;
    struct json_out w;
    enum err e = run_arg(op, req, &id);
    if (!e && http_query_get(op, req, "stage", &stage))
        e = journal_log(op, s->db, id, stage, &text, &bytes);
    else if (!e && !(e = journal_get(op, s->db, id, &r, &stages, &n)) && r.log_path.len)
        e = file_tail(op, str_cstr(op->arena, r.log_path), &text, &bytes);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "bytes", bytes);
    json_kv_str(&w, "text", text);
    json_end_object(&w);
    return OK;
}

/* ---- reports ---- */

/* A part of the body as JSON text of its own; "" where it is absent. */
static struct str json_text(struct op *op, const struct json *j)
{
    struct buf b;
    struct json_out w;
    if (!j)
        return STR("");
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_value(&w, j);
    struct str s = b.failed ? STR("") : str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return s;
}

static enum err stages_read(struct op *op, const struct json *body, struct journal_begin *b)
{
    const struct json *list = NULL;
    enum err e = json_want_array(op, body, "stages", &list);
    if (!e && list->len > LIMIT_JOURNAL_STAGES)
        e = op_fail_field(op, "stages", "'stages' has %u items; at most %d are kept", list->len, LIMIT_JOURNAL_STAGES);
    if (e)
        return e;
    struct journal_stage *stages = arena_array(op->arena, list->len + 1u, struct journal_stage);
    if (!stages) /* the body may have filled the arena */
        return op_fail(op, E_TOO_LARGE, "no memory for %u stages", list->len);
    for (uint32_t i = 0; !e && i < list->len; i++) {
        if (list->items[i].type != JSON_OBJECT)
            return op_fail_field(op, "stages", "'stages[%u]' must be an object", i);
        const struct json *needs = native_get(&list->items[i], "needs"), *facts = native_get(&list->items[i], "facts");
        e = json_want_str(op, &list->items[i], "name", &stages[i].name);
        if (!e && ((needs && needs->type != JSON_ARRAY) || (facts && facts->type != JSON_OBJECT)))
            e = op_fail_field(op, "stages", "'stages[%u]': needs is a list, facts an object", i);
        stages[i].needs = needs ? json_text(op, needs) : STR("[]");
        stages[i].facts = facts ? json_text(op, facts) : STR("{}");
    }
    b->stages = stages;
    b->len = list->len;
    return e;
}

enum err native_pipeline_run_begin(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct journal_begin b = {.actor = op->actor.name};
    int64_t id = 0;
    struct json_out w;
    enum err e = native_body(op, req, &body);
    if (e || (e = json_opt_i64(op, body, "run", 0, INT64_MAX, 0, &b.run)) || (e = json_opt_str(op, body, "pipeline", STR(""), &b.pipeline)) ||
        (e = json_opt_str(op, body, "workspace", STR(""), &b.workspace)) || (e = json_opt_str(op, body, "host", STR(""), &b.host)) ||
        (e = stages_read(op, body, &b)))
        return e;
    const struct json *argv = native_get(body, "argv");
    if (argv && argv->type != JSON_ARRAY)
        return op_fail_field(op, "argv", "'argv' must be an array, not %s", json_type_name(argv->type));
    b.argv = argv ? json_text(op, argv) : STR("[]");
    if ((e = journal_begin(op, s->db, &b, &id)))
        return e;
    http_set_status(res, 201);
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "id", id);
    json_end_object(&w);
    return OK;
}

static enum err update_read(struct op *op, const struct json *j, struct journal_update *u)
{
    struct journal_stage *s = &u->stage;
    enum err e = j->type != JSON_OBJECT ? op_fail_field(op, "stages", "'stages' must hold objects") : json_want_i64(op, j, "place", 0, LIMIT_JOURNAL_STAGES - 1, &u->place);
    if (e || (e = json_opt_str(op, j, "state", STR(""), &s->state)) || (e = json_opt_str(op, j, "reason", STR(""), &s->reason)) ||
        (e = json_opt_str(op, j, "run_id", STR(""), &s->track_run)) || (e = json_opt_i64(op, j, "attempts", 0, INT32_MAX, 0, &s->attempts)) ||
        (e = json_opt_i64(op, j, "started_us", 0, INT64_MAX / 4, 0, &s->started_us)) || (e = json_opt_i64(op, j, "ended_us", 0, INT64_MAX / 4, 0, &s->ended_us)) ||
        (e = json_opt_i64(op, j, "cpu_us", 0, INT64_MAX / 4, 0, &s->cpu_us)) || (e = json_opt_i64(op, j, "max_rss_bytes", 0, INT64_MAX / 4, 0, &s->max_rss_bytes)) ||
        (e = json_opt_i64(op, j, "exit_code", INT32_MIN, INT32_MAX, 0, &s->exit_code)) || (e = json_opt_i64(op, j, "log_bytes", 0, INT64_MAX / 4, 0, &s->log_bytes)))
        return e;
    return json_opt_str(op, j, "log", (struct str){0}, &u->log);
}

enum err native_pipeline_run_report(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    const struct json *list = NULL;
    struct journal_update *u = NULL;
    int64_t id = 0;
    bool cancel = false;
    struct json_out w;
    enum err e = run_arg(op, req, &id);
    if (e || (e = native_body(op, req, &body)) || (e = json_want_array(op, body, "stages", &list)))
        return e;
    if (list->len > LIMIT_JOURNAL_STAGES)
        return op_fail_field(op, "stages", "'stages' has %u items; at most %d are kept", list->len, LIMIT_JOURNAL_STAGES);
    if (!(u = arena_array(op->arena, list->len + 1u, struct journal_update)))
        return op_fail(op, E_TOO_LARGE, "no memory for %u stages", list->len);
    for (uint32_t i = 0; !e && i < list->len; i++)
        e = update_read(op, &list->items[i], &u[i]);
    if (!e)
        e = journal_report(op, s->db, id, u, list->len, &cancel);
    if (e)
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_bool(&w, "cancel", cancel);
    json_end_object(&w);
    return OK;
}

enum err native_pipeline_run_end(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct str state;
    int64_t id = 0, code = 0, cpu_us = 0, rss = 0;
    struct json_out w;
    enum err e = run_arg(op, req, &id);
    if (e || (e = native_body(op, req, &body)) || (e = json_want_str(op, body, "state", &state)) ||
        (e = json_opt_i64(op, body, "exit_code", INT32_MIN, INT32_MAX, 0, &code)) || (e = json_opt_i64(op, body, "cpu_us", 0, INT64_MAX / 4, 0, &cpu_us)) ||
        (e = json_opt_i64(op, body, "max_rss_bytes", 0, INT64_MAX / 4, 0, &rss)) || (e = journal_end(op, s->db, id, state, code, cpu_us, rss)))
        return e;
    native_reply(res, &w);
    json_begin_object(&w);
    json_end_object(&w);
    return OK;
}

/* ---- acts ---- */

enum err native_pipeline_run_cancel(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct journal_run r;
    struct journal_stage *stages = NULL;
    size_t n = 0;
    int64_t id = 0;
    struct json_out w;
    enum err e = run_arg(op, req, &id);
    if (!e)
        e = journal_get(op, s->db, id, &r, &stages, &n);
    if (!e)
        e = journal_cancel(op, s->db, id);
    if (!e && str_eqc(r.origin, "server"))
        e = s->pipelines.cancel ? s->pipelines.cancel(s->pipelines.arg, op, id) : op_fail(op, E_UNSUPPORTED, "this server runs no pipelines");
    if (e)
        return e;
    http_set_status(res, 202);
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_bool(&w, "cancelling", true);
    json_end_object(&w);
    return OK;
}

enum err native_pipeline_run_again(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    struct json *body = NULL;
    struct journal_run r;
    struct journal_stage *stages = NULL;
    size_t n = 0;
    int64_t id = 0, next = 0;
    struct str stage;
    struct json_out w;
    enum err e = run_arg(op, req, &id);
    if (e || (e = native_body(op, req, &body)) || (e = json_opt_str(op, body, "stage", STR(""), &stage)) || (e = journal_get(op, s->db, id, &r, &stages, &n)))
        return e;
    bool known = stage.len == 0;
    for (size_t i = 0; i < n && !known; i++)
        known = str_eq(stages[i].name, stage);
    if (!known)
        return op_fail_field(op, "stage", "pipeline run %lld has no stage '%.*s'", (long long)id, STR_FMT(stage));
    if (!s->pipelines.rerun)
        return op_fail(op, E_UNSUPPORTED, "this server runs no pipelines");
    if ((e = s->pipelines.rerun(s->pipelines.arg, op, &r, stage, &next)))
        return e;
    http_set_status(res, 202);
    native_reply(res, &w);
    json_begin_object(&w);
    json_kv_i64(&w, "id", next);
    json_kv_str(&w, "pipeline", r.pipeline);
    json_end_object(&w);
    return OK;
}
