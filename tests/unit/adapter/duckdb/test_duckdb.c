/* What is DuckDB's own: finding the library, the settings that nothing may loosen, writers beside each other.
 * The table port's contract is in tests/contract/table_contract.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/duckdb/duckdb.h"
#include "adapter/duckdb/engine.h"
#include "adapter/duckdb/lib.h"
#include "base/limits.h"

static void with_op(struct op *op)
{
    op_init(op, arena_create(LIMIT_MIB(64)));
}

static struct table_engine *engine(struct op *op)
{
    struct table_engine *t = NULL;
    assert_int_equal(duckdb_engine_open(op, &(struct duckdb_config){.threads = 2, .memory_bytes = LIMIT_MIB(128)}, &t), OK);
    return t;
}

static struct str one_text(struct op *op, struct table_engine *t, const char *sql)
{
    struct frame *f = NULL;
    assert_int_equal(frame_load(op, t, str_from(sql), LIMIT_MIB(1), &f), OK);
    assert_int_equal(f->rows, 1);
    struct str s = str_dup(op->arena, f->cols[0].dict[f->cols[0].code[0]]);
    frame_destroy(f);
    return s;
}

/* An engine for one file reads no other, whatever a statement says, and writes nothing. */
static void test_only_file(void **state)
{
    (void)state;
    struct op op;
    struct table_engine *t = NULL;
    struct frame *f = NULL;
    char dir[] = "/tmp/ingot-duckdb-XXXXXX";
    with_op(&op);
    assert_non_null(mkdtemp(dir));
    const char *mine = op_printf(&op, "%s/it's mine.csv", dir), *other = op_printf(&op, "%s/other.csv", dir);
    for (int i = 0; i < 2; i++) {
        FILE *file = fopen(i ? other : mine, "we");
        fputs("a\n1\n", file);
        fclose(file);
    }
    assert_int_equal(duckdb_engine_open(&op, &(struct duckdb_config){.threads = 1, .memory_bytes = LIMIT_MIB(64), .only_file = mine}, &t), OK);
    const char *sql = op_printf(&op, "SELECT a::VARCHAR FROM read_csv(%.*s)", STR_FMT(table_quote(&op, str_from(mine))));
    assert_true(str_eqc(one_text(&op, t, sql), "1"));
    sql = op_printf(&op, "SELECT a::VARCHAR FROM read_csv('%s')", other);
    assert_int_not_equal(frame_load(&op, t, str_from(sql), LIMIT_MIB(1), &f), OK);
    op_clear(&op);
    sql = op_printf(&op, "SELECT content FROM read_text('%s/*')", dir);
    assert_int_not_equal(frame_load(&op, t, str_from(sql), LIMIT_MIB(1), &f), OK);
    table_engine_close(t);
    unlink(mine);
    unlink(other);
    assert_int_equal(rmdir(dir), 0);
    arena_destroy(op.arena);
}

static void test_settings(void **state)
{
    (void)state;
    struct op op;
    with_op(&op);
    struct table_engine *t = engine(&op);
    assert_true(str_eqc(one_text(&op, t, "SELECT current_setting('autoinstall_known_extensions')::VARCHAR"), "false"));
    assert_true(str_eqc(one_text(&op, t, "SELECT current_setting('autoload_known_extensions')::VARCHAR"), "false"));
    assert_true(str_eqc(one_text(&op, t, "SELECT current_setting('lock_configuration')::VARCHAR"), "true"));
    assert_true(str_eqc(one_text(&op, t, "SELECT current_setting('TimeZone')"), "UTC"));
    assert_true(str_eqc(one_text(&op, t, "SELECT current_setting('threads')::VARCHAR"), "2"));
    assert_true(str_eqc(one_text(&op, t, "SELECT current_setting('memory_limit')"), "128.0 MiB"));
    /* Only SELECT goes through, and the writer's table function is not for others. */
    static const char *const bad[] = {"SET threads = 1", "ATTACH 'x.db'", "COPY (SELECT 1) TO '/tmp/x.csv'", "INSTALL httpfs", "LOAD httpfs", "SELECT * FROM ingot_chunks(1)"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct frame *f = NULL;
        op_clear(&op);
        assert_int_equal(frame_load(&op, t, str_from(bad[i]), LIMIT_MIB(1), &f), E_INVALID);
    }
    table_engine_close(t);
    arena_destroy(op.arena);
}

