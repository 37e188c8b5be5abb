#include "core/serve/graph_link.h"

#include "base/limits.h"
#include "base/log.h"
#include "core/serve/chained.h"
#include "core/serve/cost.h"

enum { FOLLOW_MOST = LIMIT_SERVE_ENDPOINTS * LIMIT_SERVE_GRAPH_DEPTH };

enum { WISHED = 1, FACT = 2 };
struct link {
    struct op *op;               /* its arena is the graph's */
    struct serve *s;
    struct graph *g;
    struct tensor_spec *specs;   /* by tensor */
    uint8_t *known;              /* 0: not; WISHED: a lenient model would take it so; FACT */
    bool *required;
};

/* ---- names ---- */

static bool plan_names(const struct graph_plan *p, struct str name)
{
    for (size_t i = 0; i < p->step_count; i++)
        for (size_t k = 0; k < p->steps[i].case_count; k++)
            if (str_eq(p->steps[i].cases[k].model, name))
                return true;
    return false;
}

static bool endpoint_names(const struct serve_endpoint *ep, struct str name)
{
    for (size_t i = 0; i < ep->loaded_len; i++)
        if (ep->loaded[i]->graph && plan_names(ep->loaded[i]->graph->plan, name))
            return true;
    return false;
}

struct name_list {
    struct str *names;
    size_t len;
};

static void names_add(struct name_list *l, struct str name)
{
    for (size_t i = 0; i < l->len; i++)
        if (str_eq(l->names[i], name))
            return;
    if (l->len < LIMIT_SERVE_ENDPOINTS)
        l->names[l->len++] = name;
}

static void names_add_plan(struct name_list *l, const struct graph_plan *p)
{
    for (size_t i = 0; i < p->step_count; i++)
        for (size_t k = 0; k < p->steps[i].case_count; k++)
            names_add(l, p->steps[i].cases[k].model);
}

size_t graph_names(struct op *op, const struct graph_plan *p, struct str *names, size_t n)
{
    struct name_list l = {.names = names, .len = n};
    names_add_plan(&l, p);
    for (size_t i = n; i < l.len; i++)
        names[i] = str_dup(op->arena, names[i]);
    return l.len;
}

/* Walks what is named from here, each endpoint once. */
static enum err cycle_check(struct op *op, struct serve *s, struct str name, const struct graph_plan *p)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct name_list l = {.names = arena_array(arena, LIMIT_SERVE_ENDPOINTS, struct str)};
    if (!l.names)
        return op_fail(op, E_TOO_LARGE, "no memory for the members of a graph");
    names_add_plan(&l, p);
    if (plan_names(p, name))
        return op_fail(op, E_INVALID, "the graph names itself");
    for (size_t at = 0; at < l.len; at++) {
        AUTO(endpoint) struct serve_endpoint *ep = table_find(s, l.names[at]);
        if (ep && endpoint_names(ep, name))
            return op_fail(op, E_INVALID, "the graph leads back to itself by way of \"%.*s\"", STR_FMT(l.names[at]));
        for (size_t i = 0; ep && i < ep->loaded_len; i++) {
            struct name_list more = {.names = arena_array(arena, LIMIT_SERVE_ENDPOINTS, struct str)};
            if (!ep->loaded[i]->graph || !more.names)
                continue;
            names_add_plan(&more, ep->loaded[i]->graph->plan);
            for (size_t k = 0; k < more.len; k++)
                names_add(&l, str_dup(arena, more.names[k]));
        }
    }
    return OK;
}

/* ---- what fits what ---- */

static const struct tensor_spec *spec_find(const struct tensor_spec *list, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i].name, name))
            return &list[i];
    return NULL;
}

static bool is_feature(const struct serve_info *info, struct str name)
{
    for (size_t i = 0; info->feature_names && i < info->features; i++)
        if (str_eq(info->feature_names[i], name))
            return true;
    return false;
}

