/* match.h - from method and path to a route row (inside src/api). Compiled once; matching allocates nothing, is pure and
 * thread-safe. Static segments win over {x}, {x} over {x*}. */
#ifndef INGOT_API_MATCH_H
#define INGOT_API_MATCH_H

#include "api/route.h"
#include "base/limits.h"

#define MATCH_METHODS 7 /* HTTP_GET .. HTTP_OPTIONS, without HTTP_OTHER */

struct match_node;
struct matcher {
    struct arena *arena;
    struct match_node *root;
};

void match_init(struct matcher *m, struct arena *arena);
/* Adds a row under the caller's `value`. E_INVALID: malformed path, unknown method, or the same requests twice. */
MUST_USE enum err match_add(struct op *op, struct matcher *m, const char *method, const char *path, void *value);

struct match_result {
    void *value;               /* NULL: no row for this method */
    unsigned allowed;          /* bit per enum http_method of the rows for this path; 0: unknown path */
    struct str args[LIMIT_HTTP_PATH_ARGS];
    size_t arg_count;
};
/* HEAD takes the row of GET if it has none of its own. */
void match_find(const struct matcher *m, enum http_method method, struct str path, struct match_result *ret);

const char *match_method_name(enum http_method method);

#endif
