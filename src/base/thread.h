/* thread.h - thin wrappers over pthreads that abort on misuse, and the bounded worker pool. */
#ifndef INGOT_BASE_THREAD_H
#define INGOT_BASE_THREAD_H

#include <pthread.h>

#include "base/cc.h"
#include "base/err.h"

struct mutex { pthread_mutex_t m; };
struct cond { pthread_cond_t c; };

void mutex_init(struct mutex *m);
void mutex_clear(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
void cond_init(struct cond *c); /* on CLOCK_MONOTONIC */
void cond_clear(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
/* False when `timeout_ms` passed first. */
bool cond_wait_ms(struct cond *c, struct mutex *m, int64_t timeout_ms);
/* The same until time_mono_ns() is `mono_ns`. */
bool cond_wait_until(struct cond *c, struct mutex *m, int64_t mono_ns);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

static inline void lock_auto(struct mutex **m) { if (*m) mutex_unlock(*m); }
#define LOCK(m) AUTO(lock) struct mutex *lock_held_ UNUSED = (mutex_lock(m), (m))

/* Many readers or one writer; a waiting writer goes before new readers. A thread that holds it must not ask again. */
struct rwlock { pthread_rwlock_t l; };
void rwlock_init(struct rwlock *l);
void rwlock_clear(struct rwlock *l);
void rwlock_read(struct rwlock *l);
void rwlock_write(struct rwlock *l);
bool rwlock_try_write(struct rwlock *l); /* false: it is held */
void rwlock_unlock(struct rwlock *l);

/* Aborts if the thread cannot be made. `name` shows in /proc, up to 15 bytes. */
pthread_t thread_start(const char *name, void *(*fn)(void *), void *arg);
void thread_join(pthread_t t);
int thread_cpu_count(void);

/* At most so many threads, started as work waits for one, and a bounded queue. `name` is borrowed. */
struct pool;
struct pool *pool_create(const char *name, int threads, size_t queue_max);
/* False when the queue is full or the pool is stopping: the caller answers E_BUSY. */
MUST_USE bool pool_submit(struct pool *p, void (*fn)(void *arg), void *arg);
/* Runs what is queued, then ends the threads. NULL is ignored. */
void pool_destroy(struct pool *p);
size_t pool_queued(struct pool *p);

#endif
