/* The server's side of a hosted engine. A question costs two copies of its tensors and two sleeps: the caller writes the request into a
 * slot, wakes the child's thread of that slot, sleeps until the answer stands there, and copies it into op's arena.
 *
 * Where the other thread runs decides what that costs. Left alone, the kernel wakes it on an idle core, and two wake-ups across cores
 * take 45 us on a virtual machine; on the asker's own core, which is free as soon as the asker sleeps, they take 5. So the question to a
 * model that answers quickly says on which core it was asked, the child's thread moves there, and each core has a slot that it prefers, so
 * that it moves once. Slow models are left to the kernel: for them another core is worth more.
 *
 * Who may not wait any longer (deadline) leaves the slot behind; the keeper takes it back when the child has answered, or kills
 * the child when it never does. */
#include "adapter/child/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapter/child/describe.h"
#include "adapter/child/keeper.h"
#include "adapter/child/message.h"
#include "base/log.h"
#include "base/time.h"
#include "base/trace.h"

#define QUICK_US 200 /* an answer that takes less stays on the asker's core */
#define GRACE_MS 20 /* past the deadline: the child watches it too, and its own answer is the better one */

struct hosted {
    const struct engine_ops *inner;
    void *here;                    /* the model in this process, when it is not isolated */
    struct arena *arena;           /* of info */
    struct engine_info info;
    atomic_uint took_us;           /* the last answer */
    struct keeper_child child;
};

static struct {
    enum child_isolate isolate;
    size_t memory_bytes;
} settings = {.isolate = CHILD_ISOLATE_AUTO};

bool child_isolate_parse(struct str text, enum child_isolate *ret)
{
    static const char *const words[] = {"auto", "always", "never"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (str_eqc(text, words[i])) {
            *ret = (enum child_isolate)i;
            return true;
        }
    }
    return false;
}

void child_setup(enum child_isolate isolate, size_t memory_bytes)
{
    settings.isolate = isolate;
    settings.memory_bytes = memory_bytes;
}

void child_stats(struct child_stats *ret)
{
    keeper_stats(ret);
}

size_t child_figures(struct child_figure *ret, size_t max)
{
    return keeper_figures(ret, max);
}

int child_pid(const void *hosted)
{
    struct hosted *h = (struct hosted *)(uintptr_t)hosted;
    if (h->here)
        return 0;
    LOCK(&h->child.lock);
    return h->child.pid;
}

/* ---- loading ---- */

