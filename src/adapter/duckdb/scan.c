/* scan.c - one SELECT as a stream of chunks.
 *
 * The statement is prepared once to learn its columns. If each has one of the six types that the port knows
 * natively it runs as it is; otherwise it is wrapped, once, into
 *     SELECT CAST(c0 AS BIGINT), c1, ... FROM (text) AS t(c0, c1, ...)
 * so that DuckDB does the conversion of widths, decimals, dates and everything that becomes text. */
#include <assert.h>
#include <stdlib.h>

#include "adapter/duckdb/engine.h"
#include "base/buf.h"
#include "base/limits.h"

struct table_scan {
    struct duck_engine *engine;
    duckdb_connection connection;
    duckdb_prepared_statement prepared;
    duckdb_pending_result pending;
    duckdb_result result;
    duckdb_data_chunk chunk; /* the one handed out */
    bool has_result;
    struct arena *arena;
    struct table_schema schema;
    struct table_chunk out;
    struct str **strings; /* per string column: TABLE_CHUNK_ROWS views */
};

struct type_row {
    duckdb_type from;
    enum table_type to;
    const char *cast; /* NULL: native */
};

static const struct type_row type_rows[] = {
    {DUCKDB_TYPE_BOOLEAN, TABLE_BOOL, NULL},
    {DUCKDB_TYPE_TINYINT, TABLE_I64, "BIGINT"},
    {DUCKDB_TYPE_SMALLINT, TABLE_I64, "BIGINT"},
    {DUCKDB_TYPE_INTEGER, TABLE_I64, "BIGINT"},
    {DUCKDB_TYPE_BIGINT, TABLE_I64, NULL},
    {DUCKDB_TYPE_UTINYINT, TABLE_I64, "BIGINT"},
    {DUCKDB_TYPE_USMALLINT, TABLE_I64, "BIGINT"},
    {DUCKDB_TYPE_UINTEGER, TABLE_I64, "BIGINT"},
    {DUCKDB_TYPE_UBIGINT, TABLE_I64, "BIGINT"},
    {DUCKDB_TYPE_HUGEINT, TABLE_I64, "BIGINT"},
    {DUCKDB_TYPE_UHUGEINT, TABLE_I64, "BIGINT"},
    {DUCKDB_TYPE_FLOAT, TABLE_F32, NULL},
    {DUCKDB_TYPE_DOUBLE, TABLE_F64, NULL},
    {DUCKDB_TYPE_DECIMAL, TABLE_F64, "DOUBLE"},
    {DUCKDB_TYPE_TIMESTAMP, TABLE_TIMESTAMP, NULL},
    {DUCKDB_TYPE_DATE, TABLE_TIMESTAMP, "TIMESTAMP"},
    {DUCKDB_TYPE_TIMESTAMP_S, TABLE_TIMESTAMP, "TIMESTAMP"},
    {DUCKDB_TYPE_TIMESTAMP_MS, TABLE_TIMESTAMP, "TIMESTAMP"},
    {DUCKDB_TYPE_TIMESTAMP_NS, TABLE_TIMESTAMP, "TIMESTAMP"},
    {DUCKDB_TYPE_TIMESTAMP_TZ, TABLE_TIMESTAMP, "TIMESTAMP"}, /* the session's zone is UTC */
    {DUCKDB_TYPE_VARCHAR, TABLE_STRING, NULL},
};

static struct type_row type_find(duckdb_type t)
{
    for (size_t i = 0; i < ARRAY_LEN(type_rows); i++) {
        if (type_rows[i].from == t)
            return type_rows[i];
    }
    return (struct type_row){t, TABLE_STRING, "VARCHAR"};
}

