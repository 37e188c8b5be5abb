/* test_sqlite.c - what the database contract cannot ask: failing and full disks, groups, checkpoints, the pool. */
#include "adapter/sqlite/sqlite.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/fault.h"
#include "base/limits.h"
#include "base/thread.h"
#include "base/time.h"
#include "contract/scratch.h"
#include "contract/smalldisk.h"
#include "sql_gen.h"

/* The library's own calls land here: the disk says EIO from the n-th flush on. */
static atomic_int flushes_until_eio = INT32_MAX;

static atomic_int flushes;

/* When set: a folder that holds each file as it was when it was last flushed, which is what a power cut may leave. */
static const char *_Atomic image_dir;

static void copy_file(const char *from, const char *to)
{
    static char buffer[1 << 20]; /* one thread flushes, another reads the images while it sleeps */
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t n = 0;
    while (in >= 0 && out >= 0 && (n = read(in, buffer, sizeof buffer)) > 0)
        if (write(out, buffer, (size_t)n) != n)
            abort();
    if (in < 0 || out < 0 || n < 0)
        abort();
    close(in);
    close(out);
}

static void keep_image(int fd)
{
    char link[64], path[512], image[1024];
    const char *dir = atomic_load(&image_dir);
    struct stat st;
    if (!dir || fstat(fd, &st) || !S_ISREG(st.st_mode))
        return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n <= 0)
        abort();
    path[n] = 0;
    snprintf(image, sizeof image, "%s/%s", dir, strrchr(path, '/') + 1);
    copy_file(path, image);
}

static int flush_or_fail(const char *name, int fd)
{
    if (atomic_fetch_sub(&flushes_until_eio, 1) <= 1) {
        errno = EIO;
        return -1;
    }
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int rc = real(fd);
    atomic_fetch_add(&flushes, 1);
    keep_image(fd);
    return rc;
}

int fdatasync(int fd)
{
    return flush_or_fail("fdatasync", fd);
}

int fsync(int fd)
{
    return flush_or_fail("fsync", fd);
}

static const struct sql_migration schema[] = {
    {1, "test", "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT) STRICT;"}};
static const struct sql add = {"add", "INSERT INTO t (v) VALUES (?)", 0, 1, -1};
static const struct sql count_all = {"count", "SELECT count(*) FROM t", 1, 0, 1};
static const struct sql integrity = {"integrity", "PRAGMA integrity_check", 2, 0, 1};

struct fixture {
    struct scratch s;
    struct db *db;
    const char *path;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    f->path = scratch_path(&f->s, "test.db");
    assert_int_equal(sqlite_open_with(&f->s.op, f->path, schema, 1, &f->db), OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    atomic_store(&flushes_until_eio, INT32_MAX);
    atomic_store(&image_dir, NULL);
    unsetenv("INGOT_FAULT");
    fault_setup();
    db_close(f->db);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static enum err add_fn(struct op *op, struct db_tx *tx, void *arg)
{
    return db_exec(op, tx, &add, DB_ARGS(DB_TEXT(str_from(arg))), NULL);
}

static enum err write_one(struct op *op, struct db *db)
{
    op_clear(op);
    return db_write(op, db, add_fn, (void *)(uintptr_t) "x");
}

static enum err count_fn(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &count_all, DB_NO_ARGS, &v, 1);
    *(int64_t *)arg = e ? -1 : v.i;
    return e;
}

static int64_t rows(struct op *op, struct db *db)
{
    int64_t n = -1;
    op_clear(op);
    return db_read(op, db, count_fn, &n) ? -1 : n;
}

static enum err sound_fn(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &integrity, DB_NO_ARGS, &v, 1);
    return e || str_eqc(v.s, "ok") ? e : op_fail(op, E_CORRUPT, "%.*s", STR_FMT(v.s));
}

