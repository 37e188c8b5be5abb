/* cmd_deploy.c - endpoints and rollouts of a running server. */
#include <inttypes.h>
#include <stdio.h>

#include "app/commands.h"
#include "app/remote.h"
#include "base/limits.h"
#include "base/time.h"
#include "base/yaml.h"
#include "core/dataset/file.h"

static const char *arg_name(struct op *op, struct command_ctx *ctx)
{
    const struct str *args = NULL;
    command_args(ctx, &args);
    return str_cstr(op->arena, args[0]);
}

/* Calls and prints the document; *ret_doc may be NULL. */
static enum err call(struct op *op, struct command_ctx *ctx, const char *method, struct str path, struct str body, struct json **ret_doc)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    enum err e = remote_open(op, ctx, &c);
    if (e || (e = client_json(op, c, method, path, body, &doc)))
        return e;
    if (doc)
        json_value(command_out(ctx), doc);
    if (ret_doc)
        *ret_doc = doc;
    return OK;
}

static void body_begin(struct buf *b, struct json_out *w)
{
    buf_init(b, LIMIT_JSON_BYTES);
    json_out_init(w, b, 0);
    json_begin_object(w);
}

/* The object in a YAML or JSON file. */
static enum err object_load(struct op *op, struct str path, struct json **ret)
{
    struct str text;
    enum err e = file_read(op, str_cstr(op->arena, path), LIMIT_MIB(16), &text);
    if (e)
        return e;
    if ((e = yaml_parse(op, text, ret)))
        return op_context(op, "%.*s", STR_FMT(path));
    if ((*ret)->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "%.*s: must be a mapping, not %s", STR_FMT(path), json_type_name((*ret)->type));
    return OK;
}

/* The endpoint's configuration: the file's members, with the model and view of the command line. */
static enum err config_write(struct op *op, struct command_ctx *ctx, struct json_out *w)
{
    struct json *doc = NULL;
    if (command_given(ctx, "config")) {
        enum err e = object_load(op, command_str(ctx, "config"), &doc);
        if (e)
            return e;
    }
    json_key(w, "config");
    json_begin_object(w);
    json_kv_str(w, "model", command_str(ctx, "model"));
    if (command_given(ctx, "view"))
        json_kv_str(w, "view", command_str(ctx, "view"));
    for (uint32_t i = 0; doc && i < doc->len; i++) {
        struct str key = doc->members[i].key;
        if (str_eqc(key, "model") || (str_eqc(key, "view") && command_given(ctx, "view")))
            continue;
        json_key_str(w, key);
        json_value(w, &doc->members[i].value);
    }
    json_end_object(w);
    return OK;
}

static int64_t json_int(const struct json *doc, const char *path)
{
    int64_t v = 0;
    const struct json *j = json_path(doc, path);
    return j && json_as_i64(j, &v) ? v : 0;
}

static struct str json_text(const struct json *doc, const char *path)
{
    const struct json *j = json_path(doc, path);
    return j && j->type == JSON_STRING ? j->s : STR("");
}

static enum err create_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(buf) struct buf body;
    struct json_out w;
    const char *name = arg_name(op, ctx);
    body_begin(&body, &w);
    json_kv_i64(&w, "version", command_int(ctx, "version"));
    enum err e = config_write(op, ctx, &w);
    json_end_object(&w);
    struct json *doc = NULL;
    if (e || (e = call(op, ctx, "PUT", remote_path(op, "endpoints", name, NULL), buf_str(&body), &doc)))
        return e;
    command_say(ctx, "endpoint '%s' serves %.*s version %" PRId64, name, STR_FMT(command_str(ctx, "model")), command_int(ctx, "version"));
    return OK;
}

static enum err canary_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(buf) struct buf body;
    struct json_out w;
    const char *name = arg_name(op, ctx);
    body_begin(&body, &w);
    json_kv_cstr(&w, "kind", "canary");
    json_kv_i64(&w, "version", command_int(ctx, "version"));
    if (command_given(ctx, "start")) {
        int64_t start = 0;
        if (!time_parse(command_str(ctx, "start"), &start))
            return op_fail(op, E_INVALID, "--start wants a time such as 2001-06-01T00:00:00Z");
        json_kv_i64(&w, "start_us", start);
    }
    struct json *doc = NULL;
    enum err e = command_given(ctx, "plan") ? object_load(op, command_str(ctx, "plan"), &doc) : OK;
    if (doc) {
        json_key(&w, "plan");
        json_value(&w, doc);
    }
    json_end_object(&w);
    if (e || (e = call(op, ctx, "POST", remote_path(op, "endpoints", name, "rollouts", NULL), buf_str(&body), &doc)))
        return e;
    command_say(ctx, "canary of version %" PRId64 " on '%s' started at %.1f %%", command_int(ctx, "version"), name,
                (double)json_int(doc, "permille") / 10);
    return OK;
}

static enum err finish(struct op *op, struct command_ctx *ctx, const char *action)
{
    AUTO(buf) struct buf body;
    struct json_out w;
    const char *name = arg_name(op, ctx);
    body_begin(&body, &w);
    json_kv_str(&w, "why", command_str(ctx, "why"));
    json_end_object(&w);
    struct json *doc = NULL;
    enum err e = call(op, ctx, "POST", remote_path(op, "endpoints", name, "rollouts", action, NULL), buf_str(&body), &doc);
    if (e)
        return e;
    command_say(ctx, "endpoint '%s' serves version %" PRId64 " now", name, json_int(doc, "version"));
    return OK;
}

