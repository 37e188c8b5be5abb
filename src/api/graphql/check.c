/* The order of the checks is upstream's: limits, then everything that can be said without the variables' values, then which operation,
 * then the values. Upstream lists every fault of a document; here the first one found is the answer. */
#include "api/graphql/collect.h"
#include "api/graphql/execute.h"

#include "base/limits.h"
#include "base/vec.h"

/* ---- limits ---- */

struct set_at {
    const struct gql_selection *first;
    int depth;
};
struct counting {
    struct op *op;
    VEC(struct set_at) todo;
    int depth, root_fields, aliases, selections;
};

static enum err count_field(void *arg, const struct gql_selection *s)
{
    struct counting *c = arg;
    c->root_fields += c->depth == 1;
    c->aliases += s->alias.len > 0;
    if (s->has_set) {
        struct set_at *slot = vec_push(&c->todo, c->op->arena);
        if (!slot)
            return op_fail(c->op, E_TOO_LARGE, "the document does not fit in memory");
        *slot = (struct set_at){s->first, c->depth + 1};
    }
    if (++c->selections > LIMIT_GRAPHQL_SELECTIONS)
        return op_fail_field(c->op, "query", "Query exceeds maximum total selections of %d", LIMIT_GRAPHQL_SELECTIONS);
    return OK;
}

static enum err too_many(struct op *op, int max, const char *what, int got, const char *variable)
{
    return op_fail_field(op, "query", "GraphQL queries should have at most %d %s, got %d %s. To increase the limit, set the %s environment variable.", max,
                         what, got, what, variable);
}

enum err gql_limits_check(struct op *op, const struct gql_document *d, struct gql_limits limits)
{
    struct gql_walk w = {.op = op, .document = d};
    int root_fields = 0, aliases = 0, selections = 0, fragments = 0;
    for (const struct gql_fragment *f = d->fragments; f; f = f->next)
        if (++fragments > LIMIT_GRAPHQL_FRAGMENTS)
            return op_fail_field(op, "query", "GraphQL queries should have at most %d fragments", LIMIT_GRAPHQL_FRAGMENTS);
    for (const struct gql_operation *o = d->operations; o; o = o->next) {
        struct counting c = {.op = op};
        struct set_at at = {o->first, 1};
        for (;;) {
            if (at.depth > LIMIT_GRAPHQL_DEPTH)
                return op_fail_field(op, "query", "Query exceeds maximum depth of %d", LIMIT_GRAPHQL_DEPTH);
            c.depth = at.depth;
            c.aliases = 0;
            c.root_fields = root_fields;
            c.selections = selections;
            enum err e = gql_walk_set(&w, NULL, at.first, false, count_field, &c);
            if (e)
                return e;
            root_fields = c.root_fields;
            selections = c.selections;
            aliases = c.aliases > aliases ? c.aliases : aliases;
            if (c.todo.len == 0)
                break;
            at = c.todo.p[--c.todo.len];
        }
    }
    if (root_fields > limits.root_fields)
        return too_many(op, limits.root_fields, "root fields", root_fields, "MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS");
    if (aliases > limits.aliases)
        return too_many(op, limits.aliases, "aliases", aliases, "MLFLOW_SERVER_GRAPHQL_MAX_ALIASES");
    return OK;
}

/* ---- fragments ---- */

struct spread {
    const struct gql_selection *selection;
    const struct gql_fragment *in;
};
struct pending {
    VEC(struct spread) open;
};

static enum err push(struct op *op, const struct gql_selection *s, const struct gql_fragment *in, struct pending *p)
{
    struct spread *slot = s ? vec_push(&p->open, op->arena) : NULL;
    if (s && !slot)
        return op_fail(op, E_TOO_LARGE, "the document does not fit in memory");
    if (slot)
        *slot = (struct spread){s, in};
    return OK;
}

