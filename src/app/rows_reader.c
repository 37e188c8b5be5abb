/* rows_reader.c - see the header. The child's DuckDB has one thread, one file that it may read, and nothing that it may spill to. */
#include "app/rows_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/limits.h"
#include "core/dataset/peek.h"
#ifdef INGOT_WITH_DUCKDB
#include "adapter/duckdb/duckdb.h"
#endif

static struct errand_gate gate;
static pthread_once_t gate_once = PTHREAD_ONCE_INIT;

static void gate_open(void)
{
    errand_gate_init(&gate, LIMIT_ROWS_READERS, LIMIT_ROWS_WAITING, LIMIT_ROWS_WAIT_MS);
}

enum err rows_reader_read(struct op *op, struct str path, int64_t offset, int64_t limit, struct buf *ret)
{
    pthread_once(&gate_once, gate_open);
    int fd = open(str_cstr(op->arena, path), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return op_fail_errno(op, "the file");
    enum err e = errand_run(op, &gate, &(struct errand){.kind = "rows", .file_fd = fd, .a = offset, .b = limit, .timeout_ms = LIMIT_ROWS_READ_MS,
                                                        .memory_bytes = LIMIT_ROWS_PROCESS_MEMORY}, ret);
    close(fd);
    return e;
}

#ifdef INGOT_WITH_DUCKDB
static struct table_engine *tables; /* the child's */

/* The engine looks around the machine when it opens, and starts no thread: there is one. */
static enum err rows_prepare(struct op *op, const char *path)
{
    return duckdb_engine_open(op, &(struct duckdb_config){.threads = 1, .memory_bytes = LIMIT_ROWS_MEMORY, .only_file = path}, &tables);
}

static enum err rows_run(struct op *op, const char *path, int64_t offset, int64_t limit, struct buf *out)
{
    struct json_out w;
    json_out_init(&w, out, 0);
    w.nonfinite = JSON_NONFINITE_NULL;
    enum err e = dataset_peek(op, tables, str_from(path), offset, limit, &w);
    if (!e || e == E_TOO_LARGE)
        return e;
    return op_fail(op, E_INVALID, "it cannot be read"); /* an engine that is at a loss is so because of the file */
}
#else
#define rows_prepare NULL
static enum err rows_run(struct op *op, const char *path, int64_t offset, int64_t limit, struct buf *out)
{
    (void)path, (void)offset, (void)limit, (void)out;
    return op_fail(op, E_UNSUPPORTED, "this build has no DuckDB, which reads Parquet: run `make deps`, then build again");
}
#endif

const struct errand_kind backend_errands[] = {{"rows", rows_prepare, rows_run}, {0}};
