/* suite.c - reads a suite and runs it.
 *
 * One scan judges all expectations, chunk by chunk; it remembers only the indices of the first unexpected rows.
 * When there are any, a second scan, which ends at the last of them, fetches those rows whole, so that
 * an invalid file is shown with its rows and a valid one is read once. */
#include "core/dataset/suite.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/yaml.h"

/* ---- parsing ---- */

static enum err only_keys(struct op *op, const struct json *obj, const char *where, const char *const *known)
{
    if (!obj || obj->type != JSON_OBJECT)
        return op_fail_field(op, where, "%s must be a mapping", where);
    for (size_t i = 0; i < obj->len; i++) {
        bool found = false;
        for (size_t k = 0; known[k]; k++)
            found |= str_eqc(obj->members[i].key, known[k]);
        if (!found)
            return op_fail_field(op, where, "%s has no key '%.*s'", where, STR_FMT(obj->members[i].key));
    }
    return OK;
}

/* {column: name, type_: type} as the YAML of an expectation would give it. */
static const struct json *type_kwargs(struct op *op, struct str column, struct str type)
{
    struct json *obj = op_new(op, struct json);
    obj->type = JSON_OBJECT;
    obj->len = 2;
    obj->members = arena_alloc(op->arena, 2 * sizeof *obj->members);
    obj->members[0] = (struct json_member){STR("column"), {.type = JSON_STRING, .s = column}};
    obj->members[1] = (struct json_member){STR("type_"), {.type = JSON_STRING, .s = type}};
    return obj;
}

static enum err parse_columns(struct op *op, const struct json *columns, struct suite *s)
{
    for (size_t i = 0; columns && i < columns->len; i++) {
        const struct json_member *m = &columns->members[i];
        enum table_type type;
        if (m->value.type != JSON_STRING || !expect_type_parse(m->value.s, &type))
            return op_fail_field(op, "columns", "columns.%.*s must be a type: BIGINT, DOUBLE, FLOAT, VARCHAR, TIMESTAMP or BOOLEAN", STR_FMT(m->key));
        s->items[s->len++] = (struct suite_item){expect_find(STR("expect_column_values_to_be_of_type")), type_kwargs(op, m->key, m->value.s), NULL};
    }
    return OK;
}

static enum err parse_item(struct op *op, const struct json *j, size_t at, struct suite_item *ret)
{
    static const char *const known[] = {"type", "kwargs", "meta", "id", "severity", "description", "notes", NULL};
    const char *where = op_printf(op, "expectations[%zu]", at);
    struct str type = {0};
    enum err e = only_keys(op, j, where, known);
    if (!e)
        e = json_want_str(op, j, "type", &type);
    if (e)
        return e;
    const struct expect_kind *kind = expect_find(type);
    if (!kind)
        return op_fail_field(op, where, "%s: there is no expectation '%.*s'", where, STR_FMT(type));
    *ret = (struct suite_item){kind, json_get(j, "kwargs"), json_get(j, "meta")};
    return OK;
}

enum err suite_parse(struct op *op, struct str yaml, struct suite **ret)
{
    static const char *const known[] = {"name", "columns", "expectations", "meta", "id", "notes", NULL};
    struct json *root = NULL;
    const struct json *list = NULL;
    struct suite *s = op_new(op, struct suite);
    if (yaml.len > LIMIT_SUITE_BYTES)
        return op_fail(op, E_TOO_LARGE, "the suite has %zu bytes, the limit is %zu", yaml.len, LIMIT_SUITE_BYTES);
    enum err e = yaml_parse(op, yaml, &root);
    if (!e)
        e = only_keys(op, root, "the suite", known);
    if (!e)
        e = json_want_str(op, root, "name", &s->name);
    if (!e)
        e = json_want_array(op, root, "expectations", &list);
    if (e)
        return e;
    const struct json *columns = json_get(root, "columns");
    if (columns && columns->type != JSON_OBJECT)
        return op_fail_field(op, "columns", "columns must be a mapping of names to types");
    size_t n = (size_t)list->len + (columns ? columns->len : 0);
    if (!n || n > LIMIT_SUITE_EXPECTATIONS)
        return op_fail(op, n ? E_TOO_LARGE : E_INVALID, "a suite holds 1 to %d expectations, this one %zu", LIMIT_SUITE_EXPECTATIONS, n);
    s->items = arena_alloc(op->arena, n * sizeof *s->items);
    e = parse_columns(op, columns, s);
    for (size_t i = 0; !e && i < list->len; i++)
        e = parse_item(op, &list->items[i], i, &s->items[s->len++]);
    if (e)
        return e;
    *ret = s;
    return OK;
}

