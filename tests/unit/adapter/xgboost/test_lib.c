/* Loading: once, with threads that sleep while they wait; a wrong path is one clear line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/xgboost/lib.h"
#include "base/limits.h"

static enum err get(const struct xgb_lib **ret, char text[256])
{
    struct arena *a = arena_create(LIMIT_MIB(1));
    struct op op;
    op_init(&op, a);
    enum err e = xgb_lib_get(&op, ret);
    text[0] = 0;
    if (e)
        strncat(text, op.msg, 255);
    arena_destroy(a);
    return e;
}

/* In a child, because the library is loaded once per process. */
static void test_a_wrong_path_is_named(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        const struct xgb_lib *lib = NULL;
        char text[256];
        setenv("INGOT_XGBOOST", "/nowhere/libxgboost.so", 1);
        bool right = get(&lib, text) == E_UNSUPPORTED && strstr(text, "/nowhere/libxgboost.so") && !strchr(text, '\n');
        _exit(right ? 0 : 1);
    }
    int status = -1;
    assert_true(waitpid(pid, &status, 0) == pid);
    assert_int_equal(status, 0);
}

static void test_loads_once(void **state)
{
    (void)state;
    const struct xgb_lib *one = NULL, *two = NULL;
    char text[256];
    int major = 0, minor = 0, patch = 0;
    if (get(&one, text) != OK || get(&two, text) != OK)
        fail_msg("%s", text);
    assert_ptr_equal(one, two);
    one->XGBoostVersion(&major, &minor, &patch);
    assert_true(major >= 1);
    assert_string_equal(getenv("OMP_WAIT_POLICY"), "passive");
}

int main(void)
{
    unsetenv("OMP_WAIT_POLICY");
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_wrong_path_is_named), cmocka_unit_test(test_loads_once)};
    return cmocka_run_group_tests_name("lib", tests, NULL, NULL);
}