/* What a member says of one of its inputs; false: a row model takes it, but does not say as what. */
static bool input_spec(const struct graph_member *m, const struct infer_signature *sig, struct str name, size_t wires, struct tensor_spec *ret)
{
    const struct serve_info *info = &m->ep->info;
    const struct tensor_spec *s = spec_find(sig->inputs, sig->input_count, name);
    if (!s && info->features && is_feature(info, name)) {
        *ret = (struct tensor_spec){.name = name, .type = TENSOR_FP32, .rank = 1, .shape = {-1}};
        return true;
    }
    if (!s && info->features && wires == 1 && sig->input_count == 1)
        s = sig->inputs;
    if (s)
        *ret = *s;
    return s != NULL;
}

static enum err wire_check(struct link *l, const struct graph_member *m, const struct graph_wire *w, const struct tensor_spec *want)
{
    const struct tensor_spec *has = &l->specs[w->tensor];
    const struct str tensor = l->g->plan->tensors[w->tensor].name;
    if (has->type != want->type)
        return op_fail(l->op, E_INVALID, "input \"%.*s\" of \"%.*s\" wants %s; tensor \"%.*s\" is %s", STR_FMT(w->name), STR_FMT(m->ep->info.name),
                       tensor_type_name(want->type), STR_FMT(tensor), tensor_type_name(has->type));
    bool fits = has->rank == want->rank;
    for (uint32_t i = 0; fits && i < has->rank; i++)
        fits = has->shape[i] == want->shape[i] || has->shape[i] < 0 || want->shape[i] < 0;
    return fits ? OK : op_fail(l->op, E_INVALID, "input \"%.*s\" of \"%.*s\" has another shape than tensor \"%.*s\"", STR_FMT(w->name),
                               STR_FMT(m->ep->info.name), STR_FMT(tensor));
}

/* ---- members ---- */

static enum err member_find(struct link *l, const struct graph_case *c, struct graph_member *m, struct infer_signature *sig)
{
    struct op *op = l->op;
    m->ep = table_find(l->s, c->model);
    if (!m->ep)
        return op_fail(op, E_NOT_FOUND, "there is no endpoint \"%.*s\"", STR_FMT(c->model));
    m->v = serve_endpoint_version(m->ep, c->version ? c->version : m->ep->info.live);
    if (!m->v && c->version)
        return op_fail(op, E_NOT_FOUND, "version %lld of \"%.*s\" is not loaded", (long long)c->version, STR_FMT(c->model));
    if (!m->v || (m->v->graph && !m->v->graph->steps))
        return op_fail(op, E_CONFLICT, "\"%.*s\" is not ready", STR_FMT(c->model));
    const struct graph *inner = m->v->graph;
    if (inner && inner->depth + 1 > l->g->depth)
        l->g->depth = inner->depth + 1;
    m->lenient = m->ep->info.features || chained_find(m->ep, m->v);
    return serve_signature(op, m->ep, c->version, sig);
}

/* Which wires of the step go to this member. One that takes all inputs takes those it knows; a row model takes columns by any name. */
static enum err member_wires(struct link *l, const struct graph_step *s, struct graph_member *m, const struct infer_signature *sig)
{
    uint16_t *in = arena_array(l->op->arena, s->in_count + 1, uint16_t);
    bool *optional = arena_array(l->op->arena, s->in_count + 1, bool);
    if (!in || !optional)
        return op_fail(l->op, E_TOO_LARGE, "no memory to link a graph");
    for (size_t i = 0; i < s->in_count; i++) {
        const struct tensor_spec *spec = spec_find(sig->inputs, sig->input_count, s->in[i].name);
        if (!spec && !m->ep->info.features) {
            if (s->all_inputs)
                continue;
            return op_fail(l->op, E_INVALID, "\"%.*s\" has no input \"%.*s\"", STR_FMT(m->ep->info.name), STR_FMT(s->in[i].name));
        }
        optional[m->in_count] = spec && spec->optional;
        in[m->in_count++] = (uint16_t)i;
        l->required[s->in[i].tensor] = l->required[s->in[i].tensor] || !(spec && spec->optional);
    }
    m->in = in;
    m->in_optional = optional;
    for (size_t i = 0; i < sig->input_count && !m->ep->info.features; i++) {
        bool wired = sig->inputs[i].optional;
        for (size_t k = 0; !wired && k < s->in_count; k++)
            wired = str_eq(s->in[k].name, sig->inputs[i].name);
        if (!wired)
            return op_fail(l->op, E_INVALID, "input \"%.*s\" of \"%.*s\" gets nothing", STR_FMT(sig->inputs[i].name), STR_FMT(m->ep->info.name));
    }
    return OK;
}

