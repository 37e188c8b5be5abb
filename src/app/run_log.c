#include "app/run_log.h"

#include <math.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"

enum { RUN_LOG_BATCH = 200, RUN_LOG_KEY = 64 };

struct metric {
    char key[RUN_LOG_KEY];
    double value;
    int64_t step, time_ms;
};
struct run_log {
    struct client *client;
    struct str run_id, experiment_id, artifact_path; /* "1/<run>/artifacts" */
    struct metric metrics[RUN_LOG_BATCH];
    size_t len;
};

#define API "/api/2.0/mlflow/"

static struct str git_line(struct op *op, const char *path)
{
    struct str s = STR("");
    if (file_read(op, path, LIMIT_MIB(8), &s) != OK)
        op_clear(op);
    return s;
}

/* "<sha> refs/heads/x" lines. */
static struct str packed_ref(struct op *op, const char *git, struct str ref)
{
    struct str rest = git_line(op, op_printf(op, "%s/packed-refs", git)), line;
    while (rest.len && str_split(&rest, '\n', &line))
        if (line.len > 41 && line.p[40] == ' ' && str_eq(str_sub(line, 41, line.len), ref))
            return str_sub(line, 0, 40);
    return STR("");
}

struct str run_log_git_commit(struct op *op, const char *dir)
{
    const char *env = getenv("INGOT_GIT_COMMIT");
    if (env && *env)
        return str_from(env);
    char real[4096];
    if (!realpath(dir, real))
        return STR("");
    for (char *slash = real + strlen(real); slash; slash = strrchr(real, '/')) {
        *slash = 0;
        const char *git = op_printf(op, "%s/.git", real);
        struct str head = str_trim(git_line(op, op_printf(op, "%s/HEAD", git)));
        if (!head.len)
            continue;
        if (!str_starts(head, STR("ref: ")))
            return head;
        struct str ref = str_sub(head, 5, head.len);
        struct str sha = str_trim(git_line(op, op_printf(op, "%s/%.*s", git, STR_FMT(ref))));
        return sha.len ? sha : packed_ref(op, git, ref);
    }
    return STR("");
}

static void tag_write(struct json_out *w, const char *key, struct str value)
{
    if (!value.len)
        return;
    json_begin_object(w);
    json_kv_cstr(w, "key", key);
    json_kv_str(w, "value", value);
    json_end_object(w);
}

/* Sends the document in `b` and clears the buffer. */
static enum err post(struct op *op, struct run_log *l, const char *path, struct buf *b, struct json **ret)
{
    struct json *ignored;
    enum err e = b->failed ? op_fail(op, E_TOO_LARGE, "the request for %s is too large", path)
                           : client_json(op, l->client, "POST", str_from(path), buf_str(b), ret ? ret : &ignored);
    buf_clear(b);
    return e ? op_context(op, "tracking server") : OK;
}

static void body_start(struct buf *b, struct json_out *w)
{
    buf_init(b, LIMIT_MIB(4));
    json_out_init(w, b, 0);
    json_begin_object(w);
}

/* *ret_found false: there is none of that name. */
static enum err experiment_find(struct op *op, struct run_log *l, struct str name, bool *ret_found)
{
    struct client_answer a;
    struct str enc = http_percent_encode(op->arena, name, false);
    const char *path = op_printf(op, API "experiments/get-by-name?experiment_name=%.*s", STR_FMT(enc));
    enum err e = client_call(op, l->client, "GET", str_from(path), STR(""), (struct str){0}, &a);
    struct json *doc = NULL;
    const struct json *experiment = NULL;
    *ret_found = !e && a.status == 200;
    if (!e && a.status != 200 && a.status != 404)
        e = op_fail(op, E_IO, "tracking server: experiment %.*s: status %d: %.*s", STR_FMT(name), a.status,
                    STR_FMT(str_sub(a.body, 0, 200)));
    if (e || !*ret_found)
        return e;
    if ((e = json_parse(op, a.body, JSON_STRICT, &doc)) || (e = json_want_object(op, doc, "experiment", &experiment)))
        return e;
    return json_want_str(op, experiment, "experiment_id", &l->experiment_id);
}

