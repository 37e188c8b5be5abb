#include "adapter/onnx/watch.h"

#include "base/thread.h"
#include "base/time.h"

static struct {
    pthread_once_t once;
    struct mutex lock;
    struct cond changed;
    struct onnx_watch head;      /* the ring of running ones */
    int64_t wakes_ms;            /* when the thread looks again; INT64_MAX: when it is told to */
} watch = {.once = PTHREAD_ONCE_INIT};

/* Sets the flags that are due; returns the earliest deadline left. */
static int64_t fire_locked(int64_t now_ms)
{
    int64_t earliest = INT64_MAX;
    for (struct onnx_watch *w = watch.head.next; w != &watch.head; w = w->next) {
        if (w->fired)
            continue;
        if (w->deadline_ms > now_ms) {
            earliest = w->deadline_ms < earliest ? w->deadline_ms : earliest;
            continue;
        }
        struct ort_status *status = w->lib->ort.RunOptionsSetTerminate(w->options);
        if (status)
            w->lib->ort.ReleaseStatus(status);
        w->fired = true;
    }
    return earliest;
}

static void *watch_main(void *arg)
{
    (void)arg;
    LOCK(&watch.lock);
    for (;;) {
        int64_t now = time_mono_ms();
        watch.wakes_ms = fire_locked(now);
        if (watch.wakes_ms == INT64_MAX)
            cond_wait(&watch.changed, &watch.lock);
        else
            (void)cond_wait_ms(&watch.changed, &watch.lock, watch.wakes_ms - now);
    }
    return NULL;
}

static void watch_start(void)
{
    mutex_init(&watch.lock);
    cond_init(&watch.changed);
    watch.head.prev = watch.head.next = &watch.head;
    watch.wakes_ms = INT64_MAX;
    pthread_detach(thread_start("onnx-watch", watch_main, NULL));
}

void onnx_watch_begin(struct onnx_watch *w)
{
    pthread_once(&watch.once, watch_start);
    LOCK(&watch.lock);
    w->fired = false;
    w->next = &watch.head;
    w->prev = watch.head.prev;
    w->prev->next = w->next->prev = w;
    if (w->deadline_ms < watch.wakes_ms)
        cond_signal(&watch.changed);
}

void onnx_watch_end(struct onnx_watch *w)
{
    LOCK(&watch.lock);
    w->prev->next = w->next;
    w->next->prev = w->prev;
}
