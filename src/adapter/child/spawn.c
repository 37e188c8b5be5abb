/* posix_spawn of /proc/self/exe: the very file that runs, even when it was replaced on disk since. */
#include "adapter/child/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cc.h"

extern char **environ;

static bool is_passed_on(const char *entry)
{
    static const char *const names[] = {"INGOT_DUCKDB=", "INGOT_ONNXRUNTIME=", "INGOT_XGBOOST=",   "LD_LIBRARY_PATH=", "ASAN_OPTIONS=", "UBSAN_OPTIONS=",
                                        "LSAN_OPTIONS=", "TSAN_OPTIONS=",      "MALLOC_ARENA_MAX=", "OMP_NUM_THREADS=", "TZ="};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strncmp(entry, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static int set_attributes(posix_spawnattr_t *a)
{
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGTERM);
    sigaddset(&usual, SIGHUP);
    posix_spawnattr_setsigmask(a, &none);
    posix_spawnattr_setsigdefault(a, &usual);
    posix_spawnattr_setpgroup(a, 0); /* a terminal's Ctrl-C is for the server, which drains */
    return posix_spawnattr_setflags(a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

int spawn_self(char *const *argv, int fd_a, int fd_b, pid_t *ret_pid)
{
    enum { ENV_MAX = 16 };
    char *env[ENV_MAX + 1] = {0};
    size_t n = 0;
    for (char **e = environ; *e && n < ENV_MAX; e++)
        if (is_passed_on(*e))
            env[n++] = *e;
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    int e = set_attributes(&attributes);
    if (!e)
        e = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&files, 2, 1);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&files, fd_a, SPAWN_FD_A);
    if (!e)
        e = posix_spawn_file_actions_adddup2(&files, fd_b, SPAWN_FD_B);
    if (!e)
        e = posix_spawn(ret_pid, "/proc/self/exe", &files, &attributes, argv, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return e;
}
