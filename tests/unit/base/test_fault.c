#include "base_test.h"

#include "base/fault.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void off_by_default(void **state)
{
    (void)state;
    unsetenv("INGOT_FAULT");
    fault_setup();
    assert_false(fault_armed);
    assert_int_equal(FAULT("x"), 0);
}

static void the_nth_call_fails_once(void **state)
{
    (void)state;
    setenv("INGOT_FAULT", "blob.write:3:ENOSPC,db.commit:1,net.read:1:104", 1);
    fault_setup();
    assert_true(fault_armed);
    assert_int_equal(FAULT("blob.write"), 0);
    assert_int_equal(FAULT("blob.write"), 0);
    assert_int_equal(FAULT("blob.write"), ENOSPC);
    assert_int_equal(FAULT("blob.write"), 0);
    assert_int_equal(FAULT("db.commit"), EIO);
    assert_int_equal(FAULT("net.read"), 104);
    assert_int_equal(FAULT("other"), 0);
    unsetenv("INGOT_FAULT");
    fault_setup();
}

static int child_status(const char *spec, const char *point)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        assert_non_null(freopen("/dev/null", "w", stderr));
        setenv("INGOT_FAULT", spec, 1);
        fault_setup();
        (void)FAULT(point);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void kills_and_refuses(void **state)
{
    (void)state;
    int status = child_status("p:1:kill", "p");
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(child_status("p:2:kill", "p"), 0);
    static const char *const bad[] = {"p", "p:0", "p:x", "p:1:NOPE", ":1", "p:1:EIO:more", "p:1,", "p:1:0"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (child_status(bad[i], "p") == 0)
            fail_msg("'%s' was taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(off_by_default), cmocka_unit_test(the_nth_call_fails_once), cmocka_unit_test(kills_and_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
