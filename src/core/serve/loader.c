#include "core/serve/loader.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/thread.h"

enum { LOADER_NICE = 10, LOADER_SLICE_NS = 100000 };

struct load_job {
    struct op *op;
    const struct engine_ops *const *engines;
    struct str bytes;
    int64_t version;
    const struct serve_policy *policy;
    struct serve_version *made;
    enum err err;
    bool done;
    struct load_job *next;
};
struct loader {
    struct mutex lock;
    struct cond work, done;
    struct load_job *first, **last;
    struct serve_version *buried;   /* linked by next_buried */
    bool stopping;
    _Atomic size_t memory;
    pthread_t thread;
};

/* struct sched_attr of sched_setattr(2) in its first version; glibc 2.36 does not declare it, and the kernel's header and <sched.h>
 * exclude each other. */
struct wish {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

/* Asked for, not promised: a container may forbid it, and then loads only disturb a little more. The slice is what the scheduler
 * (EEVDF; settable since Linux 6.12) lets us finish before a thread that a request has woken gets our processor. */
static void priority_lower(void)
{
    const struct wish w = {.size = sizeof(w), .policy = SCHED_BATCH, .nice = LOADER_NICE, .runtime = LOADER_SLICE_NS};
    if (syscall(SYS_sched_setattr, 0, &w, 0) != 0)
        (void)setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), LOADER_NICE);
}

void loader_adopt(struct loader *l, struct serve_version *v)
{
    v->loader = l;
    atomic_fetch_add(&l->memory, v->memory_bytes);
}

static void job_run(struct loader *l, struct load_job *j)
{
    j->err = serve_version_load(j->op, j->engines, j->bytes, j->version, j->policy, &j->made);
    if (j->err)
        return;
    loader_adopt(l, j->made);
}

static void version_free(struct loader *l, struct serve_version *v)
{
    atomic_fetch_sub(&l->memory, v->memory_bytes);
    serve_version_destroy(v);
}

static void *loader_thread(void *arg)
{
    struct loader *l = arg;
    priority_lower();
    mutex_lock(&l->lock);
    while (!l->stopping || l->first || l->buried) {
        struct serve_version *dead = l->buried;
        struct load_job *j = dead ? NULL : l->first;
        if (dead)
            l->buried = dead->next_buried;
        if (j && !(l->first = j->next))
            l->last = &l->first;
        if (!dead && !j) {
            cond_wait(&l->work, &l->lock);
            continue;
        }
        mutex_unlock(&l->lock);
        if (dead)
            version_free(l, dead);
        else
            job_run(l, j);
        mutex_lock(&l->lock);
        if (j) {
            j->done = true;
            cond_broadcast(&l->done);
        }
    }
    mutex_unlock(&l->lock);
    return NULL;
}

struct loader *loader_create(void)
{
    struct loader *l = calloc(1, sizeof(*l));
    if (!l)
        abort();
    l->last = &l->first;
    mutex_init(&l->lock);
    cond_init(&l->work);
    cond_init(&l->done);
    l->thread = thread_start("loader", loader_thread, l);
    return l;
}

void loader_destroy(struct loader *l)
{
    if (!l)
        return;
    mutex_lock(&l->lock);
    l->stopping = true;
    cond_signal(&l->work);
    mutex_unlock(&l->lock);
    thread_join(l->thread);
    cond_clear(&l->work);
    cond_clear(&l->done);
    mutex_clear(&l->lock);
    free(l);
}

static bool any_spawns(const struct engine_ops *const *engines, struct str bytes)
{
    for (size_t i = 0; engines[i]; i++)
        if (engines[i]->spawns && engines[i]->accepts(bytes))
            return true;
    return false;
}

enum err loader_load(struct op *op, struct loader *l, const struct engine_ops *const *engines, struct str bytes, int64_t version,
                     const struct serve_policy *policy, struct serve_version **ret)
{
    struct load_job j = {.op = op, .engines = engines, .bytes = bytes, .version = version, .policy = policy};
    if (any_spawns(engines, bytes)) {
        job_run(l, &j);
        if (!j.err)
            *ret = j.made;
        return j.err;
    }
    mutex_lock(&l->lock);
    *l->last = &j;
    l->last = &j.next;
    cond_signal(&l->work);
    while (!j.done)
        cond_wait(&l->done, &l->lock);
    mutex_unlock(&l->lock);
    if (!j.err)
        *ret = j.made;
    return j.err;
}

void loader_bury(struct loader *l, struct serve_version *v)
{
    mutex_lock(&l->lock);
    v->next_buried = l->buried;
    l->buried = v;
    cond_signal(&l->work);
    mutex_unlock(&l->lock);
}

size_t loader_memory(struct loader *l)
{
    return atomic_load(&l->memory);
}
