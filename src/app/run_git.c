#include "app/run_git.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/run_log.h"
#include "base/limits.h"
#include "core/capture/words.h"

extern char **environ;

/* All that comes through the pipe, up to the buffer's maximum; then the pipe is closed, which ends a writer that goes on. */
static void drain(int fd, struct buf *out)
{
    char piece[16384];
    while (!out->failed) {
        ssize_t n = read(fd, piece, sizeof piece);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        buf_add(out, piece, (size_t)n);
    }
    close(fd);
}

/* Runs git on `dir` with its standard output into `out`; false: it is not there, or said no. */
static bool git(const char *dir, const char *const *args, struct buf *out)
{
    const char *argv[16] = {"git", "-C", dir, "--no-optional-locks"};
    size_t n = 4;
    int fds[2], status = -1;
    pid_t pid = 0;
    while (*args && n + 1 < ARRAY_LEN(argv))
        argv[n++] = *args++;
    if (pipe2(fds, O_CLOEXEC))
        return false;
    posix_spawn_file_actions_t fa;
    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&fa, fds[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&fa, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    /* argv of posix_spawn is not const for historical reasons; nothing is changed. */
    char *copy[ARRAY_LEN(argv)];
    memcpy(copy, argv, sizeof copy);
    int rc = posix_spawnp(&pid, "git", &fa, NULL, copy, environ);
    posix_spawn_file_actions_destroy(&fa);
    close(fds[1]);
    if (rc) {
        close(fds[0]);
        return false;
    }
    drain(fds[0], out);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* One line of git's answer, "" if there is none. */
static struct str line(struct op *op, const char *dir, const char *const *args)
{
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_KIB(64));
    return git(dir, args, &out) ? str_dup(op->arena, str_trim(buf_str(&out))) : STR("");
}

void run_git_read(struct op *op, const char *dir, struct run_git *ret)
{
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_MIB(1));
    *ret = (struct run_git){.commit = run_log_git_commit(op, dir)};
    if (!ret->commit.len)
        return;
    ret->known = git(dir, (const char *const[]){"status", "--porcelain", "--untracked-files=no", NULL}, &out) || out.failed;
    ret->dirty = ret->known && out.len > 0;
    ret->branch = line(op, dir, (const char *const[]){"symbolic-ref", "--short", "-q", "HEAD", NULL});
    ret->remote = capture_url_text(op, line(op, dir, (const char *const[]){"config", "--get", "remote.origin.url", NULL}));
}

enum err run_git_diff(struct op *op, const char *dir, struct str *ret)
{
    AUTO(buf) struct buf out;
    buf_init(&out, LIMIT_CAPTURE_DIFF);
    bool done = git(dir, (const char *const[]){"diff", "--no-ext-diff", "--no-color", "--binary", "HEAD", NULL}, &out);
    if (out.failed)
        return op_fail(op, E_TOO_LARGE, "the difference to the commit is more than %zu MiB", LIMIT_CAPTURE_DIFF >> 20);
    if (!done)
        return op_fail(op, E_UNSUPPORTED, "git cannot tell the difference to the commit in '%s'", dir);
    if (out.len > arena_left(op->arena) / 2)
        return op_fail(op, E_TOO_LARGE, "the difference to the commit does not fit in memory");
    *ret = str_dup(op->arena, buf_str(&out));
    return OK;
}
