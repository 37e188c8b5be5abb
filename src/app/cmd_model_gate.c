/* cmd_model_gate.c - what of a model needs a second person, and that person's answer. */
#include <inttypes.h>

#include "app/commands.h"
#include "app/remote.h"
#include "base/limits.h"
#include "base/time.h"

static const char *joined(struct op *op, const struct json *list)
{
    const char *text = "";
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++) {
        if (list->items[i].type == JSON_STRING)
            text = op_printf(op, "%s%s%.*s", text, i ? ", " : "", STR_FMT(list->items[i].s));
    }
    return *text ? text : "none";
}

static void names_write(struct json_out *w, const char *key, const struct str *names, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_str(w, names[i]);
    json_end_array(w);
}

static bool flag_of(const struct json *doc, const char *key)
{
    const struct json *m = json_get(doc, key);
    return m && m->type == JSON_BOOL && m->boolean;
}

static enum err policy_write(struct op *op, struct command_ctx *ctx, struct buf *b)
{
    const struct str *aliases = NULL, *stages = NULL;
    size_t alias_count = command_multi(ctx, "alias", &aliases), stage_count = command_multi(ctx, "stage", &stages);
    int64_t wait_us = 0;
    struct json_out w;
    if (!time_parse_span(command_str(ctx, "expires"), LIMIT_REGISTRY_APPROVAL_DAYS * TIME_US_PER_DAY, &wait_us) || wait_us < TIME_US_PER_S)
        return op_fail(op, E_INVALID, "--expires must be a length of time such as 12h or 7d, up to %dd", LIMIT_REGISTRY_APPROVAL_DAYS);
    json_out_init(&w, b, 0);
    json_begin_object(&w);
    names_write(&w, "aliases", aliases, alias_count);
    names_write(&w, "stages", stages, stage_count);
    json_kv_i64(&w, "expires_in_s", wait_us / TIME_US_PER_S);
    json_kv_bool(&w, "self_approval", command_flag(ctx, "self-approval"));
    json_kv_bool(&w, "free_rollback", !command_flag(ctx, "guard-rollback"));
    json_end_object(&w);
    return OK;
}

static enum err protect_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(buf) struct buf b;
    struct json *doc = NULL;
    const struct str *args = NULL;
    size_t n = command_args(ctx, &args);
    bool change = command_given(ctx, "alias") || command_given(ctx, "stage") || command_flag(ctx, "nothing"), inherit = command_flag(ctx, "inherit");
    struct str path = n ? remote_path(op, "models", str_cstr(op->arena, args[0]), "policy", NULL) : remote_path(op, "registry", "policy", NULL);
    buf_init(&b, LIMIT_MIB(1));
    if (command_flag(ctx, "nothing") && (command_given(ctx, "alias") || command_given(ctx, "stage")))
        return op_fail(op, E_INVALID, "--nothing goes with neither --alias nor --stage");
    if (inherit && (change || !n))
        return op_fail(op, E_INVALID, "--inherit takes the policy of one NAME away, and nothing else");
    enum err e = change ? policy_write(op, ctx, &b) : OK;
    if (!e)
        e = remote_call(op, ctx, change ? "PUT" : inherit ? "DELETE" : "GET", path, change ? buf_str(&b) : (struct str){0}, &doc);
    if (e)
        return e;
    int64_t wait_s = 0;
    if (json_get(doc, "expires_in_s"))
        (void)json_as_i64(json_get(doc, "expires_in_s"), &wait_s);
    command_say(ctx, "protected aliases: %s", joined(op, json_get(doc, "aliases")));
    command_say(ctx, "protected stages:  %s", joined(op, json_get(doc, "stages")));
    command_say(ctx, "requests wait for  %" PRId64 " s; %s; %s%s", wait_s,
                flag_of(doc, "self_approval") ? "the asker may approve" : "another person approves",
                flag_of(doc, "free_rollback") ? "rollbacks are free" : "rollbacks wait too",
                n && !flag_of(doc, "own") ? "; the policy of all models" : "");
    return OK;
}

static void say_request(struct op *op, struct command_ctx *ctx, const struct json *a)
{
    int64_t id = 0, version = 0;
    struct str reason = remote_text(a, "reason", "");
    if (!json_as_i64(json_get(a, "id"), &id))
        return;
    const char *to = json_as_i64(json_get(a, "version"), &version) ? op_printf(op, "version %" PRId64, version) : "none (removed)";
    command_say(ctx, "%4" PRId64 "  %-9.*s %.*s %.*s '%.*s': %.*s -> %s  asked by %.*s, until %.*s%s%.*s", id, STR_FMT(remote_text(a, "state", "?")),
                STR_FMT(remote_text(a, "model", "?")), STR_FMT(remote_text(a, "kind", "?")), STR_FMT(remote_text(a, "subject", "?")),
                STR_FMT(remote_text(a, "from", "none")), to, STR_FMT(remote_text(a, "requested_by", "?")), STR_FMT(remote_text(a, "expires", "?")),
                reason.len ? "  because: " : "", STR_FMT(reason));
    const struct json *notes = json_get(a, "notes");
    for (uint32_t i = 0; notes && notes->type == JSON_ARRAY && i < notes->len; i++)
        command_say(ctx, "      %.*s  %.*s: %.*s %.*s", STR_FMT(remote_text(&notes->items[i], "time", "")), STR_FMT(remote_text(&notes->items[i], "actor", "")),
                    STR_FMT(remote_text(&notes->items[i], "action", "")), STR_FMT(remote_text(&notes->items[i], "text", "")));
}