enum err suite_load(struct op *op, const char *path, struct suite **ret)
{
    struct str text = {0};
    enum err e = file_read(op, path, LIMIT_SUITE_BYTES, &text);
    if (e)
        return e;
    e = suite_parse(op, text, ret);
    return e ? op_context(op, "%s", path) : OK;
}

/* ---- running ---- */

static enum err scan_all(struct op *op, struct table_engine *tables, struct table_scan *scan, struct suite_result *r)
{
    for (;;) {
        const struct table_chunk *chunk = NULL;
        enum err e = table_next(op, tables, scan, &chunk);
        if (e || !chunk)
            return e;
        for (size_t i = 0; i < r->suite->len; i++) {
            e = expect_chunk(op, &r->items[i], chunk, r->rows);
            if (e)
                return e;
        }
        r->rows += chunk->rows;
    }
}

static enum err bind_all(struct op *op, struct suite_result *r, size_t *bound)
{
    for (*bound = 0; *bound < r->suite->len; ++*bound) {
        const struct suite_item *item = &r->suite->items[*bound];
        enum err e = expect_bind(op, &r->items[*bound], item->kind, item->kwargs, &r->schema);
        if (e)
            return op_context(op, "suite '%.*s'", STR_FMT(r->suite->name));
        r->items[*bound].meta = item->meta;
    }
    return OK;
}

static struct table_schema copy_schema(struct op *op, const struct table_schema *s)
{
    struct table_schema r = {arena_alloc(op->arena, (s->len + 1) * sizeof *r.fields), s->len};
    for (size_t i = 0; i < s->len; i++)
        r.fields[i] = (struct table_field){str_dup(op->arena, s->fields[i].name), s->fields[i].type};
    return r;
}

static enum err judge(struct op *op, struct table_engine *tables, struct str sql, struct suite_result *r)
{
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    size_t bound = 0;
    enum err e = table_scan_open(op, tables, sql, &scan, &schema);
    if (e)
        return e;
    r->schema = copy_schema(op, schema);
    e = bind_all(op, r, &bound);
    if (!e)
        e = scan_all(op, tables, scan, r);
    for (size_t i = 0; !e && i < r->suite->len; i++) {
        e = expect_finish(op, &r->items[i], &r->schema, r->rows);
        r->successful += r->items[i].success;
    }
    for (size_t i = 0; i < bound; i++)
        expect_clear(&r->items[i]);
    table_scan_close(tables, scan);
    r->success = r->successful == r->suite->len;
    return e;
}

static int compare_index(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The indices of all rows to show, ascending, each once. */
static size_t collect_indices(struct op *op, const struct suite_result *r, uint64_t **ret)
{
    uint64_t *all = arena_alloc(op->arena, (r->suite->len * EXPECT_ROWS_SHOWN + 1) * sizeof *all);
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < r->suite->len; i++) {
        for (size_t k = 0; k < r->items[i].shown_len; k++)
            all[n++] = r->items[i].shown[k];
    }
    qsort(all, n, sizeof *all, compare_index);
    for (size_t i = 0; i < n; i++) {
        if (!kept || all[kept - 1] != all[i])
            all[kept++] = all[i];
    }
    *ret = all;
    return kept;
}

static enum err keep_row(struct op *op, struct suite_result *r, const struct table_chunk *chunk, size_t at, uint64_t index)
{
    struct suite_row *row = &r->failing[r->failing_len];
    *row = (struct suite_row){index, arena_array(op->arena, chunk->len, struct str)};
    for (size_t c = 0; row->cells && c < chunk->len; c++) {
        struct buf b;
        struct json_out w;
        buf_init(&b, LIMIT_MIB(1));
        json_out_init(&w, &b, 0);
        expect_cell_json(&w, &chunk->cols[c], at);
        row->cells[c] = b.failed ? STR("\"(too long)\"") : str_dup(op->arena, buf_str(&b));
        buf_clear(&b);
    }
    if (!row->cells)
        return op_fail(op, E_TOO_LARGE, "out of memory for the failing rows");
    r->failing_len++;
    return OK;
}

