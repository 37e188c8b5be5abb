#include "core/scoring/csv.h"

#include <math.h>

#include "base/json.h"
#include "base/time.h"

static bool wants_quotes(struct str s)
{
    if (!s.len || s.p[0] == ' ' || s.p[s.len - 1] == ' ')
        return true;
    for (size_t i = 0; i < s.len; i++)
        if (s.p[i] == ',' || s.p[i] == '"' || s.p[i] == '\n' || s.p[i] == '\r')
            return true;
    return false;
}

static void text_add(struct buf *b, struct str s)
{
    if (!wants_quotes(s)) {
        buf_add_str(b, s);
        return;
    }
    buf_add_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] == '"')
            buf_add_char(b, '"');
        buf_add_char(b, s.p[i]);
    }
    buf_add_char(b, '"');
}

static void real_add(struct buf *b, double v, bool single)
{
    char text[32];
    if (isnan(v))
        buf_add_cstr(b, "NaN");
    else if (isinf(v))
        buf_add_cstr(b, v > 0 ? "inf" : "-inf");
    else
        buf_add(b, text, single ? json_format_f32((float)v, text) : json_format_f64(v, text));
}

static void cell_add(struct buf *b, const struct table_column *c, size_t row)
{
    char time[32];
    if (!table_valid(c, row))
        return;
    switch (c->type) {
    case TABLE_BOOL:
        buf_add_cstr(b, ((const uint8_t *)c->data)[row] ? "true" : "false");
        break;
    case TABLE_I64:
        buf_addf(b, "%lld", (long long)((const int64_t *)c->data)[row]);
        break;
    case TABLE_F32:
        real_add(b, (double)((const float *)c->data)[row], true);
        break;
    case TABLE_F64:
        real_add(b, ((const double *)c->data)[row], false);
        break;
    case TABLE_TIMESTAMP:
        buf_add(b, time, time_format(((const int64_t *)c->data)[row], time));
        break;
    case TABLE_STRING:
        text_add(b, ((const struct str *)c->data)[row]);
        break;
    }
}

void csv_add_names(struct buf *b, const struct table_schema *schema)
{
    for (size_t i = 0; i < schema->len; i++) {
        if (i)
            buf_add_char(b, ',');
        text_add(b, schema->fields[i].name);
    }
    buf_add_char(b, '\n');
}

void csv_add_rows(struct buf *b, const struct table_chunk *chunk)
{
    for (size_t row = 0; row < chunk->rows; row++) {
        for (size_t i = 0; i < chunk->len; i++) {
            if (i)
                buf_add_char(b, ',');
            cell_add(b, &chunk->cols[i], row);
        }
        buf_add_char(b, '\n');
    }
}
