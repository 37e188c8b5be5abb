#include "base/fault.h"

#include "base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FAULT_POINTS_MAX 16
#define FAULT_KILL (-1)

bool fault_armed;

static struct fault_point {
    struct str name;
    uint64_t nth; /* the call that fails, counted from 1 */
    int action;   /* an errno, or FAULT_KILL */
    atomic_uint_fast64_t calls;
} fault_points[FAULT_POINTS_MAX];
static size_t fault_count;

static const struct {
    const char *name;
    int value;
} fault_errnos[] = {
    {"EIO", EIO},       {"ENOSPC", ENOSPC},         {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE},
    {"EACCES", EACCES}, {"ENOENT", ENOENT},         {"EAGAIN", EAGAIN}, {"EINTR", EINTR},
    {"EPIPE", EPIPE},   {"ECONNRESET", ECONNRESET},
};

static bool fault_parse_action(struct str s, int *ret)
{
    uint64_t number;
    if (str_eqc(s, "kill")) {
        *ret = FAULT_KILL;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(fault_errnos); i++)
        if (str_eqc(s, fault_errnos[i].name)) {
            *ret = fault_errnos[i].value;
            return true;
        }
    if (!str_parse_u64(s, &number) || number == 0 || number > 4095)
        return false;
    *ret = (int)number;
    return true;
}

/* "name:nth", "name:nth:ENOSPC", "name:nth:28", "name:nth:kill". */
static bool fault_parse(struct str spec, struct fault_point *ret)
{
    struct str name, nth, action;
    ret->action = EIO;
    if (!str_split(&spec, ':', &name) || name.len == 0 || !str_split(&spec, ':', &nth) ||
        !str_parse_u64(nth, &ret->nth) || ret->nth == 0)
        return false;
    ret->name = name;
    if (!str_split(&spec, ':', &action))
        return true;
    return fault_parse_action(action, &ret->action) && !spec.p;
}

void fault_setup(void)
{
    const char *text = getenv("INGOT_FAULT");
    fault_count = 0;
    fault_armed = false;
    if (!text || !*text)
        return;
    struct str rest = str_from(text), spec;
    while (str_split(&rest, ',', &spec)) {
        /* A typing error must not turn a crash test into one that passes by doing nothing. */
        if (fault_count == FAULT_POINTS_MAX || !fault_parse(spec, &fault_points[fault_count])) {
            fprintf(stderr, "ingot: fatal: INGOT_FAULT: cannot read '%.*s'\n", STR_FMT(spec));
            abort();
        }
        atomic_store(&fault_points[fault_count].calls, 0);
        fault_count++;
    }
    fault_armed = true;
}

int fault_hit(const char *name)
{
    for (size_t i = 0; i < fault_count; i++) {
        struct fault_point *f = &fault_points[i];
        if (!str_eqc(f->name, name) || atomic_fetch_add(&f->calls, 1) + 1 != f->nth)
            continue;
        if (f->action == FAULT_KILL) {
            kill(getpid(), SIGKILL);
            pause();
        }
        return f->action;
    }
    return 0;
}
