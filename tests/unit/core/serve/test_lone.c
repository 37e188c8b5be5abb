/* Who is alone: a thread that sleeps before each question. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/time.h"
#include "core/serve/lone.h"

enum { MS = 1000000 };

/* A question at `now_ns`, after a sleep or not. */
static bool ask(int64_t now_ns, bool slept, bool idle)
{
    if (slept)
        time_sleep_ms(1);
    if (!lone_look(now_ns))
        return false;
    const bool alone = lone_ask(now_ns, idle);
    lone_done();
    return alone;
}

/* Questions 20 ms apart from *now_ns on, until one is alone; how many. */
static int until_alone(int64_t *now_ns)
{
    int n = 1;
    for (; !ask(*now_ns += 20 * MS, true, true); n++)
        if (n > 1000)
            fail_msg("never alone");
    return n;
}

static void test_alone(void **state)
{
    (void)state;
    int64_t now = 1000 * (int64_t)MS;
    assert_true(until_alone(&now) >= 8);
    assert_true(ask(now += 20 * MS, true, true));
    /* The model had something to do. */
    assert_false(ask(now += 20 * MS, true, false));
    assert_true(until_alone(&now) >= 8);
    /* Something else was asked of the thread, a moment ago. */
    lone_other(now);
    assert_false(ask(now += MS, true, true));
    assert_true(until_alone(&now) >= 7); /* that one was more than 10 ms before the next */
    /* No look for a moment after company. */
    assert_false(ask(now += 20 * MS, true, false));
    assert_false(lone_look(now + MS / 2));
    assert_true(lone_look(now + 2 * MS));
}

/* A question that was there already: the thread did not sleep. A thread that is not left alone by the kernel may seem to have slept only when
 * it did, so in many tries there is one that did not. */
static void test_waited_for(void **state)
{
    (void)state;
    int64_t now = 1000000 * (int64_t)MS;
    int broken = 0;
    for (int i = 0; i < 20; i++) {
        (void)until_alone(&now);
        broken += !ask(now += 20 * MS, false, true);
    }
    assert_true(broken > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_alone), cmocka_unit_test(test_waited_for)};
    return cmocka_run_group_tests_name("lone", tests, NULL, NULL);
}
