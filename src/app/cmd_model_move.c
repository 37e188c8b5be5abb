/* cmd_model_move.c - versions, aliases and stages of a running server: what is where, who moved it and why, and the way back. */
#include <inttypes.h>

#include "app/commands.h"
#include "app/remote.h"
#include "base/limits.h"

static const struct str *args_get(struct command_ctx *ctx, size_t *ret_n)
{
    const struct str *args = NULL;
    *ret_n = command_args(ctx, &args);
    return args;
}

static const char *cstr(struct op *op, struct str s)
{
    return str_cstr(op->arena, s);
}

static const char *number(struct op *op, const struct json *j, const char *key)
{
    const struct json *m = json_get(j, key);
    int64_t v = 0;
    if (m && m->type == JSON_STRING)
        return cstr(op, m->s);
    return json_as_i64(m, &v) ? op_printf(op, "%" PRId64, v) : "none";
}

static void begin(struct buf *b, struct json_out *w, struct command_ctx *ctx)
{
    buf_init(b, LIMIT_MIB(1));
    json_out_init(w, b, 0);
    json_begin_object(w);
    if (command_given(ctx, "reason"))
        json_kv_str(w, "reason", command_str(ctx, "reason"));
}

static void say_list(struct command_ctx *ctx, const char *what, const struct json *list)
{
    for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->len; i++) {
        if (list->items[i].type == JSON_STRING)
            command_say(ctx, "  %s%.*s", what, STR_FMT(list->items[i].s));
    }
}

static void say_version(struct op *op, struct command_ctx *ctx, const struct json *v)
{
    command_say(ctx, "version %-4s %-10.*s %-10.*s run %.*s  by %.*s, %.*s", number(op, v, "version"), STR_FMT(remote_text(v, "semver", "-")),
                STR_FMT(remote_text(v, "stage", "None")), STR_FMT(remote_text(v, "run_id", "-")), STR_FMT(remote_text(v, "created_by", "-")),
                STR_FMT(remote_text(v, "created", "-")));
    say_list(ctx, "alias ", json_get(v, "aliases"));
    say_list(ctx, "change: ", json_get(v, "semver_changes"));
}

static enum err show_run(struct op *op, struct command_ctx *ctx)
{
    size_t n = 0;
    const struct str *args = args_get(ctx, &n);
    struct json *doc = NULL;
    const char *version = n > 1 ? cstr(op, args[1]) : NULL;
    enum err e = remote_call(op, ctx, "GET", remote_path(op, "models", cstr(op, args[0]), version ? "versions" : NULL, version, NULL),
                             (struct str){0}, &doc);
    if (e)
        return e;
    if (version) {
        say_version(op, ctx, doc);
        return OK;
    }
    const struct json *aliases = json_get(doc, "aliases"), *latest = json_get(doc, "latest"), *waiting = json_get(doc, "approvals");
    command_say(ctx, "%.*s: %.*s", STR_FMT(args[0]), STR_FMT(remote_text(doc, "description", "no description")));
    for (uint32_t i = 0; aliases && i < aliases->len; i++)
        command_say(ctx, "  %-20.*s version %" PRId64, STR_FMT(aliases->members[i].key), aliases->members[i].value.i);
    for (uint32_t i = 0; latest && i < latest->len; i++)
        say_version(op, ctx, &latest->items[i]);
    if (waiting && waiting->len)
        command_say(ctx, "%u request(s) wait for a second person: ingot model approvals --model %.*s", waiting->len, STR_FMT(args[0]));
    return OK;
}

