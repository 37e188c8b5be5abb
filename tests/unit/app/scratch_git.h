/* scratch_git.h - a folder with a small git repository. */
#ifndef INGOT_TESTS_SCRATCH_GIT_H
#define INGOT_TESTS_SCRATCH_GIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"

struct scratch_git {
    char dir[64];
    struct op op;
};

/* A shell in the folder; only for words of the tests themselves. Returns its exit code. */
static inline int scratch_shell(const struct scratch_git *g, const char *script)
{
    int status = -1;
    pid_t pid = fork();
    if (pid == 0) {
        if (chdir(g->dir) == 0)
            execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static inline int scratch_git_open(void **state)
{
    struct scratch_git *g = calloc(1, sizeof *g);
    assert_non_null(g);
    unsetenv("INGOT_GIT_COMMIT");
    op_init(&g->op, arena_create(LIMIT_MIB(256)));
    snprintf(g->dir, sizeof g->dir, "/tmp/ingot-scratch-XXXXXX");
    assert_non_null(mkdtemp(g->dir));
    *state = g;
    return 0;
}

static inline int scratch_git_close(void **state)
{
    struct scratch_git *g = *state;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", g->dir, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
    arena_destroy(g->op.arena);
    free(g);
    return 0;
}

/* One commit of "a.txt" on branch "topic". */
static inline void scratch_git_commit(const struct scratch_git *g)
{
    assert_int_equal(scratch_shell(g, "git init -q -b topic; echo one > a.txt; git add a.txt; "
                                      "git -c user.name=t -c user.email=t@example.org commit -q -m first; "
                                      "git remote add origin https://me:hunter2@git.example/x.git"), 0);
}

#endif
