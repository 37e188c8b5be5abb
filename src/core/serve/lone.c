/* A thread that waits for a model keeps everybody else of its connections waiting, and joins nobody. So it may do that only while there is
 * nobody else. That is not to be seen from one question: while the thread waited, the others could not be read. But when the next one has
 * been there already, the thread does not sleep before it finds it. Linux counts how often a thread went to sleep of its own
 * accord (getrusage(2), ru_nvcsw), so: STREAK questions in a row, each after a sleep, each finding the model idle. Two clients who ask
 * as fast as they can break it at once, as do requests to models that are answered here; one of them now and then is no matter. */
#include "core/serve/lone.h"

#include <sys/resource.h>

enum { STREAK = 8, OTHERS_NS = 10000000, REST_NS = 1000000 };

static _Thread_local struct {
    int64_t other_ns, broken_ns; /* when it was last seen not to be alone */
    long sleeps;
    unsigned streak;
} lone;

static long sleeps(void)
{
    struct rusage u;
    return getrusage(RUSAGE_THREAD, &u) == 0 ? u.ru_nvcsw : lone.sleeps;
}

bool lone_look(int64_t now_ns)
{
    return now_ns - lone.broken_ns > REST_NS;
}

bool lone_ask(int64_t now_ns, bool idle)
{
    const bool alone = idle && sleeps() != lone.sleeps && now_ns - lone.other_ns > OTHERS_NS;
    if (!alone)
        lone.broken_ns = now_ns;
    lone.streak = !alone ? 0 : lone.streak < STREAK ? lone.streak + 1 : STREAK;
    return lone.streak == STREAK;
}

void lone_done(void)
{
    lone.sleeps = sleeps();
}

void lone_other(int64_t now_ns)
{
    lone.other_ns = now_ns;
}
