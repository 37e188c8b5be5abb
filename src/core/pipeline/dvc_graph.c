#include "core/pipeline/dvc_graph.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/vec.h"
#include "core/pipeline/fspath.h"

struct owner {
    struct str path;
    uint32_t stage;
};
struct owners {
    struct owner *sorted; /* by path */
    size_t len;
    struct map exact;     /* path -> struct owner */
};
struct edges {
    VEC(uint32_t) from, to; /* from feeds to */
};

static int by_path(const void *a, const void *b)
{
    return str_cmp(((const struct owner *)a)->path, ((const struct owner *)b)->path);
}

static enum err overlap(struct op *op, const struct dvc_file *f, const struct owner *a, const struct owner *b)
{
    return op_fail(op, E_INVALID, "dvc.yaml: outputs overlap: '%.*s' of stage '%.*s' and '%.*s' of stage '%.*s'",
                   STR_FMT(a->path), STR_FMT(f->stages[a->stage].name), STR_FMT(b->path), STR_FMT(f->stages[b->stage].name));
}

static enum err owners_build(struct op *op, const struct dvc_file *f, struct owners *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < f->len; i++)
        n += f->stages[i].outs_len;
    struct owners o = {.sorted = arena_array(op->arena, n + 1, struct owner)};
    if (!o.sorted)
        return op_fail(op, E_TOO_LARGE, "dvc.yaml: too many outputs");
    for (uint32_t i = 0; i < f->len; i++) {
        for (size_t k = 0; k < f->stages[i].outs_len; k++)
            o.sorted[o.len++] = (struct owner){.path = f->stages[i].outs[k].path.abs, .stage = i};
    }
    qsort(o.sorted, o.len, sizeof(*o.sorted), by_path);
    map_init(&o.exact, op->arena);
    for (size_t i = 0; i < o.len; i++) {
        struct owner *same = map_find(&o.exact, o.sorted[i].path);
        if (same)
            return overlap(op, f, same, &o.sorted[i]);
        if (!map_put(&o.exact, o.sorted[i].path, &o.sorted[i]))
            return op_fail(op, E_TOO_LARGE, "dvc.yaml: too many outputs");
    }
    for (size_t i = 0; i < o.len; i++) {
        for (struct str up = fspath_parent(o.sorted[i].path); up.len > 1; up = fspath_parent(up)) {
            struct owner *above = map_find(&o.exact, up);
            if (above)
                return overlap(op, f, above, &o.sorted[i]);
        }
    }
    *ret = o;
    return OK;
}

static bool edge_add(struct op *op, struct edges *e, uint32_t from, uint32_t to)
{
    uint32_t *a = vec_push(&e->from, op->arena), *b = vec_push(&e->to, op->arena);
    if (!a || !b)
        return false;
    *a = from;
    *b = to;
    return true;
}

/* Outputs at, above and below one dependency. */
static bool edges_of(struct op *op, const struct owners *o, struct str dep, uint32_t stage, struct edges *e)
{
    bool ok = true;
    for (struct str up = dep; up.len > 1; up = fspath_parent(up)) {
        struct owner *hit = map_find(&o->exact, up);
        if (hit)
            ok = ok && edge_add(op, e, hit->stage, stage);
    }
    size_t lo = 0, hi = o->len;
    struct str below = str_from(op_printf(op, "%.*s/", STR_FMT(dep)));
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (str_cmp(o->sorted[mid].path, below) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < o->len && str_starts(o->sorted[lo].path, below); lo++)
        ok = ok && edge_add(op, e, o->sorted[lo].stage, stage);
    return ok;
}

static void node_push(struct dvc_node *n, bool feeds, uint32_t other)
{
    uint32_t *list = feeds ? n->feeds : n->needs;
    uint32_t *len = feeds ? &n->feeds_len : &n->needs_len;
    for (uint32_t i = *len; i > 0 && i + 8 > *len; i--) { /* repeats of one stage come close together */
        if (list[i - 1] == other)
            return;
    }
    list[(*len)++] = other;
}

static enum err nodes_fill(struct op *op, struct dvc_graph *g, const struct edges *e)
{
    size_t n = g->file->len;
    uint32_t *in = arena_array(op->arena, n + 1, uint32_t), *out = arena_array(op->arena, n + 1, uint32_t);
    if (!in || !out)
        return op_fail(op, E_TOO_LARGE, "dvc.yaml: too many stages");
    for (size_t i = 0; i < e->from.len; i++) {
        out[e->from.p[i]]++;
        in[e->to.p[i]]++;
    }
    for (size_t i = 0; i < n; i++) {
        g->nodes[i].needs = arena_array(op->arena, in[i] + 1u, uint32_t);
        g->nodes[i].feeds = arena_array(op->arena, out[i] + 1u, uint32_t);
        if (!g->nodes[i].needs || !g->nodes[i].feeds)
            return op_fail(op, E_TOO_LARGE, "dvc.yaml: too many edges");
    }
    for (size_t i = 0; i < e->from.len; i++) {
        struct dvc_node *a = &g->nodes[e->from.p[i]], *b = &g->nodes[e->to.p[i]];
        uint32_t before = b->needs_len;
        node_push(b, false, e->from.p[i]);
        if (b->needs_len > before)
            a->feeds[a->feeds_len++] = e->to.p[i];
    }
    return OK;
}

