#include "base_test.h"

#include "base/thread.h"
#include "base/time.h"

#include <stdatomic.h>

static atomic_int ran;
static struct mutex gate;
static struct cond opened;
static bool is_open;

static void wait_for_gate(void *arg)
{
    (void)arg;
    mutex_lock(&gate);
    while (!is_open)
        cond_wait(&opened, &gate);
    mutex_unlock(&gate);
    atomic_fetch_add(&ran, 1);
}

static void pool_is_bounded_and_drains(void **state)
{
    (void)state;
    mutex_init(&gate);
    cond_init(&opened);
    is_open = false;
    atomic_store(&ran, 0);
    struct pool *p = pool_create("a-name-longer-than-15", 3, 4);
    int taken = 0;
    /* Three run, four wait; how many run already is a matter of time, so try until nothing more fits. */
    for (int i = 0; i < 200 && taken < 7; i++) {
        if (pool_submit(p, wait_for_gate, NULL))
            taken++;
        else
            time_sleep_ms(1);
    }
    assert_int_equal(taken, 7);
    for (int i = 0; i < 200 && pool_queued(p) < 4; i++)
        time_sleep_ms(1);
    assert_int_equal(pool_queued(p), 4);
    assert_false(pool_submit(p, wait_for_gate, NULL));
    mutex_lock(&gate);
    is_open = true;
    cond_broadcast(&opened);
    mutex_unlock(&gate);
    pool_destroy(p);
    assert_int_equal(atomic_load(&ran), 7);
    pool_destroy(NULL);
    cond_clear(&opened);
    mutex_clear(&gate);
}

static void timed_wait_ends(void **state)
{
    (void)state;
    struct mutex m;
    struct cond c;
    mutex_init(&m);
    cond_init(&c);
    {
        LOCK(&m);
        int64_t before = time_mono_ms();
        assert_false(cond_wait_ms(&c, &m, 30));
        assert_in_range(time_mono_ms() - before, 29, 2000);
        assert_false(cond_wait_ms(&c, &m, -5));
    }
    mutex_lock(&m); /* LOCK let go at the end of its block */
    mutex_unlock(&m);
    cond_clear(&c);
    mutex_clear(&m);
    assert_true(thread_cpu_count() >= 1);
}

static struct mutex counter_mutex;
static long counter;

static void *count(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        LOCK(&counter_mutex);
        counter++;
    }
    return NULL;
}

static void mutual_exclusion(void **state)
{
    (void)state;
    mutex_init(&counter_mutex);
    pthread_t t[4];
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        t[i] = thread_start("count", count, NULL);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        thread_join(t[i]);
    assert_int_equal(counter, 80000);
    mutex_clear(&counter_mutex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pool_is_bounded_and_drains), cmocka_unit_test(timed_wait_ends), cmocka_unit_test(mutual_exclusion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
