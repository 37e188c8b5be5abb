/* How a file becomes a plan: names first, so that steps may refer to later ones; then references, which may call an output of a model
 * into being ("gbm.score"); then the order. Sets of steps are words of bits, so finding what is ready is one operation per step. */
#include "core/serve/graph.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"

enum { GRAPH_VERSION = 1, LOOK_BYTES = 4096 };

struct reader {
    struct op *op;               /* its arena is the plan's */
    struct graph_plan *p;
    struct map names;            /* of tensors: place + 1 */
    const struct json *docs[LIMIT_SERVE_GRAPH_STEPS];
    size_t tensor_cap, out_cap[LIMIT_SERVE_GRAPH_STEPS];
};

/* ---- small things ---- */

static enum err too_large(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "the graph is too large");
}

static enum err name_check(struct op *op, const char *what, struct str s, bool dots)
{
    bool ok = s.len > 0 && s.len <= LIMIT_SERVE_NAME && str_is_utf8(s) && (dots || str_find_char(s, '.') == SIZE_MAX);
    for (size_t i = 0; ok && i < s.len; i++)
        ok = (unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f;
    return ok ? OK : op_fail(op, E_INVALID, "%s must be 1 to %d bytes of UTF-8 without control bytes%s", what, LIMIT_SERVE_NAME, dots ? "" : " or dots");
}

static bool is_among(struct str name, const char *const *list)
{
    for (; list && *list; list++)
        if (str_eqc(name, *list))
            return true;
    return false;
}

static enum err members_check(struct op *op, const struct json *j, const char *const *known, const char *const *more, const struct graph_combine *c)
{
    for (size_t i = 0; i < j->len; i++) {
        const struct str key = j->members[i].key;
        if (!is_among(key, known) && !is_among(key, more) && !(c && combine_has_option(c, key)))
            return op_fail(op, E_INVALID, "there is no member \"%.*s\" here", STR_FMT(key));
    }
    return OK;
}

/* An array that holds one more; the old one stays in the arena. */
static void *grown(struct arena *a, const void *old, size_t len, size_t *cap, size_t size)
{
    if (len < *cap)
        return (void *)(uintptr_t)old;
    const size_t more = *cap ? *cap * 2 : 8;
    void *fresh = arena_try_alloc(a, more, size);
    if (fresh && len)
        memcpy(fresh, old, len * size);
    if (fresh)
        *cap = more;
    return fresh;
}

static enum err tensor_add(struct reader *r, struct str name, int step, uint16_t *ret)
{
    struct graph_plan *p = r->p;
    enum err e = name_check(r->op, "the name of a tensor", name, true);
    if (e)
        return e;
    if (map_has(&r->names, name))
        return op_fail(r->op, E_INVALID, "tensor \"%.*s\" is made twice", STR_FMT(name));
    struct graph_tensor *list = p->tensor_count < LIMIT_SERVE_GRAPH_TENSORS ?
        grown(p->arena, p->tensors, p->tensor_count, &r->tensor_cap, sizeof(*list)) : NULL;
    if (!list || !map_put(&r->names, name, (void *)(p->tensor_count + 1)))
        return op_fail(r->op, E_TOO_LARGE, "the graph has more than %d tensors", LIMIT_SERVE_GRAPH_TENSORS);
    p->tensors = list;
    *ret = (uint16_t)p->tensor_count++;
    list[*ret] = (struct graph_tensor){.name = name, .step = step};
    return OK;
}

static enum err out_add(struct reader *r, size_t step, struct str name, struct str tensor, uint16_t *ret)
{
    struct graph_step *s = &r->p->steps[step];
    enum err e = name_check(r->op, "an output of a model", name, true);
    for (size_t i = 0; !e && i < s->out_count; i++)
        if (str_eq(s->out[i].name, name))
            e = op_fail(r->op, E_INVALID, "output \"%.*s\" has two names", STR_FMT(name));
    if (!e)
        e = tensor_add(r, tensor, (int)step, ret);
    struct graph_wire *list = e ? NULL : grown(r->p->arena, s->out, s->out_count, &r->out_cap[step], sizeof(*list));
    if (e || !list)
        return e ? e : too_large(r->op);
    s->out = list;
    s->out[s->out_count++] = (struct graph_wire){name, *ret};
    return OK;
}

/* The place of a tensor; "STEP.OUTPUT" comes into being when somebody asks for it. */
static enum err reference_find(struct reader *r, struct str name, uint16_t *ret)
{
    const size_t at = (size_t)map_find(&r->names, name), dot = str_find_char(name, '.');
    if (at) {
        *ret = (uint16_t)(at - 1);
        return OK;
    }
    for (size_t i = 0; dot != SIZE_MAX && i < r->p->step_count; i++) {
        const struct graph_step *s = &r->p->steps[i];
        if (s->kind == GRAPH_COMBINE || !str_eq(s->name, str_sub(name, 0, dot)))
            continue;
        const struct str output = str_sub(name, dot + 1, name.len);
        for (size_t k = 0; k < s->out_count; k++) {
            if (str_eq(s->out[k].name, output)) {
                *ret = s->out[k].tensor;
                return OK;
            }
        }
        return out_add(r, i, output, name, ret);
    }
    return op_fail(r->op, E_INVALID, "there is no tensor \"%.*s\"", STR_FMT(name));
}

/* ---- inputs ---- */

static enum err shape_parse(struct op *op, const struct json *j, struct tensor_spec *spec)
{
    if (j->type != JSON_ARRAY || j->len > LIMIT_TENSOR_RANK)
        return op_fail(op, E_INVALID, "shape is no list of up to %d lengths", LIMIT_TENSOR_RANK);
    spec->rank = j->len;
    for (uint32_t i = 0; i < j->len; i++)
        if (!json_as_i64(&j->items[i], &spec->shape[i]) || spec->shape[i] < -1)
            return op_fail(op, E_INVALID, "shape[%u] is neither a length nor -1", i);
    return OK;
}

static enum err input_read(struct reader *r, const struct json *j)
{
    static const char *const known[] = {"name", "datatype", "shape", "optional", NULL};
    struct op *op = r->op;
    struct str name = j->type == JSON_STRING ? j->s : STR(""), datatype = STR("");
    struct tensor_spec spec = {.rank = 0};
    const struct json *shape = NULL;
    uint16_t at = 0;
    if (j->type != JSON_STRING && j->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "an input is %s, neither a name nor an object", json_type_name(j->type));
    enum err e = j->type == JSON_OBJECT ? members_check(op, j, known, NULL, NULL) : OK;
    if (!e && j->type == JSON_OBJECT) {
        shape = json_get(j, "shape");
        e = json_want_str(op, j, "name", &name);
        if (!e)
            e = json_opt_str(op, j, "datatype", STR(""), &datatype);
        if (!e)
            e = json_opt_bool(op, j, "optional", false, &spec.optional);
        if (!e && !datatype.len != !shape)
            e = op_fail(op, E_INVALID, "an input has both datatype and shape or neither");
        if (!e && datatype.len && !tensor_type_parse(datatype, &spec.type))
            e = op_fail(op, E_INVALID, "there is no datatype \"%.*s\"", STR_FMT(datatype));
        if (!e && shape)
            e = shape_parse(op, shape, &spec);
    }
    if (!e)
        e = tensor_add(r, name, -1, &at);
    if (e)
        return e;
    spec.name = name;
    r->p->tensors[at].spec = spec;
    r->p->tensors[at].declared = shape != NULL;
    return OK;
}

static enum err inputs_read(struct reader *r, const struct json *doc)
{
    const struct json *list = NULL;
    enum err e = json_want_array(r->op, doc, "inputs", &list);
    if (!e && !list->len)
        e = op_fail(r->op, E_INVALID, "the graph has no inputs");
    for (size_t i = 0; !e && i < list->len; i++)
        if ((e = input_read(r, &list->items[i])))
            return op_context(r->op, "inputs[%zu]", i);
    r->p->input_count = r->p->tensor_count;
    return e;
}

/* ---- steps: names and options ---- */

/* Their tensors are found later. */
static enum err conditions_read(struct op *op, const struct json *j, const struct graph_when **ret, size_t *ret_len)
{
    if (!j)
        return OK;
    const size_t n = j->type == JSON_ARRAY ? j->len : 1;
    if (n > LIMIT_SERVE_GRAPH_CONDITIONS)
        return op_fail(op, E_TOO_LARGE, "%zu conditions; %d are allowed", n, LIMIT_SERVE_GRAPH_CONDITIONS);
    struct graph_when *list = arena_array(op->arena, n + 1, struct graph_when);
    if (!list)
        return too_large(op);
    for (size_t i = 0; i < n; i++) {
        enum err e = graph_when_parse(op, j->type == JSON_ARRAY ? &j->items[i] : j, &list[i]);
        if (e)
            return e;
    }
    *ret = list;
    *ret_len = n;
    return OK;
}

static enum err case_read(struct op *op, const struct json *j, struct graph_case *c)
{
    enum err e = json_want_str(op, j, "model", &c->model);
    if (!e)
        e = name_check(op, "the name of a model", c->model, true);
    return e ? e : json_opt_i64(op, j, "version", 1, INT64_MAX, 0, &c->version);
}

/* Weights of any sum become shares of a thousand buckets; the rounding errors add up to nothing. */
static enum err split_deal(struct op *op, const int64_t *weights, size_t n, uint64_t seed, struct graph_step *s)
{
    struct rollout_weights *w = arena_array(op->arena, 1, struct rollout_weights);
    int permille[LIMIT_ROLLOUT_ARMS] = {0}, given = 0;
    int64_t sum = 0, upto = 0;
    if (!w)
        return too_large(op);
    for (size_t i = 0; i < n; i++)
        sum += weights[i];
    if (!sum)
        return op_fail(op, E_INVALID, "the weights are all 0");
    *w = (struct rollout_weights){.active = true, .control = 1, .seed = seed, .arm_count = (int)n};
    for (size_t i = 0; i < n; i++) {
        upto += weights[i];
        const int share = (int)((upto * ROLLOUT_BUCKETS + sum / 2) / sum);
        permille[i] = share - given;
        given = share;
        w->arm[i].version = (int64_t)i + 1;
        w->arm[i].permille = permille[i];
    }
    rollout_deal(w->bucket, permille, (int)n);
    s->split = w;
    return OK;
}

static enum err cases_read(struct reader *r, const struct json *j, struct graph_step *s)
{
    static const char *const switch_known[] = {"model", "version", "when", NULL}, *const split_known[] = {"model", "version", "weight", NULL};
    struct op *op = r->op;
    const bool split = s->kind == GRAPH_SPLIT;
    const size_t most = split ? LIMIT_ROLLOUT_ARMS : LIMIT_SERVE_GRAPH_CASES;
    int64_t weights[LIMIT_ROLLOUT_ARMS] = {0}, seed = 0;
    const struct json *list = NULL;
    enum err e = json_want_array(op, j, split ? "split" : "switch", &list);
    if (e)
        return e;
    if (!list->len || list->len > most)
        return op_fail(op, E_INVALID, "it has %u cases; 1 to %zu may be", list->len, most);
    s->case_count = list->len;
    if (!(s->cases = arena_array(op->arena, list->len, struct graph_case)))
        return too_large(op);
    for (size_t i = 0; !e && i < list->len; i++) {
        const struct json *one = &list->items[i];
        if (one->type != JSON_OBJECT)
            return op_fail(op, E_INVALID, "case %zu is %s, not an object", i, json_type_name(one->type));
        e = members_check(op, one, split ? split_known : switch_known, NULL, NULL);
        if (!e)
            e = case_read(op, one, &s->cases[i]);
        if (!e && split)
            e = json_want_i64(op, one, "weight", 0, INT32_MAX, &weights[i]);
        if (!e && !split)
            e = conditions_read(op, json_get(one, "when"), &s->cases[i].when, &s->cases[i].when_count);
        if (!e && !split && !json_get(one, "when") && i + 1 < list->len)
            e = op_fail(op, E_INVALID, "case %zu holds always; those behind it are never reached", i);
    }
    if (!e && split)
        e = json_opt_i64(op, j, "seed", 0, INT64_MAX, (int64_t)(hash64(s->name.p, s->name.len, 0) >> 1), &seed);
    return e || !split ? e : split_deal(op, weights, list->len, (uint64_t)seed, s);
}

static enum err outputs_name(struct reader *r, size_t step, const struct json *j)
{
    const struct json *map = json_get(j, "outputs");
    uint16_t at;
    if (!map)
        return OK;
    if (map->type != JSON_OBJECT)
        return op_fail(r->op, E_INVALID, "outputs is %s, not an object", json_type_name(map->type));
    for (size_t i = 0; i < map->len; i++) {
        if (map->members[i].value.type != JSON_STRING)
            return op_fail(r->op, E_INVALID, "outputs.%.*s is no name", STR_FMT(map->members[i].key));
        enum err e = out_add(r, step, map->members[i].key, map->members[i].value.s, &at);
        if (e)
            return e;
    }
    return OK;
}

static enum err models_read(struct reader *r, size_t at, const struct json *j)
{
    static const char *const common[] = {"name", "inputs", "outputs", "when", "optional", "default", "timeout_ms", NULL};
    static const char *const own[][4] = {[GRAPH_MODEL] = {"model", "version"}, [GRAPH_SWITCH] = {"switch"}, [GRAPH_SPLIT] = {"split", "seed"}};
    struct graph_step *s = &r->p->steps[at];
    struct op *op = r->op;
    const struct json *dflt = json_get(j, "default");
    s->kind = json_get(j, "switch") ? GRAPH_SWITCH : json_get(j, "split") ? GRAPH_SPLIT : GRAPH_MODEL;
    enum err e = members_check(op, j, common, own[s->kind], NULL);
    if (!e && s->kind == GRAPH_MODEL) {
        s->case_count = 1;
        s->cases = arena_array(op->arena, 1, struct graph_case);
        e = s->cases ? case_read(op, j, s->cases) : too_large(op);
    } else if (!e) {
        e = cases_read(r, j, s);
    }
    if (!e && dflt && dflt->type != JSON_STRING && dflt->type != JSON_INT && dflt->type != JSON_REAL && dflt->type != JSON_BOOL)
        e = op_fail(op, E_INVALID, "default is %s, not a number, text or boolean", json_type_name(dflt->type));
    if (!e)
        e = json_opt_i64(op, j, "timeout_ms", 1, LIMIT_SERVE_TIMEOUT_US / 1000, 0, &s->timeout_ms);
    s->dflt = dflt;
    s->optional = s->optional || dflt;
    return e ? e : outputs_name(r, at, j);
}

static enum err operator_read(struct reader *r, size_t at, const struct json *j)
{
    static const char *const common[] = {"name", "inputs", "output", "when", "optional", "combine", NULL};
    struct graph_step *s = &r->p->steps[at];
    struct str output;
    const struct json *in = NULL;
    uint16_t tensor = 0;
    s->kind = GRAPH_COMBINE;
    enum err e = json_want_array(r->op, j, "inputs", &in);
    if (!e)
        e = combine_parse(r->op, j, in->len, &s->combine);
    if (!e)
        e = members_check(r->op, j, common, NULL, &s->combine);
    if (!e)
        e = json_opt_str(r->op, j, "output", s->name, &output);
    return e ? e : out_add(r, at, output, output, &tensor);
}

static enum err step_read(struct reader *r, size_t at, const struct json *j)
{
    struct graph_step *s = &r->p->steps[at];
    const int kinds = !!json_get(j, "model") + !!json_get(j, "switch") + !!json_get(j, "split") + !!json_get(j, "combine");
    enum err e = json_want_str(r->op, j, "name", &s->name);
    if (!e)
        e = name_check(r->op, "the name of a step", s->name, false);
    for (size_t i = 0; !e && i < at; i++)
        if (str_eq(s->name, r->p->steps[i].name))
            e = op_fail(r->op, E_INVALID, "two steps have this name");
    if (!e && kinds != 1)
        e = op_fail(r->op, E_INVALID, "it has %d of model, switch, split, combine; it is to have one", kinds);
    if (!e)
        e = json_opt_bool(r->op, j, "optional", false, &s->optional);
    if (!e)
        e = conditions_read(r->op, json_get(j, "when"), &s->when, &s->when_count);
    if (!e)
        e = json_get(j, "combine") ? operator_read(r, at, j) : models_read(r, at, j);
    return e;
}

static enum err steps_read(struct reader *r, const struct json *doc)
{
    const struct json *list = NULL;
    enum err e = json_want_array(r->op, doc, "steps", &list);
    if (e)
        return e;
    if (!list->len || list->len > LIMIT_SERVE_GRAPH_STEPS)
        return op_fail(r->op, E_INVALID, "the graph has %u steps; 1 to %d may be", list->len, LIMIT_SERVE_GRAPH_STEPS);
    if (!(r->p->steps = arena_array(r->op->arena, list->len, struct graph_step)))
        return too_large(r->op);
    for (size_t i = 0; i < list->len; i++) {
        struct graph_step *s = &r->p->steps[i];
        s->name = STR("");
        r->docs[i] = &list->items[i];
        if (list->items[i].type != JSON_OBJECT)
            return op_fail(r->op, E_INVALID, "steps[%zu] is %s, not an object", i, json_type_name(list->items[i].type));
        if (step_read(r, i, &list->items[i]))
            return s->name.len ? op_context(r->op, "step \"%.*s\"", STR_FMT(s->name)) : op_context(r->op, "steps[%zu]", i);
        r->p->step_count++;
    }
    return OK;
}

/* ---- steps: references ---- */

static enum err conditions_wire(struct reader *r, const struct graph_when *list, size_t n)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < n; i++)
        if (!list[i].parameter)
            e = reference_find(r, list[i].name, &((struct graph_when *)(uintptr_t)&list[i])->tensor);
    return e;
}

