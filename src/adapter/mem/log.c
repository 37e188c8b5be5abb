/* log.c - one lock over everything. What a transaction writes lies with its writer until the commit, which appends it and moves the group's
 * positions under the lock: readers see all of it or nothing. Partitions move as in Kafka's cooperative protocol: the wanted owner of
 * partition i is member i modulo their number; whoever has one that is another's gives it up in its next poll, at the end of its transaction. */
#include "adapter/mem/log.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/thread.h"
#include "base/time.h"
#include "base/vec.h"

enum { SLICE_MS = 20 };

struct part {
    VEC(struct stream_record) records; /* the offset is the index */
};
struct topic {
    struct str name;
    struct part *parts;
    int32_t part_count;
    uint32_t turn;           /* of records without a key */
};
struct group {
    struct topic *topic;
    int64_t *positions;
    struct member **owners;
    VEC(struct member *) members; /* in the order of joining */
};
struct mem_log {
    struct mutex lock;       /* guards all below and all members */
    struct cond changed;
    struct arena *arena;     /* records, topics, groups */
    struct map topics, groups, writers; /* of struct topic, struct group, uint64_t: the epoch */
};
struct member {
    struct mem_log *log;
    struct group *group;     /* NULL: only writes */
    uint64_t *epoch, my_epoch;
    bool open;
    struct arena *arena;     /* of the open transaction */
    VEC(struct stream_record) outputs;
    int64_t *done, *seen;    /* per partition */
    struct stream_record *handed;
};

static struct str bytes_dup(struct arena *a, struct str s, bool *ok)
{
    char *p = s.len ? arena_try_alloc(a, s.len, 1) : NULL;
    *ok = *ok && (p || !s.len);
    if (p)
        memcpy(p, s.p, s.len);
    return (struct str){p ? p : "", p ? s.len : 0};
}

static bool record_dup(struct arena *a, const struct stream_record *r, struct stream_record *ret)
{
    bool ok = true;
    struct stream_header *headers = arena_array(a, r->header_count + 1, struct stream_header);
    *ret = *r;
    ret->key = bytes_dup(a, r->key, &ok);
    ret->value = bytes_dup(a, r->value, &ok);
    for (size_t i = 0; headers && i < r->header_count; i++)
        headers[i] = (struct stream_header){bytes_dup(a, r->headers[i].name, &ok), bytes_dup(a, r->headers[i].value, &ok), r->headers[i].has_value};
    ret->headers = headers;
    return ok && headers;
}

/* ---- the log ---- */

struct mem_log *mem_log_create(size_t max_bytes)
{
    struct mem_log *l = calloc(1, sizeof(*l));
    if (!l)
        abort();
    mutex_init(&l->lock);
    cond_init(&l->changed);
    l->arena = arena_create(max_bytes ? max_bytes : LIMIT_BLOB_MEM_BYTES);
    map_init(&l->topics, l->arena);
    map_init(&l->groups, l->arena);
    map_init(&l->writers, l->arena);
    return l;
}

void mem_log_destroy(struct mem_log *l)
{
    if (!l)
        return;
    arena_destroy(l->arena);
    cond_clear(&l->changed);
    mutex_clear(&l->lock);
    free(l);
}

static enum err log_full(struct op *op)
{
    return op_fail(op, E_TOO_LARGE, "the log in memory is full");
}

enum err mem_log_topic(struct op *op, struct mem_log *l, struct str name, int32_t partitions)
{
    LOCK(&l->lock);
    if (partitions < 1 || partitions > LIMIT_STREAM_PARTITIONS)
        return op_fail(op, E_INVALID, "a topic has 1 to %d partitions", LIMIT_STREAM_PARTITIONS);
    if (map_has(&l->topics, name))
        return op_fail(op, E_EXISTS, "there is a topic \"%.*s\"", STR_FMT(name));
    struct topic *t = arena_array(l->arena, 1, struct topic);
    struct part *parts = arena_array(l->arena, (size_t)partitions, struct part);
    if (!t || !parts)
        return log_full(op);
    *t = (struct topic){.name = str_dup(l->arena, name), .parts = parts, .part_count = partitions};
    return map_put(&l->topics, t->name, t) ? OK : log_full(op);
}

/* ---- partitions ---- */

static void position_reset(struct member *m, int32_t p)
{
    m->done[p] = m->seen[p] = m->group->positions[p];
}

static void outputs_drop(struct member *m)
{
    arena_reset(m->arena);
    m->outputs.p = NULL;
    m->outputs.len = m->outputs.cap = 0;
    m->open = false;
}

