/* The child's side: `ingot engine-host ENGINE PARENT MEMORY`, with the channel as descriptor 3 and the model as 4. It gives up what it
 * may not have, loads the library, gives up files, loads the model, says what it is, and then one thread per slot answers. It
 * ends when it is killed. */
#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapter/child/channel.h"
#include "adapter/child/child.h"
#include "adapter/child/describe.h"
#include "adapter/child/jail.h"
#include "adapter/child/message.h"
#include "base/thread.h"
#include "base/time.h"

enum { CHANNEL_FD = 3, MODEL_FD = 4, KEPT_FDS = 5, REFUSED_S = 5 };

struct host {
    struct channel channel;
    struct model *model;
    const struct tensor_spec *inputs, *outputs;
    size_t input_count, output_count;
};
struct seat { /* one thread */
    struct host *host;
    size_t slot;
};

bool child_is_host(int argc, char **argv)
{
    return argc == 5 && strcmp(argv[1], "engine-host") == 0;
}

/* A row model, asked like a tensor model. */
static enum err run_rows(struct op *op, const struct model *m, const struct tensor *input, struct tensor *ret)
{
    const struct engine_info *info = model_info(m);
    struct tensor t = *input;
    if (t.type != TENSOR_FP32 || t.rank != 2 || t.shape[1] != (int64_t)info->features)
        return op_fail(op, E_INVALID, "the model takes FP32 of shape [n, %zu]", info->features);
    size_t rows = (size_t)t.shape[0];
    enum err e = tensor_align(op, &t);
    float *out = arena_array(op->arena, rows * info->outputs + 1, float);
    if (e || !out)
        return e ? e : op_fail(op, E_TOO_LARGE, "no memory for %zu rows", rows);
    model_predict(m, t.data, rows, out);
    *ret = (struct tensor){.type = TENSOR_FP32, .rank = info->outputs > 1 ? 2 : 1, .shape = {(int64_t)rows}, .count = rows * info->outputs, .data = out};
    if (info->outputs > 1)
        ret->shape[1] = (int64_t)info->outputs;
    return OK;
}

static enum err answer(struct op *op, struct host *h, size_t slot, size_t *ret_bytes)
{
    const struct channel_slot *s = &h->channel.head->slots[slot];
    struct tensor *inputs = arena_array(op->arena, h->input_count + 1, struct tensor), *outputs = arena_array(op->arena, h->output_count + 1, struct tensor);
    bool *wanted = arena_array(op->arena, h->output_count + 1, bool);
    if (!inputs || !outputs || !wanted)
        return op_fail(op, E_TOO_LARGE, "no memory for a question");
    enum err e = message_read(op, channel_request(&h->channel, slot), (size_t)s->request_bytes, h->inputs, h->input_count, false, inputs, wanted,
                              h->output_count);
    if (!e && model_has_rows(model_info(h->model)))
        e = run_rows(op, h->model, &inputs[0], &outputs[0]);
    else if (!e)
        e = model_run(op, h->model, inputs, wanted, outputs);
    if (!e)
        e = message_write(op, channel_answer_area(&h->channel, slot), LIMIT_CHILD_MESSAGE_BYTES, outputs, h->output_count, wanted, NULL, 0, ret_bytes);
    return e;
}

/* Moves this thread to where it was asked from; *where is where it was moved last. */
static void move_to(uint32_t cpu, uint32_t *where)
{
    cpu_set_t set;
    if (cpu == *where || cpu > CPU_SETSIZE)
        return;
    CPU_ZERO(&set);
    for (uint32_t i = cpu ? cpu - 1 : 0; i < (cpu ? cpu : CPU_SETSIZE); i++)
        CPU_SET(i, &set);
    sched_setaffinity(0, sizeof set, &set); /* a core that we may not use: we stay where we are */
    *where = cpu;
}

static void *seat_main(void *arg)
{
    struct seat *seat = arg;
    struct host *h = seat->host;
    struct arena *arena = arena_create(LIMIT_REQUEST_ARENA);
    struct channel_slot *s = &h->channel.head->slots[seat->slot];
    uint32_t where = 0;
    for (;;) {
        struct op op;
        size_t bytes = 0;
        channel_listen(&h->channel, seat->slot);
        int64_t start_ns = time_mono_ns();
        move_to(s->cpu, &where);
        op_init(&op, arena);
        op.deadline_ms = s->deadline_ms;
        enum err e = answer(&op, h, seat->slot, &bytes);
        if (e) {
            struct str text = str_sub(str_from(op.msg), 0, LIMIT_KIB(1));
            bytes = text.len;
            memcpy(channel_answer_area(&h->channel, seat->slot), text.p, text.len);
        }
        s->took_us = (uint32_t)((time_mono_ns() - start_ns) / 1000);
        channel_answer(&h->channel, seat->slot, e, bytes);
        arena_reset(arena);
    }
    return NULL;
}

