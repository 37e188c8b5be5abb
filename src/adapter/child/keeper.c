/* One loop: what is due (a start, a kill), then sleep on the children's pidfds and on our eventfd.
 *
 * A start makes a new channel, so that nothing of a dead child's memory is read again, and spawns this program (spawn.h) with
 * the channel as descriptor 3 and the model as 4. */
#include "adapter/child/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/child/spawn.h"
#include "base/log.h"
#include "base/time.h"

#define LIVED_MS 10000 /* a child that lived so long was no failure */
#define LOOK_MS 50 /* between two looks at questions whose askers have left */

static struct {
    pthread_once_t once;
    struct mutex lock;
    struct cond gone;             /* a child was removed */
    struct keeper_child *first;
    size_t count;
    int event_fd;
    uint64_t starts, deaths, hangs;
    int64_t numbers;              /* given out */
} keeper = {.once = PTHREAD_ONCE_INIT};

void keeper_line_unref(struct keeper_line *l)
{
    if (!l || atomic_fetch_sub(&l->refs, 1) > 1)
        return;
    channel_clear(&l->channel);
    free(l);
}

void keeper_poke(void)
{
    uint64_t one = 1;
    ssize_t n = write(keeper.event_fd, &one, sizeof one);
    (void)n; /* EAGAIN: it is awake already */
}

/* ---- starting ---- */

static int spawn(const struct keeper_child *c, int channel_fd, pid_t *ret_pid)
{
    char parent[16], memory[24], name[32], program[] = "ingot", word[] = "engine-host";
    snprintf(parent, sizeof parent, "%d", getpid());
    snprintf(memory, sizeof memory, "%zu", c->memory_bytes);
    snprintf(name, sizeof name, "%s", c->engine);
    char *argv[] = {program, word, name, parent, memory, NULL};
    return spawn_self(argv, channel_fd, c->model_fd, ret_pid);
}

static struct keeper_line *line_make(const struct keeper_child *c)
{
    AUTO(arena) struct arena *a = arena_create(LIMIT_KIB(64));
    struct op op;
    op_init(&op, a);
    struct keeper_line *l = calloc(1, sizeof *l);
    if (!l)
        abort();
    atomic_init(&l->refs, 1);
    if (channel_create(&op, c->slots, &l->channel)) {
        log_at(LOG_ERROR, "engine.start", {"engine", LOG_C(c->engine)}, {"error", LOG_C(op.msg)});
        free(l);
        return NULL;
    }
    return l;
}

/* 100 ms, 200 ms ... from the second early death in a row on; the first is followed at once. */
static int64_t backoff_ms(unsigned failures)
{
    if (failures < 2)
        return 0;
    return failures - 2 > 8 ? LIMIT_CHILD_BACKOFF_MS : (int64_t)100 << (failures - 2);
}