static enum err history_run(struct op *op, struct command_ctx *ctx)
{
    size_t n = 0;
    const struct str *args = args_get(ctx, &n);
    struct json *doc = NULL;
    struct str path = remote_path(op, "models", cstr(op, args[0]), "history", NULL), subject = STR("");
    const char *query = op_printf(op, "%.*s?limit=%" PRId64, STR_FMT(path), command_int(ctx, "limit"));
    if (command_given(ctx, "alias"))
        subject = command_str(ctx, "alias");
    if (subject.len)
        query = op_printf(op, "%s&kind=alias&subject=%.*s", query, STR_FMT(http_percent_encode(op->arena, subject, true)));
    enum err e = remote_call(op, ctx, "GET", str_from(query), (struct str){0}, &doc);
    const struct json *rows = e ? NULL : json_get(doc, "history");
    for (uint32_t i = 0; rows && rows->type == JSON_ARRAY && i < rows->len; i++) {
        const struct json *r = &rows->items[i];
        struct str action = remote_text(r, "action", ""), reason = remote_text(r, "reason", "");
        command_say(ctx, "%.*s  %-10.*s %.*s %.*s: %.*s -> %.*s%s%.*s%s%.*s", STR_FMT(remote_text(r, "time", "")), STR_FMT(remote_text(r, "actor", "")),
                    STR_FMT(remote_text(r, "kind", "")), STR_FMT(remote_text(r, "subject", "")), STR_FMT(remote_text(r, "from", "none")),
                    STR_FMT(remote_text(r, "to", "none")), action.len ? "  by " : "", STR_FMT(action), reason.len ? "  because: " : "", STR_FMT(reason));
    }
    return e;
}

/* What a move came to; one that waits is a failure to whoever scripted it. */
static enum err say_moved(struct op *op, struct command_ctx *ctx, const struct json *doc, const char *what)
{
    if (json_get(doc, "approval"))
        return op_fail(op, E_DENIED, "%.*s", STR_FMT(remote_text(doc, "message", "the move waits for approval")));
    const struct json *changed = json_get(doc, "changed");
    bool moved = changed && changed->type == JSON_BOOL && changed->boolean;
    command_say(ctx, moved ? "%s: %s -> %s" : "%s: was so already", what, number(op, doc, "from"), number(op, doc, "version"));
    return OK;
}

static enum err alias_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    size_t n = 0;
    const struct str *args = args_get(ctx, &n);
    bool remove = command_flag(ctx, "remove");
    begin(&b, &w, ctx);
    if (remove == (n == 3))
        return op_fail(op, E_INVALID, "give a VERSION, or --remove");
    if (!remove)
        json_kv_str(&w, "version", args[2]);
    json_end_object(&w);
    struct str path = remote_path(op, "models", cstr(op, args[0]), "aliases", cstr(op, args[1]), NULL);
    enum err e = remote_call(op, ctx, remove ? "DELETE" : "PUT", path, buf_str(&b), &doc);
    return e ? e : say_moved(op, ctx, doc, op_printf(op, "alias %.*s of %.*s", STR_FMT(args[1]), STR_FMT(args[0])));
}

static enum err stage_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    size_t n = 0;
    const struct str *args = args_get(ctx, &n);
    begin(&b, &w, ctx);
    json_kv_str(&w, "stage", args[2]);
    json_kv_bool(&w, "archive_others", command_flag(ctx, "archive-others"));
    json_end_object(&w);
    struct str path = remote_path(op, "models", cstr(op, args[0]), "versions", cstr(op, args[1]), "stage", NULL);
    enum err e = remote_call(op, ctx, "PUT", path, buf_str(&b), &doc);
    if (e || json_get(doc, "approval"))
        return e ? e : say_moved(op, ctx, doc, "stage");
    command_say(ctx, "%.*s version %s: stage %.*s -> %.*s", STR_FMT(args[0]), number(op, doc, "version"), STR_FMT(remote_text(doc, "from", "None")),
                STR_FMT(remote_text(doc, "stage", "None")));
    return OK;
}

