/* blob_contract.c - the suite of port/blob: see blob_contract.h. */
#include "contract/blob_contract.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/thread.h"
#include "base/time.h"
#include "contract/scratch.h"

/* Clocks and what stores keep of them (whole seconds, a tick) differ by so much. */
#define AGE_SLACK_US (3 * TIME_US_PER_S)

static const struct blob_contract *contract;

struct fixture {
    struct scratch s;
    struct blob_store *store;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    scratch_init(&f->s);
    assert_int_equal(contract->open(&f->s.op, f->s.dir, &f->store), OK);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    blob_store_close(f->store);
    scratch_clear(&f->s);
    free(f);
    return 0;
}

static void expect(struct fixture *f, enum err got, enum err want)
{
    if (got != want)
        print_error("got %s (%s), want %s\n", err_name(got), f->s.op.msg ? f->s.op.msg : "", err_name(want));
    assert_int_equal(got, want);
    if (want)
        assert_non_null(f->s.op.msg);
    op_clear(&f->s.op);
}

static struct blob_id put(struct fixture *f, struct str bytes)
{
    struct blob_id id;
    expect(f, blob_put(&f->s.op, f->store, bytes, &id), OK);
    return id;
}

static void fill(char *p, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(i % 8 ? p[i - 1] * 7 : (int)scratch_random(&seed));
}

static void the_name_is_the_hash(void **state)
{
    struct fixture *f = *state;
    struct blob_id id = put(f, STR("abc"));
    /* FIPS 180-4, the example of one block */
    assert_true(str_eq(blob_id_hex(&f->s.op, &id),
                       STR("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")));
    struct str back;
    expect(f, blob_get(&f->s.op, f->store, &id, 3, &back), OK);
    assert_true(str_eq(back, STR("abc")));
    expect(f, blob_get(&f->s.op, f->store, &id, 2, &back), E_TOO_LARGE);
    id.sha256[31] ^= 1;
    expect(f, blob_get(&f->s.op, f->store, &id, 3, &back), E_NOT_FOUND);
    id.sha256[0] ^= 1;
    expect(f, blob_get(&f->s.op, f->store, &id, 3, &back), E_NOT_FOUND);
}

static void an_empty_blob_is_a_blob(void **state)
{
    struct fixture *f = *state;
    struct blob_id id = put(f, STR(""));
    struct str back = STR("x");
    expect(f, blob_get(&f->s.op, f->store, &id, 0, &back), OK);
    assert_int_equal(back.len, 0);
}

static void a_big_blob_is_streamed(void **state)
{
    struct fixture *f = *state;
    size_t n = (size_t)20 << 20;
    char *bytes = malloc(n), *back = malloc(n + 1);
    fill(bytes, n, 7);
    struct blob_writer *w;
    struct blob_reader *r;
    struct blob_id id;
    uint64_t size = 0;
    expect(f, blob_writer_open(&f->s.op, f->store, &w), OK);
    for (size_t at = 0; at < n;) {
        size_t part = n - at < 999983 ? n - at : 999983;
        expect(f, blob_write(&f->s.op, f->store, w, bytes + at, part), OK);
        at += part;
    }
    expect(f, blob_commit(&f->s.op, f->store, w, &id, &size), OK);
    assert_int_equal(size, n);
    uint8_t sha256[HASH_SHA256_LEN];
    hash_sha256(bytes, n, sha256);
    assert_memory_equal(sha256, id.sha256, sizeof sha256);
    expect(f, blob_reader_open(&f->s.op, f->store, &id, &r, &size), OK);
    assert_int_equal(size, n);
    size_t got = 1, total = 0;
    while (got) {
        expect(f,
               blob_read(&f->s.op, f->store, r, total, back + total,
                         65537 < n + 1 - total ? 65537 : n + 1 - total, &got),
               OK);
        total += got;
    }
    assert_int_equal(total, n);
    assert_memory_equal(back, bytes, n);
    blob_reader_close(f->store, r);
    free(bytes);
    free(back);
}