static void child_start(struct keeper_child *c)
{
    struct keeper_line *line = line_make(c);
    pid_t pid = 0;
    int fd = line ? fcntl(line->channel.fd, F_DUPFD_CLOEXEC, 10) : -1; /* out of the way of 3 and 4 */
    int e = fd < 0 ? (errno ? errno : EIO) : spawn(c, fd, &pid);
    if (fd >= 0)
        close(fd);
    int pidfd = e ? -1 : (int)syscall(SYS_pidfd_open, pid, 0);
    if (!e && pidfd < 0) {
        e = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    LOCK(&c->lock);
    c->failures++;
    if (e) {
        log_at(LOG_ERROR, "engine.start", {"engine", LOG_C(c->engine)}, {"error", LOG_C(strerror(e))});
        keeper_line_unref(line);
        c->next_start_ms = time_mono_ms() + backoff_ms(c->failures + 1);
        c->death = 0;
        cond_broadcast(&c->changed);
        return;
    }
    keeper.starts++;
    c->starts++;
    c->line = line;
    c->pid = pid;
    c->pidfd = pidfd;
    c->started_ms = time_mono_ms();
    c->busy = c->lost = 0;
    cond_broadcast(&c->changed);
}

/* ---- watching ---- */

static void child_buried(struct keeper_child *c, int status)
{
    keeper.deaths++;
    c->deaths++;
    mutex_lock(&c->lock);
    struct keeper_line *line = c->line;
    c->line = NULL;
    c->ready = false;
    c->pid = 0;
    c->death = status;
    c->failures = time_mono_ms() - c->started_ms > LIVED_MS ? 0 : c->failures;
    c->next_start_ms = time_mono_ms() + backoff_ms(c->failures);
    atomic_store(&line->dead, true);
    channel_bury(&line->channel);
    cond_broadcast(&c->changed);
    mutex_unlock(&c->lock);
    keeper_line_unref(line);
    close(c->pidfd);
    c->pidfd = -1;
    if (!c->stopping)
        log_at(LOG_WARN, "engine.died", {"engine", LOG_C(c->engine)}, {"signal", LOG_I(WIFSIGNALED(status) ? WTERMSIG(status) : 0)},
               {"status", LOG_I(WIFEXITED(status) ? WEXITSTATUS(status) : 0)}, {"starts_failed", LOG_I(c->failures)});
}

static void child_reap(struct keeper_child *c)
{
    int status = 0;
    pid_t pid;
    do {
        pid = waitpid(c->pid, &status, 0);
    } while (pid < 0 && errno == EINTR);
    child_buried(c, pid < 0 ? 0 : status);
}

/* Is the child ready; have lost questions been answered meanwhile; does one take too long? Returns true while it must be looked at. */
static bool child_look(struct keeper_child *c, int64_t now)
{
    LOCK(&c->lock);
    if (!c->line)
        return false;
    for (size_t i = 0; i < c->slots; i++) {
        uint32_t bit = 1u << i;
        if (!(c->lost & bit))
            continue;
        if (channel_wait(&c->line->channel, i, 1) != CHANNEL_ASKED) { /* 1: a time long ago, so it does not wait */
            c->lost &= ~bit;
            c->busy &= ~bit;
            cond_signal(&c->changed);
        } else if (now - c->lost_ms[i] > LIMIT_CHILD_HANG_MS) {
            log_at(LOG_WARN, "engine.hangs", {"engine", LOG_C(c->engine)}, {"pid", LOG_I(c->pid)});
            keeper.hangs++;
            c->lost = 0;
            kill(c->pid, SIGKILL);
        }
    }
    return c->lost != 0;
}

/* Ends and forgets one that its owner gave up. */
static void child_end(struct keeper_child **link)
{
    struct keeper_child *c = *link;
    if (c->pid) {
        kill(c->pid, SIGKILL);
        child_reap(c);
    }
    *link = c->next;
    c->added = false;
    keeper.count--;
    cond_broadcast(&keeper.gone);
}

/* Does what is due; fills `polls` and returns how many, and in *ret_ms how long to sleep. */
static size_t keeper_round(struct pollfd *polls, int *ret_ms)
{
    int64_t now = time_mono_ms(), next = now + 60000;
    size_t n = 0;
    polls[n++] = (struct pollfd){.fd = keeper.event_fd, .events = POLLIN};
    for (struct keeper_child **link = &keeper.first; *link;) {
        struct keeper_child *c = *link;
        if (c->stopping) {
            child_end(link);
            continue;
        }
        if (!c->pid && c->next_start_ms <= now)
            child_start(c);
        if (!c->pid && c->next_start_ms < next)
            next = c->next_start_ms;
        if (c->pid && child_look(c, now) && now + LOOK_MS < next)
            next = now + LOOK_MS;
        if (c->pid)
            polls[n++] = (struct pollfd){.fd = c->pidfd, .events = POLLIN};
        link = &c->next;
    }
    *ret_ms = next > now ? (int)(next - now) : 0;
    return n;
}

static void *keeper_main(void *arg)
{
    static struct pollfd polls[LIMIT_CHILDREN + 1];
    (void)arg;
    for (;;) {
        int sleep_ms = 0;
        mutex_lock(&keeper.lock);
        size_t n = keeper_round(polls, &sleep_ms);
        mutex_unlock(&keeper.lock);
        if (poll(polls, n, sleep_ms) <= 0)
            continue;
        uint64_t pokes;
        if (polls[0].revents && read(keeper.event_fd, &pokes, sizeof pokes) < 0)
            continue;
        LOCK(&keeper.lock);
        for (size_t i = 1; i < n; i++)
            for (struct keeper_child *c = polls[i].revents ? keeper.first : NULL; c; c = c->next)
                if (c->pid && c->pidfd == polls[i].fd) {
                    child_reap(c);
                    break;
                }
    }
    return NULL;
}

static void keeper_start(void)
{
    mutex_init(&keeper.lock);
    cond_init(&keeper.gone);
    keeper.event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (keeper.event_fd < 0)
        abort();
    pthread_detach(thread_start("engine-keeper", keeper_main, NULL));
}

enum err keeper_add(struct op *op, struct keeper_child *c)
{
    pthread_once(&keeper.once, keeper_start);
    LOCK(&keeper.lock);
    if (keeper.count >= LIMIT_CHILDREN)
        return op_fail(op, E_TOO_LARGE, "%d models run in processes of their own already", LIMIT_CHILDREN);
    keeper.count++;
    c->number = ++keeper.numbers;
    c->pidfd = -1;
    c->added = true;
    c->next = keeper.first;
    keeper.first = c;
    keeper_poke();
    return OK;
}

void keeper_remove(struct keeper_child *c)
{
    LOCK(&keeper.lock);
    c->stopping = true;
    keeper_poke();
    while (c->added)
        cond_wait(&keeper.gone, &keeper.lock);
}

static bool is_ready(struct keeper_child *c)
{
    LOCK(&c->lock);
    return c->ready;
}

void keeper_stats(struct child_stats *ret)
{
    pthread_once(&keeper.once, keeper_start);
    LOCK(&keeper.lock);
    *ret = (struct child_stats){.children = keeper.count, .starts = keeper.starts, .deaths = keeper.deaths, .hangs = keeper.hangs};
    for (struct keeper_child *c = keeper.first; c; c = c->next)
        ret->ready += is_ready(c);
}

/* Resident pages from /proc/PID/statm; the process cannot be another one, as only the keeper reaps it and the keeper's lock is held. */
static uint64_t rss_bytes(pid_t pid)
{
    char path[64], text[128];
    unsigned long long size = 0, resident = 0;
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    text[n < 0 ? 0 : n] = 0;
    if (n <= 0 || sscanf(text, "%llu %llu", &size, &resident) != 2)
        return 0;
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

size_t keeper_figures(struct child_figure *ret, size_t max)
{
    size_t n = 0;
    pthread_once(&keeper.once, keeper_start);
    LOCK(&keeper.lock);
    for (struct keeper_child *c = keeper.first; c && n < max; c = c->next, n++)
        ret[n] = (struct child_figure){.engine = c->engine, .number = c->number, .pid = c->pid, .ready = is_ready(c), .starts = c->starts,
                                       .deaths = c->deaths, .rss_bytes = c->pid ? rss_bytes(c->pid) : 0};
    return n;
}