/* Prepares one SELECT; anything else is refused. */
static enum err prepare(struct op *op, struct table_scan *s, const char *text)
{
    const struct duck_lib *lib = s->engine->lib;
    if (s->prepared)
        lib->destroy_prepare(&s->prepared);
    if (lib->prepare(s->connection, text, &s->prepared) != DuckDBSuccess)
        return duck_fail(op, "read data", lib->prepare_error(s->prepared), E_INVALID);
    if (lib->prepared_statement_type(s->prepared) != DUCKDB_STATEMENT_TYPE_SELECT)
        return op_fail(op, E_INVALID, "read data: only one SELECT statement can be scanned");
    return OK;
}

static enum err read_schema(struct op *op, struct table_scan *s, bool *ret_native)
{
    const struct duck_lib *lib = s->engine->lib;
    size_t n = lib->prepared_statement_column_count(s->prepared);
    if (n == 0 || n > LIMIT_TABLE_COLUMNS)
        return op_fail(op, E_TOO_LARGE, "%zu columns, the limit is %d", n, LIMIT_TABLE_COLUMNS);
    s->schema = (struct table_schema){arena_array(s->arena, n, struct table_field), n};
    s->out.cols = arena_array(s->arena, n, struct table_column);
    s->out.len = n;
    s->strings = arena_array(s->arena, n, struct str *);
    if (!s->schema.fields || !s->out.cols || !s->strings)
        return op_fail(op, E_TOO_LARGE, "out of memory for %zu columns", n);
    *ret_native = true;
    for (size_t i = 0; i < n; i++) {
        const char *name = lib->prepared_statement_column_name(s->prepared, i);
        struct type_row t = type_find(lib->prepared_statement_column_type(s->prepared, i));
        s->schema.fields[i] = (struct table_field){str_dup(s->arena, str_from(name)), t.to};
        lib->free((void *)(uintptr_t)name);
        s->out.cols[i].type = t.to;
        if (t.cast)
            *ret_native = false;
        if (t.to != TABLE_STRING)
            continue;
        s->strings[i] = arena_array(s->arena, TABLE_CHUNK_ROWS, struct str);
        if (!s->strings[i])
            return op_fail(op, E_TOO_LARGE, "out of memory for %zu columns", n);
    }
    return OK;
}

/* The statement with a cast for every column that needs one. */
static enum err prepare_wrapped(struct op *op, struct table_scan *s, struct str sql)
{
    const struct duck_lib *lib = s->engine->lib;
    struct buf b;
    buf_init(&b, LIMIT_TABLE_SQL_BYTES * 2);
    buf_add_cstr(&b, "SELECT ");
    for (size_t i = 0; i < s->schema.len; i++) {
        struct type_row t = type_find(lib->prepared_statement_column_type(s->prepared, i));
        buf_add_cstr(&b, i ? ", " : "");
        if (t.cast)
            buf_addf(&b, "CAST(c%zu AS %s)", i, t.cast);
        else
            buf_addf(&b, "c%zu", i);
    }
    /* The line break ends a comment that the text may end with. */
    buf_addf(&b, " FROM (%.*s\n) AS t(", STR_FMT(sql));
    for (size_t i = 0; i < s->schema.len; i++)
        buf_addf(&b, "%sc%zu", i ? ", " : "", i);
    buf_add_char(&b, ')');
    enum err e = b.failed ? op_fail(op, E_TOO_LARGE, "the statement is too long") : prepare(op, s, b.p);
    buf_clear(&b);
    return e;
}

/* Starts the query; rows come as they are made, so a scan of any size holds a few chunks. */
static enum err start(struct op *op, struct table_scan *s)
{
    const struct duck_lib *lib = s->engine->lib;
    if (lib->pending_prepared_streaming(s->prepared, &s->pending) != DuckDBSuccess)
        return duck_fail(op, "read data", lib->pending_error(s->pending), E_INVALID);
    s->has_result = true;
    if (lib->execute_pending(s->pending, &s->result) != DuckDBSuccess)
        return duck_fail(op, "read data", lib->result_error(&s->result), E_INVALID);
    return OK;
}

