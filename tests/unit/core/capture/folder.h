/* folder.h - a folder of small files for tests of what reads a machine's. */
#ifndef INGOT_TESTS_CAPTURE_FOLDER_H
#define INGOT_TESTS_CAPTURE_FOLDER_H

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

struct folder {
    char root[64];
    struct op op;
};

static inline int folder_open(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    assert_non_null(f);
    op_init(&f->op, arena_create(LIMIT_MIB(64)));
    snprintf(f->root, sizeof f->root, "/tmp/ingot-capture-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    *state = f;
    return 0;
}

static inline int folder_close(void **state)
{
    struct folder *f = *state;
    pid_t pid = fork();
    if (pid == 0) {
        execlp("rm", "rm", "-rf", f->root, (char *)NULL);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
    arena_destroy(f->op.arena);
    free(f);
    return 0;
}

/* "a/b/c" with its folders. */
static inline void folder_put(struct folder *f, const char *name, const char *text)
{
    char *path = op_printf(&f->op, "%s/%s", f->root, name), *slash = strrchr(path, '/');
    *slash = 0;
    assert_int_equal(file_make_dirs(&f->op, path, 0777), OK);
    *slash = '/';
    assert_int_equal(file_write_unsynced(&f->op, path, str_from(text)), OK);
}

#endif
