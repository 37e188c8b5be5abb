/* cmd_features.c - feature views from the command line: the offline join, and a running server's online side. */
#include <stdlib.h>

#include "app/backends.h"
#include "app/commands.h"
#include "app/remote.h"
#include "base/limits.h"
#include "core/feature/join.h"

/* ---- join ---- */

static void join_report(struct command_ctx *ctx, const struct feature_view *v, const struct feature_join_request *q,
                        const struct feature_join_result *r)
{
    double seconds = (double)(r->read_us + r->kernel_us + r->write_us) / 1e6;
    struct json_out *w = command_out(ctx);
    json_begin_object(w);
    json_kv_str(w, "view", v->name);
    json_kv_cstr(w, "view_version", v->digest);
    json_kv_str(w, "frame", q->out_path);
    json_kv_i64(w, "rows", (int64_t)r->rows);
    json_kv_i64(w, "features", (int64_t)v->len);
    json_kv_i64(w, "source_rows", (int64_t)r->source_rows);
    json_kv_i64(w, "events", (int64_t)r->events);
    json_kv_i64(w, "entity_keys", (int64_t)r->keys);
    json_kv_f64(w, "read_s", (double)r->read_us / 1e6);
    json_kv_f64(w, "kernel_s", (double)r->kernel_us / 1e6);
    json_kv_f64(w, "write_s", (double)r->write_us / 1e6);
    json_end_object(w);
    command_say(ctx, "%llu rows x %zu features of view %.*s from %llu events of %llu keys in %.2f s (read %.2f, join %.2f, write %.2f) -> %.*s",
                (unsigned long long)r->rows, v->len, STR_FMT(v->name), (unsigned long long)r->events, (unsigned long long)r->keys, seconds,
                (double)r->read_us / 1e6, (double)r->kernel_us / 1e6, (double)r->write_us / 1e6, STR_FMT(q->out_path));
}

static enum err features_join_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(table_engine) struct table_engine *tables = NULL;
    struct feature_view *view = NULL;
    struct feature_join_request q = {.data_path = command_str(ctx, "data"), .out_path = command_str(ctx, "out"),
                                     .threads = (int)command_int(ctx, "threads")};
    struct feature_join_result result;
    enum err e = command_time(op, ctx, "start", INT64_MIN, &q.start_us);
    if (!e)
        e = command_time(op, ctx, "end", INT64_MAX, &q.end_us);
    if (!e)
        e = feature_view_load(op, str_cstr(op->arena, command_str(ctx, "view")), &view);
    if (!e)
        e = backend_tables_open(op, &tables);
    if (!e)
        e = feature_join(op, tables, view, &q, &result);
    if (e)
        return e;
    join_report(ctx, view, &q, &result);
    return OK;
}

/* ---- apply, get ---- */

static enum err features_apply_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    struct feature_view *view = NULL;
    struct json *doc = NULL;
    const struct str *args = NULL;
    command_args(ctx, &args);
    enum err e = feature_view_load(op, str_cstr(op->arena, args[0]), &view);
    if (!e)
        e = remote_open(op, ctx, &c);
    if (e)
        return e;
    struct buf body;
    struct json_out w;
    buf_init(&body, LIMIT_FEATURE_VIEW_BYTES * 8);
    json_out_init(&w, &body, 0);
    json_begin_object(&w);
    json_kv_str(&w, "definition", view->text);
    json_end_object(&w);
    e = client_json(op, c, "PUT", remote_path(op, "features", str_cstr(op->arena, view->name), NULL), buf_str(&body), &doc);
    buf_clear(&body);
    if (e)
        return e;
    json_value(command_out(ctx), doc);
    command_say(ctx, "feature view %.*s (%zu features, version %.12s) is served", STR_FMT(view->name), view->len, view->digest);
    return OK;
}

/* NAME=VALUE into an object of arrays of one, as the server wants its columns. */
static enum err put_pairs(struct op *op, struct command_ctx *ctx, const char *option, bool numbers, struct json_out *w)
{
    const struct str *pairs = NULL;
    size_t n = command_multi(ctx, option, &pairs);
    json_begin_object(w);
    for (size_t i = 0; i < n; i++) {
        size_t at = str_find_char(pairs[i], '=');
        if (at == SIZE_MAX)
            return op_fail_field(op, option, "--%s must be NAME=VALUE", option);
        struct str value = str_sub(pairs[i], at + 1, pairs[i].len);
        double f = 0;
        if (numbers && !str_parse_f64(value, false, &f))
            return op_fail_field(op, option, "--%s %.*s is no number", option, STR_FMT(pairs[i]));
        json_key_str(w, str_sub(pairs[i], 0, at));
        json_begin_array(w);
        if (numbers)
            json_f64(w, f);
        else
            json_str(w, value);
        json_end_array(w);
    }
    json_end_object(w);
    return OK;
}

