#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void thread_must(int rc, const char *what)
{
    if (rc != 0) {
        fprintf(stderr, "ingot: fatal: %s: error %d\n", what, rc);
        abort();
    }
}

void mutex_init(struct mutex *m)
{
    pthread_mutexattr_t attr;
    thread_must(pthread_mutexattr_init(&attr), "mutex_init");
    /* Locking twice or unlocking what another thread holds is a bug that must show. */
    thread_must(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK), "mutex_init");
    thread_must(pthread_mutex_init(&m->m, &attr), "mutex_init");
    pthread_mutexattr_destroy(&attr);
}

void mutex_clear(struct mutex *m)
{
    thread_must(pthread_mutex_destroy(&m->m), "mutex_clear");
}

void mutex_lock(struct mutex *m)
{
    thread_must(pthread_mutex_lock(&m->m), "mutex_lock");
}

void mutex_unlock(struct mutex *m)
{
    thread_must(pthread_mutex_unlock(&m->m), "mutex_unlock");
}

void rwlock_init(struct rwlock *l)
{
    pthread_rwlockattr_t attr;
    thread_must(pthread_rwlockattr_init(&attr), "rwlock_init");
    thread_must(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP), "rwlock_init");
    thread_must(pthread_rwlock_init(&l->l, &attr), "rwlock_init");
    pthread_rwlockattr_destroy(&attr);
}

void rwlock_clear(struct rwlock *l)
{
    thread_must(pthread_rwlock_destroy(&l->l), "rwlock_clear");
}

void rwlock_read(struct rwlock *l)
{
    thread_must(pthread_rwlock_rdlock(&l->l), "rwlock_read");
}

void rwlock_write(struct rwlock *l)
{
    thread_must(pthread_rwlock_wrlock(&l->l), "rwlock_write");
}

bool rwlock_try_write(struct rwlock *l)
{
    return pthread_rwlock_trywrlock(&l->l) == 0;
}

void rwlock_unlock(struct rwlock *l)
{
    thread_must(pthread_rwlock_unlock(&l->l), "rwlock_unlock");
}

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;
    thread_must(pthread_condattr_init(&attr), "cond_init");
    thread_must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "cond_init");
    thread_must(pthread_cond_init(&c->c, &attr), "cond_init");
    pthread_condattr_destroy(&attr);
}

void cond_clear(struct cond *c)
{
    thread_must(pthread_cond_destroy(&c->c), "cond_clear");
}

void cond_wait(struct cond *c, struct mutex *m)
{
    thread_must(pthread_cond_wait(&c->c, &m->m), "cond_wait");
}

bool cond_wait_until(struct cond *c, struct mutex *m, int64_t mono_ns)
{
    struct timespec until = {.tv_sec = mono_ns / 1000000000, .tv_nsec = mono_ns % 1000000000};
    int rc = pthread_cond_timedwait(&c->c, &m->m, &until);
    if (rc == ETIMEDOUT)
        return false;
    thread_must(rc, "cond_wait_until");
    return true;
}

bool cond_wait_ms(struct cond *c, struct mutex *m, int64_t timeout_ms)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        abort();
    if (timeout_ms < 0)
        timeout_ms = 0;
    return cond_wait_until(c, m, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec + timeout_ms * 1000000);
}

void cond_signal(struct cond *c)
{
    thread_must(pthread_cond_signal(&c->c), "cond_signal");
}

void cond_broadcast(struct cond *c)
{
    thread_must(pthread_cond_broadcast(&c->c), "cond_broadcast");
}

pthread_t thread_start(const char *name, void *(*fn)(void *), void *arg)
{
    pthread_t t;
    thread_must(pthread_create(&t, NULL, fn, arg), "thread_start");
    char short_name[16] = {0};
    memcpy(short_name, name, strnlen(name, sizeof short_name - 1));
    pthread_setname_np(t, short_name); /* the thread may have ended already: no error then */
    return t;
}

void thread_join(pthread_t t)
{
    thread_must(pthread_join(t, NULL), "thread_join");
}

int thread_cpu_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        return CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (int)n : 1;
}

struct pool_job {
    void (*fn)(void *arg);
    void *arg;
};

struct pool {
    struct mutex mutex;
    struct cond work;
    struct pool_job *jobs; /* a ring of queue_max */
    size_t queue_max, first, len;
    pthread_t *threads;
    const char *name;
    int thread_count, thread_max;
    size_t idle;           /* threads that wait for work */
    bool stopping;
};

static void *pool_thread(void *arg)
{
    struct pool *p = arg;
    mutex_lock(&p->mutex);
    for (;;) {
        while (p->len == 0 && !p->stopping) {
            p->idle++;
            cond_wait(&p->work, &p->mutex);
            p->idle--;
        }
        if (p->len == 0)
            break;
        struct pool_job job = p->jobs[p->first];
        p->first = (p->first + 1) % p->queue_max;
        p->len--;
        mutex_unlock(&p->mutex);
        job.fn(job.arg);
        mutex_lock(&p->mutex);
    }
    mutex_unlock(&p->mutex);
    return NULL;
}

struct pool *pool_create(const char *name, int threads, size_t queue_max)
{
    if (threads < 1 || queue_max < 1)
        abort();
    struct pool *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    p->jobs = calloc(queue_max, sizeof *p->jobs);
    p->threads = calloc((size_t)threads, sizeof *p->threads);
    if (!p->jobs || !p->threads)
        abort();
    p->queue_max = queue_max;
    p->name = name;
    p->thread_max = threads;
    mutex_init(&p->mutex);
    cond_init(&p->work);
    return p;
}

bool pool_submit(struct pool *p, void (*fn)(void *arg), void *arg)
{
    LOCK(&p->mutex);
    if (p->stopping || p->len == p->queue_max)
        return false;
    p->jobs[(p->first + p->len) % p->queue_max] = (struct pool_job){fn, arg};
    p->len++;
    if (p->len > p->idle && p->thread_count < p->thread_max) {
        p->threads[p->thread_count] = thread_start(p->name, pool_thread, p);
        p->thread_count++;
    }
    cond_signal(&p->work);
    return true;
}

void pool_destroy(struct pool *p)
{
    if (!p)
        return;
    mutex_lock(&p->mutex);
    p->stopping = true;
    cond_broadcast(&p->work);
    mutex_unlock(&p->mutex);
    for (int i = 0; i < p->thread_count; i++)
        thread_join(p->threads[i]);
    cond_clear(&p->work);
    mutex_clear(&p->mutex);
    free(p->threads);
    free(p->jobs);
    free(p);
}

size_t pool_queued(struct pool *p)
{
    LOCK(&p->mutex);
    return p->len;
}
