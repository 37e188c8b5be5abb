#include "base_test.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void all_zero_and_aligned(void **state)
{
    (void)state;
    struct arena *a = arena_create((size_t)64 << 20);
    for (int round = 0; round < 3; round++) {
        for (size_t n = 1; n < 40000; n = n * 3 + 1) {
            unsigned char *p = arena_alloc(a, n);
            assert_int_equal((uintptr_t)p % 16, 0);
            for (size_t i = 0; i < n; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xAB, n);
        }
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
    arena_destroy(a);
}

static void pieces_do_not_overlap(void **state)
{
    (void)state;
    struct arena *a = arena_create((size_t)64 << 20);
    enum { N = 2000 };
    static unsigned char *p[N];
    static size_t size[N];
    for (size_t i = 0; i < N; i++) {
        size[i] = (i * 7919) % 5000;
        p[i] = arena_try_alloc(a, size[i], 1);
        assert_non_null(p[i]);
        memset(p[i], (int)(i & 0xFF), size[i]);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < size[i]; k++)
            assert_int_equal(p[i][k], i & 0xFF);
    arena_destroy(a);
}

static void cap_is_kept(void **state)
{
    (void)state;
    struct arena *a = arena_create(1000);
    assert_non_null(arena_try_alloc(a, 31, 32)); /* 992 */
    assert_int_equal(arena_left(a), 8);
    assert_null(arena_try_alloc(a, 1, 16));
    assert_int_equal(arena_used(a), 992);
    arena_reset(a);
    assert_non_null(arena_try_alloc(a, 1, 16));
    volatile size_t huge = SIZE_MAX; /* volatile, or the compiler sees the nonsense and refuses it */
    assert_null(arena_try_alloc(a, huge / 2, 3)); /* overflows */
    assert_null(arena_try_alloc(a, huge, 1));
    arena_destroy(a);
    arena_destroy(NULL);
}

/* Input fills an arena to the last byte; what answers it must still find room, and what has no end must not. */
static void small_pieces_fit_beyond_the_cap(void **state)
{
    enum { RESERVE = 1 << 20 }; /* ARENA_RESERVE_BYTES of arena.c */
    (void)state;
    struct arena *a = arena_create(1024);
    assert_non_null(arena_try_alloc(a, 1, 1024));
    assert_int_equal(arena_left(a), 0);
    memset(arena_alloc(a, 100), 1, 100);
    assert_int_equal(arena_left(a), 0);
    assert_int_equal(arena_used(a), 1024 + 112);
    assert_null(arena_try_alloc(a, 1, 1));
    assert_non_null(arena_alloc(a, RESERVE - 112));
    pid_t pid = fork();
    if (!pid) {
        assert_non_null(freopen("/dev/null", "w", stderr));
        signal(SIGABRT, SIG_DFL);
        (void)arena_alloc(a, 1);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    arena_reset(a);
    assert_int_equal(arena_left(a), 1024);
    arena_destroy(a);
}

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
static void the_end_is_poisoned(void **state)
{
    (void)state;
    struct arena *a = arena_create(100000);
    char *p = arena_alloc(a, 10), *q = arena_alloc(a, 10);
    assert_false(__asan_address_is_poisoned(p + 9));
    assert_true(__asan_address_is_poisoned(p + 10));
    assert_true(__asan_address_is_poisoned(p + 16));
    assert_false(__asan_address_is_poisoned(q));
    arena_reset(a);
    assert_true(__asan_address_is_poisoned(p));
    arena_destroy(a);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_zero_and_aligned),
        cmocka_unit_test(pieces_do_not_overlap),
        cmocka_unit_test(cap_is_kept),
        cmocka_unit_test(small_pieces_fit_beyond_the_cap),
#if defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(the_end_is_poisoned),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