/* The request's tensors are what their first reader takes, unless the file says what they are. */
static enum err member_inputs(struct link *l, const struct graph_step *s, const struct graph_member *m, const struct infer_signature *sig)
{
    for (size_t i = 0; i < m->in_count; i++) {
        const struct graph_wire *w = &s->in[m->in[i]];
        struct tensor_spec want;
        if (!input_spec(m, sig, w->name, m->in_count, &want))
            continue;
        if (!l->known[w->tensor] || (l->known[w->tensor] == WISHED && !m->lenient)) {
            const bool optional = l->specs[w->tensor].optional;
            l->known[w->tensor] = m->lenient ? WISHED : FACT;
            l->specs[w->tensor] = want;
            l->specs[w->tensor].optional = optional;
            continue;
        }
        enum err e = m->lenient ? OK : wire_check(l, m, w, &want);
        if (e)
            return e;
    }
    return OK;
}

static enum err default_check(struct link *l, const struct graph_step *s, const struct tensor_spec *spec)
{
    bool fits = !s->dflt || (s->dflt->type == JSON_STRING) == (spec->type == TENSOR_BYTES);
    for (uint32_t i = 1; fits && s->dflt && i < spec->rank; i++)
        fits = spec->shape[i] >= 0;
    return fits ? OK : op_fail(l->op, E_INVALID, "the default does not fit output \"%.*s\"", STR_FMT(spec->name));
}

/* Of several cases: what they have in common. */
static enum err member_outputs(struct link *l, const struct graph_step *s, const struct graph_member *m, const struct infer_signature *sig, bool first)
{
    for (size_t i = 0; i < s->out_count; i++) {
        const struct graph_wire *w = &s->out[i];
        struct tensor_spec *mine = &l->specs[w->tensor];
        const struct tensor_spec *spec = spec_find(sig->outputs, sig->output_count, w->name);
        if (!spec)
            return op_fail(l->op, E_INVALID, "\"%.*s\" has no output \"%.*s\"", STR_FMT(m->ep->info.name), STR_FMT(w->name));
        if (first) {
            *mine = *spec;
            l->known[w->tensor] = FACT;
        } else if (mine->type != spec->type || mine->rank != spec->rank) {
            return op_fail(l->op, E_INVALID, "output \"%.*s\" of \"%.*s\" is not what the first case gives", STR_FMT(w->name), STR_FMT(m->ep->info.name));
        }
        for (uint32_t k = 0; k < spec->rank; k++)
            mine->shape[k] = mine->shape[k] == spec->shape[k] ? mine->shape[k] : -1;
        enum err e = default_check(l, s, mine);
        if (e)
            return e;
    }
    return OK;
}

/* ---- steps ---- */