static enum err commit_locked(struct op *op, struct member *m)
{
    struct mem_log *l = m->log;
    if (m->my_epoch != *m->epoch)
        return op_fail(op, E_DENIED, "another instance with our transactional id took over");
    for (size_t i = 0; i < m->outputs.len; i++) {
        const struct stream_record *r = &m->outputs.p[i];
        struct topic *t = map_find(&l->topics, r->topic);
        struct part *p = &t->parts[r->partition];
        struct stream_record *slot = vec_push(&p->records, l->arena);
        if (!slot || !record_dup(l->arena, r, slot)) {
            p->records.len -= slot != NULL;
            return op_fail(op, E_IO, "the log in memory is full within a commit"); /* what was appended cannot be taken back */
        }
        slot->topic = t->name;
        slot->offset = (int64_t)p->records.len - 1;
    }
    for (int32_t p = 0; m->group && p < m->group->topic->part_count; p++)
        if (m->group->owners[p] == m)
            m->group->positions[p] = m->done[p];
    outputs_drop(m);
    cond_broadcast(&l->changed);
    return OK;
}

static enum err partitions_move(struct op *op, struct member *m, enum stream_end *ret_ended)
{
    struct group *g = m->group;
    enum err e = OK;
    for (int32_t p = 0; !e && p < g->topic->part_count; p++) {
        const struct member *wanted = g->members.p[(size_t)p % g->members.len];
        if (g->owners[p] == m && wanted != m) {
            if (m->open && !(e = commit_locked(op, m)))
                *ret_ended = STREAM_COMMITTED;
            g->owners[p] = NULL;
            cond_broadcast(&m->log->changed);
        } else if (!g->owners[p] && wanted == m) {
            g->owners[p] = m;
            position_reset(m, p);
        }
    }
    return e;
}

/* ---- reading ---- */

static size_t gather(struct member *m, size_t max)
{
    size_t n = 0, bytes = 0;
    for (int32_t p = 0; p < m->group->topic->part_count; p++) {
        const struct part *part = &m->group->topic->parts[p];
        while (m->group->owners[p] == m && n < max && bytes < LIMIT_STREAM_POLL_BYTES && m->seen[p] < (int64_t)part->records.len) {
            m->handed[n] = part->records.p[m->seen[p]++];
            bytes += m->handed[n++].value.len;
        }
    }
    return n;
}

static bool at_end(const struct member *m)
{
    bool any = false;
    for (int32_t p = 0; p < m->group->topic->part_count; p++) {
        if (m->group->owners[p] != m)
            continue;
        any = true;
        if (m->seen[p] < (int64_t)m->group->topic->parts[p].records.len)
            return false;
    }
    return any;
}

static void advance(struct member *m)
{
    for (int32_t p = 0; m->group && p < m->group->topic->part_count; p++)
        m->done[p] = m->seen[p];
}

static enum err mem_poll(void *self, struct op *op, size_t max_records, int wait_ms, struct stream_poll *ret)
{
    struct member *m = self;
    int64_t until = time_mono_ms() + wait_ms;
    LOCK(&m->log->lock);
    if (m->my_epoch != *m->epoch)
        return op_fail(op, E_DENIED, "another instance with our transactional id took over");
    advance(m);
    if (!m->group)
        return OK;
    for (;;) {
        enum err e = partitions_move(op, m, &ret->ended);
        if (e)
            return e;
        ret->count = gather(m, max_records);
        int64_t left = until - time_mono_ms();
        if (ret->count || left <= 0 || op_is_gone(op))
            break;
        cond_wait_ms(&m->log->changed, &m->log->lock, left < SLICE_MS ? left : SLICE_MS);
    }
    m->open = m->open || ret->count > 0;
    ret->records = m->handed;
    ret->at_end = at_end(m);
    return OK;
}

static size_t mem_lag(void *self, struct op *op, struct stream_lag **ret)
{
    struct member *m = self;
    LOCK(&m->log->lock);
    int32_t count = m->group ? m->group->topic->part_count : 0;
    struct stream_lag *all = arena_alloc(op->arena, ((size_t)count + 1) * sizeof(*all));
    size_t n = 0;
    for (int32_t p = 0; p < count; p++)
        if (m->group->owners[p] == m)
            all[n++] = (struct stream_lag){m->group->topic->name, p, m->seen[p], (int64_t)m->group->topic->parts[p].records.len};
    *ret = all;
    return n;
}

/* ---- writing ---- */

static enum err mem_put(void *self, struct op *op, const struct stream_record *r)
{
    struct member *m = self;
    LOCK(&m->log->lock);
    struct topic *t = map_find(&m->log->topics, r->topic);
    if (!t || r->partition >= t->part_count)
        return op_fail(op, E_NOT_FOUND, "write to \"%.*s\": no partition %" PRId32 " there", STR_FMT(r->topic), r->partition);
    struct stream_record *slot = vec_push(&m->outputs, m->arena);
    if (!slot || !record_dup(m->arena, r, slot)) {
        m->outputs.len -= slot != NULL;
        return log_full(op);
    }
    slot->topic = t->name;
    if (slot->partition < 0)
        slot->partition = (int32_t)((r->has_key ? hash64(r->key.p, r->key.len, 0) : t->turn++) % (uint64_t)t->part_count);
    if (slot->time_ms < 0)
        slot->time_ms = time_now_us() / TIME_US_PER_MS;
    m->open = true;
    return OK;
}

