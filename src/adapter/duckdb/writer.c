/* writer.c - a Parquet file from chunks, in constant memory.
 *
 * DuckDB pulls, the port pushes. Between them stands a queue of QUEUE_CHUNKS: a thread of the writer's own runs
 *     COPY (SELECT * FROM ingot_chunks(<number>)) TO '<path>.tmp-<random>' (FORMAT parquet, COMPRESSION zstd)
 * and `ingot_chunks`, a table function of ours, takes chunks out of the queue (by reference, without copying)
 * until finish or discard ends it. So the caller computes the next chunk while DuckDB compresses the last, and a
 * file of any size needs a row group of memory. The function has one thread and keeps the order.
 *
 * finish syncs the file, renames it to `path` and syncs the folder: a reader finds either the old file or the whole
 * new one. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "adapter/duckdb/engine.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"

#define QUEUE_CHUNKS 8

struct table_writer {
    struct duck_engine *engine;
    struct table_writer *next; /* in the engine's list */
    int64_t number;
    struct arena *arena;
    struct table_schema schema;
    duckdb_logical_type *types;
    char *path, *temp_path;
    uint64_t rows;
    duckdb_connection connection;
    pthread_t thread;

    struct mutex lock; /* guards what follows */
    struct cond changed;
    duckdb_data_chunk queue[QUEUE_CHUNKS];
    size_t queued, first;
    bool ended;   /* no chunk comes any more */
    bool aborted; /* and the file is not wanted */
    bool stopped; /* the COPY has ended */
    bool failed;
    char error[1024];
};

static const struct {
    duckdb_type type;
    size_t bytes;
} widths[] = {
    [TABLE_BOOL] = {DUCKDB_TYPE_BOOLEAN, 1}, [TABLE_I64] = {DUCKDB_TYPE_BIGINT, 8},
    [TABLE_F32] = {DUCKDB_TYPE_FLOAT, 4},    [TABLE_F64] = {DUCKDB_TYPE_DOUBLE, 8},
    [TABLE_TIMESTAMP] = {DUCKDB_TYPE_TIMESTAMP, 8}, [TABLE_STRING] = {DUCKDB_TYPE_VARCHAR, 0},
};

/* ---- DuckDB's side: the table function ---- */

static void chunks_bind(duckdb_bind_info info)
{
    const struct duck_lib *lib = duck_lib_loaded();
    struct duck_engine *d = lib->bind_get_extra_info(info);
    duckdb_value v = lib->bind_get_parameter(info, 0);
    int64_t number = lib->get_int64(v);
    lib->destroy_value(&v);
    mutex_lock(&d->writers_lock);
    struct table_writer *w = d->writers;
    while (w && w->number != number)
        w = w->next;
    mutex_unlock(&d->writers_lock);
    /* A writer stays in the list until its COPY has ended; only that statement knows the number. */
    if (!w) {
        lib->bind_set_error(info, "ingot_chunks is internal");
        return;
    }
    for (size_t i = 0; i < w->schema.len; i++)
        lib->bind_add_result_column(info, w->schema.fields[i].name.p, w->types[i]);
    lib->bind_set_bind_data(info, w, NULL);
}

static void chunks_init(duckdb_init_info info)
{
    duck_lib_loaded()->init_set_max_threads(info, 1);
}

/* Waits for the next chunk; NULL at the end. */
static duckdb_data_chunk queue_take(struct table_writer *w)
{
    duckdb_data_chunk chunk = NULL;
    LOCK(&w->lock);
    while (!w->queued && !w->ended)
        cond_wait(&w->changed, &w->lock);
    if (w->queued && !w->aborted) {
        chunk = w->queue[w->first];
        w->first = (w->first + 1) % QUEUE_CHUNKS;
        w->queued--;
        cond_broadcast(&w->changed);
    }
    return chunk;
}

static void chunks_next(duckdb_function_info info, duckdb_data_chunk out)
{
    const struct duck_lib *lib = duck_lib_loaded();
    struct table_writer *w = lib->function_get_bind_data(info);
    duckdb_data_chunk chunk = queue_take(w);
    if (!chunk) {
        if (w->aborted)
            lib->function_set_error(info, "discarded");
        lib->data_chunk_set_size(out, 0);
        return;
    }
    for (size_t i = 0; i < w->schema.len; i++)
        lib->vector_reference_vector(lib->data_chunk_get_vector(out, i), lib->data_chunk_get_vector(chunk, i));
    lib->data_chunk_set_size(out, lib->data_chunk_get_size(chunk));
    lib->destroy_data_chunk(&chunk);
}