static enum err models_link(struct link *l, const struct graph_step *s, struct graph_link_step *ls)
{
    size_t most = 0;
    struct infer_want *wants = arena_array(l->op->arena, s->out_count + 1, struct infer_want);
    ls->members = arena_array(l->op->arena, s->case_count + 1, struct graph_member);
    if (!wants || !ls->members)
        return op_fail(l->op, E_TOO_LARGE, "no memory to link a graph");
    for (size_t i = 0; i < s->out_count; i++)
        wants[i].name = s->out[i].name;
    ls->wants = wants;
    for (size_t i = 0; i < s->case_count; i++) {
        struct graph_member *m = &ls->members[i];
        struct infer_signature sig;
        enum err e = member_find(l, &s->cases[i], m, &sig);
        if (!e)
            e = member_wires(l, s, m, &sig);
        if (!e)
            e = member_inputs(l, s, m, &sig);
        if (!e)
            e = member_outputs(l, s, m, &sig, i == 0);
        if (e)
            return e;
        const size_t runs = m->v->graph ? m->v->graph->runs : 1;
        const bool picked = !s->cases[i].version && m->ep->info.weights.active;
        l->g->varies = l->g->varies || s->kind == GRAPH_SPLIT || picked || m->ep->table || (m->v->graph && m->v->graph->varies);
        most = runs > most ? runs : most;
        l->g->info.joins = l->g->info.joins && sig.joins;
    }
    l->g->runs += most;
    return OK;
}

static enum err operator_link(struct link *l, const struct graph_step *s)
{
    struct tensor_spec *in = arena_array(l->op->arena, s->in_count, struct tensor_spec), out;
    if (!in)
        return op_fail(l->op, E_TOO_LARGE, "no memory to link a graph");
    for (size_t i = 0; i < s->in_count; i++) {
        const uint16_t t = s->in[i].tensor;
        if (!l->known[t])
            return op_fail(l->op, E_INVALID, "the file must say datatype and shape of input \"%.*s\"", STR_FMT(l->g->plan->tensors[t].name));
        in[i] = l->specs[t];
        in[i].name = l->g->plan->tensors[t].name;
        l->required[t] = l->required[t] || s->combine.least == s->in_count;
    }
    enum err e = combine_spec(l->op, &s->combine, in, s->in_count, &out);
    if (e)
        return e;
    l->specs[s->out[0].tensor] = out;
    l->known[s->out[0].tensor] = FACT;
    return OK;
}

/* Models first, since what they take says what the request's tensors are. Steps stand in an order in which what is made is known before
 * it is read, but a model's reading is told apart from an operator's: two rounds. */
static enum err steps_link(struct link *l)
{
    const struct graph_plan *p = l->g->plan;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < p->step_count; i++) {
            const struct graph_step *s = &p->steps[i];
            enum err e = OK;
            if (round == 0 && s->kind != GRAPH_COMBINE)
                e = models_link(l, s, &l->g->steps[i]);
            else if (round == 1 && s->kind == GRAPH_COMBINE)
                e = operator_link(l, s);
            if (e)
                return op_context(l->op, "step \"%.*s\"", STR_FMT(s->name));
        }
    }
    return OK;
}

/* What was read by a model before the operator that makes it was looked at. */
static enum err wires_check(struct link *l)
{
    const struct graph_plan *p = l->g->plan;
    for (size_t i = 0; i < p->step_count; i++) {
        for (size_t k = 0; k < p->steps[i].case_count; k++) {
            const struct graph_member *m = &l->g->steps[i].members[k];
            struct infer_signature sig;
            enum err e = serve_signature(l->op, m->ep, p->steps[i].cases[k].version, &sig);
            if (!e)
                e = member_inputs(l, &p->steps[i], m, &sig);
            if (e)
                return op_context(l->op, "step \"%.*s\"", STR_FMT(p->steps[i].name));
        }
    }
    return OK;
}

