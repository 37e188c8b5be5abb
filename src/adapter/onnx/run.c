/* One run: the request's bytes are given to the library where they lie; answers are copied into op's arena, as their memory
 * belongs to the library's arena and must go back before the next run can use it.
 *
 * What the library calls a failure at run time is mostly the request's fault: indices beyond a table, shapes that do not fit each other.
 * It is E_INVALID, but for memory that could not be had, which says nothing about the request. */
#include "adapter/onnx/model.h"
#include "adapter/onnx/watch.h"

/* Requests of this size are rare; the library's arena is trimmed after them. */
#define LARGE_BYTES LIMIT_MIB(4)

struct run {
    struct op *op;
    const struct onnx_model *m;
    const char **input_names, **output_names;
    struct ort_value **inputs, **outputs;
    size_t input_count, output_count, bytes;
    size_t *output_index;       /* in the model's order, of each wanted output */
};

static enum err check(struct run *r, struct ort_status *status, const char *what)
{
    return onnx_lib_check(r->op, r->m->lib, status, what);
}

static enum err texts_give(struct run *r, const struct tensor *t, struct ort_value **ret)
{
    const struct ort *ort = &r->m->lib->ort;
    enum err e = check(r, ort->CreateTensorAsOrtValue(r->m->lib->allocator, t->shape, t->rank, ORT_ELEMENT_STRING, ret), "input");
    for (size_t i = 0; !e && i < t->count; i++) {
        char *room = NULL;
        e = check(r, ort->GetResizedStringTensorElementBuffer(*ret, i, t->texts[i].len, &room), "input");
        if (!e && t->texts[i].len)
            memcpy(room, t->texts[i].p, t->texts[i].len);
    }
    return e;
}

/* A byte that is neither 0 nor 1 is no bool to C++, and what compilers make of it is anything. */
static enum err bools_tidy(struct op *op, struct tensor *t)
{
    const uint8_t *from = t->data;
    uint8_t all = 0;
    for (size_t i = 0; i < t->count; i++)
        all |= from[i];
    if (all <= 1)
        return OK;
    uint8_t *to = arena_array(op->arena, t->count, uint8_t);
    if (!to)
        return op_fail(op, E_TOO_LARGE, "no memory for tensor \"%.*s\"", STR_FMT(t->name));
    for (size_t i = 0; i < t->count; i++)
        to[i] = from[i] != 0;
    t->data = to;
    return OK;
}

static enum err input_give(struct run *r, const struct tensor *given, struct ort_value **ret)
{
    static const uint64_t nothing[2];
    struct tensor t = *given;
    if (t.type == TENSOR_BYTES)
        return texts_give(r, &t, ret);
    enum err e = t.type == TENSOR_BOOL ? bools_tidy(r->op, &t) : tensor_align(r->op, &t);
    if (e)
        return e;
    size_t bytes = t.count * tensor_type_size(t.type);
    r->bytes += bytes;
    /* The library takes a pointer that it may write to, but does not write to inputs. */
    void *data = (void *)(uintptr_t)(bytes ? t.data : nothing);
    return check(r, r->m->lib->ort.CreateTensorWithDataAsOrtValue(r->m->lib->memory, data, bytes, t.shape, t.rank, onnx_type_to(t.type), ret), "input");
}

static enum err inputs_give(struct run *r, const struct tensor *inputs)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < r->m->info.input_count; i++) {
        if (inputs[i].type == TENSOR_TYPE_COUNT)
            return op_fail(r->op, E_INVALID, "input \"%s\" is missing", r->m->input_names[i]);
        if (inputs[i].type != r->m->inputs[i].type)
            return op_fail(r->op, E_INVALID, "input \"%s\" is %s, not %s", r->m->input_names[i], tensor_type_name(r->m->inputs[i].type),
                           tensor_type_name(inputs[i].type));
        r->input_names[i] = r->m->input_names[i];
        e = input_give(r, &inputs[i], &r->inputs[i]);
        r->input_count = i + 1;
    }
    return e;
}