enum err duck_writer_register(struct op *op, struct duck_engine *d, duckdb_connection c)
{
    const struct duck_lib *lib = d->lib;
    duckdb_table_function f = lib->create_table_function();
    duckdb_logical_type number = lib->create_logical_type(DUCKDB_TYPE_BIGINT);
    lib->table_function_set_name(f, "ingot_chunks");
    lib->table_function_add_parameter(f, number);
    lib->table_function_set_extra_info(f, d, NULL);
    lib->table_function_set_bind(f, chunks_bind);
    lib->table_function_set_init(f, chunks_init);
    lib->table_function_set_function(f, chunks_next);
    duckdb_state state = lib->register_table_function(c, f);
    lib->destroy_logical_type(&number);
    lib->destroy_table_function(&f);
    return state == DuckDBSuccess ? OK : op_fail(op, E_INTERNAL, "DuckDB refuses the table function of the Parquet writer");
}

/* ---- the port's side ---- */

static void *copy_thread(void *arg)
{
    struct table_writer *w = arg;
    const struct duck_lib *lib = w->engine->lib;
    struct arena *arena = arena_create(LIMIT_KIB(64));
    struct op op;
    op_init(&op, arena);
    struct str quoted = table_quote(&op, str_from(w->temp_path));
    const char *sql = op_printf(&op, "COPY (SELECT * FROM ingot_chunks(%lld)) TO %.*s (FORMAT parquet, COMPRESSION zstd)",
                                (long long)w->number, STR_FMT(quoted));
    duckdb_result r = {0};
    duckdb_state state = lib->query(w->connection, sql, &r);
    mutex_lock(&w->lock);
    w->stopped = true;
    w->failed = state != DuckDBSuccess;
    if (w->failed) {
        const char *text = lib->result_error(&r);
        snprintf(w->error, sizeof w->error, "%s", text ? text : "unknown error");
    }
    cond_broadcast(&w->changed);
    mutex_unlock(&w->lock);
    lib->destroy_result(&r);
    arena_destroy(arena);
    return NULL;
}

/* Ends the queue, waits for the COPY, takes the writer off the engine's list. */
static void writer_stop(struct table_writer *w, bool abort_copy)
{
    mutex_lock(&w->lock);
    w->ended = true;
    w->aborted = abort_copy;
    cond_broadcast(&w->changed);
    mutex_unlock(&w->lock);
    thread_join(w->thread);
    mutex_lock(&w->engine->writers_lock);
    struct table_writer **at = &w->engine->writers;
    while (*at != w)
        at = &(*at)->next;
    *at = w->next;
    mutex_unlock(&w->engine->writers_lock);
}

static void writer_free(struct table_writer *w)
{
    const struct duck_lib *lib = w->engine->lib;
    for (; w->queued; w->queued--, w->first = (w->first + 1) % QUEUE_CHUNKS)
        lib->destroy_data_chunk(&w->queue[w->first]);
    for (size_t i = 0; i < w->schema.len; i++)
        lib->destroy_logical_type(&w->types[i]);
    lib->disconnect(&w->connection);
    unlink(w->temp_path); /* after a rename there is nothing of that name */
    cond_clear(&w->changed);
    mutex_clear(&w->lock);
    arena_destroy(w->arena);
    free(w);
}

static enum err check_schema(struct op *op, struct str path, const struct table_schema *schema)
{
    struct map names;
    if (!path.len || memchr(path.p, 0, path.len))
        return op_fail(op, E_INVALID, "write data: not a file name");
    if (!schema->len || schema->len > LIMIT_TABLE_COLUMNS)
        return op_fail(op, E_INVALID, "write data: %zu columns, between 1 and %d can be written", schema->len, LIMIT_TABLE_COLUMNS);
    map_init(&names, op->arena);
    for (size_t i = 0; i < schema->len; i++) {
        struct str name = schema->fields[i].name;
        if (!name.len || memchr(name.p, 0, name.len) || !str_is_utf8(name))
            return op_fail(op, E_INVALID, "write data: the name of column %zu is empty or no text", i);
        if (map_has(&names, name) || !map_put(&names, name, &schema->fields[i]))
            return op_fail(op, E_INVALID, "write data: two columns are called '%.*s'", STR_FMT(name));
    }
    return OK;
}