/* Finds the experiment or makes it. Two runs that start at the same moment both try; the one that comes second finds it. */
static enum err experiment_ensure(struct op *op, struct run_log *l, struct str name)
{
    bool found = false;
    struct json *doc = NULL;
    struct buf b;
    struct json_out w;
    enum err e = experiment_find(op, l, name, &found);
    if (e || found)
        return e;
    body_start(&b, &w);
    json_kv_str(&w, "name", name);
    json_end_object(&w);
    if (!(e = post(op, l, API "experiments/create", &b, &doc)))
        return json_want_str(op, doc, "experiment_id", &l->experiment_id);
    struct op again;
    op_init(&again, op->arena);
    if (experiment_find(&again, l, name, &found) || !found)
        return e;
    op_clear(op);
    return OK;
}

/* "mlflow-artifacts:/1/abc/artifacts" or "mlflow-artifacts://host/1/abc/artifacts". */
static enum err artifact_root(struct op *op, struct run_log *l, struct str uri)
{
    static const char scheme[] = "mlflow-artifacts:/";
    if (!str_starts(uri, str_from(scheme)))
        return op_fail(op, E_UNSUPPORTED, "the run's artifacts lie at %.*s; only the artifact proxy is supported", STR_FMT(uri));
    struct str path = str_sub(uri, sizeof(scheme) - 1, uri.len);
    if (str_starts(path, STR("/"))) {
        size_t slash = str_find_char(str_sub(path, 1, path.len), '/');
        path = slash == SIZE_MAX ? STR("") : str_sub(path, slash + 2, path.len);
    }
    l->artifact_path = str_dup(op->arena, path);
    return OK;
}

/* A run as the server tells it. */
static enum err run_read(struct op *op, struct run_log *l, const struct json *doc)
{
    struct str uri;
    const struct json *info = json_path(doc, "run.info");
    if (!info)
        return op_fail(op, E_IO, "tracking server: the answer holds no run");
    enum err e = json_want_str(op, info, "run_id", &l->run_id);
    if (!e)
        e = json_want_str(op, info, "experiment_id", &l->experiment_id);
    if (!e)
        e = json_want_str(op, info, "artifact_uri", &uri);
    return e ? e : artifact_root(op, l, uri);
}

enum err run_log_start(struct op *op, struct client *client, const struct run_log_start *start, struct run_log **ret)
{
    struct run_log *l = op_new(op, struct run_log);
    l->client = client;
    enum err e = experiment_ensure(op, l, start->experiment);
    if (e)
        return e;
    const struct passwd *user = getpwuid(geteuid());
    struct buf b;
    struct json_out w;
    body_start(&b, &w);
    json_kv_str(&w, "experiment_id", l->experiment_id);
    json_kv_i64(&w, "start_time", time_now_us() / 1000);
    if (start->run_name.len)
        json_kv_str(&w, "run_name", start->run_name);
    json_key(&w, "tags");
    json_begin_array(&w);
    tag_write(&w, "mlflow.user", str_from(user ? user->pw_name : ""));
    tag_write(&w, "mlflow.source.type", STR("LOCAL"));
    tag_write(&w, "mlflow.source.name", start->source_name);
    tag_write(&w, "mlflow.source.git.commit", run_log_git_commit(op, "."));
    tag_write(&w, "ingot.data.sha256", start->data_sha256);
    for (size_t i = 0; i < start->tag_count; i++)
        tag_write(&w, start->tags[i].key, start->tags[i].value);
    json_end_array(&w);
    json_end_object(&w);
    struct json *doc = NULL;
    e = post(op, l, API "runs/create", &b, &doc);
    if (!e)
        e = run_read(op, l, doc);
    if (!e)
        *ret = l;
    return e;
}

