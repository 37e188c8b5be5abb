/* cmd_deploy.c - endpoints and rollouts of a running server. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/backends.h"
#include "app/commands.h"
#include "app/remote.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"

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
        enum err bad = command_time(op, ctx, "start", 0, &start);
        if (bad)
            return bad;
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

static enum err flush_run(struct op *op, struct command_ctx *ctx)
{
    enum err e = call(op, ctx, "POST", remote_path(op, "endpoints", arg_name(op, ctx), "flush", NULL), STR("{}"), NULL);
    if (!e)
        command_say(ctx, "the predictions of open windows are in the log");
    return e;
}

/* A log of files, as the server lists it. */
struct log_kind {
    const char *path, *order;
};
static const struct log_kind prediction_log = {"predictions", "event_time, id"}, payload_log = {"payloads", "time, request_id, \"row\""};

/* Downloads one of its files into `dir`. */
static enum err part_fetch(struct op *op, struct client *c, const struct log_kind *kind, const char *name, const struct json *entry, const char *dir,
                           int64_t *ret_rows)
{
    struct client_answer a;
    int64_t seq = 0;
    enum err e = json_want_i64(op, entry, "seq", 1, INT64_MAX, &seq);
    if (e || (e = json_want_i64(op, entry, "rows", 0, INT64_MAX, ret_rows)))
        return e;
    const char *number = op_printf(op, "%" PRId64, seq);
    e = client_call(op, c, "GET", remote_path(op, "endpoints", name, kind->path, number, NULL), STR(""), (struct str){0}, &a);
    if (e)
        return e;
    if (a.status != 200)
        return op_fail(op, E_IO, "the server answered %d to a question for file %s of the log", a.status, number);
    return file_write(op, op_printf(op, "%s/%012" PRId64 ".parquet", dir, seq), a.body);
}

/* All parts as one file, in order of time. */
static enum err parts_join(struct op *op, const struct log_kind *kind, const char *dir, struct str out, uint64_t *ret_rows)
{
    AUTO(table_engine) struct table_engine *tables = NULL;
    struct table_scan *scan = NULL;
    struct table_writer *writer = NULL;
    const struct table_schema *schema = NULL;
    const struct table_chunk *chunk = NULL;
    struct str pattern = table_quote(op, str_from(op_printf(op, "%s/*.parquet", dir)));
    enum err e = backend_tables_open(op, &tables);
    if (e || (e = table_scan_open(op, tables, str_from(op_printf(op, "SELECT * FROM read_parquet(%.*s, union_by_name = true) ORDER BY %s",
                                                                STR_FMT(pattern), kind->order)), &scan, &schema)))
        return e;
    e = table_writer_open(op, tables, out, schema, &writer);
    while (!e && !(e = table_next(op, tables, scan, &chunk)) && chunk)
        e = table_append(op, tables, writer, chunk);
    if (e && writer)
        table_discard(tables, writer);
    if (!e)
        e = table_finish(op, tables, writer, ret_rows);
    table_scan_close(tables, scan);
    return e;
}

static void parts_remove(const char *dir, const struct json *list, struct op *op)
{
    for (uint32_t i = 0; i < list->len; i++) {
        int64_t seq = 0;
        if (json_as_i64(json_get(&list->items[i], "seq"), &seq))
            unlink(op_printf(op, "%s/%012" PRId64 ".parquet", dir, seq));
    }
    rmdir(dir);
}

static enum err log_run(struct op *op, struct command_ctx *ctx, const struct log_kind *kind)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    const struct json *list = NULL;
    const char *name = arg_name(op, ctx), *dir = op_printf(op, "%.*s.parts", STR_FMT(command_str(ctx, "out")));
    int64_t expected = 0, rows = 0;
    uint64_t written = 0;
    enum err e = remote_open(op, ctx, &c);
    if (e || (e = client_json(op, c, "GET", remote_path(op, "endpoints", name, kind->path, NULL), (struct str){0}, &doc)) ||
        (e = json_want_array(op, doc, kind->path, &list)))
        return e;
    if (!list->len)
        return op_fail(op, E_NOT_FOUND, kind == &payload_log ? "the payload log of '%s' is empty; a file is written after payload_log.flush_s, or by `ingot deploy flush`"
                                                            : "the prediction log of '%s' is empty; a window is written when its labels are due, or by `ingot deploy flush`",
                       name);
    if (mkdir(dir, 0777) && errno != EEXIST)
        return op_fail_errno(op, "make folder '%s'", dir);
    for (uint32_t i = 0; !e && i < list->len; i++) {
        e = part_fetch(op, c, kind, name, &list->items[i], dir, &rows);
        expected += rows;
        command_progress(ctx, "windows", i + 1, list->len);
    }
    if (!e)
        e = parts_join(op, kind, dir, command_str(ctx, "out"), &written);
    parts_remove(dir, list, op);
    if (!e && written != (uint64_t)expected)
        e = op_fail(op, E_CORRUPT, "the log names %" PRId64 " rows, its files hold %" PRIu64, expected, written);
    if (e)
        return e;
    struct json_out *w = command_out(ctx);
    json_begin_object(w);
    json_kv_i64(w, "rows", (int64_t)written);
    json_kv_i64(w, "windows", list->len);
    json_end_object(w);
    command_say(ctx, "%" PRIu64 " rows of %u files in %.*s", written, list->len, STR_FMT(command_str(ctx, "out")));
    return OK;
}

static enum err predictions_run(struct op *op, struct command_ctx *ctx)
{
    return log_run(op, ctx, &prediction_log);
}

static enum err payloads_run(struct op *op, struct command_ctx *ctx)
{
    return log_run(op, ctx, &payload_log);
}

static enum err history_run(struct op *op, struct command_ctx *ctx)
{
    static const char *const parts[] = {"windows", "alerts", "rollouts", "retrains"};
    struct str what = command_str(ctx, "what");
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        known = known || str_eqc(what, parts[i]);
    if (!known)
        return op_fail(op, E_INVALID, "--what must be windows, alerts, rollouts or retrains");
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
    REMOTE_OPTIONS, {"what", OPTION_STRING, "PART", "windows, alerts, rollouts or retrains", "windows", false}, {0}};

static const struct option_row predictions_options[] = {REMOTE_OPTIONS, {"out", OPTION_STRING, "FILE", "Parquet file to write", NULL, true}, {0}};

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
    {"deploy history", "ENDPOINT", 1, 1, "show closed windows, alerts, rollouts or retrainings", NULL,
     "  ingot deploy history flights-delay --what rollouts --json", history_options, history_run},
    {"deploy flush", "ENDPOINT", 1, 1, "write the predictions of open windows to the log", NULL, "  ingot deploy flush flights-delay", status_options, flush_run},
    {"deploy predictions", "ENDPOINT", 1, 1, "download the prediction log as one Parquet file", NULL,
     "  ingot deploy predictions flights-delay --out predictions.parquet", predictions_options, predictions_run},
    {"deploy payloads", "ENDPOINT", 1, 1, "download the payload log (sampled requests and answers) as one Parquet file",
     "What is kept is said by payload_log in the endpoint's configuration; see docs/observability.md.",
     "  ingot deploy payloads flights-delay --out requests.parquet", predictions_options, payloads_run},
    {0},
};
