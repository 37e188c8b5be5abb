/* test_datadir.c - one process per data folder. */
#include "adapter/localfs/datadir.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "contract/scratch.h"

static void the_folder_is_made_private(void **state)
{
    struct scratch *s = *state;
    struct datadir *d = NULL;
    struct stat st;
    const char *deep = scratch_path(s, "a/b//data/");
    assert_int_equal(datadir_lock(&s->op, deep, &d), OK);
    assert_int_equal(stat(deep, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    datadir_unlock(d);
    const char *open_folder = scratch_path(s, "open");
    assert_int_equal(mkdir(open_folder, 0755), 0);
    assert_int_equal(chmod(open_folder, 0755), 0);
    assert_int_equal(datadir_lock(&s->op, open_folder, &d), OK);
    assert_int_equal(stat(open_folder, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    mode_t mask = umask(022);
    assert_int_equal(mask, 077);
    datadir_unlock(d);
    datadir_unlock(NULL);
}

static void a_second_user_is_told_who_is_first(void **state)
{
    struct scratch *s = *state;
    struct datadir *d = NULL, *again = NULL;
    const char *dir = scratch_path(s, "data");
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (!child) {
        char c = datadir_lock(&s->op, dir, &d) ? 'n' : 'y';
        if (write(ready[1], &c, 1) == 1)
            pause();
        _exit(1);
    }
    char c = 0;
    assert_int_equal(read(ready[0], &c, 1), 1);
    assert_int_equal(c, 'y');
    assert_int_equal(datadir_lock(&s->op, dir, &d), E_CONFLICT);
    assert_non_null(strstr(s->op.msg, op_printf(&s->op, "process %d", (int)child)));
    op_clear(&s->op);
    /* However the owner ends, the lock ends with it; its pid in the file does not hold anybody back. */
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(datadir_lock(&s->op, dir, &d), OK);
    assert_int_equal(datadir_lock(&s->op, dir, &again), E_CONFLICT); /* nor twice in one process */
    datadir_unlock(d);
    close(ready[0]);
    close(ready[1]);
}

static void what_is_no_folder_is_refused(void **state)
{
    struct scratch *s = *state;
    struct datadir *d = NULL;
    const char *file = scratch_path(s, "file");
    int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(datadir_lock(&s->op, file, &d), E_IO);
    op_clear(&s->op);
    assert_int_equal(datadir_lock(&s->op, scratch_path(s, "file/below"), &d), E_IO);
    op_clear(&s->op);
    /* A planted link in the lock's place is not followed. */
    assert_int_equal(mkdir(scratch_path(s, "data"), 0700), 0);
    assert_int_equal(symlink(file, scratch_path(s, "data/lock")), 0);
    assert_int_equal(datadir_lock(&s->op, scratch_path(s, "data"), &d), E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_folder_is_made_private, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(a_second_user_is_told_who_is_first, scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_folder_is_refused, scratch_set_up, scratch_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