/* A flush that fails: no acknowledgement, no phantom row, no later write; reads go on; a restart heals. */
static void check_stopped(struct fixture *f, int64_t acknowledged)
{
    assert_int_equal(rows(&f->s.op, f->db), acknowledged);
    assert_int_equal(write_one(&f->s.op, f->db), E_IO);
    assert_non_null(strstr(f->s.op.msg, "starts again"));
    struct sqlite_stats stats;
    sqlite_stats(f->db, &stats);
    assert_true(stats.failed);
    assert_int_equal(rows(&f->s.op, f->db), acknowledged);
    atomic_store(&flushes_until_eio, INT32_MAX);
    assert_int_equal(write_one(&f->s.op, f->db), E_IO); /* the disk says it is well again: too late */
    db_close(f->db);
    assert_int_equal(sqlite_open_with(&f->s.op, f->path, schema, 1, &f->db), OK);
    assert_true(rows(&f->s.op, f->db) >= acknowledged);
    assert_int_equal(write_one(&f->s.op, f->db), OK);
    assert_int_equal(db_read(&f->s.op, f->db, sound_fn, NULL), OK);
}

static void a_failed_flush_stops_all_acknowledgement(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(write_one(&f->s.op, f->db), OK);
    atomic_store(&flushes_until_eio, 1);
    assert_int_equal(write_one(&f->s.op, f->db), E_IO);
    check_stopped(f, 5);
}

static void a_failed_commit_stops_all_acknowledgement(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(write_one(&f->s.op, f->db), OK);
    setenv("INGOT_FAULT", "db.commit:1", 1);
    fault_setup();
    assert_int_equal(write_one(&f->s.op, f->db), E_IO);
    check_stopped(f, 5);
    assert_int_equal(rows(&f->s.op, f->db), 6); /* the failed one never reached the file */
}

static enum err add_wide(struct op *op, struct db_tx *tx, void *arg)
{
    size_t n = 1000 + (size_t) * (int *)arg % 7 * 30000;
    char *text = arena_alloc(op->arena, n);
    memset(text, 'x', n);
    return db_exec(op, tx, &add, DB_ARGS(DB_TEXT(((struct str){text, n}))), NULL);
}

/* SIGKILL cannot find a missing flush, as the kernel keeps what was written. Here every file is thrown back to its last
 * flush, at moments all over the log's life, checkpoints included. */
static void acknowledged_writes_survive_a_power_cut(void **state)
{
    struct fixture *f = *state;
    struct op *op = &f->s.op;
    const char *image = scratch_path(&f->s, "image"), *after = scratch_path(&f->s, "after");
    char *image_db = scratch_path(&f->s, "image/test.db"),
         *image_wal = scratch_path(&f->s, "image/test.db-wal");
    char *after_db = scratch_path(&f->s, "after/test.db"),
         *after_wal = scratch_path(&f->s, "after/test.db-wal");
    assert_int_equal(mkdir(image, 0700) + mkdir(after, 0700), 0);
    copy_file(f->path, image_db);
    copy_file(op_printf(op, "%s-wal", f->path), image_wal);
    struct sqlite_stats stats;
    for (int i = 1; i <= 150; i++) {
        atomic_store(&image_dir, image);
        op_clear(op);
        int before = atomic_load(&flushes);
        assert_int_equal(db_write(op, f->db, add_wide, &i), OK);
        assert_true(atomic_load(&flushes) > before);
        sqlite_stats(f->db, &stats);
        if (i % 7)
            continue;
        int64_t seen = 0; /* a write that changes nothing waits for a checkpoint that is under way */
        assert_int_equal(db_write(op, f->db, count_fn, &seen), OK);
        atomic_store(&image_dir, NULL);
        copy_file(image_db, after_db);
        copy_file(image_wal, after_wal);
        struct db *db = NULL;
        if (sqlite_open_with(op, after_db, schema, 1, &db))
            fail_msg("%s", op->msg);
        assert_int_equal(rows(op, db), i);
        assert_int_equal(db_read(op, db, sound_fn, NULL), OK);
        db_close(db);
        unlink(op_printf(op, "%s-shm", after_db));
    }
    assert_true(stats.checkpoints >= 1);
}