static enum err texts_take(struct run *r, struct ort_value *value, struct tensor *t)
{
    const struct ort *ort = &r->m->lib->ort;
    size_t bytes = 0;
    enum err e = check(r, ort->GetStringTensorDataLength(value, &bytes), "output");
    if (e)
        return e;
    char *text = arena_try_alloc(r->op->arena, bytes + 1, 1);
    size_t *starts = arena_array(r->op->arena, t->count + 1, size_t);
    struct str *texts = arena_array(r->op->arena, t->count + 1, struct str);
    if (!text || !starts || !texts)
        return op_fail(r->op, E_TOO_LARGE, "no memory for output \"%.*s\"", STR_FMT(t->name));
    if (t->count) /* the library refuses to be asked for no texts */
        e = check(r, ort->GetStringTensorContent(value, text, bytes, starts, t->count), "output");
    starts[t->count] = bytes;
    for (size_t i = 0; !e && i < t->count; i++)
        texts[i] = (struct str){text + starts[i], starts[i + 1] - starts[i]};
    t->texts = texts;
    return e;
}

static enum err shape_take(struct run *r, struct ort_value *value, struct tensor *t)
{
    const struct ort *ort = &r->m->lib->ort;
    struct ort_tensor_info *info = NULL;
    enum ort_type type = ORT_TYPE_UNKNOWN;
    enum ort_element element = ORT_ELEMENT_UNDEFINED;
    size_t rank = 0;
    enum err e = check(r, ort->GetValueType(value, &type), "output");
    if (!e && type != ORT_TYPE_TENSOR)
        e = op_fail(r->op, E_UNSUPPORTED, "output \"%.*s\" is no tensor", STR_FMT(t->name));
    if (!e)
        e = check(r, ort->GetTensorTypeAndShape(value, &info), "output");
    if (e)
        return e;
    e = check(r, ort->GetTensorElementType(info, &element), "output");
    if (!e)
        e = check(r, ort->GetDimensionsCount(info, &rank), "output");
    if (!e && rank <= LIMIT_TENSOR_RANK)
        e = check(r, ort->GetDimensions(info, t->shape, rank), "output");
    ort->ReleaseTensorTypeAndShapeInfo(info);
    if (e)
        return e;
    t->rank = (uint32_t)rank;
    if (rank > LIMIT_TENSOR_RANK || !onnx_type_from(element, &t->type))
        return op_fail(r->op, E_UNSUPPORTED, "output \"%.*s\" has %zu axes or element type %d", STR_FMT(t->name), rank, (int)element);
    if (!tensor_count(t->shape, t->rank, LIMIT_TENSOR_VALUES, &t->count))
        return op_fail(r->op, E_TOO_LARGE, "output \"%.*s\" has more than %zu values", STR_FMT(t->name), (size_t)LIMIT_TENSOR_VALUES);
    return OK;
}

static enum err output_take(struct run *r, size_t i, struct tensor *ret)
{
    struct tensor t = {.name = r->m->outputs[r->output_index[i]].name};
    enum err e = r->outputs[i] ? shape_take(r, r->outputs[i], &t) : op_fail(r->op, E_IO, "output \"%.*s\" has no value", STR_FMT(t.name));
    if (!e && t.type == TENSOR_BYTES) {
        e = texts_take(r, r->outputs[i], &t);
    } else if (!e) {
        void *from = NULL;
        size_t bytes = t.count * tensor_type_size(t.type);
        char *to = arena_try_alloc(r->op->arena, bytes + 1, 1);
        e = check(r, r->m->lib->ort.GetTensorMutableData(r->outputs[i], &from), "output");
        if (!e && !to)
            e = op_fail(r->op, E_TOO_LARGE, "no memory for output \"%.*s\" of %zu bytes", STR_FMT(t.name), bytes);
        if (!e && bytes)
            memcpy(to, from, bytes);
        t.data = to;
    }
    if (!e)
        *ret = t;
    return e;
}