static enum err inputs_wire(struct reader *r, struct graph_step *s, const struct json *j)
{
    const struct json *in = json_get(j, "inputs");
    const bool list = s->kind == GRAPH_COMBINE;
    s->all_inputs = !in;
    if (in && in->type != (list ? JSON_ARRAY : JSON_OBJECT))
        return op_fail(r->op, E_INVALID, "inputs is %s, not an object", json_type_name(in->type));
    s->in_count = in ? in->len : r->p->input_count;
    s->in = arena_array(r->op->arena, s->in_count + 1, struct graph_wire);
    if (!s->in)
        return too_large(r->op);
    if (in && !in->len)
        return op_fail(r->op, E_INVALID, "it has no inputs");
    for (size_t i = 0; i < s->in_count; i++) {
        if (!in) {
            s->in[i] = (struct graph_wire){r->p->tensors[i].name, (uint16_t)i};
            continue;
        }
        const struct json *value = list ? &in->items[i] : &in->members[i].value;
        if (value->type != JSON_STRING)
            return op_fail(r->op, E_INVALID, "inputs: a tensor is %s, not a name", json_type_name(value->type));
        s->in[i].name = list ? value->s : in->members[i].key;
        enum err e = reference_find(r, value->s, &s->in[i].tensor);
        if (e)
            return e;
    }
    return OK;
}