/* The bytes in memory that the child can map and nobody can change. */
static enum err bytes_seal(struct op *op, struct str bytes, int *ret_fd)
{
    int low = memfd_create("ingot-model", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 10);
    enum err e = fd < 0 ? op_fail_errno(op, "memory for the model") : OK;
    for (size_t done = 0; !e && done < bytes.len;) {
        ssize_t n = write(fd, bytes.p + done, bytes.len - done);
        if (n < 0 && errno != EINTR)
            e = op_fail_errno(op, "memory for the model");
        done += n > 0 ? (size_t)n : 0;
    }
    if (!e && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
        e = op_fail_errno(op, "memory for the model");
    if (low >= 0)
        close(low);
    if (e && fd >= 0)
        close(fd);
    else if (!e)
        *ret_fd = fd;
    return e;
}

static enum err died(struct op *op, const struct keeper_child *c, const char *when)
{
    if (c->death && WIFSIGNALED(c->death))
        return op_fail(op, E_IO, "the engine's process died by signal %d %s", WTERMSIG(c->death), when);
    if (c->death && WIFEXITED(c->death))
        return op_fail(op, E_IO, "the engine's process ended with status %d %s", WEXITSTATUS(c->death), when);
    return op_fail(op, E_IO, "the engine's process died %s", when);
}

/* What the child has left in the answer area of slot 0: at most `max` bytes, in op's arena. */
static enum err text_take(struct op *op, const struct channel *ch, uint64_t bytes, struct str *ret)
{
    if (bytes > LIMIT_JSON_BYTES)
        return op_fail(op, E_CORRUPT, "the engine's answer is damaged");
    char *text = arena_try_alloc(op->arena, (size_t)bytes + 1, 1);
    if (!text)
        return op_fail(op, E_TOO_LARGE, "no memory for the engine's answer");
    *ret = (struct str){memcpy(text, channel_answer_area(ch, 0), (size_t)bytes), (size_t)bytes};
    return OK;
}

static enum err error_from(uint32_t shared)
{
    return shared > OK && shared < ERR_COUNT ? (enum err)shared : E_IO;
}

/* The child is READY or has REFUSED. */
static enum err description_take(struct op *op, struct hosted *h, struct channel *ch, bool ready)
{
    struct str text;
    struct op into;
    enum err e = text_take(op, ch, ch->head->text_bytes, &text);
    if (e || !ready)
        return e ? e : op_fail(op, error_from(ch->head->error), "%.*s", STR_FMT(str_sub(text, 0, LIMIT_KIB(1))));
    op_init(&into, h->arena);
    e = describe_parse(&into, text, &h->info);
    if (e)
        return op_fail(op, E_CORRUPT, "the engine describes its model wrongly: %s", into.msg);
    /* What it says points into `text`. */
    return OK;
}

/* The line of the child's first life; the reference is the caller's. */
static enum err line_wait(struct op *op, struct keeper_child *c, struct keeper_line **ret)
{
    int64_t until = time_mono_ms() + 10000;
    LOCK(&c->lock);
    while (!c->line && !c->failures && time_mono_ms() < until)
        (void)cond_wait_ms(&c->changed, &c->lock, 100);
    if (!c->line)
        return c->failures ? died(op, c, "when it was started") : op_fail(op, E_IO, "the engine's process does not start");
    atomic_fetch_add(&c->line->refs, 1);
    *ret = c->line;
    return OK;
}

static enum err child_await(struct op *op, struct hosted *h)
{
    struct keeper_line *line = NULL;
    int64_t until = time_mono_ms() + LIMIT_CHILD_LOAD_MS;
    enum err e = line_wait(op, &h->child, &line);
    if (e)
        return e;
    if (op->deadline_ms && op->deadline_ms < until)
        until = op->deadline_ms;
    enum channel_start start = channel_wait_start(&line->channel, until);
    if (start == CHANNEL_READY || start == CHANNEL_REFUSED) {
        e = description_take(op, h, &line->channel, start == CHANNEL_READY);
    } else if (start == CHANNEL_STARTING) {
        e = op_fail(op, E_TIMEOUT, "the engine takes too long to load the model");
    } else {
        LOCK(&h->child.lock);
        e = died(op, &h->child, "while it loaded the model");
    }
    if (!e) {
        LOCK(&h->child.lock);
        h->child.ready = h->child.line == line;
    }
    keeper_line_unref(line);
    return e;
}

static void hosted_destroy(struct hosted *h)
{
    if (h->child.added)
        keeper_remove(&h->child);
    if (h->child.model_fd >= 0)
        close(h->child.model_fd);
    cond_clear(&h->child.changed);
    mutex_clear(&h->child.lock);
    arena_destroy(h->arena);
    free(h);
}

static size_t slots_wanted(void)
{
    int cores = thread_cpu_count();
    size_t n = cores > 0 ? (size_t)cores * 2 : 4;
    return n < 4 ? 4 : n > LIMIT_CHILD_SLOTS ? LIMIT_CHILD_SLOTS : n;
}

static enum err load_there(struct op *op, struct hosted *h, struct str bytes)
{
    enum err e = bytes_seal(op, bytes, &h->child.model_fd);
    if (!e) {
        h->child.engine = h->inner->name;
        h->child.slots = slots_wanted();
        h->child.memory_bytes = settings.memory_bytes;
        e = keeper_add(op, &h->child);
    }
    if (e)
        return e;
    e = child_await(op, h);
    if (e) /* here, as a model that goes into this process after all must not have one */
        keeper_remove(&h->child);
    return e;
}

static enum err load_here(struct op *op, struct hosted *h, struct str bytes)
{
    if (!h->inner->run) /* it would have to be turned into a tensor model here as well */
        return op_fail(op, E_UNSUPPORTED, "models of the engine '%s' run in processes of their own only", h->inner->name);
    return h->inner->load(op, bytes, &h->here);
}

/* Did the machine let us start a process at all? What happened in it afterwards is another matter. */
static bool was_started(struct keeper_child *c)
{
    LOCK(&c->lock);
    return c->started_ms != 0;
}

enum err child_load(struct op *op, const struct engine_ops *inner, struct str bytes, void **ret_hosted)
{
    struct hosted *h = calloc(1, sizeof *h);
    if (!h)
        abort();
    h->inner = inner;
    h->arena = arena_create(LIMIT_MIB(256));
    h->child.model_fd = -1;
    mutex_init(&h->child.lock);
    cond_init(&h->child.changed);
    enum err e = settings.isolate == CHILD_ISOLATE_NEVER ? load_here(op, h, bytes) : load_there(op, h, bytes);
    if (e && settings.isolate == CHILD_ISOLATE_AUTO && !was_started(&h->child)) {
        log_at(LOG_WARN, "engine.not_isolated", {"engine", LOG_C(inner->name)}, {"error", LOG_C(op->msg)});
        op_clear(op);
        e = load_here(op, h, bytes);
    }
    if (e) {
        hosted_destroy(h);
        return e;
    }
    *ret_hosted = h;
    return OK;
}

void child_unload(void *hosted)
{
    struct hosted *h = hosted;
    if (h->here)
        h->inner->unload(h->here);
    hosted_destroy(h);
}

const struct engine_info *child_info(const void *hosted)
{
    const struct hosted *h = hosted;
    return h->here ? h->inner->info(h->here) : &h->info;
}

/* ---- asking ---- */

/* A child that was started again is ready when it says so. */
static bool is_ready(struct keeper_child *c)
{
    if (!c->ready && c->line && atomic_load(&c->line->channel.head->start) == CHANNEL_READY)
        c->ready = true;
    return c->ready;
}

/* One that is being asked; in its op's arena when somebody else waits for the answer. */
struct question {
    struct keeper_line *line;  /* a reference */
    size_t slot, bytes;
    unsigned cpu;              /* that asks */
    int64_t asked_ns;          /* 0: nobody traces it */
};

/* A free slot of a child that is ready, and a reference to its line. `wait`: for one that becomes free; else E_BUSY. */
static enum err slot_take(struct op *op, struct keeper_child *c, unsigned cpu, bool wait, struct keeper_line **ret_line, size_t *ret_slot)
{
    uint32_t all = (uint32_t)((1ull << c->slots) - 1);
    int64_t until = op->deadline_ms ? op->deadline_ms : time_mono_ms() + LIMIT_CHILD_RUN_MS;
    LOCK(&c->lock);
    while (is_ready(c) && (c->busy & all) == all) {
        int64_t left = until - time_mono_ms();
        if (!wait)
            return op_fail(op, E_BUSY, "the engine has no free slot");
        if (left <= 0)
            return op_fail(op, E_TIMEOUT, "the deadline passed before the engine was free");
        (void)cond_wait_ms(&c->changed, &c->lock, left);
    }
    if (!c->ready)
        return op_fail(op, E_BUSY, "the engine's process is being started again");
    size_t slot = cpu % c->slots;
    if (c->busy & 1u << slot)
        slot = (size_t)__builtin_ctz(~c->busy);
    *ret_slot = slot;
    c->busy |= 1u << slot;
    atomic_fetch_add(&c->line->refs, 1);
    *ret_line = c->line;
    return OK;
}

/* `lost`: the child still works on it. */
static void slot_give(struct keeper_child *c, struct keeper_line *line, size_t slot, bool lost)
{
    bool ours;
    {
        LOCK(&c->lock);
        ours = c->line == line;
        if (ours && lost) {
            c->lost |= 1u << slot;
            c->lost_ms[slot] = time_mono_ms();
        } else if (ours) {
            c->busy &= ~(1u << slot);
            cond_signal(&c->changed);
        }
    }
    if (ours && lost)
        keeper_poke();
    keeper_line_unref(line);
}

static enum err answer_take(struct op *op, struct hosted *h, struct channel *ch, size_t slot, struct tensor *ret_outputs)
{
    const char *area = channel_answer_area(ch, slot);
    uint64_t bytes = ch->head->slots[slot].answer_bytes;
    uint32_t error = ch->head->slots[slot].error;
    if (bytes > LIMIT_CHILD_MESSAGE_BYTES)
        return op_fail(op, E_CORRUPT, "the engine's answer is damaged");
    if (error != OK) {
        char text[1024];
        size_t n = bytes < sizeof text ? (size_t)bytes : sizeof text;
        memcpy(text, area, n);
        return op_fail(op, error_from(error), "%.*s", (int)n, text);
    }
    struct tensor *outputs = arena_array(op->arena, h->info.output_count + 1, struct tensor);
    if (!outputs)
        return op_fail(op, E_TOO_LARGE, "no memory for the answer");
    enum err e = message_read(op, area, (size_t)bytes, h->info.outputs_spec, h->info.output_count, true, outputs, NULL, 0);
    for (size_t i = 0; !e && i < h->info.output_count; i++)
        ret_outputs[i] = outputs[i].type == TENSOR_TYPE_COUNT ? (struct tensor){0} : outputs[i];
    return e;
}

static int64_t until_of(const struct op *op)
{
    return op->deadline_ms ? op->deadline_ms + GRACE_MS : time_mono_ms() + LIMIT_CHILD_RUN_MS;
}

/* E_BUSY, unless `wait`: it was not asked. */
static enum err question_ask(struct op *op, struct hosted *h, const struct tensor *inputs, const bool *wanted, bool wait, struct question *q)
{
    const int core = sched_getcpu();
    *q = (struct question){.cpu = core < 0 ? 0 : (unsigned)core};
    enum err e = op_check_deadline(op);
    if (!e)
        e = slot_take(op, &h->child, q->cpu, wait, &q->line, &q->slot);
    if (e)
        return e;
    struct channel *ch = &q->line->channel;
    e = message_write(op, channel_request(ch, q->slot), LIMIT_CHILD_MESSAGE_BYTES, inputs, h->info.input_count, NULL, wanted, h->info.output_count, &q->bytes);
    if (e) {
        slot_give(&h->child, q->line, q->slot, false);
        return e;
    }
    q->asked_ns = op->trace ? time_mono_ns() : 0;
    channel_ask(ch, q->slot, q->bytes, op->deadline_ms, atomic_load_explicit(&h->took_us, memory_order_relaxed) < QUICK_US ? q->cpu + 1 : 0);
    return OK;
}

/* CHANNEL_ASKED: the time came first. */
static enum channel_state question_wait(struct hosted *h, const struct question *q, int64_t until_ms)
{
    struct channel *ch = &q->line->channel;
    const enum channel_state state = atomic_load(&q->line->dead) ? CHANNEL_DEAD : channel_wait(ch, q->slot, until_ms);
    if (state == CHANNEL_ANSWERED)
        atomic_store_explicit(&h->took_us, ch->head->slots[q->slot].took_us, memory_order_relaxed);
    return state;
}

static enum err state_check(struct op *op, struct hosted *h, enum channel_state state)
{
    if (state == CHANNEL_ANSWERED)
        return OK;
    if (state == CHANNEL_ASKED)
        return op_fail(op, E_TIMEOUT, "the deadline passed while the model ran");
    LOCK(&h->child.lock);
    return died(op, &h->child, "while it held the request");
}

/* Takes the answer, and gives the slot back. */
static enum err question_end(struct op *op, struct hosted *h, const struct question *q, enum channel_state state, struct tensor *ret_outputs)
{
    struct channel *ch = &q->line->channel;
    const bool lost = state == CHANNEL_ASKED;
    enum err e = state_check(op, h, state);
    if (q->asked_ns) {
        int span = trace_note(op->trace, "engine child", q->asked_ns, time_mono_ns());
        trace_attr_text(op->trace, span, "ingot.engine", str_from(h->inner->name));
        trace_attr_i64(op->trace, span, "process.pid", child_pid(h));
        if (e)
            trace_fail(op->trace, span, str_from(op->msg));
    }
    if (!e)
        e = answer_take(op, h, ch, q->slot, ret_outputs);
    if (!lost && (q->bytes > LIMIT_CHILD_TRIM_BYTES || (!e && ch->head->slots[q->slot].answer_bytes > LIMIT_CHILD_TRIM_BYTES)))
        channel_trim(ch, q->slot);
    slot_give(&h->child, q->line, q->slot, lost);
    return e;
}

static struct hosted *hosted_of(const void *hosted)
{
    return (struct hosted *)(uintptr_t)hosted;
}

enum err child_run(struct op *op, const void *hosted, const struct tensor *inputs, const bool *wanted, struct tensor *ret_outputs)
{
    struct hosted *h = hosted_of(hosted);
    struct question q;
    if (h->here)
        return h->inner->run(op, h->here, inputs, wanted, ret_outputs);
    enum err e = question_ask(op, h, inputs, wanted, true, &q);
    return e ? e : question_end(op, h, &q, question_wait(h, &q, until_of(op)), ret_outputs);
}

bool child_is_apart(const void *hosted)
{
    return !((const struct hosted *)hosted)->here;
}

enum err child_run_start(struct op *op, const void *hosted, const struct tensor *inputs, const bool *wanted, int64_t patience_ms,
                         struct tensor *ret_outputs, void **ret_pending)
{
    struct hosted *h = hosted_of(hosted);
    struct question *q = arena_array(op->arena, 1, struct question);
    if (!q)
        return op_fail(op, E_TOO_LARGE, "no memory to ask the engine");
    enum err e = question_ask(op, h, inputs, wanted, false, q);
    if (e)
        return e;
    const enum channel_state state = question_wait(h, q, time_mono_ms() + patience_ms);
    *ret_pending = state == CHANNEL_ASKED ? q : NULL;
    return state == CHANNEL_ASKED ? OK : question_end(op, h, q, state, ret_outputs);
}

enum err child_run_finish(struct op *op, const void *hosted, void *take_pending, struct tensor *ret_outputs)
{
    struct hosted *h = hosted_of(hosted);
    const struct question *q = take_pending;
    return question_end(op, h, q, question_wait(h, q, until_of(op)), ret_outputs);
}

void child_run_forget(const void *hosted, void *take_pending)
{
    struct hosted *h = hosted_of(hosted);
    const struct question *q = take_pending;
    slot_give(&h->child, q->line, q->slot, atomic_load(&q->line->channel.head->slots[q->slot].state) == CHANNEL_ASKED);
}