static void copy_schema(struct table_writer *w, const struct table_schema *schema)
{
    const struct duck_lib *lib = w->engine->lib;
    w->schema.len = schema->len;
    w->schema.fields = arena_alloc(w->arena, schema->len * sizeof *w->schema.fields);
    w->types = arena_alloc(w->arena, schema->len * sizeof *w->types);
    for (size_t i = 0; i < schema->len; i++) {
        w->schema.fields[i] = (struct table_field){str_dup(w->arena, schema->fields[i].name), schema->fields[i].type};
        w->types[i] = lib->create_logical_type(widths[schema->fields[i].type].type);
    }
}

enum err duck_writer_open(void *self, struct op *op, struct str path, const struct table_schema *schema, struct table_writer **ret)
{
    struct duck_engine *d = self;
    enum err e = check_schema(op, path, schema);
    if (e)
        return e;
    duckdb_connection c = NULL;
    if (d->lib->connect(d->db, &c) != DuckDBSuccess)
        return op_fail(op, E_INTERNAL, "DuckDB gives no connection");
    struct table_writer *w = calloc(1, sizeof *w);
    if (!w)
        abort(); /* a small fixed allocation */
    *w = (struct table_writer){.engine = d, .connection = c, .arena = arena_create(LIMIT_MIB(16))};
    w->path = str_cstr(w->arena, path);
    const char *temp = op_printf(op, "%s.tmp-%s", w->path, hash_random_hex(op->arena, 8));
    w->temp_path = str_cstr(w->arena, str_from(temp));
    copy_schema(w, schema);
    mutex_init(&w->lock);
    cond_init(&w->changed);
    mutex_lock(&d->writers_lock);
    w->number = ++d->writer_number;
    w->next = d->writers;
    d->writers = w;
    mutex_unlock(&d->writers_lock);
    w->thread = thread_start("parquet", copy_thread, w);
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

static enum err fill(struct op *op, struct table_writer *w, const struct table_chunk *chunk, duckdb_data_chunk out)
{
    const struct duck_lib *lib = w->engine->lib;
    for (size_t i = 0; i < w->schema.len; i++) {
        const struct table_column *c = &chunk->cols[i];
        assert(c->type == w->schema.fields[i].type);
        duckdb_vector v = lib->data_chunk_get_vector(out, i);
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
    lib->data_chunk_set_size(out, chunk->rows);
    return OK;
}

/* Waits for room; false when the COPY has ended already. */
static bool queue_put(struct table_writer *w, duckdb_data_chunk chunk)
{
    LOCK(&w->lock);
    while (w->queued == QUEUE_CHUNKS && !w->stopped)
        cond_wait(&w->changed, &w->lock);
    if (w->stopped)
        return false;
    w->queue[(w->first + w->queued) % QUEUE_CHUNKS] = chunk;
    w->queued++;
    cond_broadcast(&w->changed);
    return true;
}

enum err duck_writer_append(struct op *op, struct table_writer *w, const struct table_chunk *chunk)
{
    const struct duck_lib *lib = w->engine->lib;
    assert(chunk->len == w->schema.len && chunk->rows <= TABLE_CHUNK_ROWS); /* DuckDB's vectors hold no more */
    if (!chunk->rows)
        return OK;
    duckdb_data_chunk out = lib->create_data_chunk(w->types, w->schema.len);
    enum err e = fill(op, w, chunk, out);
    if (!e && !queue_put(w, out))
        e = duck_fail(op, "write data", w->error, E_IO);
    if (e)
        lib->destroy_data_chunk(&out);
    else
        w->rows += chunk->rows;
    return e;
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

/* Makes the written file the one at `path`, durably. */
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
    writer_stop(w, false);
    enum err e = w->failed ? duck_fail(op, "write data", w->error, E_IO) : publish(op, w);
    if (!e && ret_rows)
        *ret_rows = w->rows;
    writer_free(w);
    return e;
}

void duck_writer_discard(struct table_writer *take_w)
{
    writer_stop(take_w, true);
    writer_free(take_w);
}