static enum err steps_wire(struct reader *r)
{
    for (size_t i = 0; i < r->p->step_count; i++) {
        struct graph_step *s = &r->p->steps[i];
        enum err e = inputs_wire(r, s, r->docs[i]);
        if (!e)
            e = conditions_wire(r, s->when, s->when_count);
        for (size_t k = 0; !e && k < s->case_count; k++)
            e = conditions_wire(r, s->cases[k].when, s->cases[k].when_count);
        if (e)
            return op_context(r->op, "step \"%.*s\"", STR_FMT(s->name));
    }
    return OK;
}

static enum err outputs_read(struct reader *r, const struct json *doc)
{
    static const char *const known[] = {"tensor", "optional", NULL};
    const struct json *map = NULL;
    enum err e = json_want_object(r->op, doc, "outputs", &map);
    if (!e && (!map->len || map->len > LIMIT_SERVE_OUTPUTS))
        e = op_fail(r->op, E_INVALID, "the graph has %u outputs; 1 to %d may be", map->len, LIMIT_SERVE_OUTPUTS);
    if (e)
        return e;
    if (!(r->p->outputs = arena_array(r->op->arena, map->len, struct graph_output)))
        return too_large(r->op);
    for (size_t i = 0; !e && i < map->len; i++) {
        const struct json *v = &map->members[i].value;
        struct graph_output *o = &r->p->outputs[r->p->output_count++];
        struct str tensor = v->type == JSON_STRING ? v->s : STR("");
        o->name = map->members[i].key;
        e = name_check(r->op, "the name of an output", o->name, true);
        if (!e && v->type != JSON_STRING && v->type != JSON_OBJECT)
            e = op_fail(r->op, E_INVALID, "it is %s, neither a tensor's name nor an object", json_type_name(v->type));
        if (!e && v->type == JSON_OBJECT)
            e = members_check(r->op, v, known, NULL, NULL);
        if (!e && v->type == JSON_OBJECT)
            e = json_want_str(r->op, v, "tensor", &tensor);
        if (!e && v->type == JSON_OBJECT)
            e = json_opt_bool(r->op, v, "optional", false, &o->optional);
        if (!e)
            e = reference_find(r, tensor, &o->tensor);
        if (e)
            return op_context(r->op, "outputs.%.*s", STR_FMT(o->name));
    }
    return OK;
}

