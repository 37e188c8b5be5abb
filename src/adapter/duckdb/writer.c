/* writer.c - a Parquet file from chunks.
 *
 * Chunks go through an appender into a temporary table of the writer's own connection; finish copies it to
 * `<path>.tmp-<random>`, syncs the file, renames it to `path` and syncs the folder, so a reader finds either the
 * old file or the whole new one. The table is held by DuckDB's buffer manager: within its memory limit, then
 * spilled to its temporary folder if it has one. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/duckdb/engine.h"
#include "base/buf.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/limits.h"

struct table_writer {
    struct duck_engine *engine;
    duckdb_connection connection;
    duckdb_appender appender;
    duckdb_data_chunk chunk;
    enum table_type *types;
    size_t len;
    uint64_t rows;
    struct arena *arena;
    char *path, *temp_path;
};

static const struct {
    duckdb_type type;
    size_t bytes;
} widths[] = {
    [TABLE_BOOL] = {DUCKDB_TYPE_BOOLEAN, 1}, [TABLE_I64] = {DUCKDB_TYPE_BIGINT, 8},
    [TABLE_F32] = {DUCKDB_TYPE_FLOAT, 4},    [TABLE_F64] = {DUCKDB_TYPE_DOUBLE, 8},
    [TABLE_TIMESTAMP] = {DUCKDB_TYPE_TIMESTAMP, 8}, [TABLE_STRING] = {DUCKDB_TYPE_VARCHAR, 0},
};

static enum err run(struct op *op, struct table_writer *w, const char *sql)
{
    duckdb_result r = {0};
    enum err e = OK;
    if (w->engine->lib->query(w->connection, sql, &r) != DuckDBSuccess)
        e = duck_fail(op, "write data", w->engine->lib->result_error(&r), E_IO);
    w->engine->lib->destroy_result(&r);
    return e;
}

static void writer_free(struct table_writer *w)
{
    const struct duck_lib *lib = w->engine->lib;
    if (w->appender)
        lib->appender_destroy(&w->appender);
    if (w->chunk)
        lib->destroy_data_chunk(&w->chunk);
    if (w->connection)
        lib->disconnect(&w->connection);
    if (w->temp_path)
        unlink(w->temp_path); /* after a rename there is nothing of that name */
    arena_destroy(w->arena);
    free(w);
}

static void add_identifier(struct buf *b, struct str name)
{
    buf_add_char(b, '"');
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == '"')
            buf_add_char(b, '"');
        buf_add_char(b, name.p[i]);
    }
    buf_add_char(b, '"');
}

static enum err create_table(struct op *op, struct table_writer *w, const struct table_schema *schema)
{
    struct buf b;
    buf_init(&b, LIMIT_TABLE_SQL_BYTES);
    buf_add_cstr(&b, "CREATE TEMP TABLE ingot_out (");
    for (size_t i = 0; i < schema->len; i++) {
        if (i)
            buf_add_cstr(&b, ", ");
        add_identifier(&b, schema->fields[i].name);
        buf_addf(&b, " %s", table_type_name(schema->fields[i].type));
    }
    buf_add_char(&b, ')');
    enum err e = b.failed ? op_fail(op, E_TOO_LARGE, "the column names are too long") : run(op, w, b.p);
    buf_clear(&b);
    if (e == E_IO)
        op->err = e = E_INVALID; /* a name twice, an empty name: the caller's schema */
    return e;
}

static enum err open_appender(struct op *op, struct table_writer *w)
{
    const struct duck_lib *lib = w->engine->lib;
    if (lib->appender_create(w->connection, NULL, "ingot_out", &w->appender) != DuckDBSuccess)
        return duck_fail(op, "write data", w->appender ? lib->appender_error(w->appender) : NULL, E_INTERNAL);
    duckdb_logical_type *types = arena_array(w->arena, w->len, duckdb_logical_type);
    if (!types)
        return op_fail(op, E_TOO_LARGE, "out of memory for %zu columns", w->len);
    for (size_t i = 0; i < w->len; i++)
        types[i] = lib->create_logical_type(widths[w->types[i]].type);
    w->chunk = lib->create_data_chunk(types, w->len);
    for (size_t i = 0; i < w->len; i++)
        lib->destroy_logical_type(&types[i]);
    return OK;
}

