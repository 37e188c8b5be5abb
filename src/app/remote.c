#include "app/remote.h"

#include <stdarg.h>
#include <stdlib.h>

#define REMOTE_DEFAULT_URL "http://127.0.0.1:5000"
#define REMOTE_TIMEOUT_MS 600000

struct str remote_url(struct command_ctx *ctx)
{
    if (command_given(ctx, "server"))
        return command_str(ctx, "server");
    const char *env = getenv("INGOT_SERVER");
    return str_from(env && *env ? env : REMOTE_DEFAULT_URL);
}

struct str remote_token(struct command_ctx *ctx)
{
    if (command_given(ctx, "token"))
        return command_str(ctx, "token");
    return str_from(getenv("INGOT_TOKEN"));
}

enum err remote_open(struct op *op, struct command_ctx *ctx, struct client **ret)
{
    struct client_config config = {.base_url = remote_url(ctx), .bearer_token = remote_token(ctx), .timeout_ms = REMOTE_TIMEOUT_MS};
    return client_create(op, &config, ret);
}

struct str remote_path(struct op *op, const char *first, ...)
{
    const char *path = "/api/ingot/v1";
    va_list ap;
    va_start(ap, first);
    for (const char *part = first; part; part = va_arg(ap, const char *)) {
        struct str enc = http_percent_encode(op->arena, str_from(part), true);
        path = op_printf(op, "%s/%.*s", path, STR_FMT(enc));
    }
    va_end(ap);
    return str_from(path);
}

struct str remote_text(const struct json *doc, const char *key, const char *dflt)
{
    const struct json *m = json_get(doc, key);
    return m && m->type == JSON_STRING && m->s.len ? m->s : str_from(dflt);
}

enum err remote_call(struct op *op, struct command_ctx *ctx, const char *method, struct str path, struct str body, struct json **ret)
{
    AUTO(client) struct client *c = NULL;
    struct json *doc = NULL;
    enum err e = remote_open(op, ctx, &c);
    if (e || (e = client_json(op, c, method, path, body, &doc)))
        return e;
    json_value(command_out(ctx), doc);
    *ret = doc;
    return OK;
}