/* ---- the order ---- */

static void need_add(const struct graph_plan *p, struct graph_step *s, uint16_t tensor)
{
    if (p->tensors[tensor].step >= 0)
        s->needs |= UINT64_C(1) << p->tensors[tensor].step;
}

static void needs_find(const struct graph_plan *p, struct graph_step *s)
{
    s->needs = 0;
    for (size_t i = 0; i < s->in_count; i++)
        need_add(p, s, s->in[i].tensor);
    for (size_t i = 0; i < s->when_count; i++)
        if (!s->when[i].parameter)
            need_add(p, s, s->when[i].tensor);
    for (size_t k = 0; k < s->case_count; k++)
        for (size_t i = 0; i < s->cases[k].when_count; i++)
            if (!s->cases[k].when[i].parameter)
                need_add(p, s, s->cases[k].when[i].tensor);
}

/* Puts each step behind those that it needs; what is left in the end leads back to itself. */
static enum err steps_order(struct reader *r)
{
    struct graph_plan *p = r->p;
    struct graph_step *sorted = arena_array(p->arena, p->step_count, struct graph_step);
    int place[LIMIT_SERVE_GRAPH_STEPS];
    uint64_t over = 0;
    size_t n = 0;
    if (!sorted)
        return too_large(r->op);
    for (size_t i = 0; i < p->step_count; i++)
        needs_find(p, &p->steps[i]);
    for (size_t before = SIZE_MAX; n != before;) {
        before = n;
        for (size_t i = 0; i < p->step_count; i++) {
            if (over >> i & 1 || p->steps[i].needs & ~over)
                continue;
            over |= UINT64_C(1) << i;
            place[i] = (int)n;
            sorted[n++] = p->steps[i];
        }
    }
    for (size_t i = 0; i < p->step_count; i++)
        if (!(over >> i & 1))
            return op_fail(r->op, E_INVALID, "step \"%.*s\" waits for itself, or for steps that do", STR_FMT(p->steps[i].name));
    for (size_t i = 0; i < p->tensor_count; i++)
        if (p->tensors[i].step >= 0)
            p->tensors[i].step = place[p->tensors[i].step];
    p->steps = sorted;
    for (size_t i = 0; i < p->step_count; i++)
        needs_find(p, &p->steps[i]);
    return OK;
}

