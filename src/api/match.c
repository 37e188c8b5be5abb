/* A trie over path segments. Each node has a hash map of literal children, at most one {x} child and the rows that
 * end there, one per method; {x*} rows sit on the node before the rest.
 *
 * Matching tries, at every node, the literal child, then {x}, then {x*}, and steps back when a branch fails. The
 * walk keeps its choices on a stack of its own with one entry per segment, so its memory is fixed; a path with
 * more segments than MATCH_DEPTH can only match {x*}. */
#include "api/match.h"

#include "base/map.h"

#define MATCH_DEPTH 32

struct match_row {
    void *value[MATCH_METHODS];
    unsigned allowed;
};

struct match_node {
    struct map children;
    struct match_node *any; /* {x} */
    struct match_row here, rest;
};

static const char *const method_names[MATCH_METHODS] = {
    [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT",
    [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE", [HTTP_OPTIONS] = "OPTIONS",
};

const char *match_method_name(enum http_method method)
{
    return method < MATCH_METHODS ? method_names[method] : "OTHER";
}

static struct match_node *node_new(struct arena *a)
{
    struct match_node *n = arena_new(a, struct match_node);
    map_init(&n->children, a);
    return n;
}

void match_init(struct matcher *m, struct arena *arena)
{
    m->arena = arena;
    m->root = node_new(arena);
}

static struct match_node *child_for(struct matcher *m, struct match_node *node, struct str seg)
{
    struct match_node *next = map_find(&node->children, seg);
    if (next)
        return next;
    next = node_new(m->arena);
    return map_put(&node->children, str_dup(m->arena, seg), next) ? next : NULL;
}

enum err match_add(struct op *op, struct matcher *m, const char *method, const char *path, void *value)
{
    unsigned k = 0;
    while (k < MATCH_METHODS && strcmp(method_names[k], method) != 0)
        k++;
    if (k == MATCH_METHODS)
        return op_fail(op, E_INVALID, "route %s %s: unknown method", method, path);
    if (path[0] != '/')
        return op_fail(op, E_INVALID, "route %s %s: the path must start with '/'", method, path);
    struct str rest = str_from(path + 1), seg;
    struct match_node *node = m->root;
    struct match_row *row = NULL;
    size_t args = 0, depth = 0;
    while (rest.p && str_split(&rest, '/', &seg)) {
        bool braces = seg.len > 2 && seg.p[0] == '{' && seg.p[seg.len - 1] == '}';
        bool tail = braces && seg.p[seg.len - 2] == '*';
        args += braces;
        if (!braces && (memchr(seg.p, '{', seg.len) || memchr(seg.p, '}', seg.len)))
            return op_fail(op, E_INVALID, "route %s %s: a {parameter} must be a whole segment", method, path);
        if (row || args > LIMIT_HTTP_PATH_ARGS || ++depth > MATCH_DEPTH)
            return op_fail(op, E_INVALID, "route %s %s: {rest*} must come last, with few parameters before", method, path);
        if (tail)
            row = &node->rest;
        else if (braces)
            node = node->any ? node->any : (node->any = node_new(m->arena));
        else
            node = child_for(m, node, seg);
        if (!node)
            return op_fail(op, E_TOO_LARGE, "too many routes");
    }
    if (!row)
        row = &node->here;
    if (row->value[k])
        return op_fail(op, E_INVALID, "route %s %s: another row matches the same requests", method, path);
    row->value[k] = value;
    row->allowed |= 1u << k;
    return OK;
}

static void *row_value(const struct match_row *row, enum http_method method)
{
    if (method >= MATCH_METHODS)
        return NULL;
    if (method == HTTP_HEAD && !row->value[HTTP_HEAD])
        return row->value[HTTP_GET];
    return row->value[method];
}

struct match_step {
    const struct match_node *node;
    size_t at;       /* where the segment below this node starts */
    size_t args;
    int tried;       /* 0: nothing, 1: literal, 2: {x}, 3: {x*} */
};

/* Notes a row that fits the path; true if it serves the method. */
static bool take_row(const struct match_row *row, enum http_method method, struct match_result *r)
{
    r->allowed |= row->allowed;
    r->value = row_value(row, method);
    return r->value != NULL;
}

void match_find(const struct matcher *m, enum http_method method, struct str path, struct match_result *ret)
{
    struct match_result r = {0};
    struct match_step stack[MATCH_DEPTH + 1];
    size_t depth = 0;
    stack[0] = (struct match_step){.node = m->root, .at = 1};
    for (;;) {
        struct match_step *s = &stack[depth];
        const struct match_node *next = NULL;
        struct str rest = str_sub(path, s->at, SIZE_MAX);
        size_t slash = str_find_char(rest, '/');
        struct str seg = str_sub(rest, 0, slash == SIZE_MAX ? rest.len : slash);
        size_t args = s->args;
        while (!next && s->tried < 3) {
            s->tried++;
            if (s->tried == 1) {
                next = map_find(&s->node->children, seg);
            } else if (s->tried == 2 && seg.len > 0 && args < LIMIT_HTTP_PATH_ARGS) {
                next = s->node->any;
                if (next)
                    r.args[args++] = seg;
            } else if (s->tried == 3 && rest.len > 0 && s->node->rest.allowed && args < LIMIT_HTTP_PATH_ARGS) {
                r.args[args] = rest;
                r.arg_count = args + 1;
                if (take_row(&s->node->rest, method, &r))
                    goto found;
            }
        }
        if (next && slash == SIZE_MAX) {
            r.arg_count = args;
            if (next->here.allowed && take_row(&next->here, method, &r))
                goto found;
            continue; /* the same step, its next choice */
        }
        if (next && depth < MATCH_DEPTH) {
            stack[++depth] = (struct match_step){.node = next, .at = s->at + slash + 1, .args = args};
            continue;
        }
        if (s->tried < 3)
            continue;
        if (depth == 0)
            break;
        depth--;
    }
    r.arg_count = 0;
found:
    *ret = r;
}
