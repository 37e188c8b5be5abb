/* test_session.c - who is signed in: keys, ends, and a table under pressure. */
#include "core/access/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/limits.h"

#define S 1000000LL

static struct op op_at(struct arena *a, int64_t us, const char *who)
{
    struct op op;
    op_init(&op, a);
    op.now_us = us;
    op.actor = (struct actor){str_from(who), 6};
    return op;
}

static void a_key_opens_until_it_is_closed(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct sessions *s = sessions_create();
    struct op op = op_at(a, 1000 * S, "zoë");
    struct actor who;
    char key[SESSION_KEY_LEN + 1], other[SESSION_KEY_LEN + 1];
    session_open(&op, s, key);
    session_open(&op, s, other);
    assert_int_equal(strlen(key), SESSION_KEY_LEN);
    assert_string_not_equal(key, other);
    assert_true(session_find(&op, s, str_from(key), &who));
    assert_true(str_eqc(who.name, "zoë") && who.perms == 6);
    assert_false(session_find(&op, s, STR(""), &who));
    assert_false(session_find(&op, s, str_sub(str_from(key), 0, SESSION_KEY_LEN - 1), &who));
    key[0] ^= 1;
    assert_false(session_find(&op, s, str_from(key), &who));
    assert_false(session_close(s, str_from(key)));
    key[0] ^= 1;
    assert_true(session_close(s, str_from(key)));
    assert_false(session_close(s, str_from(key)));
    assert_false(session_find(&op, s, str_from(key), &who));
    assert_int_equal(sessions_count(s), 1);
    sessions_destroy(s);
    sessions_destroy(NULL);
    arena_destroy(a);
}

static void idle_and_old_ones_end(void **state)
{
    (void)state;
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct sessions *s = sessions_create();
    struct actor who;
    char key[SESSION_KEY_LEN + 1];
    struct op op = op_at(a, 0, "me");
    session_open(&op, s, key);
    op.now_us = LIMIT_SESSION_IDLE_S * S + 1;
    assert_false(session_find(&op, s, str_from(key), &who));
    assert_int_equal(sessions_count(s), 0);
    op.now_us = 0;
    session_open(&op, s, key);
    while (op.now_us <= LIMIT_SESSION_S * S) { /* used all the time, it still ends */
        assert_true(session_find(&op, s, str_from(key), &who));
        op.now_us += LIMIT_SESSION_IDLE_S / 2 * S;
    }
    assert_false(session_find(&op, s, str_from(key), &who));
    sessions_destroy(s);
    arena_destroy(a);
}

static void a_full_table_lets_the_idlest_go(void **state)
{
    (void)state;
    enum { N = LIMIT_SESSIONS + 50 };
    struct arena *a = arena_create(LIMIT_MIB(64));
    struct sessions *s = sessions_create();
    struct actor who;
    char (*keys)[SESSION_KEY_LEN + 1] = calloc(N, sizeof *keys);
    struct op op = op_at(a, S, "a name that is longer than sixty-three bytes, ending in the middle of é é é");
    for (int i = 0; i < N; i++) {
        op.now_us += 1000;
        session_open(&op, s, keys[i]);
        if (i == 0) /* its key stays in use */
            continue;
        assert_true(session_find(&op, s, str_from(keys[0]), &who));
    }
    assert_int_equal(sessions_count(s), LIMIT_SESSIONS);
    assert_true(who.name.len < 64 && str_is_utf8(who.name));
    for (int i = 1; i < N; i++)
        assert_int_equal(session_find(&op, s, str_from(keys[i]), &who), i > 50);
    /* Gaps in the table lose nobody. */
    for (int i = 51; i < N; i += 2)
        assert_true(session_close(s, str_from(keys[i])));
    for (int i = 52; i < N; i += 2)
        assert_true(session_find(&op, s, str_from(keys[i]), &who));
    free(keys);
    sessions_destroy(s);
    arena_destroy(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_key_opens_until_it_is_closed), cmocka_unit_test(idle_and_old_ones_end),
                                       cmocka_unit_test(a_full_table_lets_the_idlest_go)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