uint64_t graph_plan_needed(const struct graph_plan *p, const bool *wanted)
{
    uint64_t needed = 0;
    for (size_t i = 0; i < p->output_count; i++)
        if ((!wanted || wanted[i]) && p->tensors[p->outputs[i].tensor].step >= 0)
            needed |= UINT64_C(1) << p->tensors[p->outputs[i].tensor].step;
    for (size_t i = p->step_count; i-- > 0;)
        if (needed >> i & 1)
            needed |= p->steps[i].needs;
    return needed;
}

/* What nobody needs is a mistake, and would never run. */
static enum err use_check(struct reader *r)
{
    const struct graph_plan *p = r->p;
    const uint64_t needed = graph_plan_needed(p, NULL);
    bool used[LIMIT_SERVE_GRAPH_TENSORS] = {false};
    for (size_t i = 0; i < p->step_count; i++) {
        const struct graph_step *s = &p->steps[i];
        if (!(needed >> i & 1))
            return op_fail(r->op, E_INVALID, "step \"%.*s\" makes nothing that an output needs", STR_FMT(s->name));
        for (size_t k = 0; k < s->in_count; k++)
            used[s->in[k].tensor] = true;
        for (size_t k = 0; k < s->when_count; k++)
            used[s->when[k].tensor] = used[s->when[k].tensor] || !s->when[k].parameter;
        for (size_t c = 0; c < s->case_count; c++)
            for (size_t k = 0; k < s->cases[c].when_count; k++)
                used[s->cases[c].when[k].tensor] = used[s->cases[c].when[k].tensor] || !s->cases[c].when[k].parameter;
    }
    for (size_t i = 0; i < p->output_count; i++)
        used[p->outputs[i].tensor] = true;
    for (size_t i = 0; i < p->input_count; i++)
        if (!used[i])
            return op_fail(r->op, E_INVALID, "nobody uses input \"%.*s\"", STR_FMT(p->tensors[i].name));
    return OK;
}