/* What the graph takes and gives, as any model says it. */
static enum err signature_make(struct link *l)
{
    struct graph *g = l->g;
    const struct graph_plan *p = g->plan;
    struct tensor_spec *in = arena_array(l->op->arena, p->input_count, struct tensor_spec);
    struct tensor_spec *out = arena_array(l->op->arena, p->output_count, struct tensor_spec);
    if (!in || !out)
        return op_fail(l->op, E_TOO_LARGE, "no memory to link a graph");
    for (size_t i = 0; i < p->input_count; i++) {
        if (!l->known[i])
            return op_fail(l->op, E_INVALID, "the file must say datatype and shape of input \"%.*s\"", STR_FMT(p->tensors[i].name));
        in[i] = l->specs[i];
        in[i].name = p->tensors[i].name;
        in[i].optional = l->specs[i].optional || !l->required[i];
        g->info.joins = g->info.joins && in[i].rank && in[i].shape[0] < 0;
    }
    for (size_t i = 0; i < p->output_count; i++) {
        out[i] = l->specs[p->outputs[i].tensor];
        out[i].name = p->outputs[i].name;
    }
    g->info.inputs_spec = in;
    g->info.outputs_spec = out;
    g->info.input_count = p->input_count;
    g->info.output_count = p->output_count;
    g->info.memory_bytes = arena_used(p->arena) + arena_used(g->arena);
    return OK;
}

static enum err limits_check(struct link *l)
{
    if (l->g->depth > LIMIT_SERVE_GRAPH_DEPTH)
        return op_fail(l->op, E_TOO_LARGE, "graphs are nested %zu deep; %d is allowed", l->g->depth, LIMIT_SERVE_GRAPH_DEPTH);
    return l->g->runs <= LIMIT_SERVE_GRAPH_RUNS ? OK : op_fail(l->op, E_TOO_LARGE, "a request would run %zu models; %d are allowed", l->g->runs, LIMIT_SERVE_GRAPH_RUNS);
}

/* ---- graphs ---- */

static struct graph *graph_make(struct graph_plan *plan)
{
    struct arena *arena = arena_create(LIMIT_SERVE_GRAPH_BYTES * 64);
    struct graph *g = arena_new(arena, struct graph);
    g->arena = arena;
    g->plan = graph_plan_ref(plan);
    g->problem = STR("");
    g->depth = 1;
    g->info = (struct engine_info){.format = STR("graph"), .joins = true};
    return g;
}

struct graph *graph_unlinked(struct graph_plan *plan, struct str problem)
{
    struct graph *g = graph_make(plan);
    g->problem = str_dup(g->arena, problem.len ? problem : STR("its members are not there yet"));
    g->info.memory_bytes = arena_used(plan->arena);
    return g;
}

void graph_destroy(struct graph *g)
{
    if (!g)
        return;
    for (size_t i = 0; g->steps && i < g->plan->step_count; i++)
        for (size_t k = 0; g->steps[i].members && k < g->plan->steps[i].case_count; k++)
            serve_release(g->steps[i].members[k].ep);
    graph_plan_unref(g->plan);
    arena_destroy(g->arena);
}

/* What a condition reads must be there, unless the file calls it optional. */
static void conditions_link(struct link *l, const struct graph_when *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].parameter)
            l->g->varies = true;
        else
            l->required[list[i].tensor] = true;
    }
}

static enum err link_all(struct link *l)
{
    const struct graph_plan *p = l->g->plan;
    l->specs = arena_array(l->op->arena, p->tensor_count, struct tensor_spec);
    l->known = arena_array(l->op->arena, p->tensor_count, uint8_t);
    l->required = arena_array(l->op->arena, p->tensor_count, bool);
    l->g->steps = arena_array(l->op->arena, p->step_count, struct graph_link_step);
    if (!l->specs || !l->known || !l->required || !l->g->steps)
        return op_fail(l->op, E_TOO_LARGE, "no memory to link a graph");
    for (size_t i = 0; i < p->input_count; i++) {
        l->specs[i] = p->tensors[i].spec;
        l->known[i] = p->tensors[i].declared ? FACT : 0;
    }
    for (size_t i = 0; i < p->step_count; i++) {
        conditions_link(l, p->steps[i].when, p->steps[i].when_count);
        for (size_t k = 0; k < p->steps[i].case_count; k++)
            conditions_link(l, p->steps[i].cases[k].when, p->steps[i].cases[k].when_count);
    }
    enum err e = steps_link(l);
    if (!e)
        e = wires_check(l);
    if (!e)
        e = signature_make(l);
    l->g->tensors = l->specs;
    return e ? e : limits_check(l);
}

