/* cmd_model.c - the registry from the command line: a package that `ingot train` left becomes a registered version. */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "app/commands.h"
#include "app/remote.h"
#include "app/run_log.h"
#include "base/file.h"
#include "base/limits.h"

#define MLFLOW_API "/api/2.0/mlflow/"

/* What metrics.json of a package says. */
struct package {
    const char *dir;
    struct json *doc;
    struct str run_id, model_sha256, data_sha256, learner;
    struct str gates; /* the evaluation's gates as JSON; "" without one */
};

static enum err json_load(struct op *op, const char *path, struct json **ret)
{
    struct str text;
    enum err e = file_read(op, path, LIMIT_MIB(64), &text);
    if (!e && (e = json_parse(op, text, JSON_STRICT, ret)))
        op_context(op, "%s", path);
    return e;
}

static enum err package_open(struct op *op, struct str dir, struct package *ret)
{
    struct package p = {.dir = str_cstr(op->arena, dir)};
    enum err e = json_load(op, op_printf(op, "%s/metrics.json", p.dir), &p.doc);
    if (e || (e = json_want_str(op, p.doc, "model_sha256", &p.model_sha256)) || (e = json_opt_str(op, p.doc, "run_id", STR(""), &p.run_id)) ||
        (e = json_opt_str(op, p.doc, "data_sha256", STR(""), &p.data_sha256)) || (e = json_opt_str(op, p.doc, "learner", STR(""), &p.learner)))
        return op_context(op, "package '%s'", p.dir);
    *ret = p;
    return OK;
}

/* What a version's tag can hold of the evaluation; a longer list stays with the run. */
static struct str gates_text(struct op *op, const struct json *eval)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    const struct json *gates = json_get(eval, "gates");
    buf_init(&b, LIMIT_REGISTRY_TAG_VALUE);
    json_out_init(&w, &b, 0);
    if (gates && gates->type == JSON_ARRAY)
        json_value(&w, gates);
    return b.failed ? STR("") : str_dup(op->arena, buf_str(&b));
}

/* The package to register: the only one, or the one that the evaluation found best. An evaluation whose gates failed registers nothing. */
static enum err package_pick(struct op *op, struct command_ctx *ctx, struct package *ret)
{
    const struct str *dirs = NULL;
    size_t n = command_multi(ctx, "package", &dirs);
    struct json *eval = NULL;
    struct str best = STR("");
    if (!command_given(ctx, "eval")) {
        if (n != 1)
            return op_fail(op, E_INVALID, "several --package need --eval to choose by");
        return package_open(op, dirs[0], ret);
    }
    bool pass = false;
    enum err e = json_load(op, str_cstr(op->arena, command_str(ctx, "eval")), &eval);
    const struct json *best_doc = e ? NULL : json_get(eval, "best");
    if (e || (e = json_opt_bool(op, eval, "pass", false, &pass)) || (e = json_want_str(op, best_doc, "sha256", &best)))
        return e;
    if (!pass)
        return op_fail(op, E_CONFLICT, "the gates of '%.*s' failed; nothing is registered", STR_FMT(command_str(ctx, "eval")));
    for (size_t i = 0; i < n; i++) {
        if ((e = package_open(op, dirs[i], ret)))
            return e;
        if (str_eq(ret->model_sha256, best)) {
            ret->gates = gates_text(op, eval);
            return OK;
        }
    }
    return op_fail(op, E_INVALID, "the best model of '%.*s' is in none of the packages", STR_FMT(command_str(ctx, "eval")));
}

