/* Form: struct message_head, `count` struct message_tensor, `flag_count` bytes, then data, each at a multiple of 64. Texts are their
 * lengths (uint64 each), then their bytes. Both sides are the same program, so fields have the machine's own order. */
#include "adapter/child/message.h"

#define ALIGNMENT 64u

struct message_head {
    uint32_t count, flag_count;
};
struct message_tensor {
    uint32_t type;     /* TENSOR_TYPE_COUNT: not present */
    uint32_t rank;
    int64_t shape[LIMIT_TENSOR_RANK];
    uint64_t count, offset, bytes;
};

static size_t aligned(size_t n)
{
    return (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

static size_t front_bytes(size_t count, size_t flag_count)
{
    return sizeof(struct message_head) + count * sizeof(struct message_tensor) + flag_count;
}

static size_t data_bytes(const struct tensor *t)
{
    size_t n = t->count * tensor_type_size(t->type);
    for (size_t i = 0; t->type == TENSOR_BYTES && i < t->count; i++)
        n += sizeof(uint64_t) + t->texts[i].len;
    return n;
}

static void data_write(char *to, const struct tensor *t, size_t bytes)
{
    if (t->type != TENSOR_BYTES) {
        if (bytes)
            memcpy(to, t->data, bytes);
        return;
    }
    char *text = to + t->count * sizeof(uint64_t);
    for (size_t i = 0; i < t->count; i++) {
        uint64_t len = t->texts[i].len;
        memcpy(to + i * sizeof len, &len, sizeof len);
        if (len)
            memcpy(text, t->texts[i].p, len);
        text += len;
    }
}

enum err message_write(struct op *op, char *to, size_t max, const struct tensor *tensors, size_t count, const bool *present, const bool *flags,
                       size_t flag_count, size_t *ret_bytes)
{
    struct message_head head = {(uint32_t)count, (uint32_t)flag_count};
    size_t used = front_bytes(count, flag_count);
    if (used > max)
        return op_fail(op, E_TOO_LARGE, "%zu tensors do not fit into a message", count);
    memcpy(to, &head, sizeof head);
    char *record = to + sizeof head;
    for (size_t i = 0; i < count; i++, record += sizeof(struct message_tensor)) {
        const struct tensor *t = &tensors[i];
        struct message_tensor m = {.type = TENSOR_TYPE_COUNT};
        if (present ? present[i] : t->type != TENSOR_TYPE_COUNT) {
            size_t bytes = data_bytes(t), offset = aligned(used);
            if (offset > max || bytes > max - offset)
                return op_fail(op, E_TOO_LARGE, "tensors of more than %zu bytes", max);
            m = (struct message_tensor){.type = (uint32_t)t->type, .rank = t->rank, .count = t->count, .offset = offset, .bytes = bytes};
            memcpy(m.shape, t->shape, sizeof m.shape);
            data_write(to + offset, t, bytes);
            used = offset + bytes;
        }
        memcpy(record, &m, sizeof m);
    }
    for (size_t i = 0; i < flag_count; i++)
        record[i] = flags ? flags[i] : true;
    *ret_bytes = used;
    return OK;
}

static enum err wrong(struct op *op)
{
    return op_fail(op, E_CORRUPT, "the engine's answer is damaged");
}

/* `from`: m->bytes bytes, inside the message. Lengths are copied before they are checked. */
static enum err texts_read(struct op *op, const char *from, const struct message_tensor *m, bool copy, struct tensor *t)
{
    if (m->bytes / sizeof(uint64_t) < m->count)
        return wrong(op);
    uint64_t *lengths = arena_array(op->arena, m->count + 1, uint64_t);
    struct str *texts = arena_array(op->arena, m->count + 1, struct str);
    size_t rest = m->bytes - m->count * sizeof(uint64_t);
    char *own = copy ? arena_try_alloc(op->arena, rest + 1, 1) : NULL;
    if (!lengths || !texts || (copy && !own))
        return op_fail(op, E_TOO_LARGE, "no memory for %zu texts", (size_t)m->count);
    memcpy(lengths, from, m->count * sizeof *lengths);
    const char *p = from + m->count * sizeof *lengths;
    if (copy)
        p = memcpy(own, p, rest);
    for (size_t i = 0; i < m->count; i++) {
        if (lengths[i] > rest)
            return wrong(op);
        texts[i] = (struct str){p, (size_t)lengths[i]};
        p += lengths[i];
        rest -= (size_t)lengths[i];
    }
    t->texts = texts;
    return OK;
}

static enum err data_read(struct op *op, const char *from, size_t bytes, const struct message_tensor *m, bool copy, struct tensor *t)
{
    size_t count = 0;
    bool sound = m->type < TENSOR_TYPE_COUNT && m->rank <= LIMIT_TENSOR_RANK && tensor_count(m->shape, m->rank, LIMIT_TENSOR_VALUES, &count) &&
                 count == m->count && m->offset <= bytes && m->bytes <= bytes - m->offset && m->offset % ALIGNMENT == 0;
    if (!sound || (m->type != TENSOR_BYTES && m->bytes != count * tensor_type_size((enum tensor_type)m->type)))
        return wrong(op);
    t->type = (enum tensor_type)m->type;
    t->rank = m->rank;
    t->count = count;
    memcpy(t->shape, m->shape, sizeof t->shape);
    if (t->type == TENSOR_BYTES)
        return texts_read(op, from + m->offset, m, copy, t);
    if (!copy) {
        t->data = from + m->offset;
        return OK;
    }
    char *own = arena_try_alloc(op->arena, m->bytes + 1, 1);
    if (!own)
        return op_fail(op, E_TOO_LARGE, "no memory for tensor \"%.*s\"", STR_FMT(t->name));
    t->data = memcpy(own, from + m->offset, m->bytes);
    return OK;
}

enum err message_read(struct op *op, const char *from, size_t bytes, const struct tensor_spec *specs, size_t count, bool copy, struct tensor *ret,
                      bool *flags, size_t flag_count)
{
    struct message_head head;
    if (bytes < front_bytes(count, flag_count))
        return wrong(op);
    memcpy(&head, from, sizeof head);
    if (head.count != count || head.flag_count != flag_count)
        return wrong(op);
    const char *record = from + sizeof head;
    for (size_t i = 0; i < count; i++, record += sizeof(struct message_tensor)) {
        struct message_tensor m;
        struct tensor t = {.name = specs[i].name, .type = TENSOR_TYPE_COUNT};
        memcpy(&m, record, sizeof m);
        enum err e = m.type == TENSOR_TYPE_COUNT ? OK : data_read(op, from, bytes, &m, copy, &t);
        if (e)
            return e;
        ret[i] = t;
    }
    for (size_t i = 0; i < flag_count; i++)
        flags[i] = record[i] != 0;
    return OK;
}