/* ---- the file ---- */

bool graph_accepts(struct str bytes)
{
    struct str head = str_sub(bytes, 0, LOOK_BYTES);
    const size_t at = str_find(head, STR("\"ingot.graph\""));
    if (at == SIZE_MAX)
        return false;
    head = str_trim(str_sub(head, 0, at)); /* {... "format" : */
    if (!head.len || head.p[0] != '{' || head.p[head.len - 1] != ':')
        return false;
    return str_ends(str_trim(str_sub(head, 0, head.len - 1)), STR("\"format\""));
}

static enum err head_check(struct op *op, const struct json *doc)
{
    static const char *const known[] = {"format", "version", "inputs", "steps", "outputs", "description", NULL};
    struct str format;
    int64_t version = 0;
    if (doc->type != JSON_OBJECT)
        return op_fail(op, E_INVALID, "it is %s, not an object", json_type_name(doc->type));
    enum err e = json_want_str(op, doc, "format", &format);
    if (!e && !str_eqc(format, "ingot.graph"))
        e = op_fail(op, E_INVALID, "its format is \"%.*s\"", STR_FMT(format));
    if (!e)
        e = json_want_i64(op, doc, "version", 1, INT64_MAX, &version);
    if (!e && version != GRAPH_VERSION)
        e = op_fail(op, E_UNSUPPORTED, "version %lld of the format is not known; %d is", (long long)version, GRAPH_VERSION);
    return e ? e : members_check(op, doc, known, NULL, NULL);
}