/* A run that this server does not have (its stage was skipped, or it was tracked elsewhere) is logged again from the package. */
static enum err run_restore(struct op *op, struct command_ctx *ctx, struct client *c, struct package *p)
{
    static const char *const files[][2] = {{"model/model.json", "application/json"},
                                           {"model/MLmodel", "text/yaml"},
                                           {"model/signature.json", "application/json"},
                                           {"model/reference.bin", "application/octet-stream"},
                                           {"metrics.json", "application/json"},
                                           {"model/transform.json", "application/json"},
                                           {"model/calibrator.json", "application/json"}};
    enum { SURE = 5 }; /* the rest is there only if it was fitted */
    struct run_log *log = NULL;
    struct run_log_start start = {.experiment = command_str(ctx, "experiment"), .run_name = p->learner, .source_name = STR("ingot model register"),
                                  .data_sha256 = p->data_sha256};
    enum err e = run_log_start(op, c, &start, &log);
    if (e || (e = run_log_param(op, log, "learner", p->learner)) ||
        (p->run_id.len && (e = run_log_tag(op, log, "ingot.restored_from", p->run_id))))
        return e;
    const struct json *metrics = json_get(p->doc, "evaluation");
    for (uint32_t i = 0; metrics && metrics->type == JSON_OBJECT && i < metrics->len; i++) {
        double v = 0;
        if (json_as_f64(json_get(&metrics->members[i].value, "value"), &v) &&
            (e = run_log_metric(op, log, op_printf(op, "final_%.*s", STR_FMT(metrics->members[i].key)), v, 0)))
            return e;
    }
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct str bytes;
        const char *path = op_printf(op, "%s/%s", p->dir, files[i][0]);
        if (i >= SURE && access(path, F_OK))
            continue;
        if ((e = file_read(op, path, LIMIT_MODEL_BYTES, &bytes)) ||
            (e = run_log_artifact(op, log, files[i][0], str_from(files[i][1]), bytes)))
            return e;
    }
    p->run_id = str_dup(op->arena, run_log_id(log));
    return run_log_end(op, log, true);
}

static enum err run_ensure(struct op *op, struct command_ctx *ctx, struct client *c, struct package *p)
{
    struct client_answer a;
    if (p->run_id.len) {
        const char *path = op_printf(op, MLFLOW_API "runs/get?run_id=%.*s", STR_FMT(p->run_id));
        enum err e = client_call(op, c, "GET", str_from(path), STR(""), (struct str){0}, &a);
        if (e)
            return e;
        if (a.status == 200)
            return OK;
        if (a.status != 404)
            return op_fail(op, E_IO, "the server answered %d to a question for run %.*s", a.status, STR_FMT(p->run_id));
    }
    return run_restore(op, ctx, c, p);
}

static enum err model_ensure(struct op *op, struct client *c, struct str name)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct client_answer a;
    buf_init(&b, LIMIT_KIB(64));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_str(&w, "name", name);
    json_end_object(&w);
    enum err e = client_call(op, c, "POST", STR(MLFLOW_API "registered-models/create"), STR("application/json"), buf_str(&b), &a);
    if (!e && a.status != 200 && str_find(a.body, STR("RESOURCE_ALREADY_EXISTS")) == SIZE_MAX)
        e = op_fail(op, E_IO, "the server answered %d to registered-models/create: %.*s", a.status, STR_FMT(str_sub(a.body, 0, 500)));
    return e;
}

static void tag_write(struct json_out *w, const char *key, struct str value)
{
    json_begin_object(w);
    json_kv_cstr(w, "key", key);
    json_kv_str(w, "value", value);
    json_end_object(w);
}

static enum err version_create(struct op *op, struct client *c, struct str name, const struct package *p, struct str semver, int64_t *ret, struct str *ret_semver)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    struct str signature, number;
    enum err e = file_read(op, op_printf(op, "%s/model/signature.json", p->dir), LIMIT_MIB(1), &signature);
    if (e)
        return e;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_str(&w, "name", name);
    json_kv_cstr(&w, "source", op_printf(op, "runs:/%.*s/model", STR_FMT(p->run_id)));
    json_kv_str(&w, "run_id", p->run_id);
    json_kv_str(&w, "data_version", p->data_sha256);
    json_kv_str(&w, "signature", signature);
    json_key(&w, "tags");
    json_begin_array(&w);
    tag_write(&w, "ingot.data.sha256", p->data_sha256);
    tag_write(&w, "ingot.model.sha256", p->model_sha256);
    if (p->gates.len)
        tag_write(&w, "ingot.gates", p->gates);
    if (semver.len)
        tag_write(&w, "ingot.semver", semver);
    json_end_array(&w);
    json_end_object(&w);
    if ((e = client_json(op, c, "POST", STR(MLFLOW_API "model-versions/create"), buf_str(&b), &doc)) ||
        (e = json_want_str(op, json_get(doc, "model_version"), "version", &number)) ||
        (e = json_opt_str(op, json_get(doc, "model_version"), "semver", STR(""), ret_semver)))
        return e;
    return str_parse_i64(number, ret) ? OK : op_fail(op, E_IO, "the server's version number '%.*s' is none", STR_FMT(number));
}

