/* toolfile.h - the few file functions that the build-time programs share. They run before src/base is
 * built, so they stand on libc alone; any failure prints one line and ends the program with status 1. */
#ifndef INGOT_TOOLS_TOOLFILE_H
#define INGOT_TOOLS_TOOLFILE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *tool_name;

__attribute__((noreturn, format(printf, 1, 2))) static inline void tool_die(const char *fmt, ...)
{
    va_list args;
    fprintf(stderr, "%s: ", tool_name);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    fflush(stderr);
    _exit(1); /* nothing half-written is flushed, and nothing needs freeing */
}

static inline void *tool_grow(void *p, size_t count, size_t size)
{
    void *q = reallocarray(p, count, size);
    if (!q)
        tool_die("out of memory");
    return q;
}

/* The whole file, NUL-terminated; the caller keeps it until the program ends. */
static inline char *tool_read(const char *path, size_t *ret_size)
{
    FILE *f = fopen(path, "rbe");
    if (!f)
        tool_die("cannot open '%s': %m", path);
    size_t len = 0, cap = 4096;
    char *p = tool_grow(NULL, cap, 1);
    for (;;) {
        len += fread(p + len, 1, cap - len - 1, f);
        if (len < cap - 1)
            break;
        cap *= 2;
        p = tool_grow(p, cap, 1);
    }
    if (ferror(f))
        tool_die("cannot read '%s': %m", path);
    fclose(f);
    p[len] = '\0';
    *ret_size = len;
    return p;
}

/* Leaves a file alone that has these bytes already, so that what depends on it is not built again. */
static inline void tool_write_if_changed(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "rbe");
    if (f) {
        fclose(f);
        size_t old_size;
        char *old = tool_read(path, &old_size);
        int same = old_size == n && memcmp(old, p, n) == 0;
        free(old);
        if (same)
            return;
    }
    f = fopen(path, "wbe");
    if (!f)
        tool_die("cannot write '%s': %m", path);
    if (fwrite(p, 1, n, f) != n || fclose(f) != 0)
        tool_die("cannot write '%s': %m", path);
}

#endif