enum err graph_link(struct op *op, struct serve *s, struct str name, struct graph_plan *plan, struct graph **ret)
{
    enum err e = cycle_check(op, s, name, plan);
    if (e)
        return e;
    struct graph *g = graph_make(plan);
    struct op sub = *op;
    sub.arena = g->arena;
    struct link l = {.op = &sub, .s = s, .g = g};
    e = link_all(&l);
    if (e) {
        e = op_fail(op, e, "%s", sub.msg);
        graph_destroy(g);
        return e;
    }
    *ret = g;
    return OK;
}

/* Graphs within graphs are bounded by their depth. */
double graph_cost(const struct graph *g, size_t rows)
{
    double sum = 0;
    for (size_t i = 0; i < g->plan->step_count; i++) {
        double most = 0;
        for (size_t k = 0; k < g->plan->steps[i].case_count; k++) {
            const struct serve_version *v = g->steps[i].members[k].v;
            const double cost = v->graph ? graph_cost(v->graph, rows) : cost_of(&v->cost, rows);
            most = cost > most ? cost : most;
        }
        sum += most;
    }
    return sum;
}

/* ---- following changes ---- */

static bool is_ready(const struct serve_endpoint *ep)
{
    return ep->info.ready;
}

/* True when those who name it must be told. */
static bool endpoint_relink(struct serve *s, struct str name)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    AUTO(endpoint) struct serve_endpoint *old = table_find(s, name);
    struct op op;
    op_init(&op, arena);
    if (!old)
        return false;
    enum err e = table_relink(&op, s, old);
    AUTO(endpoint) struct serve_endpoint *fresh = table_find(s, name);
    if (e)
        log_at(LOG_ERROR, "serve.graph", {"name", LOG_S(name)}, {"error", LOG_C(op.msg)});
    else if (is_ready(old) && fresh && !is_ready(fresh))
        log_at(LOG_WARN, "serve.graph", {"name", LOG_S(name)}, {"error", LOG_S(fresh->problem)});
    return !e && (is_ready(old) || (fresh && is_ready(fresh)));
}

void graph_follow(struct serve *s, struct str changed)
{
    AUTO(arena) struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct str *todo = NULL;
    size_t len = 0;
    for (size_t at = 0; at <= len && at < FOLLOW_MOST; at++) {
        const struct str name = at ? todo[at - 1] : changed;
        for (size_t i = 0; i < s->len; i++) { /* only who holds `change` moves them */
            if (!endpoint_names(s->slots[i], name))
                continue;
            todo = todo ? todo : arena_array(arena, FOLLOW_MOST, struct str);
            const struct str mine = str_dup(arena, s->slots[i]->info.name);
            if (endpoint_relink(s, mine) && todo && len + 1 < FOLLOW_MOST)
                todo[len++] = mine;
        }
    }
}

bool graph_is_used(struct serve *s, struct str name, const char **ret_user, struct op *op)
{
    for (size_t i = 0; i < s->len; i++) {
        if (!endpoint_names(s->slots[i], name) || str_eq(s->slots[i]->info.name, name))
            continue;
        *ret_user = op_printf(op, "%.*s", STR_FMT(s->slots[i]->info.name));
        return true;
    }
    return false;
}

void graph_report(struct serve *s)
{
    for (size_t i = 0; i < s->len; i++) {
        const struct serve_endpoint *ep = s->slots[i];
        const struct serve_version *live = serve_endpoint_version(ep, ep->info.live);
        struct str why = STR("");
        if (live && !serve_version_answers(live, &why))
            log_at(LOG_ERROR, "serve.graph", {"name", LOG_S(ep->info.name)}, {"error", LOG_S(why)});
    }
}