static void test_version(void **state)
{
    (void)state;
    const char *path = NULL;
    const char *version = duckdb_engine_version(&path);
    assert_non_null(version);
    assert_int_equal(version[0], 'v');
    assert_non_null(strstr(path, "libduckdb.so"));
    struct op op;
    with_op(&op);
    const struct duck_lib *lib = NULL;
    assert_int_equal(duck_lib_get(&op, &lib), OK);
    assert_ptr_equal(lib, duck_lib_loaded());
    arena_destroy(op.arena);
}

/* A wrong $INGOT_DUCKDB is an error with the path in it, not a fallback. In a child: the library loads once. */
static void test_missing_library(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        setenv("INGOT_DUCKDB", "/no/such/libduckdb.so", 1);
        char self[] = "/proc/self/exe";
        execl(self, self, "missing", (char *)NULL);
        _exit(9);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int missing_main(void)
{
    struct op op;
    with_op(&op);
    struct table_engine *t = NULL;
    enum err e = duckdb_engine_open(&op, &(struct duckdb_config){0}, &t);
    int rc = e == E_UNSUPPORTED && strstr(op.msg, "/no/such/libduckdb.so") && !duckdb_engine_version(NULL) ? 0 : 1;
    arena_destroy(op.arena);
    return rc;
}

/* Several writers and a scan at once on one engine, one of them discarded; more rows than the queue holds. */
static void test_writers_side_by_side(void **state)
{
    (void)state;
    struct op op;
    with_op(&op);
    struct table_engine *t = engine(&op);
    struct duck_engine *d = t->self;
    struct table_writer *w[3];
    char path[3][64];
    struct table_field field = {STR("n"), TABLE_I64};
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof path[i], "/tmp/ingot-duckdb-%d-%d.parquet", (int)getpid(), i);
        assert_int_equal(table_writer_open(&op, t, str_from(path[i]), &(struct table_schema){&field, 1}, &w[i]), OK);
    }
    static int64_t v[TABLE_CHUNK_ROWS];
    struct table_column col = {.type = TABLE_I64, .data = v};
    for (int64_t chunk = 0; chunk < 100; chunk++) {
        for (int64_t i = 0; i < TABLE_CHUNK_ROWS; i++)
            v[i] = chunk * TABLE_CHUNK_ROWS + i;
        for (int i = 0; i < 3; i++)
            assert_int_equal(table_append(&op, t, w[i], &(struct table_chunk){TABLE_CHUNK_ROWS, 1, &col}), OK);
    }
    table_discard(t, w[1]);
    uint64_t rows = 0;
    assert_int_equal(table_finish(&op, t, w[0], &rows), OK);
    assert_int_equal(rows, 100 * TABLE_CHUNK_ROWS);
    assert_int_equal(table_finish(&op, t, w[2], NULL), OK);
    assert_null(d->writers);
    assert_int_not_equal(access(path[1], F_OK), 0);
    struct frame *f = NULL;
    assert_int_equal(frame_load(&op, t, str_from(op_printf(&op, "SELECT n FROM '%s'", path[2])), LIMIT_MIB(16), &f), OK);
    assert_int_equal(f->rows, rows);
    for (size_t i = 0; i < f->rows; i++)
        assert_int_equal(f->cols[0].i64[i], i); /* order is kept */
    frame_destroy(f);
    unlink(path[0]);
    unlink(path[2]);
    table_engine_close(t);
    arena_destroy(op.arena);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1)
        return missing_main();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_version), cmocka_unit_test(test_settings), cmocka_unit_test(test_only_file), cmocka_unit_test(test_missing_library), cmocka_unit_test(test_writers_side_by_side)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
