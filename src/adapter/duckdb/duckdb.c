/* duckdb.c - one in-memory database as a table engine.
 *
 * The settings keep it quiet and repeatable: no extension is installed or loaded by itself (it would be fetched
 * from the network), the time zone is UTC, rows come in the order of the file, and the configuration is
 * locked so that no SQL text can loosen any of that. */
#include "adapter/duckdb/duckdb.h"

#include <assert.h>
#include <stdlib.h>

#include "adapter/duckdb/engine.h"
#include "base/limits.h"
#include "base/thread.h"

static void duck_close(void *self)
{
    struct duck_engine *d = self;
    assert(!d->writers);
    d->lib->close(&d->db);
    mutex_clear(&d->writers_lock);
    free(d);
}

static const struct table_ops duck_ops = {
    .name = "duckdb",
    .scan = duck_scan_open,
    .next = duck_scan_next,
    .scan_close = duck_scan_close,
    .writer_open = duck_writer_open,
    .append = duck_writer_append,
    .finish = duck_writer_finish,
    .discard = duck_writer_discard,
    .close = duck_close,
};

static enum err set_config(struct op *op, const struct duck_lib *lib, duckdb_config c, const struct duckdb_config *in)
{
    int threads = in->threads > 0 ? in->threads : thread_cpu_count();
    size_t memory = in->memory_bytes ? in->memory_bytes : LIMIT_DUCKDB_MEMORY;
    const struct {
        const char *key, *value;
    } rows[] = {
        {"threads", op_printf(op, "%d", threads)},
        {"memory_limit", op_printf(op, "%zuKiB", memory >> 10)},
        {"temp_directory", in->temp_dir ? in->temp_dir : ""},
        {"autoinstall_known_extensions", "false"},
        {"autoload_known_extensions", "false"},
        {"allow_community_extensions", "false"},
        {"preserve_insertion_order", "true"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (lib->set_config(c, rows[i].key, rows[i].value) != DuckDBSuccess)
            return op_fail(op, E_UNSUPPORTED, "DuckDB %s does not know the setting %s", lib->library_version(), rows[i].key);
    }
    return OK;
}

/* Settings that only a connection can make; the last one locks them. The one file comes before the door is shut: it could not be named afterwards. */
static enum err set_session(struct op *op, struct duck_engine *d, const char *only_file)
{
    const char *const statements[] = {
        only_file ? op_printf(op, "SET GLOBAL allowed_paths = [%.*s]", STR_FMT(table_quote(op, str_from(only_file)))) : NULL,
        only_file ? "SET GLOBAL enable_external_access = false" : NULL,
        "SET GLOBAL TimeZone = 'UTC'",
        "SET GLOBAL lock_configuration = true",
    };
    duckdb_connection c = NULL;
    if (d->lib->connect(d->db, &c) != DuckDBSuccess)
        return op_fail(op, E_INTERNAL, "DuckDB gives no connection");
    enum err e = duck_writer_register(op, d, c);
    for (size_t i = 0; !e && i < ARRAY_LEN(statements); i++) {
        duckdb_result r = {0};
        if (statements[i] && d->lib->query(c, statements[i], &r) != DuckDBSuccess)
            e = duck_fail(op, statements[i], d->lib->result_error(&r), E_INTERNAL);
        d->lib->destroy_result(&r);
    }
    d->lib->disconnect(&c);
    return e;
}

enum err duckdb_engine_open(struct op *op, const struct duckdb_config *config, struct table_engine **ret)
{
    const struct duck_lib *lib = NULL;
    enum err e = duck_lib_get(op, &lib);
    if (e)
        return e;
    struct duck_engine *d = calloc(1, sizeof *d);
    if (!d)
        abort(); /* a small fixed allocation */
    *d = (struct duck_engine){.lib = lib};
    mutex_init(&d->writers_lock);
    d->port = (struct table_engine){&duck_ops, d};
    duckdb_config c = NULL;
    char *text = NULL;
    if (lib->create_config(&c) != DuckDBSuccess)
        e = op_fail(op, E_INTERNAL, "DuckDB makes no configuration");
    if (!e)
        e = set_config(op, lib, c, config);
    if (!e && lib->open_ext(":memory:", &d->db, c, &text) != DuckDBSuccess)
        e = duck_fail(op, "open DuckDB", text, E_INTERNAL);
    if (text)
        lib->free(text);
    if (c)
        lib->destroy_config(&c);
    if (!e) {
        e = set_session(op, d, config->only_file);
        if (e)
            lib->close(&d->db);
    }
    if (e) {
        mutex_clear(&d->writers_lock);
        free(d);
        return e;
    }
    *ret = &d->port;
    return OK;
}

const char *duckdb_engine_version(const char **ret_path)
{
    struct arena *a = arena_create(LIMIT_KIB(16));
    struct op op;
    op_init(&op, a);
    const struct duck_lib *lib = NULL;
    const char *version = NULL;
    if (duck_lib_get(&op, &lib) == OK) {
        version = lib->library_version();
        if (ret_path)
            *ret_path = lib->path;
    }
    arena_destroy(a);
    return version;
}