static enum err plan_read(struct reader *r, struct str bytes)
{
    struct json *doc = NULL;
    enum err e = bytes.len > LIMIT_SERVE_GRAPH_BYTES ? too_large(r->op) : json_parse(r->op, bytes, JSON_STRICT, &doc);
    if (!e)
        e = head_check(r->op, doc);
    if (!e)
        e = inputs_read(r, doc);
    if (!e)
        e = steps_read(r, doc);
    if (!e)
        e = steps_wire(r);
    if (!e)
        e = outputs_read(r, doc);
    if (!e)
        e = steps_order(r);
    return e ? e : use_check(r);
}

enum err graph_parse(struct op *op, struct str bytes, struct graph_plan **ret)
{
    struct arena *arena = arena_create(LIMIT_SERVE_GRAPH_BYTES * 64);
    struct graph_plan *p = arena_new(arena, struct graph_plan);
    struct op sub = *op;
    struct reader *r = arena_new(arena, struct reader);
    sub.arena = arena;
    *r = (struct reader){.op = &sub, .p = p};
    map_init(&r->names, arena);
    p->arena = arena;
    atomic_init(&p->refs, 1);
    enum err e = plan_read(r, bytes);
    if (e) {
        e = op_fail(op, e, "graph: %s", sub.msg);
        arena_destroy(arena);
        return e;
    }
    *ret = p;
    return OK;
}

struct graph_plan *graph_plan_ref(struct graph_plan *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void graph_plan_unref(struct graph_plan *p)
{
    if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
        arena_destroy(p->arena);
}
