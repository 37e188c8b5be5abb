/* fake_engines.h - two small engines behind declared models, for the unit test and the fuzzer: "ROWS" sums three columns into one score, or
 * ("ROWK") gives three; "TENS" gives y = 2x for x [-1, 3] and z = a fixed [2, 2], and takes an optional "o". */
#ifndef INGOT_TESTS_FAKE_ENGINES_H
#define INGOT_TESTS_FAKE_ENGINES_H

#include "adapter/declared/declared.h"

static struct str fake_labels[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};
static const struct engine_info fake_row_info = {.format = STR_INIT("fake"), .features = 3, .outputs = 1, .memory_bytes = 8};
static const struct engine_info fake_rowk_info = {.format = STR_INIT("fake"), .features = 3, .outputs = 3, .memory_bytes = 8, .labels = fake_labels, .label_count = 3};
static const struct tensor_spec fake_in[] = {{.name = STR_INIT("x"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 3}},
                                             {.name = STR_INIT("o"), .type = TENSOR_INT64, .rank = 1, .shape = {-1}, .optional = true}};
static const struct tensor_spec fake_out[] = {{.name = STR_INIT("y"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 3}},
                                              {.name = STR_INIT("z"), .type = TENSOR_FP32, .rank = 2, .shape = {-1, 4}}};
static const struct engine_info fake_tensor_info = {.format = STR_INIT("fake"), .memory_bytes = 8, .inputs_spec = fake_in, .input_count = 2,
                                                    .outputs_spec = fake_out, .output_count = 2, .joins = true};

static bool fake_accepts_rows(struct str b)
{
    return str_starts(b, STR("ROW"));
}

static bool fake_accepts_tensors(struct str b)
{
    return str_starts(b, STR("TENS"));
}

static enum err fake_load(struct op *op, struct str b, void **ret)
{
    (void)op;
    *ret = (void *)(uintptr_t)(str_starts(b, STR("ROWK")) ? &fake_rowk_info : str_starts(b, STR("ROW")) ? &fake_row_info : &fake_tensor_info);
    return OK;
}

static void fake_unload(void *m)
{
    (void)m;
}

static const struct engine_info *fake_info(const void *m)
{
    return m;
}

static void fake_predict(const void *m, const float *rows, size_t n, float *out)
{
    const struct engine_info *info = m;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < info->outputs; k++)
            out[i * info->outputs + k] = info->outputs == 1 ? rows[3 * i] + rows[3 * i + 1] + rows[3 * i + 2] : rows[3 * i + k];
}

static enum err fake_run(struct op *op, const void *m, const struct tensor *in, const bool *wanted, struct tensor *out)
{
    (void)m;
    const size_t n = (size_t)in[0].shape[0];
    float *y = arena_array(op->arena, n * 3 + 1, float), *z = arena_array(op->arena, n * 4 + 1, float);
    if (!y || !z || in[0].rank != 2 || in[0].shape[1] != 3)
        return op_fail(op, E_IO, "not what the specification says");
    for (size_t i = 0; i < n * 3; i++)
        y[i] = 2 * ((const float *)in[0].data)[i];
    if (!wanted || wanted[0])
        out[0] = (struct tensor){.name = STR("y"), .type = TENSOR_FP32, .rank = 2, .shape = {(int64_t)n, 3}, .count = n * 3, .data = y};
    if (!wanted || wanted[1])
        out[1] = (struct tensor){.name = STR("z"), .type = TENSOR_FP32, .rank = 2, .shape = {(int64_t)n, 4}, .count = n * 4, .data = z};
    return OK;
}

static const struct engine_ops fake_rows_engine = {.name = "rows", .accepts = fake_accepts_rows, .load = fake_load, .unload = fake_unload, .info = fake_info,
                                                   .predict = fake_predict};
static const struct engine_ops fake_tensors_engine = {.name = "tensors", .accepts = fake_accepts_tensors, .load = fake_load, .unload = fake_unload,
                                                      .info = fake_info, .run = fake_run};
static const struct engine_ops *const fake_engines[] = {&declared_engine, &declared_spawning_engine, &fake_rows_engine, &fake_tensors_engine, NULL};

#endif