/* The library's own text tells the request's faults from the machine's. */
static enum err run_failed(struct run *r, struct ort_status *status, const struct onnx_watch *watch)
{
    enum ort_code code = r->m->lib->ort.GetErrorCode(status);
    const char *text = r->m->lib->ort.GetErrorMessage(status);
    bool memory = strstr(text, "bad_alloc") || strstr(text, "Failed to allocate memory") || strstr(text, "BFCArena");
    bool request = code == ORT_CODE_FAIL || code == ORT_CODE_RUNTIME_EXCEPTION;
    enum err e = onnx_lib_check(r->op, r->m->lib, status, "the model failed");
    if (watch && watch->fired)
        return op_fail(r->op, E_TIMEOUT, "the deadline passed while the model ran");
    return memory ? op_fail(r->op, E_IO, "no memory to run the model") : request ? op_fail(r->op, E_INVALID, "the model refuses the inputs") : e;
}

static enum err run_now(struct run *r)
{
    const struct ort *ort = &r->m->lib->ort;
    bool large = r->bytes >= LARGE_BYTES, timed = r->op->deadline_ms != 0;
    struct onnx_watch watch = {.lib = r->m->lib, .deadline_ms = r->op->deadline_ms};
    enum err e = op_check_deadline(r->op);
    if (!e && (large || timed))
        e = check(r, ort->CreateRunOptions(&watch.options), "run");
    if (!e && large)
        e = check(r, ort->AddRunConfigEntry(watch.options, "memory.enable_memory_arena_shrinkage", "cpu:0"), "run");
    if (e) {
        if (watch.options)
            ort->ReleaseRunOptions(watch.options);
        return e;
    }
    if (timed)
        onnx_watch_begin(&watch);
    struct ort_status *status = ort->Run(r->m->session, watch.options, r->input_names, (const struct ort_value *const *)r->inputs, r->input_count,
                                         r->output_names, r->output_count, r->outputs);
    if (timed)
        onnx_watch_end(&watch);
    if (watch.options)
        ort->ReleaseRunOptions(watch.options);
    return status ? run_failed(r, status, timed ? &watch : NULL) : OK;
}

enum err onnx_model_run(struct op *op, const struct onnx_model *m, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs)
{
    size_t ins = m->info.input_count, outs = m->info.output_count;
    struct run r = {.op = op, .m = m};
    r.input_names = arena_array(op->arena, ins + outs + 1, const char *);
    r.inputs = arena_array(op->arena, ins + outs + 1, struct ort_value *);
    r.output_index = arena_array(op->arena, outs + 1, size_t);
    if (!r.input_names || !r.inputs || !r.output_index)
        return op_fail(op, E_TOO_LARGE, "no memory for a run");
    r.output_names = r.input_names + ins;
    r.outputs = r.inputs + ins;
    for (size_t i = 0; i < outs; i++) {
        if (wanted && !wanted[i])
            continue;
        r.output_index[r.output_count] = i;
        r.output_names[r.output_count++] = m->output_names[i];
    }
    if (!r.output_count) { /* nothing is asked for: the library refuses that */
        memset(ret_outputs, 0, outs * sizeof *ret_outputs);
        return OK;
    }
    struct tensor *outputs = arena_array(op->arena, outs + 1, struct tensor);
    enum err e = outputs ? inputs_give(&r, inputs) : op_fail(op, E_TOO_LARGE, "no memory for a run");
    if (!e)
        e = run_now(&r);
    for (size_t i = 0; !e && i < r.output_count; i++)
        e = output_take(&r, i, &outputs[r.output_index[i]]);
    for (size_t i = 0; i < ins + outs; i++)
        if (r.inputs[i])
            m->lib->ort.ReleaseValue(r.inputs[i]);
    if (!e && outs)
        memcpy(ret_outputs, outputs, outs * sizeof *ret_outputs);
    return e;
}
