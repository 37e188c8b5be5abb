/* cmd_alert.c - alert rules and alerts from the command line. */
#include <stdlib.h>

#include "app/commands.h"
#include "app/remote.h"

#define API "/api/ingot/v1/"

static enum err text_of(struct op *op, const struct json *j, const char *key, struct str *ret)
{
    return json_opt_str(op, j, key, STR(""), ret);
}

static enum err alert_list_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    enum err e = remote_open(op, ctx, &c);
    if (e)
        return e;
    struct str state = http_percent_encode(op->arena, command_str(ctx, "state"), true), rule = http_percent_encode(op->arena, command_str(ctx, "rule"), true);
    const char *path = op_printf(op, API "alerts?limit=%lld&state=%.*s&rule=%.*s", (long long)command_int(ctx, "limit"), STR_FMT(state), STR_FMT(rule));
    if ((e = client_json(op, c, "GET", str_from(path), (struct str){0}, &doc)))
        return e;
    json_value(command_out(ctx), doc);
    const struct json *rows = json_get(doc, "alerts");
    for (uint32_t i = 0; rows && rows->type == JSON_ARRAY && i < rows->len; i++) {
        struct str time, name, run, now, reason;
        const struct json *r = &rows->items[i];
        if ((e = text_of(op, r, "fired", &time)) || (e = text_of(op, r, "rule", &name)) || (e = text_of(op, r, "run_id", &run)) ||
            (e = text_of(op, r, "state", &now)) || (e = text_of(op, r, "reason", &reason)))
            return e;
        command_say(ctx, "%-27.*s %-8.*s %-20.*s %.*s  %.*s", STR_FMT(time), STR_FMT(now), STR_FMT(name), STR_FMT(run), STR_FMT(reason));
    }
    if (rows && rows->type == JSON_ARRAY && !rows->len)
        command_say(ctx, "no alerts");
    return OK;
}

static enum err alert_rules_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    enum err e = remote_open(op, ctx, &c);
    if (e || (e = client_json(op, c, "GET", STR(API "alert-rules"), (struct str){0}, &doc)))
        return e;
    json_value(command_out(ctx), doc);
    const struct json *rows = json_get(doc, "rules");
    for (uint32_t i = 0; rows && rows->type == JSON_ARRAY && i < rows->len; i++) {
        struct str name, rule, experiment, filter;
        const struct json *r = &rows->items[i];
        if ((e = text_of(op, r, "name", &name)) || (e = text_of(op, r, "rule", &rule)) || (e = text_of(op, r, "experiment_id", &experiment)) ||
            (e = text_of(op, r, "filter", &filter)))
            return e;
        command_say(ctx, "%-20.*s %.*s%s%.*s%s%.*s", STR_FMT(name), STR_FMT(rule), experiment.len ? ", experiment " : ", all experiments",
                    STR_FMT(experiment), filter.len ? ", where " : "", STR_FMT(filter));
    }
    if (rows && rows->type == JSON_ARRAY && !rows->len)
        command_say(ctx, "no alert rules");
    return OK;
}

static enum err alert_add_run(struct op *op, struct command_ctx *ctx)
{
    static const char *const texts[] = {"kind", "metric", "comparison", "after", "filter", "webhook", "url"};
    AUTO(client) struct client *c = NULL;
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    struct str rule;
    const struct str *args = NULL;
    const char *secret = getenv("INGOT_ALERT_SECRET");
    buf_init(&b, 1 << 20);
    command_args(ctx, &args);
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_str(&w, "name", args[0]);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (command_has(ctx, texts[i]))
            json_kv_str(&w, texts[i], command_str(ctx, texts[i]));
    if (command_given(ctx, "experiment"))
        json_kv_str(&w, "experiment_id", command_str(ctx, "experiment"));
    if (command_given(ctx, "threshold"))
        json_kv_f64(&w, "threshold", command_real(ctx, "threshold"));
    if (secret && *secret)
        json_kv_cstr(&w, "secret", secret);
    json_kv_i64(&w, "points", command_int(ctx, "points"));
    json_end_object(&w);
    enum err e = remote_open(op, ctx, &c);
    if (e || (e = client_json(op, c, "POST", STR(API "alert-rules"), buf_str(&b), &doc)) || (e = text_of(op, doc, "rule", &rule)))
        return e;
    json_value(command_out(ctx), doc);
    command_say(ctx, "watching: %.*s", STR_FMT(rule));
    return OK;
}

static enum err alert_remove_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    const struct str *args = NULL;
    command_args(ctx, &args);
    struct str path = remote_path(op, "alert-rules", str_cstr(op->arena, args[0]), NULL);
    enum err e = remote_open(op, ctx, &c);
    if (e || (e = client_json(op, c, "DELETE", path, (struct str){0}, &doc)))
        return e;
    json_value(command_out(ctx), doc);
    command_say(ctx, "removed: %.*s", STR_FMT(args[0]));
    return OK;
}

static const struct option_row list_options[] = {
    REMOTE_OPTIONS,
    {"state", OPTION_STRING, "STATE", "firing, resolved or all", "all", false},
    {"rule", OPTION_STRING, "NAME", "only of this rule", NULL, false},
    {"limit", OPTION_INT, "N", "newest alerts to show", "50", false},
    {0},
};
static const struct option_row rules_options[] = {REMOTE_OPTIONS, {0}};
static const struct option_row add_options[] = {
    REMOTE_OPTIONS,
    {"kind", OPTION_STRING, "KIND", "metric, nan, stale or failed", "metric", false},
    {"experiment", OPTION_STRING, "ID", "only runs of this experiment", NULL, false},
    {"filter", OPTION_STRING, "FILTER", "only runs that a search with this filter finds", NULL, false},
    {"metric", OPTION_STRING, "NAME", "the metric; nan and stale: any when left out", NULL, false},
    {"comparison", OPTION_STRING, "OP", ">, >=, <, <=, == or !=", ">", false},
    {"threshold", OPTION_REAL, "X", "what the metric is compared with", NULL, false},
    {"points", OPTION_INT, "N", "points in a row that must fulfil it", "1", false},
    {"after", OPTION_STRING, "TIME", "stale: so long without a point (90s, 10m, 2h)", NULL, false},
    {"url", OPTION_STRING, "URL", "who is told; $INGOT_ALERT_SECRET signs the messages", NULL, false},
    {"webhook", OPTION_STRING, "ID", "a registered webhook that is told instead", NULL, false},
    {0},
};

const struct command alert_commands[] = {
    {"alert list", "", 0, 0, "show alerts on runs, newest first", NULL, "  ingot alert list --state firing", list_options, alert_list_run},
    {"alert rules", "", 0, 0, "show the rules that raise alerts", NULL, "  ingot alert rules", rules_options, alert_rules_run},
    {"alert add", "NAME", 1, 1, "watch the metrics of runs",
     "A rule fires when a metric crosses a threshold for some points in a row, is NaN, stays away while its run goes on, or when a run fails. It is\n"
     "resolved when that is over. Alerts are kept by the server; receivers are told through the outbox of webhooks, also after a crash.",
     "  ingot alert add loss-high --experiment 3 --metric loss --comparison '>' --threshold 5 --points 3 --url https://hooks.example/x\n"
     "  ingot alert add diverged --kind nan\n"
     "  ingot alert add hangs --kind stale --after 30m --filter \"tags.team = 'vision'\"\n"
     "  ingot alert add broken --kind failed",
     add_options, alert_add_run},
    {"alert remove", "NAME", 1, 1, "stop watching", NULL, "  ingot alert remove loss-high", rules_options, alert_remove_run},
    {0},
};