enum err run_log_resume(struct op *op, struct client *client, struct str run_id, struct run_log **ret)
{
    struct run_log *l = op_new(op, struct run_log);
    struct json *doc = NULL;
    l->client = client;
    struct str enc = http_percent_encode(op->arena, run_id, true);
    enum err e = client_json(op, client, "GET", str_from(op_printf(op, API "runs/get?run_id=%.*s", STR_FMT(enc))), (struct str){0}, &doc);
    if (e)
        return op_context(op, "tracking server");
    if ((e = run_read(op, l, doc)))
        return e;
    *ret = l;
    return OK;
}

struct str run_log_id(const struct run_log *l)
{
    return l ? l->run_id : STR("");
}

struct str run_log_experiment(const struct run_log *l)
{
    return l ? l->experiment_id : STR("");
}

enum err run_log_tag(struct op *op, struct run_log *l, const char *key, struct str value)
{
    if (!l)
        return OK;
    struct buf b;
    struct json_out w;
    body_start(&b, &w);
    json_kv_str(&w, "run_id", l->run_id);
    json_kv_cstr(&w, "key", key);
    json_kv_str(&w, "value", value);
    json_end_object(&w);
    return post(op, l, API "runs/set-tag", &b, NULL);
}

enum err run_log_param(struct op *op, struct run_log *l, const char *key, struct str value)
{
    if (!l)
        return OK;
    struct buf b;
    struct json_out w;
    body_start(&b, &w);
    json_kv_str(&w, "run_id", l->run_id);
    json_kv_cstr(&w, "key", key);
    json_kv_str(&w, "value", value);
    json_end_object(&w);
    return post(op, l, API "runs/log-parameter", &b, NULL);
}

/* Scalars as text, the rest as JSON. */
static void value_text(struct buf *out, const struct json *v)
{
    if (v->type == JSON_STRING) {
        buf_add_str(out, v->s);
        return;
    }
    struct json_out w;
    json_out_init(&w, out, 0);
    json_value(&w, v);
}

enum err run_log_params(struct op *op, struct run_log *l, const char *prefix, const struct json *obj)
{
    if (!l || !obj || obj->type != JSON_OBJECT || !obj->len)
        return OK;
    struct buf b;
    struct json_out w;
    body_start(&b, &w);
    json_kv_str(&w, "run_id", l->run_id);
    json_key(&w, "params");
    json_begin_array(&w);
    for (size_t i = 0; i < obj->len; i++) {
        struct buf text;
        buf_init(&text, LIMIT_MIB(1));
        value_text(&text, &obj->members[i].value);
        const char *key = op_printf(op, "%s%s%.*s", prefix, *prefix ? "." : "", STR_FMT(obj->members[i].key));
        tag_write(&w, key, buf_str(&text));
        buf_clear(&text);
    }
    json_end_array(&w);
    json_end_object(&w);
    return post(op, l, API "runs/log-batch", &b, NULL);
}