/* " via 'B', 'C'": how the fragment `from`, in which `f` is spread again, was reached. */
static enum err cycle_fail(struct op *op, const struct gql_fragment *f, const struct gql_fragment *from)
{
    const char *via = "";
    for (; from != f; from = from->via)
        via = op_printf(op, "'%.*s'%s%s", STR_FMT(from->name), *via ? ", " : "", via);
    return op_fail_field(op, "query", "Cannot spread fragment '%.*s' within itself%s%s.", STR_FMT(f->name), *via ? " via " : "", via);
}

/* Whether `f` can be reached from its own selections. */
static enum err cycle_check(struct op *op, struct gql_walk *w, const struct gql_fragment *f)
{
    struct pending todo = {0};
    w->visit++;
    enum err e = push(op, f->first, f, &todo);
    while (!e && todo.open.len > 0) {
        struct spread at = todo.open.p[--todo.open.len];
        const struct gql_selection *s = at.selection;
        e = push(op, s->next, at.in, &todo);
        if (!e && s->kind != GQL_SPREAD)
            e = push(op, s->first, at.in, &todo);
        struct gql_fragment *to = s->kind == GQL_SPREAD ? gql_fragment_find(w->document, s->name) : NULL;
        if (to == f)
            return cycle_fail(op, f, at.in);
        if (!e && to && to->visit != w->visit) {
            to->visit = w->visit;
            to->via = at.in;
            e = push(op, to->first, to, &todo);
        }
    }
    return e;
}

static enum err definitions_check(struct op *op, struct gql_walk *w)
{
    const struct gql_document *d = w->document;
    for (const struct gql_operation *o = d->operations; o; o = o->next) {
        if (!o->name.len && (o != d->operations || o->next))
            return op_fail_field(op, "query", "This anonymous operation must be the only defined operation.");
        for (const struct gql_operation *other = o->next; other; other = other->next)
            if (str_eq(o->name, other->name))
                return op_fail_field(op, "query", "There can be only one operation named '%.*s'.", STR_FMT(o->name));
    }
    for (const struct gql_fragment *f = d->fragments; f; f = f->next) {
        if (gql_fragment_find(d, f->name) != f)
            return op_fail_field(op, "query", "There can be only one fragment named '%.*s'.", STR_FMT(f->name));
        enum err e = cycle_check(op, w, f);
        if (e)
            return e;
    }
    return OK;
}

/* ---- one operation ---- */

struct checking {
    struct op *op;
    struct gql_walk *w;
    struct gql_operation *operation;
    const struct json *variables;
};

static enum err arguments_check(struct checking *c, const struct gql_type *type, const struct gql_wanted *k)
{
    const struct gql_selection *s = k->nodes->selection;
    for (const struct gql_argument *a = s->arguments; a; a = a->next) {
        if (!k->field || !k->field->input || !str_eqc(a->name, k->field->argument))
            return op_fail_field(c->op, "query", "Unknown argument '%.*s' on field '%s.%.*s'.", STR_FMT(a->name), type->name, STR_FMT(s->name));
        if (a != s->arguments)
            return op_fail_field(c->op, "query", "There can be only one argument named '%.*s'.", STR_FMT(a->name));
        struct gql_input in;
        enum err e = gql_input_read(c->op, c->operation, c->variables, k->field->input, &a->value, &in);
        if (e)
            return e;
    }
    return OK;
}

static enum err wanted_check(struct checking *c, const struct gql_type *type, const struct gql_wanted *k)
{
    enum err e = arguments_check(c, type, k);
    for (const struct gql_node *n = k->nodes; !e && n; n = n->next) {
        struct str name = n->selection->name;
        const char *of = k->field ? gql_field_type_name(c->op, k->field) : "String!";
        e = gql_directives_check(c->op, n->selection->directives, "field");
        bool object = k->field && k->field->type;
        if (!e && object && !n->selection->has_set)
            e = op_fail_field(c->op, "query", "Field '%.*s' of type '%s' must have a selection of subfields. Did you mean '%.*s { ... }'?", STR_FMT(name), of,
                              STR_FMT(name));
        if (!e && !object && n->selection->has_set)
            e = op_fail_field(c->op, "query", "Field '%.*s' must not have a selection since type '%s' has no subfields.", STR_FMT(name), of);
    }
    return e;
}

