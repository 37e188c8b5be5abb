/* cmd_query.c - `ingot data query`: one SELECT over Parquet and CSV files, shown or written as Parquet. */
#include <inttypes.h>
#include <stdio.h>

#include "app/backends.h"
#include "app/commands.h"
#include "base/time.h"

#define SHOWN_ROWS 20

static void cell_say(struct op *op, struct buf *line, const struct table_column *c, size_t row)
{
    char time[32];
    if (!table_valid(c, row)) {
        buf_add_cstr(line, "NULL");
        return;
    }
    switch (c->type) {
    case TABLE_BOOL:
        buf_add_cstr(line, ((const uint8_t *)c->data)[row] ? "true" : "false");
        break;
    case TABLE_I64:
        buf_addf(line, "%" PRId64, ((const int64_t *)c->data)[row]);
        break;
    case TABLE_F32:
        buf_addf(line, "%.9g", (double)((const float *)c->data)[row]);
        break;
    case TABLE_F64:
        buf_addf(line, "%.17g", ((const double *)c->data)[row]);
        break;
    case TABLE_TIMESTAMP:
        buf_add(line, time, time_format(((const int64_t *)c->data)[row], time));
        break;
    case TABLE_STRING:
        buf_add_str(line, ((const struct str *)c->data)[row]);
        break;
    }
    (void)op;
}

static void chunk_say(struct op *op, struct command_ctx *ctx, const struct table_chunk *chunk, uint64_t from)
{
    for (size_t row = 0; row < chunk->rows && from + row < SHOWN_ROWS; row++) {
        AUTO(buf) struct buf line;
        buf_init(&line, 1 << 20);
        for (size_t i = 0; i < chunk->len; i++) {
            if (i)
                buf_add_cstr(&line, "\t");
            cell_say(op, &line, &chunk->cols[i], row);
        }
        command_say(ctx, "%.*s", STR_FMT(buf_str(&line)));
    }
}

static enum err query(struct op *op, struct command_ctx *ctx, struct table_engine *tables, struct table_scan *scan, const struct table_schema *schema,
                      uint64_t *ret_rows)
{
    struct table_writer *writer = NULL;
    const struct table_chunk *chunk = NULL;
    uint64_t rows = 0;
    bool save = command_given(ctx, "out");
    enum err e = save ? table_writer_open(op, tables, command_str(ctx, "out"), schema, &writer) : OK;
    while (!e && !(e = table_next(op, tables, scan, &chunk)) && chunk) {
        if (writer)
            e = table_append(op, tables, writer, chunk);
        else
            chunk_say(op, ctx, chunk, rows);
        rows += chunk->rows;
        command_progress(ctx, "rows", rows, 0);
    }
    if (e && writer)
        table_discard(tables, writer);
    if (!e && writer)
        e = table_finish(op, tables, writer, &rows);
    *ret_rows = rows;
    return e;
}

static enum err query_run(struct op *op, struct command_ctx *ctx)
{
    AUTO(table_engine) struct table_engine *tables = NULL;
    struct table_scan *scan = NULL;
    const struct table_schema *schema = NULL;
    const struct str *args = NULL;
    uint64_t rows = 0;
    command_args(ctx, &args);
    enum err e = backend_tables_open(op, &tables);
    if (e || (e = table_scan_open(op, tables, args[0], &scan, &schema)))
        return e;
    size_t columns = schema->len; /* the schema goes with the scan */
    e = query(op, ctx, tables, scan, schema, &rows);
    table_scan_close(tables, scan);
    if (e)
        return e;
    struct json_out *w = command_out(ctx);
    json_begin_object(w);
    json_kv_i64(w, "rows", (int64_t)rows);
    json_kv_i64(w, "columns", (int64_t)columns);
    json_end_object(w);
    command_say(ctx, "%" PRIu64 " rows%s", rows, command_given(ctx, "out") ? " written" : rows > SHOWN_ROWS ? ", the first 20 shown" : "");
    return OK;
}

static const struct option_row query_options[] = {
    {"out", OPTION_STRING, "FILE", "write the result as Parquet", NULL, false},
    {0},
};
const struct command query_commands[] = {
    {"data query", "SQL", 1, 1, "run one SELECT over Parquet and CSV files", NULL,
     "  ingot data query \"select origin, avg(delay) from 'flights.parquet' group by origin\"\n"
     "  ingot data query \"select * from 'a.csv'\" --out a.parquet",
     query_options, query_run},
    {0},
};
