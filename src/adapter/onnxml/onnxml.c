/* How a graph becomes a model. Each name gets a place; constants fill theirs when the model is loaded, inputs and nodes when it is
 * run. A node may read only places that are filled before it, so names are defined once and nothing waits for itself; a file whose
 * nodes stand in another order is left to another engine. Every node knows which of the (up to 64) outputs need it, so that what is
 * not wanted is not computed.
 *
 * A loaded model is tried with made-up rows: what its kernels cannot do shows here, as E_UNSUPPORTED, and not in a request. The
 * trial also shows the shapes of outputs that the file does not tell, and whether rows answer alone as they do together
 * (engine_info.joins). */
#include "adapter/onnxml/onnxml.h"

#include "adapter/onnxml/kernel.h"
#include "base/limits.h"
#include "base/map.h"

enum { SLOTS_MAX = 65536, TRIAL_ROWS = 5, IO_MAX = 64 };
#define NO_SLOT UINT32_MAX

struct onnxml_model {
    struct arena *arena;
    struct engine_info info;
    struct tensor *slots;        /* constants are filled */
    uint32_t slot_count;
    struct onnxml_step *steps;
    size_t step_count;
    uint32_t *input_slots, *output_slots;
    struct tensor_spec *inputs, *outputs;
};

/* ---- loading ---- */
struct loading {
    struct op *op;
    struct onnxml_model *m;
    const struct onnxml_graph *g;
    struct map places;           /* name -> slot, as a pointer into `marks` */
    const char *marks;
};

static enum err place_make(struct loading *l, struct str name, uint32_t *ret)
{
    if (map_has(&l->places, name))
        return op_fail(l->op, E_INVALID, "'%.*s' is defined twice", STR_FMT(name));
    union { const char *from; void *to; } mark = {l->marks + l->m->slot_count};
    if (l->m->slot_count == SLOTS_MAX || !map_put(&l->places, name, mark.to))
        return op_fail(l->op, E_UNSUPPORTED, "more than %d values", SLOTS_MAX);
    *ret = l->m->slot_count++;
    return OK;
}

static bool place_find(const struct loading *l, struct str name, uint32_t *ret)
{
    const char *mark = map_find(&l->places, name);
    if (mark)
        *ret = (uint32_t)(mark - l->marks);
    return mark != NULL;
}

static const struct onnxml_kernel *kernel_find(const struct onnxml_node *n)
{
    static const struct onnxml_kernel *const tables[] = {onnxml_math_kernels, onnxml_reduce_kernels, onnxml_shape_kernels, onnxml_ml_kernels,
                                                         onnxml_label_kernels, onnxml_tree_kernels, onnxml_svm_kernels};
    const bool ml = str_eqc(n->domain, "ai.onnx.ml");
    if (!ml && n->domain.len && !str_eqc(n->domain, "ai.onnx"))
        return NULL;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct onnxml_kernel *k = tables[t]; k->type; k++)
            if (k->ml == ml && str_eqc(n->type, k->type))
                return k;
    return NULL;
}

static enum err step_make(struct loading *l, const struct onnxml_node *n, struct onnxml_step *s)
{
    const struct onnxml_kernel *k = kernel_find(n);
    if (!k || n->input_count < k->in_min || (k->in_max != 255 && n->input_count > k->in_max) || n->input_count > ONNXML_INPUTS ||
        !n->output_count || n->output_count > ONNXML_OUTPUTS)
        return op_fail(l->op, E_UNSUPPORTED, "operator %.*s with %zu inputs is not known here", STR_FMT(n->type), n->input_count);
    if (arena_left(l->m->arena) < LIMIT_KIB(256))
        return op_fail(l->op, E_TOO_LARGE, "the model needs more than %zu bytes", (size_t)LIMIT_MODEL_BYTES);
    *s = (struct onnxml_step){.kernel = k, .in_count = (uint32_t)n->input_count, .out_count = (uint32_t)n->output_count};
    s->in = arena_array(l->m->arena, n->input_count + 1, uint32_t);
    s->out = arena_array(l->m->arena, n->output_count + 1, uint32_t);
    if (!s->in || !s->out)
        return op_fail(l->op, E_TOO_LARGE, "no memory for %zu inputs", n->input_count);
    for (size_t i = 0; i < n->input_count; i++) {
        s->in[i] = NO_SLOT;
        if (n->inputs[i].len && !place_find(l, n->inputs[i], &s->in[i]))
            return op_fail(l->op, E_UNSUPPORTED, "'%.*s' is read before it is made, or never made", STR_FMT(n->inputs[i]));
        if (!n->inputs[i].len && i < k->in_min)
            return op_fail(l->op, E_INVALID, "%s: input %zu is left out", k->type, i);
    }
    if (k->in_max == 255)
        for (size_t i = 0; i < n->input_count; i++)
            if (s->in[i] == NO_SLOT)
                return op_fail(l->op, E_INVALID, "%s: input %zu is left out", k->type, i);
    enum err e = k->prepare ? k->prepare(l->op, l->m->arena, n, l->g, &s->state) : OK;
    for (size_t i = 0; !e && i < n->output_count; i++) {
        s->out[i] = NO_SLOT;
        if (n->outputs[i].len)
            e = place_make(l, n->outputs[i], &s->out[i]);
    }
    return e;
}