/* Follows unfinished needs from a stage of a cycle until one repeats, and names the ring. */
static enum err cycle(struct op *op, const struct dvc_graph *g, const uint32_t *left)
{
    size_t n = g->file->len;
    uint32_t at = 0;
    while (left[at] == 0)
        at++;
    bool *seen = arena_alloc(op->arena, n);
    while (!seen[at]) {
        seen[at] = true;
        uint32_t k = 0;
        while (left[g->nodes[at].needs[k]] == 0)
            k++;
        at = g->nodes[at].needs[k];
    }
    uint32_t start = at;
    const char *text = op_printf(op, "%.*s", STR_FMT(g->file->stages[at].name));
    for (int hops = 0; hops < 20; hops++) {
        uint32_t k = 0;
        while (left[g->nodes[at].needs[k]] == 0 || !seen[g->nodes[at].needs[k]])
            k++;
        at = g->nodes[at].needs[k];
        text = op_printf(op, "%.*s -> %s", STR_FMT(g->file->stages[at].name), text);
        if (at == start)
            break;
    }
    return op_fail(op, E_INVALID, "dvc.yaml: stages form a cycle: %s", text);
}

static enum err order_build(struct op *op, struct dvc_graph *g)
{
    size_t n = g->file->len, head = 0, tail = 0;
    uint32_t *left = arena_array(op->arena, n + 1, uint32_t);
    g->order = arena_array(op->arena, n + 1, uint32_t);
    if (!left || !g->order)
        return op_fail(op, E_TOO_LARGE, "dvc.yaml: too many stages");
    for (uint32_t i = 0; i < n; i++) {
        left[i] = g->nodes[i].needs_len;
        if (left[i] == 0)
            g->order[tail++] = i;
    }
    while (head < tail) {
        const struct dvc_node *d = &g->nodes[g->order[head++]];
        for (uint32_t k = 0; k < d->feeds_len; k++) {
            if (--left[d->feeds[k]] == 0)
                g->order[tail++] = d->feeds[k];
        }
    }
    return tail == n ? OK : cycle(op, g, left);
}

enum err dvc_graph_build(struct op *op, const struct dvc_file *file, struct dvc_graph **ret)
{
    struct dvc_graph *g = op_new(op, struct dvc_graph);
    g->file = file;
    g->nodes = arena_array(op->arena, file->len + 1, struct dvc_node);
    struct owners o;
    struct edges edges = {0};
    enum err e = g->nodes ? owners_build(op, file, &o) : op_fail(op, E_TOO_LARGE, "dvc.yaml: too many stages");
    for (uint32_t i = 0; !e && i < file->len; i++) {
        const struct dvc_stage *s = &file->stages[i];
        bool ok = true;
        for (size_t k = 0; !s->frozen && k < s->deps_len; k++)
            ok = ok && edges_of(op, &o, s->deps[k].abs, i, &edges);
        for (size_t k = 0; !s->frozen && k < s->params_len; k++)
            ok = ok && edges_of(op, &o, s->params[k].path.abs, i, &edges);
        if (!ok)
            e = op_fail(op, E_TOO_LARGE, "dvc.yaml: too many edges");
    }
    if (!e)
        e = nodes_fill(op, g, &edges);
    if (!e)
        e = order_build(op, g);
    if (e)
        return e;
    *ret = g;
    return OK;
}

static bool target_matches(const struct dvc_stage *s, struct str target)
{
    if (str_eq(s->name, target))
        return true;
    if (s->name.len > target.len && str_starts(s->name, target) && s->name.p[target.len] == '@')
        return true;
    for (size_t i = 0; i < s->outs_len; i++) {
        if (str_eq(s->outs[i].path.def, target))
            return true;
    }
    return false;
}

enum err dvc_graph_select(struct op *op, const struct dvc_graph *g, const struct str *targets, size_t n, bool *ret_wanted)
{
    size_t stages = g->file->len;
    for (size_t i = 0; i < stages; i++)
        ret_wanted[i] = n == 0;
    for (size_t t = 0; t < n; t++) {
        bool any = false;
        for (size_t i = 0; i < stages; i++) {
            if (target_matches(&g->file->stages[i], targets[t]))
                any = ret_wanted[i] = true;
        }
        if (!any)
            return op_fail(op, E_NOT_FOUND, "dvc.yaml has no stage '%.*s'", STR_FMT(targets[t]));
    }
    for (size_t k = stages; k > 0; k--) {
        uint32_t i = g->order[k - 1];
        for (uint32_t j = 0; ret_wanted[i] && j < g->nodes[i].needs_len; j++)
            ret_wanted[g->nodes[i].needs[j]] = true;
    }
    return OK;
}
