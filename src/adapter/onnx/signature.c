/* What a session says of its inputs and outputs, in our words. Free lengths are -1; their names are kept for probing. */
#include "adapter/onnx/model.h"

static const struct {
    enum ort_element from;
    enum tensor_type to;
} types[] = {
    {ORT_ELEMENT_BOOL, TENSOR_BOOL},     {ORT_ELEMENT_UINT8, TENSOR_UINT8},   {ORT_ELEMENT_UINT16, TENSOR_UINT16}, {ORT_ELEMENT_UINT32, TENSOR_UINT32},
    {ORT_ELEMENT_UINT64, TENSOR_UINT64}, {ORT_ELEMENT_INT8, TENSOR_INT8},     {ORT_ELEMENT_INT16, TENSOR_INT16},   {ORT_ELEMENT_INT32, TENSOR_INT32},
    {ORT_ELEMENT_INT64, TENSOR_INT64},   {ORT_ELEMENT_FLOAT16, TENSOR_FP16},  {ORT_ELEMENT_BFLOAT16, TENSOR_BF16}, {ORT_ELEMENT_FLOAT, TENSOR_FP32},
    {ORT_ELEMENT_DOUBLE, TENSOR_FP64},   {ORT_ELEMENT_STRING, TENSOR_BYTES},
};

bool onnx_type_from(enum ort_element e, enum tensor_type *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (types[i].from == e) {
            *ret = types[i].to;
            return true;
        }
    }
    return false;
}

enum ort_element onnx_type_to(enum tensor_type t)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (types[i].to == t)
            return types[i].from;
    return ORT_ELEMENT_UNDEFINED;
}

static void give_back(const struct onnx_lib *lib, void *p)
{
    struct ort_status *status = lib->ort.AllocatorFree(lib->allocator, p);
    if (status)
        lib->ort.ReleaseStatus(status);
}

struct side { /* inputs or outputs */
    const char *what;
    size_t count;
    struct tensor_spec *specs;
    const char **names;
    struct onnx_dims *dims;
    struct ort_status *(*type_info)(const struct ort_session *, size_t, struct ort_type_info **);
    struct ort_status *(*name)(const struct ort_session *, size_t, struct ort_allocator *, char **);
};

static enum err read_tensor(struct op *op, struct onnx_model *m, const struct ort_tensor_info *info, struct tensor_spec *spec, struct onnx_dims *dims)
{
    const struct onnx_lib *lib = m->lib;
    enum ort_element element = ORT_ELEMENT_UNDEFINED;
    size_t rank = 0;
    const char *names[LIMIT_TENSOR_RANK] = {0};
    enum err e = onnx_lib_check(op, lib, lib->ort.GetTensorElementType(info, &element), "signature");
    if (!e)
        e = onnx_lib_check(op, lib, lib->ort.GetDimensionsCount(info, &rank), "signature");
    if (e)
        return e;
    if (!onnx_type_from(element, &spec->type))
        return op_fail(op, E_UNSUPPORTED, "tensor \"%.*s\" has element type %d, which no protocol here can carry", STR_FMT(spec->name), (int)element);
    if (rank > LIMIT_TENSOR_RANK)
        return op_fail(op, E_UNSUPPORTED, "tensor \"%.*s\" has %zu axes; %d are served", STR_FMT(spec->name), rank, LIMIT_TENSOR_RANK);
    spec->rank = (uint32_t)rank;
    e = onnx_lib_check(op, lib, lib->ort.GetDimensions(info, spec->shape, rank), "signature");
    if (!e)
        e = onnx_lib_check(op, lib, lib->ort.GetSymbolicDimensions(info, names, rank), "signature");
    for (size_t i = 0; !e && i < rank; i++) {
        spec->shape[i] = spec->shape[i] < 0 ? -1 : spec->shape[i];
        dims->name[i] = str_dup(m->arena, str_from(names[i]));
    }
    return e;
}