struct gate {
    struct mutex lock;
    struct cond changed;
    struct db *db;
    bool open;
    int inside;
    enum err result;
};

static enum err wait_in_gate(struct op *op UNUSED, struct db_tx *tx UNUSED, void *arg)
{
    struct gate *g = arg;
    LOCK(&g->lock);
    g->inside++;
    cond_broadcast(&g->changed);
    while (!g->open)
        cond_wait(&g->changed, &g->lock);
    return OK;
}

static void gate_init(struct gate *g, struct db *db)
{
    *g = (struct gate){.db = db};
    mutex_init(&g->lock);
    cond_init(&g->changed);
}

static void gate_await(struct gate *g, int inside)
{
    LOCK(&g->lock);
    while (g->inside < inside)
        cond_wait(&g->changed, &g->lock);
}

static void gate_open(struct gate *g)
{
    LOCK(&g->lock);
    g->open = true;
    cond_broadcast(&g->changed);
}

static void gate_clear(struct gate *g)
{
    cond_clear(&g->changed);
    mutex_clear(&g->lock);
}

static void *thread_in_gate(void *arg)
{
    struct gate *g = arg;
    struct arena *a = arena_create(1 << 20);
    struct op op;
    op_init(&op, a);
    if (db_write(&op, g->db, wait_in_gate, g))
        abort();
    arena_destroy(a);
    return NULL;
}

static void *thread_reading_in_gate(void *arg)
{
    struct gate *g = arg;
    struct arena *a = arena_create(1 << 20);
    struct op op;
    op_init(&op, a);
    if (db_read(&op, g->db, wait_in_gate, g))
        abort();
    arena_destroy(a);
    return NULL;
}

static void *thread_writing(void *arg)
{
    struct arena *a = arena_create(1 << 20);
    struct op op;
    op_init(&op, a);
    if (write_one(&op, arg))
        abort();
    arena_destroy(a);
    return NULL;
}

static void what_waits_together_is_committed_together(void **state)
{
    struct fixture *f = *state;
    enum { THREADS = 20 };
    struct gate g;
    gate_init(&g, f->db);
    struct sqlite_stats before, after;
    sqlite_stats(f->db, &before);
    pthread_t first = thread_start("first", thread_in_gate, &g), threads[THREADS];
    gate_await(&g, 1);
    for (int i = 0; i < THREADS; i++)
        threads[i] = thread_start("writer", thread_writing, f->db);
    do {
        time_sleep_ms(1);
        sqlite_stats(f->db, &after);
    } while (after.queued < THREADS);
    gate_open(&g);
    thread_join(first);
    for (int i = 0; i < THREADS; i++)
        thread_join(threads[i]);
    sqlite_stats(f->db, &after);
    assert_int_equal(after.writes - before.writes, THREADS + 1);
    assert_int_equal(after.commits - before.commits, 2);
    assert_int_equal(rows(&f->s.op, f->db), THREADS);
    gate_clear(&g);
}

static void a_read_waits_for_a_connection_until_its_deadline(void **state)
{
    struct fixture *f = *state;
    struct gate g;
    gate_init(&g, f->db);
    pthread_t threads[LIMIT_DB_READERS];
    for (int i = 0; i < LIMIT_DB_READERS; i++)
        threads[i] = thread_start("reader", thread_reading_in_gate, &g);
    gate_await(&g, LIMIT_DB_READERS);
    int64_t n;
    f->s.op.deadline_ms = time_mono_ms() + 30;
    assert_int_equal(db_read(&f->s.op, f->db, count_fn, &n), E_TIMEOUT);
    f->s.op.deadline_ms = 0;
    gate_open(&g);
    assert_int_equal(rows(&f->s.op, f->db), 0); /* waits, and gets one */
    for (int i = 0; i < LIMIT_DB_READERS; i++)
        thread_join(threads[i]);
    gate_clear(&g);
}

