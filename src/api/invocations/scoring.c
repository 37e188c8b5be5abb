/* The four forms are those of mlflow.pyfunc.scoring_server 3.x. Differences on purpose: a key that stands twice is refused, numbers
 * that are out of range are refused, and rows may not bring columns that the first row lacks. As there, columns that the model does not
 * know are dropped. */
#include "api/invocations/scoring.h"

#include <inttypes.h>

#include "api/ask.h"
#include "api/invocations/csv.h"
#include "base/limits.h"

/* ---- CSV ---- */

static struct json csv_cell(const struct frame *f, size_t row, size_t col)
{
    const struct csv *csv = f->data;
    struct str s = csv->cells[row * csv->cols + col];
    return s.p ? (struct json){.type = JSON_STRING, .s = s} : (struct json){.type = JSON_NULL};
}

/* Columns are numbers if all their cells are; so says pandas too. */
struct typed_csv {
    struct csv csv;
    bool *numbers;
};
static bool cell_number(struct str s, struct json *ret)
{
    if (str_parse_i64(s, &ret->i))
        ret->type = JSON_INT;
    else if (str_parse_f64(s, true, &ret->f))
        ret->type = JSON_REAL;
    else
        return false;
    return true;
}

static struct json typed_cell(const struct frame *f, size_t row, size_t col)
{
    const struct typed_csv *t = f->data;
    const struct frame plain = {.data = &t->csv};
    struct json cell = csv_cell(&plain, row, col), number;
    return t->numbers[col] && cell.type == JSON_STRING && cell_number(cell.s, &number) ? number : cell;
}

/* Columns that are texts whatever their cells look like. */
static bool is_text_column(const struct frame_want *want, struct str name)
{
    const struct feature_view *v = want->info->view;
    bool found = false;
    for (size_t i = 0; v && i < v->key_len; i++)
        found = found || str_eq(name, v->keys[i]);
    for (size_t i = 0; i < want->sig->input_count; i++)
        found = found || (want->sig->inputs[i].type == TENSOR_BYTES && str_eq(name, want->sig->inputs[i].name));
    return found;
}

static enum err csv_read(struct op *op, struct str body, const struct frame_want *want, struct scoring_request *r)
{
    struct typed_csv *t = op_new(op, struct typed_csv);
    enum err e = csv_parse(op, body, &t->csv);
    if (e)
        return e;
    t->numbers = arena_array(op->arena, t->csv.cols, bool);
    if (!t->numbers)
        return op_fail(op, E_TOO_LARGE, "no memory for %zu columns", t->csv.cols);
    for (size_t c = 0; c < t->csv.cols; c++) {
        struct json number;
        t->numbers[c] = !is_text_column(want, t->csv.names[c]);
        for (size_t i = 0; i < t->csv.rows && t->numbers[c]; i++) {
            struct str s = t->csv.cells[i * t->csv.cols + c];
            t->numbers[c] = !s.p || cell_number(s, &number);
        }
    }
    const struct frame f = {.rows = t->csv.rows, .cols = t->csv.cols, .names = t->csv.names, .cell = typed_cell, .data = t};
    r->frame = true;
    return frame_tensors(op, want, &f, &r->inputs);
}

/* ---- JSON ---- */

static enum err split_read(struct op *op, const struct json *split, const struct frame_want *want, struct scoring_request *r)
{
    struct frame f;
    const struct json *data = split->type == JSON_OBJECT ? json_get(split, "data") : NULL;
    if (!data)
        return op_fail_field(op, "body", "dataframe_split is not an object with columns and data");
    enum err e = frame_of_rows(op, json_get(split, "columns"), data, &f);
    return e ? e : frame_tensors(op, want, &f, &r->inputs);
}

static enum err records_read(struct op *op, const struct json *list, const struct frame_want *want, struct scoring_request *r)
{
    struct frame f;
    if (list->type != JSON_ARRAY)
        return op_fail_field(op, "body", "dataframe_records is not a list of objects");
    enum err e = frame_of_records(op, want, list, &f);
    return e ? e : frame_tensors(op, want, &f, &r->inputs);
}

/* "instances" and "inputs": objects of columns, rows as objects, or a bare list. */
static enum err values_form_read(struct op *op, const struct json *v, const struct frame_want *want, struct scoring_request *r)
{
    if (v->type == JSON_OBJECT)
        return frame_tensors_of_object(op, want, v, &r->inputs);
    r->frame = v->type == JSON_ARRAY && v->len && v->items[0].type == JSON_OBJECT;
    return r->frame ? records_read(op, v, want, r) : frame_tensor_of_list(op, want, v, false, &r->inputs);
}

