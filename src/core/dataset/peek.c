/* peek.c - see the header. Only the engine's own reader of Parquet is asked for, with a path of ours. */
#include "core/dataset/peek.h"

#include "base/limits.h"
#include "base/time.h"

static void text_write(struct json_out *w, struct str s)
{
    size_t n = s.len < LIMIT_ROWS_TEXT ? s.len : LIMIT_ROWS_TEXT;
    while (n < s.len && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    json_str(w, str_sub(s, 0, n));
}

static void cell_write(struct json_out *w, const struct table_column *c, size_t row)
{
    char time[32];
    if (!table_valid(c, row)) {
        json_null(w);
        return;
    }
    switch (c->type) {
    case TABLE_BOOL:
        json_bool(w, ((const uint8_t *)c->data)[row]);
        break;
    case TABLE_I64:
        json_i64(w, ((const int64_t *)c->data)[row]);
        break;
    case TABLE_F32:
        json_f64(w, (double)((const float *)c->data)[row]);
        break;
    case TABLE_F64:
        json_f64(w, ((const double *)c->data)[row]);
        break;
    case TABLE_TIMESTAMP:
        json_str(w, (struct str){time, time_format(((const int64_t *)c->data)[row], time)});
        break;
    default:
        text_write(w, ((const struct str *)c->data)[row]);
        break;
    }
}

static void columns_write(struct json_out *w, const struct table_schema *schema)
{
    json_key(w, "columns");
    json_begin_array(w);
    for (size_t i = 0; i < schema->len && i < LIMIT_ROWS_COLUMNS; i++) {
        json_begin_object(w);
        json_key(w, "name");
        text_write(w, schema->fields[i].name);
        json_kv_cstr(w, "type", table_type_name(schema->fields[i].type));
        json_end_object(w);
    }
    json_end_array(w);
}

static void chunk_write(struct json_out *w, const struct table_chunk *c)
{
    for (size_t row = 0; row < c->rows; row++) {
        json_begin_array(w);
        for (size_t i = 0; i < c->len && i < LIMIT_ROWS_COLUMNS; i++)
            cell_write(w, &c->cols[i], row);
        json_end_array(w);
    }
}

static enum err total_read(struct op *op, struct table_engine *t, struct str source, int64_t *ret)
{
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    const struct table_chunk *c = NULL;
    enum err e = table_scan_open(op, t, str_from(op_printf(op, "SELECT count(*)::BIGINT FROM %.*s", STR_FMT(source))), &scan, &schema);
    if (!e && !(e = table_next(op, t, scan, &c)))
        *ret = c && c->rows ? ((const int64_t *)c->cols[0].data)[0] : 0;
    table_scan_close(t, scan);
    return e;
}

/* The failure again, without the file's place on this machine: that is nothing for who only looks. */
static enum err failure_told(struct op *op, enum err e, struct str path)
{
    struct str text = str_from(op->msg ? op->msg : "");
    size_t at = str_find(text, path);
    if (at != SIZE_MAX)
        text = str_from(op_printf(op, "%.*s%.*s", STR_FMT(str_sub(text, 0, at)), STR_FMT(str_sub(text, at + path.len, SIZE_MAX))));
    op_clear(op);
    return op_fail(op, e, "the file: %.*s", STR_FMT(text));
}

enum err dataset_peek(struct op *op, struct table_engine *t, struct str path, int64_t offset, int64_t limit, struct json_out *w)
{
    struct str source = str_from(op_printf(op, "read_parquet(%.*s)", STR_FMT(table_quote(op, path))));
    struct str sql = str_from(op_printf(op, "SELECT * FROM %.*s LIMIT %lld OFFSET %lld", STR_FMT(source), (long long)limit, (long long)offset));
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    const struct table_chunk *c = NULL;
    int64_t total = 0;
    enum err e = total_read(op, t, source, &total);
    if (!e)
        e = table_scan_open(op, t, sql, &scan, &schema);
    if (e)
        return failure_told(op, e, path);
    json_begin_object(w);
    json_kv_i64(w, "total", total);
    json_kv_i64(w, "offset", offset);
    json_kv_i64(w, "all_columns", (int64_t)schema->len);
    columns_write(w, schema);
    json_key(w, "rows");
    json_begin_array(w);
    while (!(e = table_next(op, t, scan, &c)) && c)
        chunk_write(w, c);
    json_end_array(w);
    json_end_object(w);
    table_scan_close(t, scan);
    return e ? failure_told(op, e, path) : OK;
}
