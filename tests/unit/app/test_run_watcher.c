/* Who is stopped when the one that started it is gone; what reaches the server is watched in tests/e2e/test_capture.py. */
#include "unit/app/scratch_git.h"

#include <signal.h>

#include "app/run_tracked.h"
#include "base/time.h"

/* A program in a group of its own that would go on. */
static pid_t program_start(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        setpgid(0, 0);
        execl("/bin/sleep", "sleep", "60", (char *)NULL);
        _exit(127);
    }
    setpgid(pid, pid);
    return pid;
}

static bool ends_within(pid_t pid, int64_t ms)
{
    for (int64_t until = time_mono_ms() + ms; time_mono_ms() < until; time_sleep_ms(20))
        if (waitpid(pid, NULL, WNOHANG) == pid)
            return true;
    return false;
}

/* The watcher of another process, so that one can die. Returns once it has told. */
static pid_t owner_start(const struct tracked_config *config, pid_t kept, pid_t forgotten)
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct run_watcher w;
        run_watcher_start(&w, config);
        run_watcher_tell(&w, STR("kept"), "", 0, 0);
        run_watcher_tell(&w, STR("forgotten"), "", 0, forgotten);
        run_watcher_tell(&w, STR("kept"), "/nowhere", 0, kept);
        run_watcher_forget(&w, STR("forgotten"));
        run_watcher_forget(&w, STR("never told of"));
        (void)!write(ready[1], "x", 1);
        for (;;)
            pause();
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    time_sleep_ms(200); /* the watcher reads */
    return pid;
}

static void the_owner_dies(void **state)
{
    (void)state;
    const struct tracked_config config = {.url = STR("http://127.0.0.1:1"), .experiment = STR("x"), .wait_ms = 1};
    pid_t kept = program_start(), forgotten = program_start(), owner = owner_start(&config, kept, forgotten);
    assert_false(ends_within(kept, 100));
    kill(owner, SIGKILL);
    assert_true(ends_within(owner, 5000));
    assert_true(ends_within(kept, 8000));
    assert_false(ends_within(forgotten, 300));
    kill(forgotten, SIGKILL);
    assert_true(ends_within(forgotten, 5000));
}

static void a_good_end(void **state)
{
    (void)state;
    const struct tracked_config config = {.url = STR("http://127.0.0.1:1"), .experiment = STR("x"), .wait_ms = 1};
    struct run_watcher w;
    pid_t program = program_start();
    run_watcher_start(&w, &config);
    run_watcher_tell(&w, STR("r"), "/nowhere", 0, program);
    run_watcher_forget(&w, STR("r"));
    run_watcher_stop(&w);
    run_watcher_stop(&w);
    run_watcher_tell(&w, STR("r"), "", 0, 0);
    run_watcher_tell(NULL, STR("r"), "", 0, 0);
    assert_false(ends_within(program, 200));
    kill(program, SIGKILL);
    assert_true(ends_within(program, 5000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_owner_dies), cmocka_unit_test(a_good_end)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