static void reads_start_anywhere(void **state)
{
    struct fixture *f = *state;
    char bytes[10000], part[10000];
    fill(bytes, sizeof bytes, 9);
    struct blob_id id = put(f, (struct str){bytes, sizeof bytes});
    struct blob_reader *r;
    uint64_t size, seed = 11;
    expect(f, blob_reader_open(&f->s.op, f->store, &id, &r, &size), OK);
    for (int i = 0; i < 500; i++) {
        size_t at = scratch_random(&seed) % 11000, n = scratch_random(&seed) % 3000, got = 99;
        expect(f, blob_read(&f->s.op, f->store, r, at, part, n, &got), OK);
        size_t want = at >= sizeof bytes ? 0 : n < sizeof bytes - at ? n : sizeof bytes - at;
        assert_int_equal(got, want);
        if (want)
            assert_memory_equal(part, bytes + at, want);
    }
    size_t got = 1;
    expect(f, blob_read(&f->s.op, f->store, r, UINT64_MAX, part, 10, &got), OK);
    assert_int_equal(got, 0);
    blob_reader_close(f->store, r);
}

static void an_aborted_write_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct blob_writer *w;
    expect(f, blob_writer_open(&f->s.op, f->store, &w), OK);
    expect(f, blob_write(&f->s.op, f->store, w, "gone", 4), OK);
    blob_abort(f->store, w);
    struct blob_id id;
    hash_sha256("gone", 4, id.sha256);
    struct str back;
    expect(f, blob_get(&f->s.op, f->store, &id, 10, &back), E_NOT_FOUND);
}

static void removal_spares_open_readers(void **state)
{
    struct fixture *f = *state;
    struct blob_id id = put(f, STR("short life"));
    struct blob_reader *r;
    uint64_t size;
    expect(f, blob_reader_open(&f->s.op, f->store, &id, &r, &size), OK);
    expect(f, blob_remove(&f->s.op, f->store, &id), OK);
    expect(f, blob_remove(&f->s.op, f->store, &id), OK);
    char part[16];
    size_t got;
    expect(f, blob_read(&f->s.op, f->store, r, 0, part, sizeof part, &got), OK);
    assert_int_equal(got, 10);
    blob_reader_close(f->store, r);
    struct str back;
    expect(f, blob_get(&f->s.op, f->store, &id, 100, &back), E_NOT_FOUND);
    put(f, STR("short life"));
    expect(f, blob_get(&f->s.op, f->store, &id, 100, &back), OK);
}