static enum err places_fill(struct loading *l)
{
    const struct onnxml_graph *g = l->g;
    struct onnxml_model *m = l->m;
    enum err e = OK;
    for (size_t i = 0; !e && i < g->constant_count; i++) {
        uint32_t at = 0;
        e = place_make(l, g->constants[i].name, &at);
        if (!e && arena_left(m->arena) < g->constants[i].name.len + LIMIT_KIB(64))
            e = op_fail(l->op, E_TOO_LARGE, "no memory for constants");
        if (!e)
            e = onnxml_keep_tensor(l->op, m->arena, &g->constants[i], &m->slots[at]);
    }
    for (size_t i = 0; !e && i < g->input_count; i++) {
        uint32_t at = 0;
        if (place_find(l, g->inputs[i].name, &at))
            continue; /* a constant that may be replaced: it is not */
        if (m->info.input_count == IO_MAX * 16)
            return op_fail(l->op, E_UNSUPPORTED, "more than %d inputs", IO_MAX * 16);
        e = place_make(l, g->inputs[i].name, &m->input_slots[m->info.input_count]);
        const struct onnxml_value *v = &g->inputs[i];
        if (!e && (!v->is_tensor || !v->has_shape || v->type == TENSOR_TYPE_COUNT || !v->rank || v->shape[0] != -1))
            e = op_fail(l->op, E_UNSUPPORTED, "input '%.*s' is no batch of rows", STR_FMT(v->name));
        for (uint32_t a = 1; !e && a < v->rank; a++)
            if (v->shape[a] < 1)
                e = op_fail(l->op, E_UNSUPPORTED, "input '%.*s' has no fixed width", STR_FMT(v->name));
        if (e)
            return e;
        struct tensor_spec *spec = &m->inputs[m->info.input_count++];
        *spec = (struct tensor_spec){.name = str_dup(m->arena, v->name), .type = v->type, .rank = v->rank};
        memcpy(spec->shape, v->shape, sizeof(spec->shape));
    }
    return !e && !m->info.input_count ? op_fail(l->op, E_UNSUPPORTED, "no inputs") : e;
}

/* From the last node to the first: who is needed for which output. */
static enum err serves_mark(struct loading *l)
{
    struct onnxml_model *m = l->m;
    uint64_t *need = arena_array(l->op->arena, m->slot_count + 1, uint64_t);
    if (!need)
        return op_fail(l->op, E_TOO_LARGE, "no memory for %u values", m->slot_count);
    for (size_t i = 0; i < m->info.output_count; i++)
        need[m->output_slots[i]] |= (uint64_t)1 << i;
    for (size_t i = m->step_count; i-- > 0;) {
        struct onnxml_step *s = &m->steps[i];
        for (uint32_t k = 0; k < s->out_count; k++)
            s->serves |= s->out[k] != NO_SLOT ? need[s->out[k]] : 0;
        for (uint32_t k = 0; k < s->in_count; k++)
            if (s->in[k] != NO_SLOT)
                need[s->in[k]] |= s->serves;
    }
    return OK;
}

/* The labels of a ZipMap behind an output, by the node that makes it. */
static enum err labels_find(struct loading *l, const struct onnxml_value *v, struct tensor_spec *spec)
{
    for (size_t i = 0; i < l->g->node_count; i++) {
        const struct onnxml_node *n = &l->g->nodes[i];
        if (!str_eqc(n->type, "ZipMap") || !str_eq(n->outputs[0], v->name))
            continue;
        struct onnxml_labels labels;
        enum err e = onnxml_labels_keep(l->op, l->m->arena, n, "classlabels_int64s", "classlabels_strings", &labels);
        struct str *texts = !e ? arena_array(l->m->arena, labels.count, struct str) : NULL;
        if (!e && (!texts || arena_left(l->m->arena) < LIMIT_KIB(64) + labels.count * 32))
            e = op_fail(l->op, E_TOO_LARGE, "no memory for %zu labels", labels.count);
        for (size_t k = 0; !e && k < labels.count; k++)
            texts[k] = labels.strings ? labels.strings[k]
                                      : str_dup(l->m->arena, str_from(op_printf(l->op, "%lld", (long long)labels.ints[k])));
        spec->labels = texts;
        spec->label_count = labels.count;
        return e;
    }
    return op_fail(l->op, E_UNSUPPORTED, "output '%.*s' is no tensor", STR_FMT(v->name));
}

