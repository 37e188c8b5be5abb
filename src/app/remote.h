/* remote.h - what the commands that talk to a running server share: where it is, who we are. */
#ifndef INGOT_APP_REMOTE_H
#define INGOT_APP_REMOTE_H

#include "app/command.h"
#include "net/client.h"

/* Rows for a command's option table: --server (default $INGOT_SERVER, else http://127.0.0.1:5000) and --token
 * (default $INGOT_TOKEN). */
#define REMOTE_OPTIONS                                                                                          \
    {"server", OPTION_STRING, "URL", "the server; else $INGOT_SERVER, else http://127.0.0.1:5000", NULL, false}, \
    {"token", OPTION_STRING, "TOKEN", "access token; else $INGOT_TOKEN", NULL, false}

/* The caller destroys *ret. */
MUST_USE enum err remote_open(struct op *op, struct command_ctx *ctx, struct client **ret);
/* The server's URL and token as remote_open takes them. */
struct str remote_url(struct command_ctx *ctx);
struct str remote_token(struct command_ctx *ctx);

/* "/api/ingot/v1/" + the parts, each percent-encoded, joined by '/'; ends at a NULL part. */
struct str remote_path(struct op *op, const char *first, ...) __attribute__((sentinel));
/* A text of an answer, or `dflt` where it is absent or empty. */
struct str remote_text(const struct json *doc, const char *key, const char *dflt);
/* One call with JSON in and out; the answer is the command's document too. */
MUST_USE enum err remote_call(struct op *op, struct command_ctx *ctx, const char *method, struct str path, struct str body, struct json **ret);

#endif