static enum err json_forms_read(struct op *op, struct str body, const struct frame_want *want, struct scoring_request *r)
{
    static const char *const forms[] = {"dataframe_split", "dataframe_records", "instances", "inputs"};
    struct json *doc = NULL;
    const struct json *form = NULL, *params;
    size_t which = 0, found = 0;
    enum err e = json_parse(op, body, JSON_NAN | JSON_PACK, &doc);
    if (!e && doc->type != JSON_OBJECT)
        e = op_fail(op, E_INVALID, "it is %s, not an object", json_type_name(doc->type));
    if (e) {
        op->field = "body";
        return op_context(op, "Invalid input. Ensure that input is a valid JSON formatted string");
    }
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        const struct json *j = json_get(doc, forms[i]);
        found += j != NULL;
        if (j) {
            form = j;
            which = i;
        }
    }
    if (!found && (json_get(doc, "messages") || json_get(doc, "prompt") || json_get(doc, "input")))
        return op_fail(op, E_UNSUPPORTED, "language models are not served yet");
    if (found != 1)
        return op_fail_field(op, "body", "The input must be a JSON dictionary with exactly one of the input fields dataframe_split, dataframe_records, "
                                         "instances, inputs. It has %zu of them", found);
    if (json_get(doc, "signature_name"))
        return op_fail_field(op, "body", "signature_name is not supported");
    params = json_get(doc, "params");
    if (params && params->type == JSON_OBJECT && json_get(params, "id") && json_get(params, "id")->type == JSON_STRING)
        r->unit = json_get(params, "id")->s;
    r->frame = which < 2;
    return which == 0 ? split_read(op, form, want, r) : which == 1 ? records_read(op, form, want, r) : values_form_read(op, form, want, r);
}

enum err scoring_read(struct op *op, struct str body, struct str type, const struct frame_want *want, struct scoring_request *ret)
{
    struct scoring_request r = {.unit = STR("")};
    enum err e = str_eqc(type, "text/csv") ? csv_read(op, body, want, &r) : json_forms_read(op, body, want, &r);
    if (!e)
        *ret = r;
    return e;
}

/* ---- the answer ---- */

/* Value `i` of the first axis. */
static enum err row_value(struct op *op, struct json_out *w, const struct tensor *t, size_t rows, size_t i)
{
    struct tensor row = *t;
    row.rank--;
    memmove(row.shape, row.shape + 1, row.rank * sizeof(row.shape[0]));
    row.count = t->count / rows;
    if (t->type == TENSOR_BYTES)
        row.texts = t->texts + i * row.count;
    else
        row.data = (const char *)t->data + i * row.count * tensor_type_size(t->type);
    return values_write(op, w, &row, VALUES_NESTED, 0, false);
}

static bool has_rows(const struct infer_answer *a, size_t rows)
{
    bool all = rows > 0;
    for (size_t k = 0; k < a->output_count; k++)
        all = all && a->outputs[k].rank && a->outputs[k].shape[0] == (int64_t)rows;
    return all;
}

static enum err records_write(struct op *op, struct json_out *w, const struct infer_answer *a, size_t rows)
{
    enum err e = OK;
    json_begin_array(w);
    for (size_t i = 0; !e && i < rows; i++) {
        json_begin_object(w);
        for (size_t k = 0; !e && k < a->output_count; k++) {
            json_key_str(w, a->outputs[k].name);
            e = row_value(op, w, &a->outputs[k], rows, i);
        }
        if (!e)
            json_end_object(w);
    }
    if (!e)
        json_end_array(w);
    return e;
}

enum err scoring_write(struct op *op, const struct scoring_request *r, const struct infer_answer *a, struct http_res *res)
{
    struct json_out w;
    enum err e = OK;
    ask_reply(res, &w);
    json_begin_object(&w);
    json_key(&w, "predictions");
    if (a->output_count == 1) {
        e = values_write(op, &w, &a->outputs[0], VALUES_NESTED, 0, false);
    } else if (r->frame && has_rows(a, r->inputs.rows)) {
        e = records_write(op, &w, a, r->inputs.rows);
    } else {
        json_begin_object(&w);
        for (size_t k = 0; !e && k < a->output_count; k++) {
            json_key_str(&w, a->outputs[k].name);
            e = values_write(op, &w, &a->outputs[k], VALUES_NESTED, 0, false);
        }
        if (!e)
            json_end_object(&w);
    }
    if (e)
        return e;
    json_end_object(&w);
    return res->body.failed ? op_fail(op, E_TOO_LARGE, "the answer is larger than %zu bytes", res->body.max) : OK;
}