static enum err outputs_read(struct loading *l)
{
    struct onnxml_model *m = l->m;
    if (!l->g->output_count || l->g->output_count > IO_MAX)
        return op_fail(l->op, E_UNSUPPORTED, "%zu outputs", l->g->output_count);
    for (size_t i = 0; i < l->g->output_count; i++) {
        const struct onnxml_value *v = &l->g->outputs[i];
        struct tensor_spec *spec = &m->outputs[i];
        if (!place_find(l, v->name, &m->output_slots[i]))
            return op_fail(l->op, E_INVALID, "output '%.*s' is never made", STR_FMT(v->name));
        *spec = (struct tensor_spec){.name = str_dup(m->arena, v->name), .type = v->is_tensor ? v->type : TENSOR_TYPE_COUNT};
        spec->rank = v->has_shape ? v->rank : UINT32_MAX;
        memcpy(spec->shape, v->shape, sizeof(spec->shape));
        enum err e = v->is_tensor ? OK : labels_find(l, v, spec);
        if (e)
            return e;
    }
    m->info.output_count = l->g->output_count;
    return OK;
}

static enum err graph_build(struct loading *l)
{
    const struct onnxml_graph *g = l->g;
    struct onnxml_model *m = l->m;
    size_t most = g->constant_count + g->input_count, text = 0;
    if (g->node_count > LIMIT_ONNXML_NODES || (g->opset && (g->opset < 7 || g->opset > 25)) || g->opset_ml > 5)
        return op_fail(l->op, E_UNSUPPORTED, "%zu nodes, operators of version %lld and %lld", g->node_count, (long long)g->opset, (long long)g->opset_ml);
    for (size_t i = 0; i < g->node_count; i++)
        most += g->nodes[i].output_count;
    for (size_t i = 0; i < g->input_count; i++)
        text += g->inputs[i].name.len + 32;
    for (size_t i = 0; i < g->output_count; i++)
        text += g->outputs[i].name.len + 32;
    if (most > SLOTS_MAX || text > LIMIT_MODEL_BYTES / 4)
        return op_fail(l->op, E_UNSUPPORTED, "%zu values", most);
    m->slots = arena_array(m->arena, most + 1, struct tensor);
    m->steps = arena_array(m->arena, g->node_count + 1, struct onnxml_step);
    m->input_slots = arena_array(m->arena, g->input_count + 1, uint32_t);
    m->output_slots = arena_array(m->arena, g->output_count + 1, uint32_t);
    m->inputs = arena_array(m->arena, g->input_count + 1, struct tensor_spec);
    m->outputs = arena_array(m->arena, g->output_count + 1, struct tensor_spec);
    l->marks = arena_try_alloc(l->op->arena, SLOTS_MAX + 1, 1);
    if (!m->slots || !m->steps || !m->input_slots || !m->output_slots || !m->inputs || !m->outputs || !l->marks)
        return op_fail(l->op, E_TOO_LARGE, "no memory for %zu values", most);
    map_init(&l->places, l->op->arena);
    enum err e = places_fill(l);
    for (size_t i = 0; !e && i < g->node_count; i++)
        e = step_make(l, &g->nodes[i], &m->steps[m->step_count++]);
    if (!e)
        e = outputs_read(l);
    return e ? e : serves_mark(l);
}

/* ---- running ---- */
static enum err steps_run(struct op *op, const struct onnxml_model *m, struct tensor *slots, uint64_t wanted, bool trial)
{
    for (size_t i = 0; i < m->step_count; i++) {
        const struct onnxml_step *s = &m->steps[i];
        if (!(s->serves & wanted))
            continue;
        const struct tensor *in[ONNXML_INPUTS];
        struct tensor *out[ONNXML_OUTPUTS];
        struct tensor unread[ONNXML_OUTPUTS];
        for (uint32_t k = 0; k < s->in_count; k++)
            in[k] = s->in[k] == NO_SLOT ? NULL : &slots[s->in[k]];
        for (uint32_t k = 0; k < s->out_count; k++)
            out[k] = s->out[k] == NO_SLOT ? &unread[k] : &slots[s->out[k]];
        struct onnxml_call call = {.op = op, .step = s, .in = in, .out = out, .trial = trial};
        enum err e = op->deadline_ms ? op_check_deadline(op) : OK;
        if (!e)
            e = s->kernel->run(&call);
        if (e)
            return e;
    }
    return OK;
}

