/* db_contract_kill.c - the crash loop of port/db's suite: a child writes and says so; it is killed; what it said must be there. */
#include "contract/db_contract.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/thread.h"
#include "base/time.h"
#include "contract/scratch.h"

enum { CRASHES = 30, CRASH_WRITERS = 4 };

static const struct sql add = {.name = "add", .text = "INSERT INTO thing (name, size) VALUES (?, ?)", .id = 0, .param_count = 2},
                        get = {.name = "get", .text = "SELECT size FROM thing WHERE name = ?", .id = 1, .param_count = 1};

struct thing {
    struct str name;
    int64_t size;
};

static enum err add_thing(struct op *op, struct db_tx *tx, void *arg)
{
    const struct thing *t = arg;
    return db_exec(op, tx, &add, DB_ARGS(DB_TEXT(t->name), DB_I64(t->size)), NULL);
}

static enum err get_thing(struct op *op, struct db_tx *tx, void *arg)
{
    struct thing *t = arg;
    struct db_val v;
    enum err e = db_query_one(op, tx, &get, DB_ARGS(DB_TEXT(t->name)), &v, 1);
    t->size = e ? -1 : v.i;
    return e;
}

static struct str name_of(struct op *op, uint32_t cycle, uint32_t writer, int64_t number)
{
    return str_from(op_printf(op, "%u-%u-%lld", cycle, writer, (long long)number));
}

struct crasher {
    struct db *db;
    int pipe;
    uint32_t cycle, index;
};

static void *crasher_main(void *arg)
{
    struct crasher *c = arg;
    struct arena *a = arena_create((size_t)1 << 20);
    struct op op;
    for (uint32_t i = 0;; i++) {
        arena_reset(a);
        op_init(&op, a);
        struct thing t = {.name = name_of(&op, c->cycle, c->index, i), .size = i};
        if (db_write(&op, c->db, add_thing, &t))
            _exit(3);
        const uint32_t ack[2] = {c->index, i};
        if (write(c->pipe, ack, sizeof ack) != (ssize_t)sizeof ack) /* below PIPE_BUF: whole or not at all */
            _exit(4);
    }
    return NULL;
}

static void crash_child(const struct db_contract *contract, const char *dir, uint32_t cycle, int pipe)
{
    struct arena *a = arena_create((size_t)16 << 20);
    struct op op;
    op_init(&op, a);
    struct db *db = NULL;
    if (contract->open(&op, dir, &db))
        _exit(2);
    struct crasher c[CRASH_WRITERS];
    for (uint32_t i = 0; i < CRASH_WRITERS; i++) {
        c[i] = (struct crasher){db, pipe, cycle, i};
        thread_start("crasher", crasher_main, &c[i]);
    }
    for (;;)
        pause();
}

/* The highest acknowledged number per writer, or -1; acks of one writer come in order. */
static void read_acks(int pipe, int64_t *last)
{
    uint32_t ack[2];
    while (read(pipe, ack, sizeof ack) == (ssize_t)sizeof ack) {
        assert_true(ack[0] < CRASH_WRITERS);
        assert_true(ack[1] == last[ack[0]] + 1);
        last[ack[0]] = ack[1];
    }
}

/* Kills one child at a moment of `seed`. Every other one is killed at work for sure, the rest perhaps while it opens. */
static void run_and_kill(const struct db_contract *contract, const char *dir, uint32_t cycle, uint64_t *seed, int64_t *last)
{
    int ends[2], status = 0;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (!child) {
        close(ends[0]);
        crash_child(contract, dir, cycle, ends[1]);
    }
    close(ends[1]);
    struct pollfd first = {.fd = ends[0], .events = POLLIN};
    if (cycle % 2)
        assert_int_equal(poll(&first, 1, 60000), 1);
    time_sleep_ms(5 + (int64_t)(scratch_random(seed) % 196));
    kill(child, SIGKILL);
    read_acks(ends[0], last);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* an exit means that a write failed */
}

static int64_t check_acks(struct op *op, struct db *db, uint32_t cycle, const int64_t *last)
{
    int64_t checked = 0;
    for (uint32_t w = 0; w < CRASH_WRITERS; w++)
        for (int64_t i = 0; i <= last[w]; i++, checked++) {
            struct thing t = {.name = name_of(op, cycle, w, i)};
            assert_int_equal(db_read(op, db, get_thing, &t), OK);
            assert_int_equal(t.size, i);
        }
    return checked;
}

void db_contract_kill(const struct db_contract *contract, struct op *op, const char *dir)
{
    uint64_t seed = (uint64_t)time_now_us(), start = seed;
    int64_t acks = 0;
    for (uint32_t cycle = 0; cycle < CRASHES; cycle++) {
        int64_t last[CRASH_WRITERS] = {-1, -1, -1, -1};
        struct db *db = NULL;
        run_and_kill(contract, dir, cycle, &seed, last);
        assert_int_equal(contract->open(op, dir, &db), OK);
        acks += check_acks(op, db, cycle, last);
        assert_int_equal(contract->check(op, db), OK);
        db_close(db); /* the parent has no threads while it forks */
    }
    print_message("%d kills, %lld acknowledged writes, none lost (seed %llu)\n", CRASHES, (long long)acks,
                  (unsigned long long)start);
    assert_true(acks >= CRASHES / 2);
}