static enum err promote_run(struct op *op, struct command_ctx *ctx)
{
    return finish(op, ctx, "promote");
}

static enum err rollback_run(struct op *op, struct command_ctx *ctx)
{
    return finish(op, ctx, "rollback");
}

static enum err status_run(struct op *op, struct command_ctx *ctx)
{
    const struct str *args = NULL;
    struct json *doc = NULL;
    if (command_args(ctx, &args) == 1) {
        enum err e = call(op, ctx, "GET", remote_path(op, "endpoints", arg_name(op, ctx), NULL), (struct str){0}, &doc);
        if (e)
            return e;
        command_say(ctx, "%.*s: %.*s version %" PRId64 ", candidate %" PRId64 " at %.1f %%", STR_FMT(args[0]), STR_FMT(json_text(doc, "model")),
                    json_int(doc, "version"), json_int(doc, "rollout.candidate"), (double)json_int(doc, "rollout.permille") / 10);
        return OK;
    }
    enum err e = call(op, ctx, "GET", STR("/api/ingot/v1/endpoints"), (struct str){0}, &doc);
    const struct json *list = e ? NULL : json_get(doc, "endpoints");
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++)
        command_say(ctx, "%-24.*s %.*s version %" PRId64, STR_FMT(json_text(&list->items[i], "name")), STR_FMT(json_text(&list->items[i], "model")),
                    json_int(&list->items[i], "version"));
    if (list && !list->len)
        command_say(ctx, "no endpoints; `ingot deploy create` makes one");
    return e;
}

static enum err history_run(struct op *op, struct command_ctx *ctx)
{
    static const char *const parts[] = {"windows", "alerts", "rollouts"};
    struct str what = command_str(ctx, "what");
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        known = known || str_eqc(what, parts[i]);
    if (!known)
        return op_fail(op, E_INVALID, "--what must be windows, alerts or rollouts");
    struct json *doc = NULL;
    const char *part = str_cstr(op->arena, what);
    enum err e = call(op, ctx, "GET", remote_path(op, "endpoints", arg_name(op, ctx), part, NULL), (struct str){0}, &doc);
    const struct json *list = e ? NULL : json_get(doc, part);
    if (list && list->type == JSON_ARRAY)
        command_say(ctx, "%u %s; --json shows them", list->len, part);
    return e;
}

static const struct option_row create_options[] = {
    REMOTE_OPTIONS,
    {"model", OPTION_STRING, "NAME", "registered model", NULL, true},
    {"version", OPTION_INT, "N", "its version", NULL, true},
    {"view", OPTION_STRING, "NAME", "feature view that fills the model's inputs from entity columns", NULL, false},
    {"config", OPTION_STRING, "FILE", "YAML: threshold, monitor, rollout, retrain", NULL, false},
    {0},
};
static const struct option_row canary_options[] = {
    REMOTE_OPTIONS,
    {"version", OPTION_INT, "N", "the candidate", NULL, true},
    {"start", OPTION_STRING, "TIME", "event time of the start (default: the newest event the endpoint has seen)", NULL, false},
    {"plan", OPTION_STRING, "FILE", "YAML: steps_permille, min_samples, alpha, margin, ...", NULL, false},
    {0},
};
static const struct option_row finish_options[] = {REMOTE_OPTIONS, {"why", OPTION_STRING, "TEXT", "reason, for the audit log", "by hand", false}, {0}};
static const struct option_row status_options[] = {REMOTE_OPTIONS, {0}};
static const struct option_row history_options[] = {
    REMOTE_OPTIONS, {"what", OPTION_STRING, "PART", "windows, alerts or rollouts", "windows", false}, {0}};

const struct command deploy_commands[] = {
    {"deploy create", "ENDPOINT", 1, 1, "serve a registered version, or move an endpoint to it at once", NULL,
     "  ingot deploy create flights-delay --model flights-delay --version 1 --view flights_delay", create_options, create_run},
    {"deploy canary", "ENDPOINT", 1, 1, "shift traffic to a candidate step by step",
     "Each step compares the candidate with an equal slice of the live version on late labels; it goes on, or back, by itself.",
     "  ingot deploy canary flights-delay --version 2", canary_options, canary_run},
    {"deploy promote", "ENDPOINT", 1, 1, "end the rollout in the candidate's favour, now", NULL,
     "  ingot deploy promote flights-delay --why \"holiday traffic\"", finish_options, promote_run},
    {"deploy rollback", "ENDPOINT", 1, 1, "end the rollout in the live version's favour, now", NULL,
     "  ingot deploy rollback flights-delay --why \"wrong units\"", finish_options, rollback_run},
    {"deploy status", "[ENDPOINT]", 0, 1, "show endpoints, versions and traffic", NULL, "  ingot deploy status\n  ingot deploy status flights-delay --json",
     status_options, status_run},
    {"deploy history", "ENDPOINT", 1, 1, "show closed monitoring windows, alerts or rollouts", NULL,
     "  ingot deploy history flights-delay --what rollouts --json", history_options, history_run},
    {0},
};