static enum err model_ask(struct op *op, const struct onnxml_model *m, const struct tensor *inputs, const bool *wanted, bool trial,
                          struct tensor *ret_outputs)
{
    struct tensor *slots = arena_array(op->arena, m->slot_count + 1, struct tensor);
    uint64_t mask = 0;
    if (!slots)
        return op_fail(op, E_TOO_LARGE, "no memory for %u values", m->slot_count);
    memcpy(slots, m->slots, m->slot_count * sizeof(*slots));
    for (size_t i = 0; i < m->info.input_count; i++) {
        struct tensor *t = &slots[m->input_slots[i]];
        *t = inputs[i];
        if (t->type != m->inputs[i].type || t->rank != m->inputs[i].rank)
            return op_fail(op, E_INVALID, "input '%.*s' is missing, or of another type or rank", STR_FMT(m->inputs[i].name));
        enum err e = tensor_align(op, t);
        if (e)
            return e;
    }
    for (size_t i = 0; i < m->info.output_count; i++)
        mask |= !wanted || wanted[i] ? (uint64_t)1 << i : 0;
    enum err e = steps_run(op, m, slots, mask, trial);
    for (size_t i = 0; !e && i < m->info.output_count; i++) {
        ret_outputs[i] = (struct tensor){0};
        if (!(mask >> i & 1))
            continue;
        ret_outputs[i] = slots[m->output_slots[i]];
        ret_outputs[i].name = m->outputs[i].name;
    }
    return e;
}

static enum err onnxml_run(struct op *op, const void *model, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs)
{
    return model_ask(op, model, inputs, wanted, false, ret_outputs);
}

/* ---- the trial ---- */
static enum err trial_input(struct op *op, const struct tensor_spec *spec, size_t rows, struct tensor *ret)
{
    struct tensor t = {.name = spec->name, .type = spec->type, .rank = spec->rank};
    memcpy(t.shape, spec->shape, sizeof(t.shape));
    t.shape[0] = (int64_t)rows;
    if (!tensor_count(t.shape, t.rank, LIMIT_TENSOR_VALUES / 16, &t.count))
        return op_fail(op, E_UNSUPPORTED, "input '%.*s' is too wide", STR_FMT(spec->name));
    static const struct str text = {"0", 1};
    struct str *texts = t.type == TENSOR_BYTES ? arena_array(op->arena, t.count + 1, struct str) : NULL;
    void *data = t.type == TENSOR_BYTES ? NULL : arena_try_alloc(op->arena, t.count + 1, tensor_type_size(t.type));
    if (!texts && !data)
        return op_fail(op, E_TOO_LARGE, "no memory for a trial");
    t.data = data;
    t.texts = texts;
    for (size_t i = 0; i < t.count; i++) {
        if (texts)
            texts[i] = text;
        else
            onnxml_put(&t, i, (double)(i * 7919 % 1000) / 250 - (t.type == TENSOR_FP32 || t.type == TENSOR_FP64 ? 2 : 0));
    }
    *ret = t;
    return OK;
}

/* One row of a tensor whose first axis is the rows. */
static struct tensor row_of(const struct tensor *t, size_t row)
{
    struct tensor r = *t;
    const size_t n = t->shape[0] ? t->count / (size_t)t->shape[0] : 0;
    r.shape[0] = 1;
    r.count = n;
    r.data = t->data ? (const char *)t->data + row * n * tensor_type_size(t->type) : NULL;
    r.texts = t->texts ? t->texts + row * n : NULL;
    return r;
}

static bool tensors_equal(const struct tensor *a, const struct tensor *b)
{
    if (a->count != b->count || a->type != b->type)
        return false;
    for (size_t i = 0; a->type == TENSOR_BYTES && i < a->count; i++)
        if (!str_eq(a->texts[i], b->texts[i]))
            return false;
    return a->type == TENSOR_BYTES || !a->count || memcmp(a->data, b->data, a->count * tensor_type_size(a->type)) == 0;
}

