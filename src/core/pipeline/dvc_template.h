/* dvc_template.h - the `${...}` of dvc.yaml: variables from params.yaml, `vars` files and inline maps.
 * A context is a JSON object; nothing is ever overwritten in it (E_INVALID names the key). Everything lives in
 * op's arena. Errors: E_INVALID with the place in dvc.yaml named; E_NOT_FOUND never leaves this module. */
#ifndef INGOT_CORE_PIPELINE_DVC_TEMPLATE_H
#define INGOT_CORE_PIPELINE_DVC_TEMPLATE_H

#include "base/json.h"

struct dvc_import {
    struct str path;
    const struct json *keys; /* strings loaded so far, or NULL: the whole file */
    struct dvc_import *next;
};
struct dvc_context {
    struct json root;            /* an object */
    struct dvc_import *imports;
    bool list_append, bool_optional; /* how a map unpacks in a command (see workspace.h) */
};

/* Loads "file" or "file:k1,k2" (relative to `dir`) into the context. */
MUST_USE enum err dvc_context_import(struct op *op, struct dvc_context *ctx, struct str dir, struct str item, const char *where);
/* A list of such items and of inline maps, as the `vars` of dvc.yaml. */
MUST_USE enum err dvc_context_vars(struct op *op, struct dvc_context *ctx, struct str dir, const struct json *vars, const char *where);
/* A copy in which `item` (and `key` unless empty) stand at the top, hiding others of that name. */
struct dvc_context dvc_context_with(struct op *op, const struct dvc_context *ctx, const struct json *item, struct str key);

enum dvc_resolve_flags {
    DVC_RESOLVE_PLAIN = 0,
    DVC_RESOLVE_CMD = 1 << 0, /* a map unpacks to --key value */
    DVC_RESOLVE_ANY = 1 << 1, /* `${x}` alone may be a list or a map: foreach and matrix */
};
/* Replaces every `${path}` in strings and keys of `src`. A string that is one `${path}` takes the value's type. */
MUST_USE enum err dvc_resolve(struct op *op, const struct dvc_context *ctx, const struct json *src, unsigned flags,
                              const char *where, struct json *ret);
/* True when the text has a `${...}` that is not escaped. */
bool dvc_is_template(struct str text);
/* The text of a scalar as Python prints it: true/false, None, 0.1, 1e-05. */
void dvc_scalar_text(struct buf *b, const struct json *j);

#endif