static enum err read_one(struct op *op, struct onnx_model *m, const struct side *side, size_t i)
{
    const struct onnx_lib *lib = m->lib;
    char *name = NULL;
    struct ort_type_info *info = NULL;
    const struct ort_tensor_info *tensor = NULL;
    enum err e = onnx_lib_check(op, lib, side->name(m->session, i, lib->allocator, &name), "signature");
    if (e)
        return e;
    side->specs[i].name = str_dup(m->arena, str_from(name));
    side->names[i] = side->specs[i].name.p;
    give_back(lib, name);
    e = onnx_lib_check(op, lib, side->type_info(m->session, i, &info), "signature");
    if (e)
        return e;
    e = onnx_lib_check(op, lib, lib->ort.CastTypeInfoToTensorInfo(info, &tensor), "signature");
    if (!e && !tensor)
        e = op_fail(op, E_UNSUPPORTED, "%s \"%s\" is no tensor but a map or a sequence (skl2onnx: convert with options={'zipmap': False})", side->what,
                    side->names[i]);
    else if (!e)
        e = read_tensor(op, m, tensor, &side->specs[i], &side->dims[i]);
    lib->ort.ReleaseTypeInfo(info);
    return e;
}

static enum err read_side(struct op *op, struct onnx_model *m, struct side *side)
{
    if (side->count > LIMIT_ONNX_TENSORS)
        return op_fail(op, E_TOO_LARGE, "the model has %zu %ss; %d are served", side->count, side->what, LIMIT_ONNX_TENSORS);
    side->specs = arena_array(m->arena, side->count + 1, struct tensor_spec);
    side->names = arena_array(m->arena, side->count + 1, const char *);
    side->dims = arena_array(m->arena, side->count + 1, struct onnx_dims);
    if (!side->specs || !side->names || !side->dims)
        return op_fail(op, E_TOO_LARGE, "no memory for the signature");
    enum err e = OK;
    for (size_t i = 0; !e && i < side->count; i++)
        e = read_one(op, m, side, i);
    return e;
}

/* metadata_props; what the library allocated goes back to it. */
static enum err read_facts(struct op *op, struct onnx_model *m, struct ort_metadata *metadata)
{
    const struct onnx_lib *lib = m->lib;
    char **keys = NULL;
    int64_t count = 0;
    enum err e = onnx_lib_check(op, lib, lib->ort.ModelMetadataGetCustomMetadataMapKeys(metadata, lib->allocator, &keys, &count), "metadata");
    if (e || !keys)
        return e;
    size_t kept = count < LIMIT_ONNX_METADATA ? (size_t)count : LIMIT_ONNX_METADATA;
    struct engine_fact *facts = arena_array(m->arena, kept + 1, struct engine_fact);
    for (int64_t i = 0; i < count; i++) {
        char *value = NULL;
        if (!e && facts && (size_t)i < kept)
            e = onnx_lib_check(op, lib, lib->ort.ModelMetadataLookupCustomMetadataMap(metadata, lib->allocator, keys[i], &value), "metadata");
        if (value) {
            facts[m->info.fact_count++] = (struct engine_fact){str_dup(m->arena, str_from(keys[i])), str_dup(m->arena, str_from(value))};
            give_back(lib, value);
        }
        give_back(lib, keys[i]);
    }
    m->info.facts = facts;
    give_back(lib, keys);
    return e;
}

enum err onnx_signature_read(struct op *op, struct onnx_model *m)
{
    const struct ort *ort = &m->lib->ort;
    struct side in = {.what = "input", .type_info = ort->SessionGetInputTypeInfo, .name = ort->SessionGetInputName};
    struct side out = {.what = "output", .type_info = ort->SessionGetOutputTypeInfo, .name = ort->SessionGetOutputName};
    struct ort_metadata *metadata = NULL;
    enum err e = onnx_lib_check(op, m->lib, ort->SessionGetInputCount(m->session, &in.count), "signature");
    if (!e)
        e = onnx_lib_check(op, m->lib, ort->SessionGetOutputCount(m->session, &out.count), "signature");
    if (!e)
        e = read_side(op, m, &in);
    if (!e)
        e = read_side(op, m, &out);
    if (e)
        return e;
    m->inputs = in.specs;
    m->input_names = in.names;
    m->input_dims = in.dims;
    m->outputs = out.specs;
    m->output_names = out.names;
    m->output_dims = out.dims;
    m->info.inputs_spec = in.specs;
    m->info.input_count = in.count;
    m->info.outputs_spec = out.specs;
    m->info.output_count = out.count;
    e = onnx_lib_check(op, m->lib, ort->SessionGetModelMetadata(m->session, &metadata), "metadata");
    if (!e) {
        e = read_facts(op, m, metadata);
        ort->ReleaseModelMetadata(metadata);
    }
    return e;
}
