/* What a request may wait for. The requests of a server share processors with the loads. A load of 10 ms that takes its turn as any other
 * thread does costs one request in a hundred some milliseconds at seven loads a second; that was measured before all of a load's work came to this thread.
 * The kernel gives a processor at once to a thread that wakes while one of SCHED_IDLE runs; against a niced one
 * it has to win (EEVDF: eligible, and the earlier deadline; a short slice, which is asked for too, makes that likely).
 *
 * A thread that gave its priority away gets it back only if the process may raise priorities. loader_yield() tries that on a thread made
 * for it, as the try cannot be undone. */
#include "core/serve/loader.h"

#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/thread.h"
#include "base/time.h"
#include "core/serve/extras.h"
#include "core/serve/serve.h"

enum { NICE_RAISED = 10, NICE_LEAST = 19, SLICE_NS = 100000 };

struct load_job {
    void (*fn)(void *arg);
    void *arg;
    bool done;
    struct load_job *next;
};
enum level { LEVEL_USUAL, LEVEL_IDLE, LEVEL_LEAST, LEVEL_RAISED };
struct loader {
    struct mutex lock;              /* of the jobs and of `now` */
    struct cond done;
    struct load_job *first, **last;
    enum level now;
    int64_t began_ns, began_cpu_ns; /* the job that runs; began_ns 0: none */
    _Atomic(struct serve_version *) buried; /* linked by next_buried */
    _Atomic enum level wanted;
    atomic_bool stopping;
    atomic_size_t memory;
    sem_t wake;                     /* posted for each job, each grave and the end */
    pthread_t thread;
    _Atomic pid_t tid;
};

/* ---- priorities ---- */

/* struct sched_attr of sched_setattr(2) in its first version; glibc 2.36 does not declare it, and the kernel's header and <sched.h>
 * exclude each other. */
