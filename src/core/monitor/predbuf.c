/* predbuf.c - blocks of BLOCK_ROWS rows hang in a table of fixed size, so an append never moves what is there: the reader may
 * walk the rows below its count while I/O threads append. Labels and the id index belong to the reader alone. */
#include "core/monitor/predbuf.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"

#define BLOCK_ROWS ((size_t)1024)
#define BLOCKS_MAX (LIMIT_MONITOR_WINDOW_ROWS / BLOCK_ROWS)

struct block {
    int64_t id[BLOCK_ROWS], event_us[BLOCK_ROWS], version[BLOCK_ROWS], label_us[BLOCK_ROWS];
    float score[BLOCK_ROWS];
    uint32_t latency_us[BLOCK_ROWS];
    uint8_t arm[BLOCK_ROWS], ok[BLOCK_ROWS], has_features[BLOCK_ROWS];
    int8_t label[BLOCK_ROWS];
    float features[]; /* BLOCK_ROWS rows */
};

struct predbuf {
    int64_t start_us, end_us;
    size_t features, rows;
    _Atomic size_t labelled;
    struct block *blocks[BLOCKS_MAX];
    uint32_t *slots; /* row + 1 by hash of its id; 0 = empty */
    size_t slot_count, indexed, entries;
    uint64_t seed;
};

struct predbuf *predbuf_create(int64_t start_us, int64_t end_us, size_t features)
{
    assert(features <= LIMIT_MONITOR_FEATURES);
    struct predbuf *b = calloc(1, sizeof *b);
    if (b) {
        b->start_us = start_us;
        b->end_us = end_us;
        b->features = features;
    }
    return b;
}

void predbuf_destroy(struct predbuf *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < BLOCKS_MAX; i++)
        free(b->blocks[i]);
    free(b->slots);
    free(b);
}

int64_t predbuf_start(const struct predbuf *b)
{
    return b->start_us;
}

int64_t predbuf_end(const struct predbuf *b)
{
    return b->end_us;
}

size_t predbuf_features(const struct predbuf *b)
{
    return b->features;
}

size_t predbuf_rows(const struct predbuf *b)
{
    return b->rows;
}

bool predbuf_append(struct predbuf *b, const struct prediction *p)
{
    size_t at = b->rows % BLOCK_ROWS, n = b->rows / BLOCK_ROWS;
    if (n >= BLOCKS_MAX)
        return false;
    if (!b->blocks[n])
        b->blocks[n] = malloc(sizeof(struct block) + BLOCK_ROWS * b->features * sizeof(float));
    struct block *k = b->blocks[n];
    if (!k)
        return false;
    k->id[at] = p->id;
    k->event_us[at] = p->event_us;
    k->version[at] = p->version;
    k->score[at] = p->score;
    k->latency_us[at] = p->latency_us;
    k->arm[at] = p->arm;
    k->ok[at] = p->ok;
    k->label[at] = -1;
    k->label_us[at] = INT64_MIN;
    k->has_features[at] = p->features && p->feature_count == b->features;
    if (k->has_features[at])
        memcpy(&k->features[at * b->features], p->features, b->features * sizeof(float));
    b->rows++;
    return true;
}

/* ---- the reader ---- */
static struct block *block_of(const struct predbuf *b, size_t row)
{
    return b->blocks[row / BLOCK_ROWS];
}

static int64_t row_id(const struct predbuf *b, size_t row)
{
    return block_of(b, row)->id[row % BLOCK_ROWS];
}

/* The slot that holds `id`, or the empty one where it belongs. */
static size_t slot_of(const struct predbuf *b, int64_t id)
{
    size_t mask = b->slot_count - 1;
    size_t at = (size_t)hash64(&id, sizeof id, b->seed) & mask;
    while (b->slots[at] && row_id(b, b->slots[at] - 1) != id)
        at = (at + 1) & mask;
    return at;
}

static bool index_resize(struct predbuf *b, size_t rows)
{
    size_t want = 1024;
    while (want < 2 * rows)
        want *= 2;
    uint32_t *slots = calloc(want, sizeof *slots);
    if (!slots)
        return false;
    free(b->slots);
    b->slots = slots;
    b->slot_count = want;
    b->indexed = b->entries = 0;
    return true;
}

bool predbuf_index(struct predbuf *b, size_t rows, uint64_t seed)
{
    assert(rows <= LIMIT_MONITOR_WINDOW_ROWS);
    if (2 * rows > b->slot_count || b->seed != seed || !b->slots) {
        b->seed = seed;
        if (!index_resize(b, rows))
            return false;
    }
    for (; b->indexed < rows; b->indexed++) {
        size_t at = slot_of(b, row_id(b, b->indexed));
        if (!b->slots[at]) {
            b->slots[at] = (uint32_t)b->indexed + 1;
            b->entries++;
        }
    }
    return true;
}