static enum err add_big(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    char *text = arena_alloc(op->arena, 1 << 20);
    memset(text, 'x', 1 << 20);
    return db_exec(op, tx, &add, DB_ARGS(DB_TEXT(((struct str){text, 1 << 20}))), NULL);
}

static void the_log_is_checkpointed_and_gone_after_close(void **state)
{
    struct fixture *f = *state;
    const char *wal = op_printf(&f->s.op, "%s-wal", f->path);
    struct stat st;
    for (int i = 0; i < 60; i++) {
        op_clear(&f->s.op);
        assert_int_equal(db_write(&f->s.op, f->db, add_big, NULL), OK);
    }
    struct sqlite_stats stats;
    sqlite_stats(f->db, &stats);
    assert_true(stats.checkpoints >= 3);
    assert_int_equal(stat(wal, &st), 0);
    assert_true(st.st_size < 3 * LIMIT_DB_WAL_PAGES * 4096); /* 60 MB were written */
    db_close(f->db);
    assert_int_equal(stat(wal, &st) == 0 ? st.st_size : 0, 0);
    assert_int_equal(sqlite_open_with(&f->s.op, f->path, schema, 1, &f->db), OK);
    assert_int_equal(rows(&f->s.op, f->db), 60);
}

struct overlap {
    struct db *db;
    atomic_bool *stop;
    int index;
};

static enum err linger(struct op *op, struct db_tx *tx, void *arg)
{
    int64_t n;
    enum err e = count_fn(op, tx, &n);
    time_sleep_ms(20 + *(int *)arg * 3);
    return e;
}

static void *overlapping_reader(void *arg)
{
    struct overlap *o = arg;
    struct arena *a = arena_create(1 << 20);
    while (!atomic_load(o->stop)) {
        struct op op;
        arena_reset(a);
        op_init(&op, a);
        if (db_read(&op, o->db, linger, &o->index))
            abort();
    }
    arena_destroy(a);
    return NULL;
}

/* There is always a reader inside; without patience the log would never begin again at its front. */
static void the_log_stays_short_under_readers_without_a_gap(void **state)
{
    struct fixture *f = *state;
    const char *wal = op_printf(&f->s.op, "%s-wal", f->path);
    atomic_bool stop = false;
    struct overlap o[4];
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        o[i] = (struct overlap){f->db, &stop, i};
        threads[i] = thread_start("overlap", overlapping_reader, &o[i]);
    }
    for (int i = 0; i < 100; i++) {
        op_clear(&f->s.op);
        assert_int_equal(db_write(&f->s.op, f->db, add_big, NULL), OK);
    }
    struct stat st;
    assert_int_equal(stat(wal, &st), 0);
    atomic_store(&stop, true);
    for (int i = 0; i < 4; i++)
        thread_join(threads[i]);
    assert_true(st.st_size < (off_t)(10 * LIMIT_DB_WAL_PAGES) * 4096); /* of 100 MB */
}