static enum err mem_commit(void *self, struct op *op)
{
    struct member *m = self;
    LOCK(&m->log->lock);
    advance(m);
    return m->open ? commit_locked(op, m) : OK;
}

static enum err mem_abort(void *self, struct op *op)
{
    struct member *m = self;
    LOCK(&m->log->lock);
    if (m->my_epoch != *m->epoch)
        return op_fail(op, E_DENIED, "another instance with our transactional id took over");
    outputs_drop(m);
    for (int32_t p = 0; m->group && p < m->group->topic->part_count; p++)
        position_reset(m, p);
    return OK;
}

static enum err mem_partitions(void *self, struct op *op, struct str topic, int32_t *ret)
{
    struct member *m = self;
    LOCK(&m->log->lock);
    const struct topic *t = map_find(&m->log->topics, topic);
    if (!t)
        return op_fail(op, E_NOT_FOUND, "there is no topic \"%.*s\"", STR_FMT(topic));
    *ret = t->part_count;
    return OK;
}

/* ---- life ---- */

static void mem_close(void *self)
{
    struct member *m = self;
    struct mem_log *l = m->log;
    mutex_lock(&l->lock);
    if (m->group) {
        struct group *g = m->group;
        size_t kept = 0;
        for (size_t i = 0; i < g->members.len; i++)
            if (g->members.p[i] != m)
                g->members.p[kept++] = g->members.p[i];
        g->members.len = kept;
        for (int32_t p = 0; p < g->topic->part_count; p++)
            if (g->owners[p] == m)
                g->owners[p] = NULL;
    }
    cond_broadcast(&l->changed);
    mutex_unlock(&l->lock);
    arena_destroy(m->arena);
    free(m->done);
    free(m->seen);
    free(m->handed);
    free(m);
}

static const struct stream_ops mem_stream_ops = {
    .name = "mem",
    .poll = mem_poll,
    .put = mem_put,
    .commit = mem_commit,
    .abort = mem_abort,
    .partitions = mem_partitions,
    .lag = mem_lag,
    .close = mem_close,
};

static struct group *group_get(struct mem_log *l, struct str name, struct topic *t)
{
    const char *key = op_printf(&(struct op){.arena = l->arena}, "%.*s\n%.*s", STR_FMT(name), STR_FMT(t->name));
    struct group *g = map_find(&l->groups, str_from(key));
    if (g)
        return g;
    g = arena_new(l->arena, struct group);
    g->topic = t;
    g->positions = arena_alloc(l->arena, (size_t)t->part_count * sizeof(*g->positions));
    g->owners = arena_alloc(l->arena, (size_t)t->part_count * sizeof(*g->owners));
    bool put = map_put(&l->groups, str_from(key), g);
    assert(put);
    return g;
}

static uint64_t *epoch_get(struct mem_log *l, struct str id)
{
    uint64_t *epoch = map_find(&l->writers, id);
    if (epoch)
        return epoch;
    epoch = arena_new(l->arena, uint64_t);
    bool put = map_put(&l->writers, str_dup(l->arena, id), epoch);
    assert(put);
    return epoch;
}

enum err mem_stream_open(struct op *op, struct mem_log *l, struct str topic, struct str group, struct str transactional_id, struct stream **ret)
{
    LOCK(&l->lock);
    struct topic *t = topic.len ? map_find(&l->topics, topic) : NULL;
    if (topic.len && !t)
        return op_fail(op, E_NOT_FOUND, "there is no topic \"%.*s\"", STR_FMT(topic));
    struct stream *s = calloc(1, sizeof(*s));
    struct member *m = calloc(1, sizeof(*m));
    size_t parts = t ? (size_t)t->part_count : 1;
    if (!s || !m || !(m->done = calloc(parts, sizeof(*m->done))) || !(m->seen = calloc(parts, sizeof(*m->seen))) ||
        !(m->handed = calloc(LIMIT_STREAM_POLL, sizeof(*m->handed))))
        abort();
    m->log = l;
    m->arena = arena_create(LIMIT_REQUEST_ARENA);
    m->epoch = epoch_get(l, transactional_id);
    m->my_epoch = ++*m->epoch;
    *s = (struct stream){&mem_stream_ops, m};
    if (t) {
        m->group = group_get(l, group, t);
        struct member **slot = vec_push(&m->group->members, l->arena);
        assert(slot);
        *slot = m;
    }
    cond_broadcast(&l->changed);
    *ret = s;
    return OK;
}