static enum err get_body(struct op *op, struct command_ctx *ctx, struct buf *body)
{
    struct json_out w;
    int64_t at = 0;
    enum err e = command_time(op, ctx, "at", op->now_us, &at);
    if (e)
        return e;
    json_out_init(&w, body, 0);
    json_begin_object(&w);
    json_key(&w, "time_us");
    json_begin_array(&w);
    json_i64(&w, at);
    json_end_array(&w);
    json_key(&w, "keys");
    e = put_pairs(op, ctx, "key", false, &w);
    if (e)
        return e;
    json_key(&w, "numbers");
    e = put_pairs(op, ctx, "number", true, &w);
    if (e)
        return e;
    json_end_object(&w);
    return OK;
}

static enum err features_get_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    AUTO(buf) struct buf body;
    struct json *doc = NULL;
    const struct str *args = NULL;
    const struct json *names = NULL, *rows = NULL;
    command_args(ctx, &args);
    buf_init(&body, LIMIT_MIB(1));
    enum err e = get_body(op, ctx, &body);
    if (!e)
        e = remote_open(op, ctx, &c);
    if (!e)
        e = client_json(op, c, "POST", remote_path(op, "features", str_cstr(op->arena, args[0]), "get", NULL), buf_str(&body), &doc);
    if (!e)
        e = json_want_array(op, doc, "features", &names);
    if (!e)
        e = json_want_array(op, doc, "rows", &rows);
    if (e)
        return e;
    json_value(command_out(ctx), doc);
    for (uint32_t i = 0; rows->len == 1 && i < names->len && i < rows->items[0].len; i++) {
        double v = 0;
        if (json_as_f64(&rows->items[0].items[i], &v))
            command_say(ctx, "%-24.*s %.9g", STR_FMT(names->items[i].s), v);
        else
            command_say(ctx, "%-24.*s missing", STR_FMT(names->items[i].s));
    }
    return OK;
}

static const struct option_row join_options[] = {
    {"view", OPTION_STRING, "FILE", "the feature view (YAML)", NULL, true},
    {"data", OPTION_STRING, "FILE", "source file; default: the view's source.path", NULL, false},
    {"start", OPTION_STRING, "TIME", "first instant of the frame; earlier events still count in the windows", NULL, false},
    {"end", OPTION_STRING, "TIME", "the instant after the last of the frame", NULL, false},
    {"out", OPTION_STRING, "FILE", "the frame to write (Parquet)", NULL, true},
    {"threads", OPTION_INT, "N", "threads of the join; 0: one per core", "0", false},
    {0},
};
static const struct option_row apply_options[] = {REMOTE_OPTIONS, {0}};
static const struct option_row get_options[] = {
    {"at", OPTION_STRING, "TIME", "the instant; default: now", NULL, false},
    {"key", OPTION_MULTI, "NAME=VALUE", "a key column", NULL, false},
    {"number", OPTION_MULTI, "NAME=VALUE", "a request column", NULL, false},
    REMOTE_OPTIONS,
    {0},
};

const struct command features_commands[] = {
    {.path = "features join", .args = "", .summary = "Write a training frame: every row with its features as of its own instant.",
     .help = "Reads the source of a feature view and joins each row with what was known at that instant, never later.\n"
             "A row of the frame has the id, the instant, the keys, all features, the label and when it became known.",
     .examples = "ingot features join --view features.yaml --start 2001-01-29 --end 2001-04-01 --out frame.parquet",
     .options = join_options, .run = features_join_run},
    {.path = "features apply", .args = "VIEW.yaml", .min_args = 1, .max_args = 1, .summary = "Serve a feature view online.",
     .help = "Stores the definition on the server and makes its online index. The same definition again changes nothing;\n"
             "a changed one needs a new name.",
     .examples = "ingot features apply features.yaml --server http://127.0.0.1:5000", .options = apply_options, .run = features_apply_run},
    {.path = "features get", .args = "VIEW", .min_args = 1, .max_args = 1, .summary = "Read the online features of one row.",
     .help = "Reads the features as of an instant from the server's online index.",
     .examples = "ingot features get flights_delay --at 2001-04-01T12:00:00Z --key origin=ORD --key destination=JFK --number distance=740",
     .options = get_options, .run = features_get_run},
    {0},
};
