/* cmd_model_card.c - what a version is, in words and as a graph. */
#include <inttypes.h>
#include <stdio.h>

#include "app/commands.h"
#include "app/remote.h"
#include "base/file.h"
#include "base/limits.h"

/* "owner=team-a" or "intended_use=@use.md". */
static enum err section_write(struct op *op, struct str text, struct json_out *w)
{
    size_t at = str_find_char(text, '=');
    if (at == SIZE_MAX || !at)
        return op_fail(op, E_INVALID, "--set must be SECTION=TEXT or SECTION=@FILE, not '%.*s'", STR_FMT(str_sub(text, 0, 100)));
    struct str value = str_sub(text, at + 1, SIZE_MAX);
    if (value.len && value.p[0] == '@') {
        enum err e = file_read(op, str_cstr(op->arena, str_sub(value, 1, SIZE_MAX)), LIMIT_MIB(1), &value);
        if (e)
            return e;
    }
    json_key_str(w, str_sub(text, 0, at));
    json_str(w, value);
    return OK;
}

static enum err sections_put(struct op *op, struct command_ctx *ctx, struct client *c, struct str path)
{
    AUTO(buf) struct buf b;
    struct json_out w;
    struct json *doc = NULL;
    const struct str *sets = NULL;
    size_t n = command_multi(ctx, "set", &sets);
    enum err e = OK;
    buf_init(&b, LIMIT_MIB(16));
    json_out_init(&w, &b, 0);
    json_begin_object(&w);
    if (command_given(ctx, "reason"))
        json_kv_str(&w, "reason", command_str(ctx, "reason"));
    json_key(&w, "sections");
    json_begin_object(&w);
    for (size_t i = 0; !e && i < n; i++)
        e = section_write(op, sets[i], &w);
    if (e)
        return e;
    json_end_object(&w);
    json_end_object(&w);
    return client_json(op, c, "PUT", path, buf_str(&b), &doc);
}

static enum err markdown_say(struct op *op, struct command_ctx *ctx, struct client *c, struct str path)
{
    struct client_answer a;
    enum err e = client_call(op, c, "GET", str_from(op_printf(op, "%.*s?format=markdown", STR_FMT(path))), STR(""), (struct str){0}, &a);
    if (e)
        return e;
    if (a.status != 200)
        return op_fail(op, E_IO, "the server answered %d to a question for the card", a.status);
    struct str rest = a.body, line;
    while (rest.len && str_split(&rest, '\n', &line))
        command_say(ctx, "%.*s", STR_FMT(line));
    return OK;
}

static enum err card_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    const struct str *args = NULL;
    command_args(ctx, &args);
    struct str path = remote_path(op, "models", str_cstr(op->arena, args[0]), "versions", str_cstr(op->arena, args[1]), "card", NULL);
    enum err e = remote_open(op, ctx, &c);
    if (!e && command_given(ctx, "set"))
        e = sections_put(op, ctx, c, path);
    if (!e)
        e = client_json(op, c, "GET", path, (struct str){0}, &doc);
    if (e)
        return e;
    json_value(command_out(ctx), doc);
    return command_json(ctx) ? OK : markdown_say(op, ctx, c, path);
}

static enum err lineage_run(struct op *op, struct command_ctx *ctx)
{
    struct json *doc = NULL, *version = NULL;
    const struct str *args = NULL;
    size_t n = command_args(ctx, &args);
    struct str node = command_str(ctx, "node");
    AUTO(client) struct client *c = NULL;
    enum err e = OK;
    if ((n > 0) == (node.len > 0))
        return op_fail(op, E_INVALID, "give NAME and VERSION, or --node");
    if (n) {
        int64_t number = 0;
        if ((e = remote_open(op, ctx, &c)) ||
            (e = client_json(op, c, "GET", remote_path(op, "models", str_cstr(op->arena, args[0]), "versions", n > 1 ? str_cstr(op->arena, args[1]) : "latest", NULL),
                             (struct str){0}, &version)) ||
            (e = json_want_i64(op, version, "version", 1, INT64_MAX, &number)))
            return e;
        struct str name = http_percent_encode(op->arena, args[0], true); /* the node's own escaping: a name has no '/', but may have a '%' */
        node = str_from(op_printf(op, "version/%.*s/%" PRId64, STR_FMT(str_find_char(args[0], '%') == SIZE_MAX ? args[0] : name), number));
    }
    const char *path = op_printf(op, "/api/ingot/v1/lineage?node=%.*s&direction=%.*s&depth=%" PRId64,
                                 STR_FMT(http_percent_encode(op->arena, node, true)),
                                 STR_FMT(http_percent_encode(op->arena, command_str(ctx, "direction"), true)), command_int(ctx, "depth"));
    if ((e = remote_call(op, ctx, "GET", str_from(path), (struct str){0}, &doc)))
        return e;
    const struct json *nodes = json_get(doc, "nodes"), *edges = json_get(doc, "edges");
    for (uint32_t i = 0; nodes && nodes->type == JSON_ARRAY && i < nodes->len; i++) {
        int64_t depth = 0;
        if (!json_as_i64(json_get(&nodes->items[i], "depth"), &depth))
            continue;
        command_say(ctx, "%+3" PRId64 "  %.*s  %.*s %.*s", depth, STR_FMT(remote_text(&nodes->items[i], "id", "?")),
                    STR_FMT(remote_text(&nodes->items[i], "label", "")), STR_FMT(remote_text(&nodes->items[i], "state", "")));
    }
    for (uint32_t i = 0; edges && edges->type == JSON_ARRAY && i < edges->len; i++)
        command_say(ctx, "  %.*s --%.*s--> %.*s", STR_FMT(remote_text(&edges->items[i], "from", "?")),
                    STR_FMT(remote_text(&edges->items[i], "relation", "?")), STR_FMT(remote_text(&edges->items[i], "to", "?")));
    return OK;
}

static const struct option_row card_options[] = {
    REMOTE_OPTIONS,
    {"set", OPTION_MULTI, "SECTION=TEXT", "write a section (owner, intended_use, limitations, training_data, evaluation, ethics, caveats); @FILE reads it; may repeat", NULL, false},
    {"reason", OPTION_STRING, "TEXT", "why; kept with the edit", NULL, false},
    {0},
};
static const struct option_row lineage_options[] = {
    REMOTE_OPTIONS,
    {"node", OPTION_STRING, "NODE", "start elsewhere: run/ID, endpoint/NAME, dataset/DIGEST/NAME, ...", NULL, false},
    {"direction", OPTION_STRING, "WAY", "up, down or both", "both", false},
    {"depth", OPTION_INT, "N", "steps", "32", false},
    {0},
};

const struct command model_card_commands[] = {
    {"model card", "NAME VERSION", 2, 2, "show a version's model card, or write its owner's sections",
     "What the platform knows is put in by itself; a section that the version lacks is taken from the nearest version before it.",
     "  ingot model card flights-delay champion\n  ingot model card flights-delay 7 --set owner=team-ops --set intended_use=@use.md", card_options,
     card_run},
    {"model lineage", "[NAME] [VERSION]", 0, 2, "show where a version comes from and what became of it",
     "Without VERSION it is the latest one.",
     "  ingot model lineage flights-delay champion\n  ingot model lineage --node endpoint/flights --direction down", lineage_options, lineage_run},
    {0},
};