static void write_text(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void other_files_are_refused(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    struct op *op = &f->s.op;
    const char *path = scratch_path(&f->s, "other.db");
    write_text(path, "this is no database, but a text of more than a hundred bytes, which is what the header "
                     "of a database has, "
                     "so that it is long enough to be looked at");
    assert_int_equal(sqlite_open_with(op, path, schema, 1, &db), E_CORRUPT);
    assert_non_null(strstr(op->msg, "other.db"));
    op_clear(op);
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(sqlite_open_with(op, path, schema, 1, &db), E_IO);
    op_clear(op);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(symlink(f->path, path), 0);
    assert_int_equal(sqlite_open_with(op, path, schema, 1, &db), E_IO); /* links are not followed */
    op_clear(op);
    assert_int_equal(sqlite_open_with(op, scratch_path(&f->s, "none/x.db"), schema, 1, &db), E_IO);
    op_clear(op);
}

/* In a child, on a disk of 1 MiB: writes until it is full. The exit code is the check that failed. */
static int full_disk_child(const char *dir)
{
    struct arena *a = arena_create((size_t)16 << 20);
    struct op op;
    op_init(&op, a);
    struct db *db = NULL;
    if (!smalldisk_mount(dir, 1024))
        return 77;
    char *filler = op_printf(&op, "%s/filler", dir), *path = op_printf(&op, "%s/test.db", dir);
    if (sqlite_open_with(&op, path, schema, 1, &db))
        return 2;
    int64_t good = 0, full = 0;
    for (int i = 0; i < 400; i++) {
        if (i == 100)
            smalldisk_fill(filler);
        if (i == 300)
            unlink(filler);
        enum err e = write_one(&op, db);
        good += e == OK;
        full += e == E_IO && strstr(op.msg, "is full") != NULL;
        if (rows(&op, db) != good) /* reads go on, and see what was acknowledged */
            return 3;
    }
    struct sqlite_stats stats;
    sqlite_stats(db, &stats);
    if (good + full != 400 || full < 100 || good < 200 || stats.failed)
        return 4;
    db_close(db);
    if (sqlite_open_with(&op, path, schema, 1, &db) || rows(&op, db) != good ||
        db_read(&op, db, sound_fn, NULL))
        return 5;
    db_close(db);
    arena_destroy(a);
    return 0;
}

static void a_full_disk_heals(void **state)
{
    struct fixture *f = *state;
    const char *dir = scratch_path(&f->s, "disk");
    assert_int_equal(mkdir(dir, 0700), 0);
    db_close(f->db);
    pid_t child = fork();
    if (!child)
        _exit(full_disk_child(dir));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(sqlite_open_with(&f->s.op, f->path, schema, 1, &f->db), OK);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* no mount namespaces here */
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void memory_databases_are_apart(void **state)
{
    struct fixture *f = *state;
    struct db *a = NULL, *b = NULL;
    assert_int_equal(sqlite_open_with(&f->s.op, ":memory:", schema, 1, &a), OK);
    assert_int_equal(sqlite_open_with(&f->s.op, ":memory:", schema, 1, &b), OK);
    assert_int_equal(write_one(&f->s.op, a), OK);
    assert_int_equal(rows(&f->s.op, a), 1);
    assert_int_equal(rows(&f->s.op, b), 0);
    db_close(a);
    db_close(b);
    db_close(NULL);
}

static enum err prepare_fn(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    struct db_val nulls[100] = {0};
    for (size_t i = 0; i < SQL_STATEMENT_COUNT; i++) {
        const struct sql *sql = sql_statements[i];
        struct db_rows *r = NULL;
        assert_true(sql->param_count <= 100);
        if (str_starts(str_from(sql->name), STR("mlflow_origin_")))
            continue; /* for MLflow's own tables: tests/unit/adapter/mlflow */
        enum err e = db_query(op, tx, sql, nulls, (size_t)sql->param_count, &r);
        if (e)
            return op_context(op, "sql/query: %s", sql->name);
        db_end(tx, r);
    }
    return OK;
}

/* Every statement of sql/query fits the schema of sql/schema. */
static void every_statement_compiles(void **state)
{
    struct fixture *f = *state;
    struct db *db = NULL;
    if (sqlite_open(&f->s.op, ":memory:", &db))
        fail_msg("%s", f->s.op.msg);
    enum err e = db_write(&f->s.op, db, prepare_fn, NULL);
    db_close(db);
    if (e)
        fail_msg("%s", f->s.op.msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failed_flush_stops_all_acknowledgement, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_failed_commit_stops_all_acknowledgement, set_up, tear_down),
        cmocka_unit_test_setup_teardown(acknowledged_writes_survive_a_power_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_together_is_committed_together, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_waits_for_a_connection_until_its_deadline, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_log_is_checkpointed_and_gone_after_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_log_stays_short_under_readers_without_a_gap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_files_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_heals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_databases_are_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_statement_compiles, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