static void names_are_parsed_strictly(void **state)
{
    struct fixture *f = *state;
    struct blob_id id = put(f, STR("abc")), back;
    struct str hex = blob_id_hex(&f->s.op, &id);
    expect(f, blob_id_parse(&f->s.op, hex, &back), OK);
    assert_memory_equal(&id, &back, sizeof id);
    static const char *const bad[] = {"",
                                      "abc",
                                      "../../../../../../../../../../../../../../../../../../etc/passwd0",
                                      "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
                                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a",
                                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015adx",
                                      "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect(f, blob_id_parse(&f->s.op, str_from(bad[i]), &back), E_INVALID);
}

struct listing {
    struct blob_id want[40];
    uint64_t sizes[40];
    int found[40], total, stop_at;
    int64_t oldest_us;
    struct blob_store *store; /* set: each is removed as it is told */
};

static enum err listed(void *arg, struct op *op, const struct blob_info *info)
{
    struct listing *l = arg;
    for (size_t i = 0; i < ARRAY_LEN(l->want); i++)
        if (!memcmp(&info->id, &l->want[i], sizeof info->id)) {
            l->found[i]++;
            assert_int_equal(info->size_bytes, l->sizes[i]);
        }
    assert_true(info->stored_us >= l->oldest_us && info->stored_us <= time_now_us() + AGE_SLACK_US);
    if (++l->total == l->stop_at)
        return op_fail(op, E_CANCELLED, "enough");
    return l->store ? blob_remove(op, l->store, &info->id) : OK;
}

static void all_blobs_are_told(void **state)
{
    struct fixture *f = *state;
    struct listing l = {.oldest_us = time_now_us() - AGE_SLACK_US};
    expect(f, blob_each(&f->s.op, f->store, listed, &l), OK);
    assert_int_equal(l.total, 0);
    for (size_t i = 0; i < ARRAY_LEN(l.want); i++) {
        char bytes[100];
        fill(bytes, sizeof bytes, 300 + i);
        l.want[i] = put(f, (struct str){bytes, l.sizes[i] = i});
    }
    expect(f, blob_each(&f->s.op, f->store, listed, &l), OK);
    assert_int_equal(l.total, ARRAY_LEN(l.want));
    for (size_t i = 0; i < ARRAY_LEN(l.want); i++)
        assert_int_equal(l.found[i], 1);
    l.total = 0;
    l.stop_at = 7;
    expect(f, blob_each(&f->s.op, f->store, listed, &l), E_CANCELLED);
    assert_int_equal(l.total, 7);
    l.stop_at = 0;
    l.store = f->store;
    expect(f, blob_each(&f->s.op, f->store, listed, &l), OK);
    l.total = 0;
    expect(f, blob_each(&f->s.op, f->store, listed, &l), OK);
    assert_int_equal(l.total, 0);
}

static void only_old_blobs_are_swept(void **state)
{
    struct fixture *f = *state;
    int64_t begin_us = time_now_us();
    struct blob_id id = put(f, STR("kept young"));
    bool removed = true;
    expect(f, blob_remove_old(&f->s.op, f->store, &id, begin_us - AGE_SLACK_US, &removed), OK);
    assert_false(removed);
    time_sleep_ms(100);
    int64_t later_us = time_now_us();
    put(f, STR("kept young")); /* again: now it is young */
    if (!contract->remote) { /* a remote store renews only what is hours old */
        expect(f, blob_remove_old(&f->s.op, f->store, &id, later_us, &removed), OK);
        assert_false(removed);
    }
    struct str back;
    expect(f, blob_get(&f->s.op, f->store, &id, 100, &back), OK);
    expect(f, blob_remove_old(&f->s.op, f->store, &id, time_now_us() + AGE_SLACK_US, &removed), OK);
    assert_true(removed);
    expect(f, blob_get(&f->s.op, f->store, &id, 100, &back), E_NOT_FOUND);
    expect(f, blob_remove_old(&f->s.op, f->store, &id, INT64_MAX, &removed), OK);
    assert_false(removed);
    id.sha256[0] ^= 1;
    expect(f, blob_remove_old(&f->s.op, f->store, &id, INT64_MAX, &removed), OK);
    assert_false(removed);
}

enum { SWEEP_MS = 60, SWEEP_LOOPS = 400 };
struct sweep {
    struct blob_store *store;
    struct blob_id ids[4];
    atomic_bool stop;
    atomic_int swept;
};

/* Sweeps four blobs as fast as it can, with an age at which nobody is to rely on them any more. */
static void *sweep_main(void *arg)
{
    struct sweep *s = arg;
    AUTO(arena) struct arena *a = arena_create((size_t)16 << 20);
    while (!atomic_load(&s->stop))
        for (size_t i = 0; i < ARRAY_LEN(s->ids); i++) {
            struct op op;
            arena_reset(a);
            op_init(&op, a);
            bool removed = false;
            if (blob_remove_old(&op, s->store, &s->ids[i], time_now_us() - SWEEP_MS * 1000, &removed))
                atomic_store(&s->stop, true);
            atomic_fetch_add(&s->swept, removed);
        }
    return NULL;
}

/* A blob that was just stored, perhaps over an old one that the sweep is about to take, is there. */
static void the_sweep_never_takes_what_was_just_stored(void **state)
{
    struct fixture *f = *state;
    struct sweep s = {.store = f->store};
    for (size_t i = 0; i < ARRAY_LEN(s.ids); i++)
        hash_sha256(&i, sizeof i, s.ids[i].sha256);
    pthread_t t = thread_start("sweep", sweep_main, &s);
    uint64_t seed = 5;
    int judged = 0;
    for (int n = 0; n < SWEEP_LOOPS; n++) {
        size_t i = scratch_random(&seed) % ARRAY_LEN(s.ids);
        struct blob_id id;
        struct str back;
        arena_reset(f->s.arena);
        int64_t begin_us = time_now_us();
        expect(f, blob_put(&f->s.op, f->store, (struct str){(const char *)&i, sizeof i}, &id), OK);
        enum err e = blob_get(&f->s.op, f->store, &id, 100, &back);
        if (time_now_us() - begin_us < SWEEP_MS * 1000) { /* else it was old again */
            expect(f, e, OK);
            judged++;
        }
        op_clear(&f->s.op);
        if (n % 20 == 0)
            time_sleep_ms((int64_t)(scratch_random(&seed) % 100));
    }
    assert_false(atomic_load(&s.stop));
    atomic_store(&s.stop, true);
    thread_join(t);
    print_message("%d blobs stored and looked at, %d swept\n", judged, atomic_load(&s.swept));
    assert_true(judged > 0 && atomic_load(&s.swept) > 0);
}

enum { WRITERS = 8, WRITES = 20 };
struct crowd {
    struct blob_store *store;
    int index, wrong;
};

/* All threads store the same twenty blobs, each in its own order, and read them at once. */
static void *crowd_main(void *arg)
{
    struct crowd *c = arg;
    struct arena *a = arena_create((size_t)64 << 20);
    for (int i = 0; i < WRITES; i++) {
        struct op op;
        op_init(&op, a);
        char *bytes = arena_alloc(a, 5000);
        fill(bytes, 5000, (uint64_t)((i * 7 + c->index) % WRITES));
        struct blob_id id;
        struct str back;
        if (blob_put(&op, c->store, (struct str){bytes, 5000}, &id) ||
            blob_get(&op, c->store, &id, 5000, &back) || memcmp(back.p, bytes, 5000))
            c->wrong++;
    }
    arena_destroy(a);
    return NULL;
}

static void equal_blobs_are_stored_by_many_at_once(void **state)
{
    struct fixture *f = *state;
    struct crowd crowd[WRITERS];
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) {
        crowd[i] = (struct crowd){f->store, i, 0};
        threads[i] = thread_start("crowd", crowd_main, &crowd[i]);
    }
    for (int i = 0; i < WRITERS; i++) {
        thread_join(threads[i]);
        assert_int_equal(crowd[i].wrong, 0);
    }
}

