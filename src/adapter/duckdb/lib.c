/* lib.c - finding and loading libduckdb.so. */
#include "adapter/duckdb/lib.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/thread.h"

#ifndef INGOT_DUCKDB_PATH
#define INGOT_DUCKDB_PATH ""
#endif

static struct {
    pthread_mutex_t lock;
    struct duck_lib lib;
    bool loaded;
    char error[4352]; /* why the last try failed */
} duck = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* libduckdb.so beside the running program. */
static bool path_beside(char *out, size_t size)
{
    char exe[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    if (n <= 0)
        return false;
    exe[n] = 0;
    char *slash = strrchr(exe, '/');
    if (!slash)
        return false;
    *slash = 0;
    return snprintf(out, size, "%s/libduckdb.so", exe) < (int)size;
}

static bool bind_functions(void *handle, struct duck_lib *lib)
{
    const char *missing = NULL;
    /* POSIX lets a function pointer be read out of dlsym's answer through the object's bytes. */
#define X(name)                                                                                    \
    {                                                                                              \
        void *p = dlsym(handle, "duckdb_" #name);                                                  \
        if (!p)                                                                                    \
            missing = "duckdb_" #name;                                                             \
        memcpy(&lib->name, &p, sizeof p);                                                          \
    }
    DUCK_FUNCTIONS(X)
#undef X
    if (missing)
        snprintf(duck.error, sizeof duck.error, "%s lacks %s", lib->path, missing);
    return !missing;
}

static bool try_path(const char *path)
{
    if (!path || !*path)
        return false;
    /* RTLD_DEEPBIND is left out: sanitizers refuse it. RTLD_LOCAL keeps its C++ runtime symbols to itself. */
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *text = dlerror();
        snprintf(duck.error, sizeof duck.error, "%s", text ? text : path);
        return false;
    }
    snprintf(duck.lib.path, sizeof duck.lib.path, "%s", path);
    duck.loaded = bind_functions(handle, &duck.lib);
    return duck.loaded;
}

static void load_locked(void)
{
    const char *chosen = getenv("INGOT_DUCKDB");
    if (chosen && *chosen) {
        try_path(chosen); /* an explicit wish is not second-guessed */
        return;
    }
    char beside[PATH_MAX];
    if (try_path(INGOT_DUCKDB_PATH))
        return;
    if (path_beside(beside, sizeof beside))
        try_path(beside);
}

enum err duck_lib_get(struct op *op, const struct duck_lib **ret)
{
    pthread_mutex_lock(&duck.lock);
    if (!duck.loaded)
        load_locked();
    bool loaded = duck.loaded;
    if (!loaded)
        op_fail(op, E_UNSUPPORTED, "no DuckDB: %s (set INGOT_DUCKDB to libduckdb.so)", duck.error);
    pthread_mutex_unlock(&duck.lock);
    if (!loaded)
        return E_UNSUPPORTED;
    *ret = &duck.lib;
    return OK;
}

const struct duck_lib *duck_lib_loaded(void)
{
    return &duck.lib;
}

static bool contains(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

/* "CSV Error on Line: 7", the line itself, then what is wrong with it: the first and the third. */
static enum err csv_fail(struct op *op, enum err e, const char *what, const char *text)
{
    const char *line = text + strcspn(text, "\n"), *why = line;
    while (*why == '\n') {
        why++;
        if (strncmp(why, "Original Line", 13) != 0 && *why != '\n')
            break;
        why += strcspn(why, "\n");
    }
    return op_fail(op, e, "%s: %.*s: %.*s", what, (int)(line - text), text, (int)strcspn(why, "\n"), why);
}

enum err duck_fail(struct op *op, const char *what, const char *text, enum err dflt)
{
    if (!text)
        text = "unknown error";
    enum err e = dflt;
    if (contains(text, "No files found") || contains(text, "No such file"))
        e = E_NOT_FOUND;
    else if (!strncmp(text, "Out of Memory", 13))
        e = E_TOO_LARGE;
    else if (!strncmp(text, "INTERNAL", 8) || !strncmp(text, "FATAL", 5))
        e = E_INTERNAL;
    else if (!strncmp(text, "INTERRUPT", 9))
        e = E_CANCELLED;
    else if (contains(text, "Permission denied") || contains(text, "No space left") || contains(text, "Input/output error"))
        e = E_IO;
    /* DuckDB adds the query with a caret and hints on further lines; the first one says it. */
    const char *csv = strstr(text, "CSV Error on Line");
    if (csv)
        return csv_fail(op, e, what, csv);
    int n = (int)strcspn(text, "\n");
    return op_fail(op, e, "%s: %.*s", what, n, text);
}