static enum err approvals_run(struct op *op, struct command_ctx *ctx)
{
    struct json *doc = NULL;
    const char *path = op_printf(op, "/api/ingot/v1/approvals?limit=%" PRId64 "&state=%s", command_int(ctx, "limit"),
                                 command_flag(ctx, "all") ? "all" : "pending");
    if (command_given(ctx, "model"))
        path = op_printf(op, "%s&model=%.*s", path, STR_FMT(http_percent_encode(op->arena, command_str(ctx, "model"), true)));
    enum err e = remote_call(op, ctx, "GET", str_from(path), (struct str){0}, &doc);
    const struct json *list = e ? NULL : json_get(doc, "approvals");
    if (!e && (!list || !list->len))
        command_say(ctx, "no requests wait");
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++)
        say_request(op, ctx, &list->items[i]);
    return e;
}

static enum err decide(struct op *op, struct command_ctx *ctx, const char *action)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    const struct str *args = NULL;
    command_args(ctx, &args);
    buf_init(&b, LIMIT_MIB(1));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    json_kv_cstr(&w, "action", action);
    json_kv_str(&w, "comment", command_str(ctx, "comment"));
    json_end_object(&w);
    enum err e = remote_call(op, ctx, "POST", remote_path(op, "approvals", str_cstr(op->arena, args[0]), NULL), buf_str(&b), &doc);
    if (!e)
        say_request(op, ctx, doc);
    return e;
}

static enum err approve_run(struct op *op, struct command_ctx *ctx)
{
    return decide(op, ctx, "approve");
}

static enum err reject_run(struct op *op, struct command_ctx *ctx)
{
    return decide(op, ctx, "reject");
}

static enum err withdraw_run(struct op *op, struct command_ctx *ctx)
{
    return decide(op, ctx, "cancel");
}

static enum err comment_run(struct op *op, struct command_ctx *ctx)
{
    return decide(op, ctx, "comment");
}

static const struct option_row protect_options[] = {
    REMOTE_OPTIONS,
    {"alias", OPTION_MULTI, "ALIAS", "an alias that needs a second person; may repeat", NULL, false},
    {"stage", OPTION_MULTI, "STAGE", "a stage that needs a second person; may repeat", NULL, false},
    {"nothing", OPTION_FLAG, NULL, "protect nothing", NULL, false},
    {"inherit", OPTION_FLAG, NULL, "NAME is under the policy of all models again", NULL, false},
    {"expires", OPTION_STRING, "TIME", "how long a request waits", "7d", false},
    {"self-approval", OPTION_FLAG, NULL, "the asker may approve: for a team of one", NULL, false},
    {"guard-rollback", OPTION_FLAG, NULL, "a rollback needs a second person too", NULL, false},
    {0},
};
static const struct option_row approvals_options[] = {
    REMOTE_OPTIONS,
    {"model", OPTION_STRING, "NAME", "only this model", NULL, false},
    {"all", OPTION_FLAG, NULL, "also those that are decided or expired", NULL, false},
    {"limit", OPTION_INT, "N", "newest requests to show", "100", false},
    {0},
};
static const struct option_row decide_options[] = {REMOTE_OPTIONS, {"comment", OPTION_STRING, "TEXT", "kept with the request", NULL, false}, {0}};
static const struct option_row comment_options[] = {REMOTE_OPTIONS, {"comment", OPTION_STRING, "TEXT", "kept with the request", NULL, true}, {0}};

const struct command model_gate_commands[] = {
    {"model protect", "[NAME]", 0, 1, "set or show which aliases and stages need a second person",
     "Without NAME it is the policy of all models that have none of their own. A policy is replaced as a whole; without --alias, --stage and\n"
     "--nothing it is shown.",
     "  ingot model protect --alias champion --stage Production\n  ingot model protect flights-delay --alias champion --expires 24h\n"
     "  ingot model protect flights-delay",
     protect_options, protect_run},
    {"model approvals", "", 0, 0, "list moves that wait for a second person", NULL, "  ingot model approvals --model flights-delay --all", approvals_options,
     approvals_run},
    {"model approve", "ID", 1, 1, "approve a request: the move is made at once",
     "Whoever asked cannot approve, unless the policy says so; who you are is your token.", "  ingot model approve 12 --comment 'looked at the slices'",
     decide_options, approve_run},
    {"model reject", "ID", 1, 1, "reject a request", NULL, "  ingot model reject 12 --comment 'no holdout yet'", decide_options, reject_run},
    {"model withdraw", "ID", 1, 1, "take a request of yours back", NULL, "  ingot model withdraw 12", decide_options, withdraw_run},
    {"model comment", "ID", 1, 1, "say something about a request", NULL, "  ingot model comment 12 --comment 'which test set?'", comment_options,
     comment_run},
    {0},
};