/* Completes an output's description; the file's own word stands where it has one and is true. */
static enum err output_check(struct op *op, const struct tensor *many, const struct tensor *one, struct tensor_spec *spec, bool *joins)
{
    if (spec->type == TENSOR_TYPE_COUNT)
        spec->type = many->type;
    if (spec->rank == UINT32_MAX || spec->label_count) {
        spec->rank = many->rank;
        for (uint32_t a = 0; a < many->rank; a++)
            spec->shape[a] = many->shape[a] == one->shape[a] ? many->shape[a] : -1;
    }
    if (spec->type != many->type || spec->rank != many->rank || one->rank != many->rank)
        return op_fail(op, E_UNSUPPORTED, "output '%.*s' has another type or rank than the file says", STR_FMT(spec->name));
    for (uint32_t a = 0; a < many->rank; a++)
        if (spec->shape[a] != -1 && spec->shape[a] != many->shape[a])
            spec->shape[a] = -1;
    if (spec->label_count && (many->rank != 2 || (uint64_t)many->shape[1] != spec->label_count))
        return op_fail(op, E_UNSUPPORTED, "output '%.*s' has another width than labels", STR_FMT(spec->name));
    *joins = *joins && many->rank && many->shape[0] == TRIAL_ROWS && one->shape[0] == 1;
    return OK;
}

static enum err trial(struct op *op, struct onnxml_model *m)
{
    struct tensor *many = arena_array(op->arena, m->info.input_count, struct tensor), *one = arena_array(op->arena, m->info.input_count, struct tensor);
    struct tensor out_many[IO_MAX], out_one[IO_MAX];
    bool joins = true;
    enum err e = many && one ? OK : op_fail(op, E_TOO_LARGE, "no memory for a trial");
    for (size_t i = 0; !e && i < m->info.input_count; i++)
        e = trial_input(op, &m->inputs[i], TRIAL_ROWS, &many[i]);
    if (!e)
        e = model_ask(op, m, many, NULL, true, out_many);
    for (size_t row = 0; !e && row < TRIAL_ROWS; row++) {
        for (size_t i = 0; i < m->info.input_count; i++)
            one[i] = row_of(&many[i], row);
        e = model_ask(op, m, one, NULL, true, out_one);
        for (size_t i = 0; !e && i < m->info.output_count; i++) {
            e = output_check(op, &out_many[i], &out_one[i], &m->outputs[i], &joins);
            if (!e && joins) {
                struct tensor same = row_of(&out_many[i], row);
                joins = tensors_equal(&same, &out_one[i]);
            }
        }
    }
    m->info.joins = joins;
    /* What made-up values break may be right with true ones: another engine shall say. */
    return e == E_INVALID ? op_fail(op, E_UNSUPPORTED, "a run with trial values failed") : e;
}

/* ---- the engine ---- */
static enum err onnxml_load(struct op *op, struct str bytes, void **ret_model)
{
    struct onnxml_graph g;
    enum err e = bytes.len > LIMIT_MODEL_BYTES ? op_fail(op, E_UNSUPPORTED, "ONNX model: %zu bytes", bytes.len) : onnxml_graph_read(op, bytes, &g);
    if (e)
        return e;
    struct arena *arena = arena_create(LIMIT_MODEL_BYTES);
    struct onnxml_model *m = arena_new(arena, struct onnxml_model);
    struct loading l = {.op = op, .m = m, .g = &g};
    *m = (struct onnxml_model){.arena = arena};
    e = graph_build(&l);
    if (!e) {
        struct op inner = *op; /* what the trial needs ends with it */
        inner.arena = arena_create(LIMIT_MODEL_SCRATCH_BYTES);
        inner.deadline_ms = 0;
        e = trial(&inner, m);
        if (e)
            op_fail(op, e, "%s", inner.msg ? inner.msg : "");
        arena_destroy(inner.arena);
    }
    if (e) {
        arena_destroy(arena);
        return op_context(op, "ONNX model");
    }
    m->info.format = STR("onnx");
    m->info.inputs_spec = m->inputs;
    m->info.outputs_spec = m->outputs;
    m->info.memory_bytes = arena_used(arena);
    *ret_model = m;
    return OK;
}

static void onnxml_unload(void *model)
{
    arena_destroy(((struct onnxml_model *)model)->arena);
}

static const struct engine_info *onnxml_info(const void *model)
{
    return &((const struct onnxml_model *)model)->info;
}

const struct engine_ops onnxml_engine = {
    .name = "onnxml",
    .accepts = onnxml_accepts,
    .load = onnxml_load,
    .unload = onnxml_unload,
    .info = onnxml_info,
    .run = onnxml_run,
};