struct level {
    const struct gql_type *type;
    const struct gql_node *nodes;
};

static enum err selections_check(struct checking *c, const struct gql_type *root)
{
    VEC(struct level) todo = {0};
    struct gql_selection all = {.first = c->operation->first};
    struct gql_node start = {.selection = &all};
    struct level at = {root, &start};
    for (;;) {
        struct gql_wanted *first = NULL;
        enum err e = gql_collect(c->w, at.type, at.nodes, &first);
        for (const struct gql_wanted *k = first; !e && k; k = k->next) {
            e = wanted_check(c, at.type, k);
            if (e || !k->field || !k->field->type)
                continue;
            struct level *slot = vec_push(&todo, c->op->arena);
            if (!slot)
                return op_fail(c->op, E_TOO_LARGE, "the document does not fit in memory");
            *slot = (struct level){k->field->type, k->nodes};
        }
        if (e || todo.len == 0)
            return e;
        at = todo.p[--todo.len];
    }
}

static enum err operation_check(struct checking *c)
{
    struct gql_operation *o = c->operation;
    if (o->kind == GQL_SUBSCRIPTION)
        return op_fail_field(c->op, "query", "Schema is not configured to execute subscription operation.");
    enum err e = gql_directives_check(c->op, o->directives, NULL);
    for (const struct gql_variable *v = o->variables; !e && v; v = v->next) {
        e = gql_directives_check(c->op, v->directives, "variable definition");
        if (!e && gql_variable_find(o, v->name) != v)
            e = op_fail_field(c->op, "query", "There can be only one variable named '$%.*s'.", STR_FMT(v->name));
    }
    if (!e)
        e = selections_check(c, o->kind == GQL_MUTATION ? &gql_mutation : &gql_query);
    for (const struct gql_variable *v = o->variables; !e && v; v = v->next) {
        if (!v->used && o->name.len)
            e = op_fail_field(c->op, "query", "Variable '$%.*s' is never used in operation '%.*s'.", STR_FMT(v->name), STR_FMT(o->name));
        else if (!v->used)
            e = op_fail_field(c->op, "query", "Variable '$%.*s' is never used.", STR_FMT(v->name));
    }
    return e;
}

static struct gql_operation *chosen(const struct gql_request *r)
{
    struct gql_operation *o = r->document->operations;
    if (!r->operation_name.p)
        return o && !o->next ? o : NULL;
    while (o && !str_eq(o->name, r->operation_name))
        o = o->next;
    return o;
}

enum err gql_check(struct op *op, const struct gql_request *r, struct gql_operation **ret)
{
    struct gql_walk w = {.op = op, .document = r->document, .visit = 1u << 31}; /* behind those of the limits' check */
    struct gql_operation *run = chosen(r);
    enum err e = definitions_check(op, &w);
    for (struct gql_fragment *f = r->document->fragments; f; f = f->next)
        f->used = false; /* counting may have followed more than is reached */
    for (struct gql_operation *o = r->document->operations; !e && o; o = o->next) {
        struct checking c = {op, &w, o, o == run ? r->variables : NULL};
        e = operation_check(&c);
    }
    for (const struct gql_fragment *f = r->document->fragments; !e && f; f = f->next) {
        e = gql_directives_check(op, f->directives, "fragment definition");
        if (!e && !f->used)
            e = op_fail_field(op, "query", "Fragment '%.*s' is never used.", STR_FMT(f->name));
    }
    if (!e && !run && !r->operation_name.p)
        e = op_fail_field(op, "operationName", r->document->operations ? "Must provide operation name if query contains multiple operations."
                                                                      : "Must provide an operation.");
    if (!e && !run)
        e = op_fail_field(op, "operationName", "Unknown operation named '%.*s'.", STR_FMT(r->operation_name));
    if (!e)
        e = gql_variables_check(op, run, r->variables);
    if (!e)
        *ret = run;
    return e;
}
