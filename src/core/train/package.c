#include "core/train/package.h"

#include "base/limits.h"
#include "base/time.h"

static void columns_text(struct json_out *w, const struct str *names, size_t n, const struct transform *t)
{
    struct buf b;
    struct json_out c;
    buf_init(&b, LIMIT_MIB(4));
    json_out_init(&c, &b, 0);
    json_begin_array(&c);
    for (size_t i = 0; i < (t ? t->input_count : n); i++) {
        json_begin_object(&c);
        json_kv_cstr(&c, "type", !t ? "float" : t->inputs[i].text ? "string" : "double");
        json_kv_str(&c, "name", t ? t->inputs[i].name : names[i]);
        json_kv_bool(&c, "required", true);
        json_end_object(&c);
    }
    json_end_array(&c);
    json_str(w, buf_str(&b));
    buf_clear(&b);
}

void train_signature_json(struct json_out *w, const struct str *names, size_t n, const struct transform *transform)
{
    json_begin_object(w);
    json_key(w, "inputs");
    columns_text(w, names, n, transform);
    json_kv_cstr(w, "outputs", "[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1]}}]");
    json_end_object(w);
}

void train_mlmodel(const struct train_package *p, struct buf *out)
{
    struct buf sig;
    struct json_out w;
    char when[32];
    buf_init(&sig, LIMIT_MIB(8));
    json_out_init(&w, &sig, 0);
    train_signature_json(&w, p->names, p->features, p->transform);
    time_format(p->created_us, when);
    /* Everything is JSON text, which is YAML too: no name can break out of its place. */
    struct json_out q;
    buf_add_cstr(out, "artifact_path: model\nflavors:\n  ingot:\n    data: ");
    json_out_init(&q, out, 0);
    json_str(&q, p->model_file);
    buf_add_cstr(out, "\n    format: ");
    json_out_init(&q, out, 0);
    json_str(&q, p->format);
    buf_add_cstr(out, "\n");
    if (str_eqc(p->format, "xgboost")) {
        buf_add_cstr(out, "  xgboost:\n    code: null\n    data: ");
        json_out_init(&q, out, 0);
        json_str(&q, p->model_file);
        buf_addf(out, "\n    model_class: xgboost.core.Booster\n    model_format: json\n    xgb_version: \"%.*s\"\n",
                 STR_FMT(p->library_version));
    }
    if (str_eqc(p->format, "xgboost") && !p->transform) {
        buf_add_cstr(out, "  python_function:\n    loader_module: mlflow.xgboost\n    data: ");
        json_out_init(&q, out, 0);
        json_str(&q, p->model_file);
        buf_add_cstr(out, "\n    env: {}\n");
    }
    if (p->run_id.len)
        buf_addf(out, "run_id: \"%.*s\"\n", STR_FMT(p->run_id));
    buf_addf(out, "signature: %.*s\nutc_time_created: \"%s\"\n", STR_FMT(buf_str(&sig)), when);
    buf_clear(&sig);
}

enum err train_scores_save(struct op *op, struct table_engine *tables, struct str path,
                           const struct train_params *params, const struct train_rows *rows, const float *scores)
{
    struct table_field fields[] = {{params->id.len ? params->id : STR("row"), TABLE_I64}, {params->time, TABLE_TIMESTAMP},
                                   {STR("label"), TABLE_I64}, {STR("score"), TABLE_F32}};
    const struct table_schema schema = {.fields = fields, .len = ARRAY_LEN(fields)};
    int64_t *label = arena_array(op->arena, TABLE_CHUNK_ROWS, int64_t);
    struct table_writer *w = NULL;
    if (!label)
        return op_fail(op, E_TOO_LARGE, "no memory for labels");
    enum err e = table_writer_open(op, tables, path, &schema, &w);
    if (e)
        return e;
    for (size_t i = 0; i < rows->rows; i += TABLE_CHUNK_ROWS) {
        size_t n = rows->rows - i < TABLE_CHUNK_ROWS ? rows->rows - i : TABLE_CHUNK_ROWS;
        uint64_t valid[TABLE_CHUNK_ROWS / 64] = {0};
        for (size_t k = 0; k < n; k++)
            label[k] = rows->y && rows->y[i + k] != 0;
        struct table_column cols[] = {{TABLE_I64, rows->id + i, NULL}, {TABLE_TIMESTAMP, rows->time_us + i, NULL},
                                      {TABLE_I64, label, rows->y ? NULL : valid}, {TABLE_F32, scores + i, NULL}};
        const struct table_chunk chunk = {.rows = n, .len = ARRAY_LEN(cols), .cols = cols};
        e = table_append(op, tables, w, &chunk);
        if (e) {
            table_discard(tables, w);
            return e;
        }
    }
    uint64_t written = 0;
    return table_finish(op, tables, w, &written);
}