size_t predbuf_find(const struct predbuf *b, int64_t id)
{
    if (!b->slots)
        return SIZE_MAX;
    uint32_t row = b->slots[slot_of(b, id)];
    return row ? row - 1 : SIZE_MAX;
}

int8_t predbuf_label(const struct predbuf *b, size_t row)
{
    return block_of(b, row)->label[row % BLOCK_ROWS];
}

void predbuf_set_label(struct predbuf *b, size_t row, int8_t label, int64_t label_us)
{
    bool had = predbuf_label(b, row) >= 0, has = label >= 0;
    if (has && !had)
        atomic_fetch_add(&b->labelled, 1);
    else if (had && !has)
        atomic_fetch_sub(&b->labelled, 1);
    block_of(b, row)->label[row % BLOCK_ROWS] = label;
    block_of(b, row)->label_us[row % BLOCK_ROWS] = label_us;
}

size_t predbuf_labelled(const struct predbuf *b)
{
    return atomic_load(&b->labelled);
}

void predbuf_get(const struct predbuf *b, size_t row, struct prediction *ret)
{
    const struct block *k = block_of(b, row);
    size_t at = row % BLOCK_ROWS;
    *ret = (struct prediction){.id = k->id[at],       .event_us = k->event_us[at],     .version = k->version[at],
                               .score = k->score[at], .latency_us = k->latency_us[at], .arm = k->arm[at],
                               .ok = k->ok[at] != 0,  .features = k->has_features[at] ? &k->features[at * b->features] : NULL,
                               .feature_count = k->has_features[at] ? (uint32_t)b->features : 0};
}

/* Copies one member array of all blocks. */
static void *gather(struct arena *a, const struct predbuf *b, size_t rows, size_t offset, size_t item)
{
    char *to = arena_try_alloc(a, rows + 1, item);
    for (size_t row = 0; to && row < rows; row += BLOCK_ROWS) {
        size_t n = rows - row < BLOCK_ROWS ? rows - row : BLOCK_ROWS;
        memcpy(to + row * item, (const char *)block_of(b, row) + offset, n * item);
    }
    return to;
}

static void gather_features(const struct predbuf *b, size_t rows, float **columns)
{
    for (size_t row = 0; row < rows; row++) {
        const struct block *k = block_of(b, row);
        size_t at = row % BLOCK_ROWS;
        const float *from = &k->features[at * b->features];
        for (size_t f = 0; f < b->features; f++)
            columns[f][row] = k->has_features[at] ? from[f] : NAN;
    }
}

enum err predbuf_columns(struct op *op, const struct predbuf *b, size_t rows, struct arena *a, struct monitor_batch *ret)
{
    struct monitor_batch m = {.start_us = b->start_us, .end_us = b->end_us, .rows = rows, .features = b->features};
    m.id = gather(a, b, rows, offsetof(struct block, id), sizeof *m.id);
    m.event_us = gather(a, b, rows, offsetof(struct block, event_us), sizeof *m.event_us);
    m.version = gather(a, b, rows, offsetof(struct block, version), sizeof *m.version);
    m.label_us = gather(a, b, rows, offsetof(struct block, label_us), sizeof *m.label_us);
    m.score = gather(a, b, rows, offsetof(struct block, score), sizeof *m.score);
    m.latency_us = gather(a, b, rows, offsetof(struct block, latency_us), sizeof *m.latency_us);
    m.arm = gather(a, b, rows, offsetof(struct block, arm), sizeof *m.arm);
    m.ok = gather(a, b, rows, offsetof(struct block, ok), sizeof *m.ok);
    m.label = gather(a, b, rows, offsetof(struct block, label), sizeof *m.label);
    float **columns = arena_array(a, b->features + 1, float *);
    bool room = m.id && m.event_us && m.version && m.label_us && m.score && m.latency_us && m.arm && m.ok && m.label && columns;
    for (size_t f = 0; room && f < b->features; f++) {
        columns[f] = arena_array(a, rows + 1, float);
        room = columns[f] != NULL;
    }
    if (!room)
        return op_fail(op, E_TOO_LARGE, "a window of %zu predictions finds no room in memory", rows);
    gather_features(b, rows, columns);
    m.feature = (const float *const *)columns;
    *ret = m;
    return OK;
}
