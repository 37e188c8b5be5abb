/* cmd_audit.c - the audit log from the command line. */
#include "app/commands.h"
#include "app/remote.h"

static enum err audit_list_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    enum err e = remote_open(op, ctx, &c);
    if (e)
        return e;
    const char *path = op_printf(op, "/api/ingot/v1/audit?limit=%lld", (long long)command_int(ctx, "limit"));
    if (command_given(ctx, "kind")) {
        struct str kind = http_percent_encode(op->arena, command_str(ctx, "kind"), true);
        path = op_printf(op, "%s&kind=%.*s", path, STR_FMT(kind));
    }
    if ((e = client_json(op, c, "GET", str_from(path), (struct str){0}, &doc)))
        return e;
    json_value(command_out(ctx), doc);
    const struct json *rows = json_get(doc, "rows");
    for (uint32_t i = 0; rows && rows->type == JSON_ARRAY && i < rows->len; i++) {
        struct str time = STR(""), actor = STR(""), verb = STR(""), kind = STR(""), object = STR("");
        if ((e = json_want_str(op, &rows->items[i], "time", &time)) || (e = json_want_str(op, &rows->items[i], "actor", &actor)) ||
            (e = json_want_str(op, &rows->items[i], "verb", &verb)) || (e = json_want_str(op, &rows->items[i], "kind", &kind)) ||
            (e = json_want_str(op, &rows->items[i], "object", &object)))
            return e;
        command_say(ctx, "%.*s  %-10.*s %-16.*s %-14.*s %.*s", STR_FMT(time), STR_FMT(actor), STR_FMT(verb), STR_FMT(kind), STR_FMT(object));
    }
    return OK;
}

static enum err audit_verify_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    int64_t rows = 0;
    enum err e = remote_open(op, ctx, &c);
    if (e || (e = client_json(op, c, "GET", STR("/api/ingot/v1/audit/verify"), (struct str){0}, &doc)) ||
        (e = json_want_i64(op, doc, "rows", 0, INT64_MAX, &rows)))
        return e;
    json_value(command_out(ctx), doc);
    command_say(ctx, "audit log intact: %lld rows, every hash follows from the one before", (long long)rows);
    return OK;
}

static const struct option_row list_options[] = {
    REMOTE_OPTIONS,
    {"kind", OPTION_STRING, "KIND", "only rows about this kind of object (endpoint, feature_view, model_version, ...)", NULL, false},
    {"limit", OPTION_INT, "N", "newest rows to show", "100", false},
    {0},
};
static const struct option_row verify_options[] = {REMOTE_OPTIONS, {0}};

const struct command audit_commands[] = {
    {"audit list", "", 0, 0, "show who changed what, newest first", NULL, "  ingot audit list --kind endpoint --limit 20", list_options, audit_list_run},
    {"audit verify", "", 0, 0, "check that no audit row was changed or taken out",
     "Every row holds the hash of the one before it; the walk names the first row that does not fit.", "  ingot audit verify", verify_options,
     audit_verify_run},
    {0},
};