static enum err fetch_failing(struct op *op, struct table_engine *tables, struct str sql, struct suite_result *r)
{
    uint64_t *indices = NULL;
    size_t n = collect_indices(op, r, &indices);
    if (!n)
        return OK;
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    r->failing = arena_alloc(op->arena, n * sizeof *r->failing);
    enum err e = table_scan_open(op, tables, sql, &scan, &schema);
    if (e)
        return e;
    uint64_t first = 0;
    while (!e && r->failing_len < n) {
        const struct table_chunk *chunk = NULL;
        e = table_next(op, tables, scan, &chunk);
        if (e || !chunk)
            break;
        while (!e && r->failing_len < n && indices[r->failing_len] < first + chunk->rows)
            e = keep_row(op, r, chunk, indices[r->failing_len] - first, indices[r->failing_len]);
        first += chunk->rows;
    }
    table_scan_close(tables, scan);
    return e;
}

enum err suite_run(struct op *op, struct table_engine *tables, const struct suite *suite, struct str path, struct suite_result **ret)
{
    struct str from = {0};
    struct suite_result *r = op_new(op, struct suite_result);
    enum err e = table_source_sql(op, path, false, &from);
    if (e)
        return e;
    *r = (struct suite_result){.suite = suite, .path = path, .items = arena_alloc(op->arena, suite->len * sizeof *r->items)};
    struct str sql = str_from(op_printf(op, "SELECT * FROM %.*s", STR_FMT(from)));
    e = judge(op, tables, sql, r);
    if (!e)
        e = fetch_failing(op, tables, sql, r);
    if (e)
        return op_context(op, "%.*s", STR_FMT(path));
    *ret = r;
    return OK;
}

/* ---- results ---- */

const struct suite_row *suite_row_find(const struct suite_result *r, uint64_t index)
{
    size_t from = 0, to = r->failing_len;
    while (from < to) {
        size_t mid = from + (to - from) / 2;
        if (r->failing[mid].index < index)
            from = mid + 1;
        else
            to = mid;
    }
    return from < r->failing_len && r->failing[from].index == index ? &r->failing[from] : NULL;
}

static double percent(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 0;
}

/* The judged value of a row: one cell, or an object of the expectation's columns. */
static void write_value(const struct expectation *x, const struct suite_row *row, struct json_out *w)
{
    if (x->col_len == 1) {
        json_raw(w, row->cells[x->cols[0]]);
        return;
    }
    json_begin_object(w);
    for (size_t c = 0; c < x->col_len; c++) {
        json_key_str(w, x->col_names[c]);
        json_raw(w, row->cells[x->cols[c]]);
    }
    json_end_object(w);
}

static void write_rows(const struct suite_result *r, const struct expectation *x, struct json_out *w)
{
    json_begin_array(w);
    for (size_t i = 0; i < x->shown_len; i++) {
        const struct suite_row *row = suite_row_find(r, x->shown[i]);
        if (!row)
            continue;
        json_begin_object(w);
        json_kv_i64(w, "row", (int64_t)row->index);
        for (size_t c = 0; c < r->schema.len; c++) {
            json_key_str(w, r->schema.fields[c].name);
            json_raw(w, row->cells[c]);
        }
        json_end_object(w);
    }
    json_end_array(w);
}

static bool is_rowwise(const struct expectation *x)
{
    return x->kind->shape == EXPECT_MAP || x->kind->shape == EXPECT_PAIR || x->kind->shape == EXPECT_MULTI;
}