struct wish {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* tid 0: this thread. The slice is what the scheduler (settable since Linux 6.12) lets us finish before another thread gets our processor. */
static bool priority_set(pid_t tid, int policy, int nice_level)
{
    const struct wish w = {.size = sizeof(w), .policy = (uint32_t)policy, .nice = nice_level, .runtime = SLICE_NS};
    const struct sched_param none = {0};
    if (syscall(SYS_sched_setattr, tid, &w, 0) == 0)
        return true;
    /* A sandbox may forbid the call that knows slices. */
    return sched_setscheduler(tid, policy, &none) == 0 && (policy == SCHED_IDLE || setpriority(PRIO_PROCESS, (id_t)tid, nice_level) == 0);
}

static void *try_to_come_back(void *arg)
{
    *(bool *)arg = priority_set(0, SCHED_IDLE, 0) && priority_set(0, SCHED_BATCH, NICE_RAISED);
    return NULL;
}

/* Asked for, not promised: a container may forbid it, and then loads only disturb more. */
static void level_take(struct loader *l, enum level level)
{
    if (level == LEVEL_IDLE)
        (void)priority_set(0, SCHED_IDLE, 0);
    else if (level == LEVEL_LEAST)
        (void)priority_set(0, SCHED_BATCH, NICE_LEAST);
    l->now = level;
}

void loader_yield(struct loader *l)
{
    bool can = false;
    thread_join(thread_start("loader-try", try_to_come_back, &can));
    atomic_store(&l->wanted, can ? LEVEL_IDLE : LEVEL_LEAST);
}

static int64_t cpu_ns(const struct loader *l)
{
    clockid_t clock;
    struct timespec t;
    if (pthread_getcpuclockid(l->thread, &clock) || clock_gettime(clock, &t))
        return 0;
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* By one who waits, the lock is held: has the job that runs got less than a tenth of a processor? */
static void starved_look(struct loader *l)
{
    const int64_t wall = l->began_ns ? time_mono_ns() - l->began_ns : 0;
    if (l->now != LEVEL_IDLE || wall < (int64_t)LIMIT_LOADER_STARVED_MS * 1000000 || (cpu_ns(l) - l->began_cpu_ns) * 10 > wall)
        return;
    if (!priority_set(atomic_load(&l->tid), SCHED_BATCH, NICE_RAISED))
        return;
    l->now = LEVEL_RAISED;
    log_at(LOG_INFO, "serve.load_starved", {"ms", LOG_I(wall / 1000000)});
}

/* ---- the thread ---- */

void loader_adopt(struct loader *l, struct serve_version *v)
{
    v->loader = l;
    atomic_fetch_add(&l->memory, v->memory_bytes);
}

/* A graph that goes lets go of its members, which are buried in turn. */
static void graves_empty(struct loader *l)
{
    struct serve_version *v, *next;
    while ((v = atomic_exchange(&l->buried, NULL)))
        for (; v; v = next) {
            next = v->next_buried;
            atomic_fetch_sub(&l->memory, v->memory_bytes);
            serve_version_destroy(v);
        }
}

/* False: there was none. */
static bool job_run(struct loader *l)
{
    LOCK(&l->lock);
    struct load_job *j = l->first;
    if (!j)
        return false;
    if (!(l->first = j->next))
        l->last = &l->first;
    if (l->now != atomic_load(&l->wanted))
        level_take(l, atomic_load(&l->wanted));
    l->began_cpu_ns = cpu_ns(l);
    l->began_ns = time_mono_ns();
    mutex_unlock(&l->lock);
    j->fn(j->arg);
    mutex_lock(&l->lock);
    l->began_ns = 0;
    j->done = true;
    cond_broadcast(&l->done);
    return true;
}

static void *loader_thread(void *arg)
{
    struct loader *l = arg;
    atomic_store(&l->tid, (pid_t)syscall(SYS_gettid));
    for (;;) {
        while (sem_wait(&l->wake)) {
        }
        bool worked = job_run(l);
        graves_empty(l);
        if (!worked && atomic_load(&l->stopping))
            return NULL;
    }
}

struct loader *loader_create(void)
{
    struct loader *l = calloc(1, sizeof(*l));
    if (!l || sem_init(&l->wake, 0, 0))
        abort();
    l->last = &l->first;
    mutex_init(&l->lock);
    cond_init(&l->done);
    l->thread = thread_start("loader", loader_thread, l);
    return l;
}

void loader_destroy(struct loader *l)
{
    if (!l)
        return;
    atomic_store(&l->stopping, true);
    sem_post(&l->wake);
    thread_join(l->thread);
    graves_empty(l);
    cond_clear(&l->done);
    mutex_clear(&l->lock);
    sem_destroy(&l->wake);
    free(l);
}

static void job_add(struct loader *l, struct load_job *j)
{
    *l->last = j;
    l->last = &j->next;
    sem_post(&l->wake);
}

void loader_run(struct loader *l, void (*fn)(void *arg), void *arg)
{
    struct load_job j = {.fn = fn, .arg = arg};
    if (pthread_equal(l->thread, pthread_self())) {
        fn(arg);
        return;
    }
    LOCK(&l->lock);
    job_add(l, &j);
    while (!j.done)
        if (!cond_wait_ms(&l->done, &l->lock, LIMIT_LOADER_LOOK_MS))
            starved_look(l);
}

void loader_bury(struct loader *l, struct serve_version *v)
{
    v->next_buried = atomic_load(&l->buried);
    while (!atomic_compare_exchange_weak(&l->buried, &v->next_buried, v)) {
    }
    sem_post(&l->wake);
}

static void arena_end(void *arg)
{
    arena_destroy(arg);
}

void loader_bury_arena(struct loader *l, struct arena *a)
{
    if (a)
        loader_run(l, arena_end, a);
}

size_t loader_memory(struct loader *l)
{
    return atomic_load(&l->memory);
}

/* ---- loading ---- */

struct loading {
    struct op *op;
    struct loader *loader;
    const struct engine_ops *const *engines;
    const struct serve_files *files;
    int64_t version;
    const struct serve_policy *policy;
    struct serve_version *made;
    bool spawns;
    enum err err;
};

static void spawns_look(void *arg)
{
    struct loading *g = arg;
    for (size_t i = 0; g->engines[i]; i++)
        g->spawns = g->spawns || (g->engines[i]->spawns && g->engines[i]->accepts(g->files->model));
}

static void load(void *arg)
{
    struct loading *g = arg;
    g->err = serve_version_load(g->op, g->engines, g->files->model, g->version, g->policy, &g->made);
    if (g->err)
        return;
    loader_adopt(g->loader, g->made);
    g->err = extras_load(g->op, g->made, g->files);
}

enum err loader_load(struct op *op, struct loader *l, const struct engine_ops *const *engines, const struct serve_files *files, int64_t version,
                     const struct serve_policy *policy, struct serve_version **ret)
{
    struct loading g = {.op = op, .loader = l, .engines = engines, .files = files, .version = version, .policy = policy};
    loader_run(l, spawns_look, &g);
    if (g.spawns)
        load(&g);
    else
        loader_run(l, load, &g);
    if (!g.err)
        *ret = g.made;
    else
        serve_version_unref(g.made);
    return g.err;
}