void duck_scan_close(struct table_scan *s)
{
    const struct duck_lib *lib = s->engine->lib;
    if (s->chunk)
        lib->destroy_data_chunk(&s->chunk);
    if (s->has_result)
        lib->destroy_result(&s->result);
    if (s->pending)
        lib->destroy_pending(&s->pending);
    if (s->prepared)
        lib->destroy_prepare(&s->prepared);
    if (s->connection)
        lib->disconnect(&s->connection);
    arena_destroy(s->arena);
    free(s);
}

enum err duck_scan_open(void *self, struct op *op, struct str sql, struct table_scan **ret, const struct table_schema **ret_schema)
{
    struct duck_engine *d = self;
    if (sql.len > LIMIT_TABLE_SQL_BYTES)
        return op_fail(op, E_TOO_LARGE, "the statement is longer than %zu bytes", LIMIT_TABLE_SQL_BYTES);
    if (memchr(sql.p ? sql.p : "", 0, sql.len))
        return op_fail(op, E_INVALID, "the statement holds a NUL byte");
    sql = str_trim(sql);
    while (sql.len && sql.p[sql.len - 1] == ';')
        sql = str_trim(str_sub(sql, 0, sql.len - 1));
    struct table_scan *s = calloc(1, sizeof *s);
    if (!s)
        abort(); /* a small fixed allocation */
    s->engine = d;
    s->arena = arena_create(LIMIT_MIB(256));
    enum err e = OK;
    bool native = true;
    if (d->lib->connect(d->db, &s->connection) != DuckDBSuccess)
        e = op_fail(op, E_INTERNAL, "DuckDB gives no connection");
    if (!e)
        e = prepare(op, s, str_cstr(op->arena, sql));
    if (!e)
        e = read_schema(op, s, &native);
    if (!e && !native)
        e = prepare_wrapped(op, s, sql);
    if (!e)
        e = start(op, s);
    if (e) {
        duck_scan_close(s);
        return e;
    }
    *ret = s;
    *ret_schema = &s->schema;
    return OK;
}

static void view_strings(const duckdb_string_t *in, const uint64_t *valid, size_t rows, struct str *out)
{
    for (size_t i = 0; i < rows; i++) {
        if (valid && !(valid[i / 64] >> (i % 64) & 1)) {
            out[i] = (struct str){"", 0};
            continue;
        }
        /* Up to twelve bytes lie inside the item itself. */
        uint32_t len = in[i].value.inlined.length;
        out[i] = (struct str){len <= 12 ? in[i].value.inlined.inlined : in[i].value.pointer.ptr, len};
    }
}

enum err duck_scan_next(struct op *op, struct table_scan *s, const struct table_chunk **ret)
{
    const struct duck_lib *lib = s->engine->lib;
    if (s->chunk)
        lib->destroy_data_chunk(&s->chunk);
    do {
        s->chunk = lib->fetch_chunk(s->result);
        if (!s->chunk) {
            const char *text = lib->result_error(&s->result);
            if (text && *text)
                return duck_fail(op, "read data", text, E_INVALID);
            *ret = NULL;
            return OK;
        }
        s->out.rows = lib->data_chunk_get_size(s->chunk);
        if (!s->out.rows)
            lib->destroy_data_chunk(&s->chunk);
    } while (!s->chunk);
    assert(s->out.rows <= TABLE_CHUNK_ROWS);
    for (size_t i = 0; i < s->out.len; i++) {
        duckdb_vector v = lib->data_chunk_get_vector(s->chunk, i);
        struct table_column *c = &s->out.cols[i];
        c->data = lib->vector_get_data(v);
        c->valid = lib->vector_get_validity(v);
        if (c->type == TABLE_STRING) {
            view_strings(c->data, c->valid, s->out.rows, s->strings[i]);
            c->data = s->strings[i];
        }
    }
    *ret = &s->out;
    return OK;
}