static void write_counts(const struct suite_result *r, const struct expectation *x, struct json_out *w)
{
    uint64_t judged = x->elements - x->missing;
    json_kv_i64(w, "element_count", (int64_t)x->elements);
    json_kv_i64(w, "unexpected_count", (int64_t)x->unexpected);
    json_kv_f64(w, "unexpected_percent", percent(x->unexpected, judged));
    json_kv_i64(w, "missing_count", (int64_t)x->missing);
    json_kv_f64(w, "missing_percent", percent(x->missing, x->elements));
    json_kv_f64(w, "unexpected_percent_total", percent(x->unexpected, x->elements));
    json_kv_f64(w, "unexpected_percent_nonmissing", percent(x->unexpected, judged));
    json_key(w, "partial_unexpected_list");
    json_begin_array(w);
    for (size_t i = 0; i < x->shown_len; i++) {
        const struct suite_row *row = suite_row_find(r, x->shown[i]);
        if (row)
            write_value(x, row, w);
    }
    json_end_array(w);
    json_key(w, "partial_unexpected_index_list");
    json_begin_array(w);
    for (size_t i = 0; i < x->shown_len; i++)
        json_i64(w, (int64_t)x->shown[i]);
    json_end_array(w);
    json_key(w, "unexpected_rows");
    write_rows(r, x, w);
}

static void write_item(const struct suite_result *r, const struct expectation *x, struct json_out *w)
{
    json_begin_object(w);
    json_kv_bool(w, "success", x->success);
    json_key(w, "expectation_config");
    json_begin_object(w);
    json_kv_cstr(w, "type", x->kind->name);
    json_key(w, "kwargs");
    if (x->kwargs) {
        json_value(w, x->kwargs);
    } else {
        json_begin_object(w);
        json_end_object(w);
    }
    if (x->meta) {
        json_key(w, "meta");
        json_value(w, x->meta);
    }
    json_end_object(w);
    json_key(w, "result");
    json_begin_object(w);
    if (is_rowwise(x))
        write_counts(r, x, w);
    if (x->observed.len) {
        json_key(w, "observed_value");
        json_raw(w, x->observed);
    }
    if (x->details.len) {
        json_key(w, "details");
        json_raw(w, x->details);
    }
    json_end_object(w);
    json_key(w, "exception_info");
    json_raw(w, STR("{\"raised_exception\": false, \"exception_traceback\": null, \"exception_message\": null}"));
    json_end_object(w);
}

void suite_result_write(const struct suite_result *r, struct json_out *w)
{
    json_begin_object(w);
    json_kv_bool(w, "success", r->success);
    json_kv_str(w, "suite_name", r->suite->name);
    json_key(w, "results");
    json_begin_array(w);
    for (size_t i = 0; i < r->suite->len; i++)
        write_item(r, &r->items[i], w);
    json_end_array(w);
    json_key(w, "statistics");
    json_begin_object(w);
    json_kv_i64(w, "evaluated_expectations", (int64_t)r->suite->len);
    json_kv_i64(w, "successful_expectations", (int64_t)r->successful);
    json_kv_i64(w, "unsuccessful_expectations", (int64_t)(r->suite->len - r->successful));
    json_kv_f64(w, "success_percent", percent(r->successful, r->suite->len));
    json_end_object(w);
    json_key(w, "meta");
    json_begin_object(w);
    json_kv_str(w, "path", r->path);
    json_kv_i64(w, "rows", (int64_t)r->rows);
    json_end_object(w);
    json_end_object(w);
}

struct str suite_item_text(struct op *op, const struct suite_result *r, size_t item)
{
    const struct expectation *x = &r->items[item];
    struct buf b;
    buf_init(&b, LIMIT_MIB(1));
    buf_addf(&b, "%s", x->kind->name);
    for (size_t i = 0; i < x->col_len; i++)
        buf_addf(&b, "%s%.*s", i ? ", " : " (", STR_FMT(x->col_names[i]));
    buf_add_cstr(&b, x->col_len ? ")" : "");
    if (is_rowwise(x))
        buf_addf(&b, ": %llu of %llu values unexpected (%.4g %%)", (unsigned long long)x->unexpected,
                 (unsigned long long)(x->elements - x->missing), percent(x->unexpected, x->elements - x->missing));
    if (x->observed.len)
        buf_addf(&b, ": observed %.*s", STR_FMT(x->observed));
    struct str s = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return s;
}