/* --- What only a store with files can show --- */
static void damage(struct fixture *f, const struct blob_id *id, off_t at, bool cut)
{
    struct str path;
    expect(f, blob_local_path(&f->s.op, f->store, id, &path), OK);
    assert_int_equal(chmod(path.p, 0600), 0);
    int fd = open(path.p, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    char c;
    assert_int_equal(pread(fd, &c, 1, at), 1);
    c = (char)(c ^ 0x40);
    assert_int_equal(pwrite(fd, &c, 1, at), 1);
    if (cut)
        assert_int_equal(ftruncate(fd, at), 0);
    close(fd);
}

static void one_changed_byte_is_found(void **state)
{
    struct fixture *f = *state;
    char bytes[5000];
    struct str back;
    static const off_t places[] = {0, 2500, 4999};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        fill(bytes, sizeof bytes, 100 + i);
        struct blob_id id = put(f, (struct str){bytes, sizeof bytes});
        damage(f, &id, places[i], false);
        expect(f, blob_get(&f->s.op, f->store, &id, 5000, &back), E_CORRUPT);
    }
    fill(bytes, sizeof bytes, 200);
    struct blob_id id = put(f, (struct str){bytes, sizeof bytes});
    damage(f, &id, 4000, true);
    expect(f, blob_get(&f->s.op, f->store, &id, 5000, &back), E_CORRUPT);
    /* Stored again, the shortened blob is whole again. */
    put(f, (struct str){bytes, sizeof bytes});
    expect(f, blob_get(&f->s.op, f->store, &id, 5000, &back), OK);
}