static enum err register_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    const struct str *args = NULL;
    struct package p = {0};
    struct str semver = STR("");
    int64_t version = 0;
    command_args(ctx, &args);
    enum err e = package_pick(op, ctx, &p);
    if (e || (e = remote_open(op, ctx, &c)) || (e = run_ensure(op, ctx, c, &p)) || (e = model_ensure(op, c, args[0])) ||
        (e = version_create(op, c, args[0], &p, command_str(ctx, "semver"), &version, &semver)))
        return e;
    AUTO(buf) struct buf b;
    struct json_out w;
    buf_init(&b, LIMIT_KIB(64));
    json_out_init(&w, &b, 2);
    json_begin_object(&w);
    json_kv_str(&w, "model", args[0]);
    json_kv_i64(&w, "version", version);
    json_kv_str(&w, "semver", semver);
    json_kv_str(&w, "run_id", p.run_id);
    json_kv_str(&w, "learner", p.learner);
    json_kv_str(&w, "model_sha256", p.model_sha256);
    json_end_object(&w);
    buf_add_char(&b, '\n');
    json_raw(command_out(ctx), str_trim(buf_str(&b)));
    command_say(ctx, "%.*s version %" PRId64 " (%.*s): %.*s of run %.*s", STR_FMT(args[0]), version, STR_FMT(semver), STR_FMT(p.learner),
                STR_FMT(p.run_id));
    return command_given(ctx, "out") ? file_write(op, str_cstr(op->arena, command_str(ctx, "out")), buf_str(&b)) : OK;
}

static enum err list_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    enum err e = remote_open(op, ctx, &c);
    if (e || (e = client_json(op, c, "GET", STR(MLFLOW_API "model-versions/search?max_results=1000"), (struct str){0}, &doc)))
        return e;
    json_value(command_out(ctx), doc);
    const struct json *list = json_get(doc, "model_versions");
    if (!list || list->type != JSON_ARRAY || !list->len)
        command_say(ctx, "no registered versions; `ingot model register` makes one");
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++) {
        struct str name, version, semver, run, stage;
        if ((e = json_want_str(op, &list->items[i], "name", &name)) || (e = json_want_str(op, &list->items[i], "version", &version)) ||
            (e = json_opt_str(op, &list->items[i], "semver", STR("-"), &semver)) ||
            (e = json_opt_str(op, &list->items[i], "run_id", STR("-"), &run)) ||
            (e = json_opt_str(op, &list->items[i], "current_stage", STR("None"), &stage)))
            return e;
        command_say(ctx, "%-24.*s %4.*s  %-8.*s %-10.*s run %.*s", STR_FMT(name), STR_FMT(version), STR_FMT(semver), STR_FMT(stage), STR_FMT(run));
    }
    return OK;
}

static const struct option_row register_options[] = {
    REMOTE_OPTIONS,
    {"package", OPTION_MULTI, "DIR", "folder that `ingot train --package-out` left; may repeat", NULL, true},
    {"eval", OPTION_STRING, "FILE", "result of `ingot evaluate`: its gates must hold, its best model is taken", NULL, false},
    {"experiment", OPTION_STRING, "NAME", "for a run that this server does not have and that is logged again", "Default", false},
    {"semver", OPTION_STRING, "VERSION", "semantic version: X.Y.Z, or patch, minor, major; else what the signature asks for", NULL, false},
    {"out", OPTION_STRING, "FILE", "model, version and run as JSON", NULL, false},
    {0},
};
static const struct option_row list_options[] = {REMOTE_OPTIONS, {0}};

const struct command model_commands[] = {
    {"model register", "NAME", 1, 1, "register a trained model as the next version of NAME",
     "With --eval the best of several packages is taken, and nothing is registered when a gate failed.",
     "  ingot model register flights-delay --package xgboost --package logistic --eval eval.json --out registered.json", register_options,
     register_run},
    {"model list", "", 0, 0, "list registered versions", NULL, "  ingot model list --json", list_options, list_run},
    {0},
};