/* What this process holds by itself: its private pages. */
static size_t memory_held(int statm)
{
    char text[128] = "";
    unsigned long size = 0, resident = 0, shared = 0;
    ssize_t n = statm < 0 ? -1 : read(statm, text, sizeof text - 1);
    if (n <= 0 || sscanf(text, "%lu %lu %lu", &size, &resident, &shared) != 3 || resident < shared)
        return 0;
    return (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

static enum err load(struct op *op, struct host *h, const struct engine_ops *engine)
{
    struct stat st;
    const struct engine_ops *const engines[] = {engine, NULL};
    if (fstat(MODEL_FD, &st))
        return op_fail_errno(op, "the model's bytes");
    void *p = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, MODEL_FD, 0) : NULL;
    if (p == MAP_FAILED)
        return op_fail_errno(op, "the model's bytes");
    enum err e = model_load(op, engines, (struct str){p ? p : "", (size_t)st.st_size}, &h->model);
    if (p)
        munmap(p, (size_t)st.st_size);
    close(MODEL_FD);
    if (!e) {
        h->inputs = model_inputs(h->model, &h->input_count);
        h->outputs = model_outputs(h->model, &h->output_count);
        malloc_trim(0);
    }
    return e;
}

/* Puts a text where the server looks for it. */
static void tell(struct host *h, enum channel_start state, enum err e, struct str text)
{
    size_t n = text.len < LIMIT_CHILD_MESSAGE_BYTES ? text.len : LIMIT_CHILD_MESSAGE_BYTES;
    if (n)
        memcpy(channel_answer_area(&h->channel, 0), text.p, n);
    channel_start(&h->channel, state, e, n);
}

static void serve(struct host *h, int statm)
{
    AUTO(buf) struct buf b;
    static struct seat seats[LIMIT_CHILD_SLOTS];
    buf_init(&b, LIMIT_JSON_BYTES);
    describe_format(&b, h->model, memory_held(statm));
    if (b.failed)
        tell(h, CHANNEL_REFUSED, E_TOO_LARGE, STR("the model's description is too long"));
    else
        tell(h, CHANNEL_READY, OK, buf_str(&b));
    for (size_t i = 0; !b.failed && i < h->channel.slots; i++) {
        seats[i] = (struct seat){h, i};
        pthread_detach(thread_start("engine-seat", seat_main, &seats[i]));
    }
    while (!b.failed)
        pause();
}

static const struct child_guest *find_guest(const struct child_guest *guests, const char *name)
{
    while (guests->engine && strcmp(guests->engine->name, name) != 0)
        guests++;
    return guests->engine ? guests : NULL;
}

int child_host_main(int argc, char **argv, const struct child_guest *guests)
{
    static struct host h;
    AUTO(arena) struct arena *arena = arena_create(LIMIT_COMMAND_ARENA);
    struct op op;
    int64_t parent = 0;
    uint64_t memory = 0;
    op_init(&op, arena);
    const struct child_guest *guest = child_is_host(argc, argv) ? find_guest(guests, argv[2]) : NULL;
    if (!guest || !str_parse_i64(str_from(argv[3]), &parent) || !str_parse_u64(str_from(argv[4]), &memory)) {
        fputs("engine-host is started by the server, not by hand\n", stderr);
        return 2;
    }
    prctl(PR_SET_NAME, "ingot-engine", 0, 0, 0);
    mallopt(M_ARENA_MAX, 2); /* one per thread would hold what each once needed */
    enum err e = jail_enter(&op, (int)parent, KEPT_FDS, (size_t)memory);
    if (!e)
        e = channel_map(&op, CHANNEL_FD, &h.channel);
    if (e) {
        fprintf(stderr, "engine-host: %s\n", op.msg);
        return 1;
    }
    int statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC); /* while files can be opened */
    if (guest->prepare)
        e = guest->prepare(&op);
    jail_close_files();
    if (!e)
        e = load(&op, &h, guest->engine);
    if (e) {
        tell(&h, CHANNEL_REFUSED, e, str_from(op.msg));
        sleep(REFUSED_S); /* who loaded the model ends us; a keeper that restarts us has to see a death */
        return 1;
    }
    arena_reset(arena);
    serve(&h, statm);
    return 1;
}