enum err duck_writer_open(void *self, struct op *op, struct str path, const struct table_schema *schema, struct table_writer **ret)
{
    struct duck_engine *d = self;
    if (!path.len || memchr(path.p, 0, path.len))
        return op_fail(op, E_INVALID, "write data: not a file name");
    if (!schema->len || schema->len > LIMIT_TABLE_COLUMNS)
        return op_fail(op, E_INVALID, "write data: %zu columns, between 1 and %d can be written", schema->len, LIMIT_TABLE_COLUMNS);
    for (size_t i = 0; i < schema->len; i++) {
        if (memchr(schema->fields[i].name.p, 0, schema->fields[i].name.len))
            return op_fail(op, E_INVALID, "write data: a column name holds a NUL byte");
    }
    struct table_writer *w = calloc(1, sizeof *w);
    if (!w)
        abort(); /* a small fixed allocation */
    w->engine = d;
    w->arena = arena_create(LIMIT_MIB(16));
    w->len = schema->len;
    w->path = str_cstr(w->arena, path);
    w->types = arena_alloc(w->arena, schema->len * sizeof *w->types);
    for (size_t i = 0; i < schema->len; i++)
        w->types[i] = schema->fields[i].type;
    enum err e = OK;
    if (d->lib->connect(d->db, &w->connection) != DuckDBSuccess)
        e = op_fail(op, E_INTERNAL, "DuckDB gives no connection");
    if (!e)
        e = create_table(op, w, schema);
    if (!e)
        e = open_appender(op, w);
    if (e) {
        writer_free(w);
        return e;
    }
    *ret = w;
    return OK;
}

static enum err copy_strings(struct op *op, struct table_writer *w, duckdb_vector v, const struct table_column *c, size_t rows)
{
    const struct str *s = c->data;
    for (size_t i = 0; i < rows; i++) {
        if (!table_valid(c, i))
            continue;
        if (!str_is_utf8(s[i]))
            return op_fail(op, E_INVALID, "write data: row %llu holds text that is not UTF-8", (unsigned long long)(w->rows + i));
        w->engine->lib->vector_assign_string_element_len(v, i, s[i].p ? s[i].p : "", s[i].len);
    }
    return OK;
}

enum err duck_writer_append(struct op *op, struct table_writer *w, const struct table_chunk *chunk)
{
    const struct duck_lib *lib = w->engine->lib;
    assert(chunk->len == w->len);
    if (!chunk->rows)
        return OK;
    lib->data_chunk_reset(w->chunk);
    for (size_t i = 0; i < w->len; i++) {
        const struct table_column *c = &chunk->cols[i];
        assert(c->type == w->types[i]);
        duckdb_vector v = lib->data_chunk_get_vector(w->chunk, i);
        if (c->valid) {
            lib->vector_ensure_validity_writable(v);
            memcpy(lib->vector_get_validity(v), c->valid, (chunk->rows + 63) / 64 * sizeof(uint64_t));
        }
        if (c->type != TABLE_STRING) {
            memcpy(lib->vector_get_data(v), c->data, chunk->rows * widths[c->type].bytes);
            continue;
        }
        enum err e = copy_strings(op, w, v, c, chunk->rows);
        if (e)
            return e;
    }
    lib->data_chunk_set_size(w->chunk, chunk->rows);
    if (lib->append_data_chunk(w->appender, w->chunk) != DuckDBSuccess)
        return duck_fail(op, "write data", lib->appender_error(w->appender), E_INTERNAL);
    w->rows += chunk->rows;
    return OK;
}

static enum err sync_path(struct op *op, const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(op, "open '%s'", path);
    int fault = FAULT("table.fsync");
    int rc = fault ? -1 : fsync(fd);
    if (fault)
        errno = fault;
    int saved = errno;
    close(fd);
    errno = saved;
    return rc ? op_fail_errno(op, "sync '%s'", path) : OK;
}

/* Makes the copied file the one at `path`, durably. */
static enum err publish(struct op *op, struct table_writer *w)
{
    enum err e = sync_path(op, w->temp_path, O_RDONLY);
    if (e)
        return e;
    if (rename(w->temp_path, w->path))
        return op_fail_errno(op, "rename to '%s'", w->path);
    const char *slash = strrchr(w->path, '/');
    const char *folder = "."; /* a bare name lies in the present folder */
    if (slash)
        folder = slash == w->path ? "/" : str_cstr(w->arena, (struct str){w->path, (size_t)(slash - w->path)});
    return sync_path(op, folder, O_RDONLY | O_DIRECTORY);
}

enum err duck_writer_finish(struct op *op, struct table_writer *take_w, uint64_t *ret_rows)
{
    struct table_writer *w = take_w;
    const struct duck_lib *lib = w->engine->lib;
    enum err e = OK;
    if (lib->appender_close(w->appender) != DuckDBSuccess)
        e = duck_fail(op, "write data", lib->appender_error(w->appender), E_IO);
    if (!e) {
        struct str temp = str_from(op_printf(op, "%s.tmp-%s", w->path, hash_random_hex(op->arena, 8)));
        struct str quoted = table_quote(op, temp);
        w->temp_path = str_cstr(w->arena, temp);
        e = run(op, w, op_printf(op, "COPY ingot_out TO %.*s (FORMAT parquet, COMPRESSION zstd)", STR_FMT(quoted)));
    }
    if (!e)
        e = publish(op, w);
    if (!e && ret_rows)
        *ret_rows = w->rows;
    writer_free(w);
    return e;
}

void duck_writer_discard(struct table_writer *take_w)
{
    writer_free(take_w);
}