enum { CRASHES = 30 };

static void crash_child(const char *dir, uint64_t seed, int pipe)
{
    struct arena *a = arena_create((size_t)64 << 20);
    struct op op;
    op_init(&op, a);
    struct blob_store *store = NULL;
    if (contract->open(&op, dir, &store))
        _exit(2);
    char *bytes = malloc(300000);
    for (;;) {
        arena_reset(a);
        op_init(&op, a);
        size_t n = scratch_random(&seed) % 300000;
        fill(bytes, n, seed);
        struct blob_id id;
        if (blob_put(&op, store, (struct str){bytes, n}, &id))
            _exit(3);
        if (write(pipe, &id, sizeof id) != (ssize_t)sizeof id)
            _exit(4);
    }
}

static void acknowledged_blobs_survive_sigkill(void **state)
{
    struct fixture *f = *state;
    uint64_t seed = (uint64_t)time_now_us(), start = seed;
    int acks = 0;
    for (int cycle = 0; cycle < CRASHES; cycle++) {
        blob_store_close(f->store);
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        uint64_t child_seed = scratch_random(&seed);
        pid_t child = fork();
        assert_true(child >= 0);
        if (!child) {
            close(ends[0]);
            crash_child(f->s.dir, child_seed, ends[1]);
        }
        close(ends[1]);
        struct pollfd first = {.fd = ends[0], .events = POLLIN};
        if (cycle % 2) /* every other child is killed at work for sure, the rest perhaps while it opens */
            assert_int_equal(poll(&first, 1, 60000), 1);
        time_sleep_ms(5 + (int64_t)(scratch_random(&seed) % 196));
        kill(child, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        expect(f, contract->open(&f->s.op, f->s.dir, &f->store), OK);
        struct blob_id id;
        for (; read(ends[0], &id, sizeof id) == (ssize_t)sizeof id; acks++) {
            struct str back;
            arena_reset(f->s.arena);
            expect(f, blob_get(&f->s.op, f->store, &id, 300000, &back), OK);
        }
        close(ends[0]);
        assert_int_equal(rmdir(scratch_path(&f->s, "tmp")), 0); /* swept: empty */
        assert_int_equal(mkdir(scratch_path(&f->s, "tmp"), 0700), 0);
    }
    print_message("%d kills, %d acknowledged blobs, none lost (seed %llu)\n", CRASHES, acks,
                  (unsigned long long)start);
    assert_true(acks >= CRASHES / 2);
}

int blob_contract_run(const struct blob_contract *c)
{
    contract = c;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_name_is_the_hash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_blob_is_a_blob, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_big_blob_is_streamed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(reads_start_anywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_aborted_write_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removal_spares_open_readers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_are_parsed_strictly, set_up, tear_down),
        cmocka_unit_test_setup_teardown(equal_blobs_are_stored_by_many_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_blobs_are_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_old_blobs_are_swept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_sweep_never_takes_what_was_just_stored, set_up, tear_down), /* renews at once */
        cmocka_unit_test_setup_teardown(one_changed_byte_is_found, set_up, tear_down),          /* durable */
        cmocka_unit_test_setup_teardown(acknowledged_blobs_survive_sigkill, set_up, tear_down), /* durable */
    };
    return _cmocka_run_group_tests(c->name, tests, ARRAY_LEN(tests) - (c->durable ? 0 : c->remote ? 3 : 2), NULL, NULL);
}
