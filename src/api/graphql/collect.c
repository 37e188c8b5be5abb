#include "api/graphql/collect.h"

#include "base/limits.h"
#include "base/vec.h"

/* "component", on operations, is the only directive; like upstream, not even @include is known. */
enum err gql_directives_check(struct op *op, const struct gql_directive *d, const char *location)
{
    for (; d; d = d->next) {
        bool named = false;
        if (!str_eqc(d->name, "component"))
            return op_fail_field(op, "query", "Unknown directive '@%.*s'.", STR_FMT(d->name));
        if (location)
            return op_fail_field(op, "query", "Directive '@component' may not be used on %s.", location);
        for (const struct gql_argument *a = d->arguments; a; a = a->next) {
            if (!str_eqc(a->name, "name"))
                return op_fail_field(op, "query", "Unknown argument '%.*s' on directive '@component'.", STR_FMT(a->name));
            if (a->value.kind != GQL_STRING)
                return op_fail_field(op, "query", "String cannot represent a non string value: %.*s", STR_FMT(a->value.source));
            named = true;
        }
        if (!named)
            return op_fail_field(op, "query", "Directive '@component' argument 'name' of type 'String!' is required, but it was not provided.");
    }
    return OK;
}

struct cursors {
    VEC(const struct gql_selection *) open;
};

static enum err enter(struct gql_walk *w, struct cursors *c, const struct gql_selection *first)
{
    const struct gql_selection **slot = vec_push(&c->open, w->op->arena);
    if (!slot)
        return op_fail(w->op, E_TOO_LARGE, "the document does not fit in memory");
    *slot = first;
    return OK;
}

static enum err condition_check(struct gql_walk *w, const struct gql_type *type, struct str condition, struct str fragment)
{
    const struct gql_type *want = condition.len ? gql_type_find(condition) : type;
    if (want == type)
        return OK;
    if (!want)
        return op_fail_field(w->op, "query", "Unknown type '%.*s'.", STR_FMT(condition));
    if (fragment.len)
        return op_fail_field(w->op, "query", "Fragment '%.*s' cannot be spread here as objects of type '%s' can never be of type '%s'.",
                             STR_FMT(fragment), type->name, want->name);
    return op_fail_field(w->op, "query", "Fragment cannot be spread here as objects of type '%s' can never be of type '%s'.", type->name, want->name);
}

static enum err enter_spread(struct gql_walk *w, struct cursors *c, const struct gql_type *type, const struct gql_selection *s, bool strict)
{
    struct gql_fragment *f = gql_fragment_find(w->document, s->name);
    if (!f)
        return strict ? op_fail_field(w->op, "query", "Unknown fragment '%.*s'.", STR_FMT(s->name)) : OK;
    f->used = true;
    if (f->visit == w->visit)
        return OK;
    f->visit = w->visit;
    enum err e = type ? condition_check(w, type, f->type, f->name) : OK;
    return e ? e : enter(w, c, f->first);
}

static enum err walk(struct gql_walk *w, const struct gql_type *type, const struct gql_selection *first, bool strict, gql_field_fn fn, void *arg)
{
    struct cursors c = {0};
    enum err e = enter(w, &c, first);
    while (!e && c.open.len > 0) {
        const struct gql_selection *s = c.open.p[c.open.len - 1];
        if (!s) {
            c.open.len--;
            continue;
        }
        c.open.p[c.open.len - 1] = s->next;
        if (s->kind == GQL_FIELD) {
            e = fn(arg, s);
            continue;
        }
        if (strict)
            e = gql_directives_check(w->op, s->directives, s->kind == GQL_SPREAD ? "fragment spread" : "inline fragment");
        if (!e && s->kind == GQL_SPREAD) {
            e = enter_spread(w, &c, type, s, strict);
        } else if (!e) {
            e = type ? condition_check(w, type, s->type, STR("")) : OK;
            if (!e)
                e = enter(w, &c, s->first);
        }
    }
    return e;
}

enum err gql_walk_set(struct gql_walk *w, const struct gql_type *type, const struct gql_selection *first, bool strict, gql_field_fn fn, void *arg)
{
    w->visit++;
    return walk(w, type, first, strict, fn, arg);
}

struct collecting {
    struct gql_walk *w;
    const struct gql_type *type;
    struct gql_wanted *first, **last;
};

static bool same_arguments(const struct gql_argument *a, const struct gql_argument *b)
{
    for (; a && b; a = a->next, b = b->next)
        if (!str_eq(a->name, b->name) || !str_eq(a->value.source, b->value.source))
            return false;
    return !a && !b;
}

static enum err conflict(struct op *op, struct str key, const char *why)
{
    return op_fail_field(op, "query", "Fields '%.*s' conflict because %s. Use different aliases on the fields to fetch both if this was intentional.",
                         STR_FMT(key), why);
}

static enum err merge(struct collecting *c, struct gql_wanted *known, const struct gql_selection *s)
{
    struct op *op = c->w->op;
    const struct gql_selection *a = known->nodes->selection;
    if (!str_eq(a->name, s->name))
        return conflict(op, known->key, op_printf(op, "'%.*s' and '%.*s' are different fields", STR_FMT(a->name), STR_FMT(s->name)));
    if (!same_arguments(a->arguments, s->arguments))
        return conflict(op, known->key, "they have differing arguments");
    struct gql_node **last = &known->nodes;
    while (*last)
        last = &(*last)->next;
    *last = op_new(op, struct gql_node);
    (*last)->selection = s;
    return OK;
}

static enum err collect_field(void *arg, const struct gql_selection *s)
{
    struct collecting *c = arg;
    struct op *op = c->w->op;
    struct str key = s->alias.len ? s->alias : s->name;
    for (struct gql_wanted *k = c->first; k; k = k->next)
        if (str_eq(k->key, key))
            return merge(c, k, s);
    const struct gql_field *f = gql_field_find(c->type, s->name);
    if (!f && !str_eqc(s->name, "__typename"))
        return op_fail_field(op, "query", "Cannot query field '%.*s' on type '%s'.", STR_FMT(s->name), c->type->name);
    struct gql_wanted *k = op_new(op, struct gql_wanted);
    *k = (struct gql_wanted){.key = key, .field = f, .nodes = op_new(op, struct gql_node)};
    k->nodes->selection = s;
    *c->last = k;
    c->last = &k->next;
    return OK;
}

enum err gql_collect(struct gql_walk *w, const struct gql_type *type, const struct gql_node *nodes, struct gql_wanted **ret)
{
    struct collecting c = {.w = w, .type = type};
    enum err e = OK;
    c.last = &c.first;
    w->visit++; /* one walk: a fragment that several of the nodes spread counts once */
    for (; !e && nodes; nodes = nodes->next)
        e = walk(w, type, nodes->selection->first, true, collect_field, &c);
    *ret = c.first;
    return e;
}