enum err run_log_flush(struct op *op, struct run_log *l)
{
    if (!l || !l->len)
        return OK;
    struct buf b;
    struct json_out w;
    body_start(&b, &w);
    json_kv_str(&w, "run_id", l->run_id);
    json_key(&w, "metrics");
    json_begin_array(&w);
    for (size_t i = 0; i < l->len; i++) {
        json_begin_object(&w);
        json_kv_cstr(&w, "key", l->metrics[i].key);
        json_kv_f64(&w, "value", l->metrics[i].value);
        json_kv_i64(&w, "timestamp", l->metrics[i].time_ms);
        json_kv_i64(&w, "step", l->metrics[i].step);
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
    l->len = 0;
    return post(op, l, API "runs/log-batch", &b, NULL);
}

enum err run_log_metric(struct op *op, struct run_log *l, const char *key, double value, int64_t step)
{
    if (!l || !isfinite(value))
        return OK;
    struct metric *m = &l->metrics[l->len++];
    *m = (struct metric){.value = value, .step = step, .time_ms = time_now_us() / 1000};
    strncpy(m->key, key, RUN_LOG_KEY - 1);
    return l->len == RUN_LOG_BATCH ? run_log_flush(op, l) : OK;
}

enum err run_log_input(struct op *op, struct run_log *l, const char *context, struct str name, struct str sha256, struct str source)
{
    if (!l)
        return OK;
    struct buf b;
    struct json_out w;
    body_start(&b, &w);
    json_kv_str(&w, "run_id", l->run_id);
    json_key(&w, "datasets");
    json_begin_array(&w);
    json_begin_object(&w);
    json_key(&w, "tags");
    json_begin_array(&w);
    tag_write(&w, "mlflow.data.context", str_from(context));
    json_end_array(&w);
    json_key(&w, "dataset");
    json_begin_object(&w);
    json_kv_str(&w, "name", name);
    json_kv_str(&w, "digest", str_sub(sha256, 0, 32));
    json_kv_cstr(&w, "source_type", "local");
    struct buf uri;
    struct json_out u;
    body_start(&uri, &u);
    json_kv_str(&u, "uri", source);
    json_end_object(&u);
    json_kv_str(&w, "source", buf_str(&uri));
    buf_clear(&uri);
    json_end_object(&w);
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
    return post(op, l, API "runs/log-inputs", &b, NULL);
}

/* The proxy's path of an artifact. */
static const char *artifact_target(struct op *op, const struct run_log *l, const char *path)
{
    struct str full = str_from(op_printf(op, "%.*s/%s", STR_FMT(l->artifact_path), path));
    struct str enc = http_percent_encode(op->arena, full, true);
    return op_printf(op, "/api/2.0/mlflow-artifacts/artifacts/%.*s", STR_FMT(enc));
}

static enum err artifact_verdict(struct op *op, enum err e, const char *path, const struct client_answer *a)
{
    if (!e && a->status >= 300)
        e = op_fail(op, E_IO, "status %d: %.*s", a->status, STR_FMT(str_sub(a->body, 0, 200)));
    return e ? op_context(op, "tracking server: artifact %s", path) : OK;
}

enum err run_log_artifact(struct op *op, struct run_log *l, const char *path, struct str content_type, struct str bytes)
{
    if (!l)
        return OK;
    struct client_answer a = {0};
    enum err e = client_call(op, l->client, "PUT", str_from(artifact_target(op, l, path)), content_type, bytes, &a);
    return artifact_verdict(op, e, path, &a);
}

enum err run_log_artifact_file(struct op *op, struct run_log *l, const char *path, struct str content_type, const char *file)
{
    if (!l)
        return OK;
    struct client_answer a = {0};
    enum err e = client_upload(op, l->client, "PUT", str_from(artifact_target(op, l, path)), content_type, file, &a);
    return artifact_verdict(op, e, path, &a);
}

enum err run_log_end_as(struct op *op, struct run_log *l, const char *status)
{
    if (!l)
        return OK;
    struct buf b;
    struct json_out w;
    body_start(&b, &w);
    json_kv_str(&w, "run_id", l->run_id);
    json_kv_cstr(&w, "status", status);
    json_kv_i64(&w, "end_time", time_now_us() / 1000);
    json_end_object(&w);
    return post(op, l, API "runs/update", &b, NULL);
}

enum err run_log_end(struct op *op, struct run_log *l, bool ok)
{
    if (!l)
        return OK;
    /* A run whose last metrics were refused has failed, and is not left running. */
    enum err e = run_log_flush(op, l);
    struct op end;
    op_init(&end, op->arena);
    enum err ended = run_log_end_as(e ? &end : op, l, ok && !e ? "FINISHED" : "FAILED");
    return e ? e : ended;
}
