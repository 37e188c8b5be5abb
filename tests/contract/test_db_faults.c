/* test_db_faults.c - SQLite's k-th system call fails, for every k until a run needs fewer calls than that; once, and from
 * then on for ever; with EIO and with ENOSPC. (The anomaly loop of SQLite's and curl's own tests.) Whatever happens: no
 * crash, no leak, no hang, an error with a text; nothing acknowledged is lost, nothing is there that nobody wrote, and the
 * database opens and takes writes when the fault is over. (Not fcntl: locks do not touch the disk, and SQLite takes any
 * failure there for a lock that somebody holds, and waits.) */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "adapter/sqlite/sqlite.h"
#include "base/log.h"
#define SCRATCH_ROOT "/dev/shm"
#include "contract/scratch.h"
#include "sql_gen.h"

static atomic_int calls_until_fault = INT32_MAX;
static int fault_errno;
static bool fault_for_ever;

/* Is this call the one? */
static bool fails(void)
{
    int left = atomic_fetch_sub(&calls_until_fault, 1) - 1;
    if (left > 0 || (left < 0 && !fault_for_ever))
        return false;
    errno = fault_errno;
    return true;
}

static int open_or_fail(const char *path, int flags, int mode)
{
    return fails() ? -1 : open(path, flags, mode);
}

static int fstat_or_fail(int fd, struct stat *st)
{
    return fails() ? -1 : fstat(fd, st);
}

static int ftruncate_or_fail(int fd, off_t size)
{
    return fails() ? -1 : ftruncate(fd, size);
}

static ssize_t pread_or_fail(int fd, void *p, size_t n, off_t at)
{
    return fails() ? -1 : pread(fd, p, n, at);
}

static ssize_t pwrite_or_fail(int fd, const void *p, size_t n, off_t at)
{
    return fails() ? -1 : pwrite(fd, p, n, at);
}

static int unlink_or_fail(const char *path)
{
    return fails() ? -1 : unlink(path);
}

static void *mmap_or_fail(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
    return fails() ? MAP_FAILED : mmap(at, n, protection, flags, fd, offset);
}

/* Flushes are no entry of SQLite's table: the library's calls land here. */
int fdatasync(int fd)
{
    return fails() ? -1 : fsync(fd);
}

static void wrap(const char *name, sqlite3_syscall_ptr call)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    int rc = vfs->xSetSystemCall(vfs, name, call);
    assert_true(rc == SQLITE_OK || rc == SQLITE_NOTFOUND);
}

static int wrap_all(void **state)
{
    (void)state;
    log_setup(LOG_ERROR + 1, LOG_TEXT); /* hundreds of failures are wanted */
    wrap("open", (sqlite3_syscall_ptr)open_or_fail);
    wrap("fstat", (sqlite3_syscall_ptr)fstat_or_fail);
    wrap("ftruncate", (sqlite3_syscall_ptr)ftruncate_or_fail);
    wrap("pread", (sqlite3_syscall_ptr)pread_or_fail);
    wrap("pread64", (sqlite3_syscall_ptr)pread_or_fail);
    wrap("pwrite", (sqlite3_syscall_ptr)pwrite_or_fail);
    wrap("pwrite64", (sqlite3_syscall_ptr)pwrite_or_fail);
    wrap("unlink", (sqlite3_syscall_ptr)unlink_or_fail);
    wrap("mmap", (sqlite3_syscall_ptr)mmap_or_fail);
    return 0;
}

static const struct sql_migration schema[] = {
    {1, "test", "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB) STRICT;"}};
static const struct sql add = {"add", "INSERT INTO t (id, v) VALUES (?, zeroblob(6000))", 0, 1, -1};
static const struct sql list = {"list", "SELECT id FROM t", 1, 0, 1};
static const struct sql integrity = {"integrity", "PRAGMA integrity_check", 2, 0, 1};

enum { WRITES = 6, PREPARED = 3 };

static enum err add_fn(struct op *op, struct db_tx *tx, void *arg)
{
    return db_exec(op, tx, &add, DB_ARGS(DB_I64(*(int *)arg)), NULL);
}

