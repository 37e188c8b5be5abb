/* Layout of the memfd: the head, padded to LIMIT_CHILD_HEAD_BYTES, then per slot LIMIT_CHILD_MESSAGE_BYTES for requests and as much for
 * answers. The file is sparse: what was never written takes nothing. It is sealed against shrinking, so that a child gone mad cannot
 * make the server's reads end in SIGBUS.
 *
 * One word per slot serves both directions: the child sleeps while it is not ASKED, the server while it is. All accesses to the
 * word are sequentially consistent: a server thread that asks just when the child dies either sees that it is dead (it looks after
 * its store) or its question is found and answered by channel_bury(). */
#include "adapter/child/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"

_Static_assert(sizeof(struct channel_head) <= LIMIT_CHILD_HEAD_BYTES, "the head has its room");

static size_t channel_bytes(size_t slots)
{
    return LIMIT_CHILD_HEAD_BYTES + slots * 2 * LIMIT_CHILD_MESSAGE_BYTES;
}

static enum err map_fd(struct op *op, int fd, size_t slots, struct channel *ret)
{
    void *p = mmap(NULL, channel_bytes(slots), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (p == MAP_FAILED)
        return op_fail_errno(op, "memory shared with an engine");
    *ret = (struct channel){.head = p, .areas = (char *)p + LIMIT_CHILD_HEAD_BYTES, .slots = slots, .fd = fd};
    return OK;
}

enum err channel_create(struct op *op, size_t slots, struct channel *ret)
{
    int fd = memfd_create("ingot-engine", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return op_fail_errno(op, "memory shared with an engine");
    enum err e = OK;
    if (ftruncate(fd, (off_t)channel_bytes(slots)) || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        e = op_fail_errno(op, "memory shared with an engine");
    if (!e)
        e = map_fd(op, fd, slots, ret);
    if (e)
        close(fd);
    else
        ret->head->slot_count = slots;
    return e;
}

enum err channel_map(struct op *op, int fd, struct channel *ret)
{
    struct stat st;
    size_t per_slot = 2 * LIMIT_CHILD_MESSAGE_BYTES;
    if (fstat(fd, &st))
        return op_fail_errno(op, "memory shared with the server");
    size_t slots = st.st_size > (off_t)LIMIT_CHILD_HEAD_BYTES ? ((size_t)st.st_size - LIMIT_CHILD_HEAD_BYTES) / per_slot : 0;
    if (!slots || slots > LIMIT_CHILD_SLOTS || channel_bytes(slots) != (size_t)st.st_size)
        return op_fail(op, E_CORRUPT, "descriptor %d is no channel to a server", fd);
    return map_fd(op, fd, slots, ret);
}

void channel_clear(struct channel *c)
{
    if (c->head)
        munmap(c->head, channel_bytes(c->slots));
    if (c->fd >= 0)
        close(c->fd);
    *c = (struct channel){.fd = -1};
}

char *channel_request(const struct channel *c, size_t slot)
{
    return c->areas + slot * 2 * LIMIT_CHILD_MESSAGE_BYTES;
}

char *channel_answer_area(const struct channel *c, size_t slot)
{
    return c->areas + (slot * 2 + 1) * LIMIT_CHILD_MESSAGE_BYTES;
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* Sleeps while the word is `while_value`; until_ms 0: for ever. False: the time is up. */
static bool futex_sleep(_Atomic uint32_t *word, uint32_t while_value, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
    /* FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC. */
    long r = syscall(SYS_futex, word, FUTEX_WAIT_BITSET, while_value, until_ms ? &until : NULL, NULL, FUTEX_BITSET_MATCH_ANY);
    return !(r < 0 && errno == ETIMEDOUT);
}

void channel_ask(struct channel *c, size_t slot, uint64_t bytes, int64_t deadline_ms, uint32_t cpu)
{
    struct channel_slot *s = &c->head->slots[slot];
    s->request_bytes = bytes;
    s->deadline_ms = deadline_ms;
    s->cpu = cpu;
    atomic_store(&s->state, CHANNEL_ASKED);
    futex_wake(&s->state);
}

enum channel_state channel_wait(struct channel *c, size_t slot, int64_t until_ms)
{
    struct channel_slot *s = &c->head->slots[slot];
    uint32_t state;
    while ((state = atomic_load(&s->state)) == CHANNEL_ASKED)
        if (!futex_sleep(&s->state, CHANNEL_ASKED, until_ms))
            break;
    return (enum channel_state)state;
}

void channel_listen(struct channel *c, size_t slot)
{
    struct channel_slot *s = &c->head->slots[slot];
    uint32_t state;
    while ((state = atomic_load(&s->state)) != CHANNEL_ASKED)
        (void)futex_sleep(&s->state, state, 0);
}

void channel_answer(struct channel *c, size_t slot, enum err e, uint64_t bytes)
{
    struct channel_slot *s = &c->head->slots[slot];
    s->error = (uint32_t)e;
    s->answer_bytes = bytes;
    atomic_store(&s->state, CHANNEL_ANSWERED);
    futex_wake(&s->state);
}

void channel_bury(struct channel *c)
{
    for (size_t i = 0; i < c->slots; i++) {
        atomic_store(&c->head->slots[i].state, CHANNEL_DEAD);
        futex_wake(&c->head->slots[i].state);
    }
    atomic_store(&c->head->start, CHANNEL_GONE);
    futex_wake(&c->head->start);
}

void channel_start(struct channel *c, enum channel_start state, enum err e, uint64_t text_bytes)
{
    c->head->error = (uint32_t)e;
    c->head->text_bytes = text_bytes;
    atomic_store(&c->head->start, state);
    futex_wake(&c->head->start);
}

enum channel_start channel_wait_start(struct channel *c, int64_t until_ms)
{
    uint32_t state;
    while ((state = atomic_load(&c->head->start)) == CHANNEL_STARTING)
        if (!futex_sleep(&c->head->start, CHANNEL_STARTING, until_ms))
            break;
    return (enum channel_start)state;
}

void channel_trim(struct channel *c, size_t slot)
{
    /* Punches a hole into the file: both sides' pages are gone, and read as zeros. */
    madvise(channel_request(c, slot), 2 * LIMIT_CHILD_MESSAGE_BYTES, MADV_REMOVE);
}