static enum err rollback_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    size_t n = 0;
    const struct str *args = args_get(ctx, &n);
    bool alias = command_given(ctx, "alias");
    begin(&b, &w, ctx);
    if (alias == command_given(ctx, "stage"))
        return op_fail(op, E_INVALID, "give --alias or --stage");
    json_kv_str(&w, alias ? "alias" : "stage", command_str(ctx, alias ? "alias" : "stage"));
    if (command_given(ctx, "to"))
        json_kv_i64(&w, "to", command_int(ctx, "to"));
    json_kv_bool(&w, "endpoints", command_flag(ctx, "endpoints"));
    json_end_object(&w);
    enum err e = remote_call(op, ctx, "POST", remote_path(op, "models", cstr(op, args[0]), "rollback", NULL), buf_str(&b), &doc);
    if (!e)
        e = say_moved(op, ctx, doc, op_printf(op, "%s %.*s of %.*s", alias ? "alias" : "stage",
                                              STR_FMT(command_str(ctx, alias ? "alias" : "stage")), STR_FMT(args[0])));
    const struct json *endpoints = e ? NULL : json_get(doc, "endpoints");
    size_t failed = 0;
    for (uint32_t i = 0; endpoints && endpoints->type == JSON_ARRAY && i < endpoints->len; i++) {
        struct str error = remote_text(&endpoints->items[i], "error", "");
        failed += error.len > 0;
        command_say(ctx, "  endpoint %.*s: %s%.*s", STR_FMT(remote_text(&endpoints->items[i], "endpoint", "?")), error.len ? "" : "moved", STR_FMT(error));
    }
    return failed ? op_fail(op, E_CONFLICT, "%zu endpoint(s) did not follow", failed) : e;
}

#define REASON_OPTION {"reason", OPTION_STRING, "TEXT", "why; kept in the history", NULL, false}

static const struct option_row show_options[] = {REMOTE_OPTIONS, {0}};
static const struct option_row history_options[] = {
    REMOTE_OPTIONS,
    {"alias", OPTION_STRING, "ALIAS", "only this alias", NULL, false},
    {"limit", OPTION_INT, "N", "newest rows to show", "100", false},
    {0},
};
static const struct option_row alias_options[] = {
    REMOTE_OPTIONS,
    {"remove", OPTION_FLAG, NULL, "take the alias away", NULL, false},
    REASON_OPTION,
    {0},
};
static const struct option_row stage_options[] = {
    REMOTE_OPTIONS,
    {"archive-others", OPTION_FLAG, NULL, "the stage's other versions become Archived", NULL, false},
    REASON_OPTION,
    {0},
};
static const struct option_row rollback_options[] = {
    REMOTE_OPTIONS,
    {"alias", OPTION_STRING, "ALIAS", "roll this alias back", NULL, false},
    {"stage", OPTION_STRING, "STAGE", "roll this stage back: Staging or Production", NULL, false},
    {"to", OPTION_INT, "VERSION", "to this version; else to the one before", NULL, false},
    {"endpoints", OPTION_FLAG, NULL, "endpoints that serve the version that is left follow", NULL, false},
    REASON_OPTION,
    {0},
};

const struct command model_move_commands[] = {
    {"model show", "NAME [VERSION]", 1, 2, "show a model, or one version of it",
     "VERSION is a number, an alias, or a semantic version: 1.2.0, 1.2 (the highest 1.2.x), ^1 (the highest below 2.0.0), ~1.2.3.",
     "  ingot model show flights-delay\n  ingot model show flights-delay ^1", show_options, show_run},
    {"model history", "NAME", 1, 1, "show who moved which alias and stage, when and why", NULL,
     "  ingot model history flights-delay --alias champion", history_options, history_run},
    {"model alias", "NAME ALIAS [VERSION]", 2, 3, "point an alias at a version",
     "A protected alias is not moved: a request waits for a second person then (ingot model approve), and the exit code is 1.",
     "  ingot model alias flights-delay champion 7 --reason 'AUC +2 %'\n  ingot model alias flights-delay challenger --remove", alias_options,
     alias_run},
    {"model stage", "NAME VERSION STAGE", 3, 3, "move a version to a stage", NULL,
     "  ingot model stage flights-delay 7 Production --archive-others --reason release", stage_options, stage_run},
    {"model rollback", "NAME", 1, 1, "put an alias or a stage back to an earlier version",
     "Without --to it goes to the version before; again, and it goes one further back. Where the policy allows it (it does unless told\n"
     "otherwise) a rollback to a version that was there before needs no second person.",
     "  ingot model rollback flights-delay --alias champion --endpoints --reason 'errors in the night'", rollback_options, rollback_run},
    {0},
};