static enum err list_fn(struct op *op, struct db_tx *tx, void *arg)
{
    struct db_rows *rows = NULL;
    bool row = true;
    enum err e = db_query(op, tx, &list, DB_NO_ARGS, &rows);
    while (!e && (e = db_step(op, tx, rows, &row)) == OK && row) {
        int64_t id = db_col_i64(tx, rows, 0);
        assert_true(id >= 0 && id < WRITES + 1);
        ((bool *)arg)[id] = true;
    }
    db_end(tx, rows);
    return e;
}

static enum err sound_fn(struct op *op, struct db_tx *tx, void *arg UNUSED)
{
    struct db_val v;
    enum err e = db_query_one(op, tx, &integrity, DB_NO_ARGS, &v, 1);
    return e || str_eqc(v.s, "ok") ? e : op_fail(op, E_CORRUPT, "%.*s", STR_FMT(v.s));
}

static void must(struct op *op, enum err e)
{
    if (e)
        fail_msg("%s: %s", err_name(e), op->msg ? op->msg : "");
}

/* Opens, writes and reads under the fault; `acknowledged` learns which rows are durable. */
static void run_scenario(struct op *op, const char *path, bool *acknowledged)
{
    struct db *db = NULL;
    if (sqlite_open_with(op, path, schema, 1, &db)) {
        assert_non_null(op->msg);
        return;
    }
    for (int i = PREPARED; i < WRITES; i++) {
        bool seen[WRITES + 1] = {0};
        op_clear(op);
        enum err e = db_write(op, db, add_fn, &i);
        assert_true(e == OK || op->msg);
        acknowledged[i] = e == OK;
        op_clear(op);
        if (!db_read(op, db, list_fn,
                     seen)) /* a read that succeeds sees what was acknowledged, and nothing else */
            for (int k = 0; k < WRITES; k++)
                assert_int_equal(seen[k], acknowledged[k]);
    }
    db_close(db);
}

/* One run with the k-th call failing; true if the fault came at all. */
static bool run_with_fault(int k, int code, bool for_ever)
{
    struct scratch s;
    scratch_init(&s);
    struct op *op = &s.op;
    struct db *db = NULL;
    const char *path = scratch_path(&s, "test.db");
    bool acknowledged[WRITES + 1] = {0}, seen[WRITES + 1] = {0};
    must(op, sqlite_open_with(op, path, schema, 1, &db));
    for (int i = 0; i < PREPARED; i++) {
        must(op, db_write(op, db, add_fn, &i));
        acknowledged[i] = true;
    }
    db_close(db);
    fault_errno = code;
    fault_for_ever = for_ever;
    atomic_store(&calls_until_fault, k);
    run_scenario(op, path, acknowledged);
    bool came = atomic_load(&calls_until_fault) <= 0;
    atomic_store(&calls_until_fault, INT32_MAX);
    op_clear(op);
    must(op, sqlite_open_with(op, path, schema, 1, &db));
    must(op, db_read(op, db, list_fn, seen));
    for (int i = 0; i < WRITES; i++)
        if (acknowledged[i] && !seen[i])
            fail_msg("call %d, errno %d, %s: row %d was acknowledged and is lost", k, code,
                     for_ever ? "for ever" : "once", i);
    must(op, db_read(op, db, sound_fn, NULL));
    int extra = WRITES;
    must(op, db_write(op, db, add_fn, &extra));
    db_close(db);
    scratch_clear(&s);
    return came;
}

static void every_system_call_may_fail(void **state)
{
    (void)state;
    static const int codes[] = {EIO, ENOSPC};
    int runs = 0, most = 0;
    for (size_t c = 0; c < ARRAY_LEN(codes); c++)
        for (int for_ever = 0; for_ever < 2; for_ever++) {
            int k = 1;
            while (run_with_fault(k, codes[c], for_ever)) {
                assert_true(++k < 5000);
                runs++;
            }
            most = k > most ? k : most;
        }
    print_message("%d runs, up to %d calls each\n", runs, most);
    assert_true(most > 50); /* else the calls were not wrapped */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup(every_system_call_may_fail, wrap_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
