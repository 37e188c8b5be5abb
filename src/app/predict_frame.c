#include "app/predict_frame.h"

#include "app/backends.h"
#include "app/fitted.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/limits.h"
#include "core/train/evaluate.h"
#include "core/train/package.h"
#include "core/train/raw.h"

enum err frame_params_read(struct op *op, struct str path, struct train_params **ret)
{
    struct str yaml;
    enum err e = file_read(op, str_cstr(op->arena, path), LIMIT_MIB(1), &yaml);
    if (!e)
        e = train_params_parse(op, yaml, ret);
    return e ? op_context(op, "%.*s", STR_FMT(path)) : OK;
}

enum err frame_model_open(struct op *op, struct str path, char sha256[65], struct model **ret)
{
    struct str bytes;
    enum err e = file_read(op, str_cstr(op->arena, path), LIMIT_MODEL_BYTES, &bytes);
    if (!e)
        e = model_load(op, backend_engines, bytes, ret);
    if (e)
        return op_context(op, "%.*s", STR_FMT(path));
    uint8_t digest[HASH_SHA256_LEN];
    hash_sha256(bytes.p, bytes.len, digest);
    hash_hex(digest, sizeof(digest), sha256);
    return OK;
}

enum err predict_frame(struct op *op, struct command_ctx *ctx)
{
    AUTO(table_engine) struct table_engine *tables = NULL;
    AUTO(train_rows) struct train_rows *rows = NULL;
    AUTO(model) struct model *model = NULL;
    AUTO(floats) float *scores = NULL;
    struct train_params *params = NULL;
    struct fitted fitted = {0};
    char sha256[65];
    enum err e = frame_params_read(op, command_str(ctx, "params"), &params);
    if (!e)
        e = frame_model_open(op, command_str(ctx, "model"), sha256, &model);
    if (!e)
        e = backend_tables_open(op, &tables);
    if (!e)
        e = train_rows_load(op, tables, command_str(ctx, "frame"), params, INT64_MIN, INT64_MAX, false, &rows);
    if (!e)
        e = fitted_read(op, command_str(ctx, "model"), &fitted);
    if (!e && fitted.transform)
        e = train_transform_apply(op, tables, command_str(ctx, "frame"), params, fitted.transform, rows, INT64_MIN, INT64_MAX);
    if (!e)
        e = train_predict(op, model, rows, &scores);
    for (size_t i = 0; !e && fitted.calibrator && i < rows->rows; i++)
        scores[i] = (float)calibrator_score(fitted.calibrator, (double)scores[i]);
    if (!e)
        e = train_scores_save(op, tables, command_str(ctx, "out"), params, rows, scores);
    if (e)
        return e;
    struct json_out *w = command_out(ctx);
    json_begin_object(w);
    json_kv_i64(w, "rows", (int64_t)rows->rows);
    json_kv_cstr(w, "model_sha256", sha256);
    json_kv_str(w, "out", command_str(ctx, "out"));
    json_end_object(w);
    command_say(ctx, "%zu rows scored into %.*s", rows->rows, STR_FMT(command_str(ctx, "out")));
    return OK;
}
