/* A clause on a column of texts is judged once per distinct text and then looked up per run: parameters and tags have
 * few distinct values, and for names that differ in every run it costs no more than judging each run. Equality and
 * IN do not even look at all distinct texts: the hash table finds the few that fit.
 *
 * The latest value of a metric is kept as the bits of a double. All NaNs that users log are one NaN (metric.c), so
 * another one, which no computation yields, stands for "never logged". */
#include "core/track/column.h"

#include "base/limits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define REAL_ABSENT UINT64_C(0x7ff8dead00000001)
#define SORT_ABSENT UINT64_MAX
#define SORT_NAN (UINT64_MAX - 1)
#define SORT_LAST (UINT64_MAX - 2) /* of values */
#define FIRST_SLOTS 64u
#define STALE_SLACK 4096u

struct column *column_create(enum filter_entity entity, int attr, struct str key)
{
    struct column *c = calloc(1, sizeof *c);
    char *copy = c ? malloc(key.len + 1) : NULL;
    if (!copy) {
        free(c);
        return NULL;
    }
    if (key.len)
        memcpy(copy, key.p, key.len);
    c->entity = entity;
    c->attr = attr;
    c->key = (struct str){copy, key.len};
    return c;
}

void column_destroy(struct column *c)
{
    if (!c)
        return;
    free((char *)(uintptr_t)c->key.p);
    free(c->reals);
    free(c->codes);
    free(c->uses);
    texts_clear(&c->texts);
    free(c);
}

bool column_is(const struct column *c, enum filter_entity entity, int attr, struct str key)
{
    if (c->entity != entity)
        return false;
    if (entity == FILTER_DATASET)
        return true; /* one column has name, digest and context */
    return entity == FILTER_ATTRIBUTE ? c->attr == attr : str_eq(c->key, key);
}

bool column_grow(struct column *c, size_t n)
{
    if (c->entity == FILTER_DATASET || n <= c->len) {
        c->len = n > c->len ? n : c->len;
        return true;
    }
    if (n > c->cap) {
        size_t cap = c->cap ? c->cap : FIRST_SLOTS;
        while (cap < n)
            cap += cap / 2;
        void *p = c->entity == FILTER_METRIC ? realloc(c->reals, cap * sizeof *c->reals) : realloc(c->codes, cap * sizeof *c->codes);
        if (!p)
            return false;
        if (c->entity == FILTER_METRIC)
            c->reals = p;
        else
            c->codes = p;
        c->cap = cap;
    }
    for (size_t i = c->len; i < n; i++) {
        if (c->reals)
            c->reals[i] = REAL_ABSENT;
        else
            c->codes[i] = TEXTS_NONE;
    }
    c->len = n;
    return true;
}

void column_put_real(struct column *c, size_t slot, double v)
{
    if (isnan(v))
        v = (double)NAN;
    memcpy(&c->reals[slot], &v, sizeof v);
}

bool column_put_text(struct column *c, size_t slot, struct str s)
{
    return texts_add(&c->texts, s, &c->codes[slot]);
}

bool column_add_use(struct column *c, size_t slot, struct str name, struct str digest, const struct str *context)
{
    struct column_use u = {(uint32_t)slot, {0, 0, TEXTS_NONE}};
    if (!texts_add(&c->texts, name, &u.parts[0]) || !texts_add(&c->texts, digest, &u.parts[1]) ||
        (context && !texts_add(&c->texts, *context, &u.parts[2])))
        return false;
    if (c->use_len == c->use_cap) {
        size_t cap = c->use_cap ? c->use_cap * 2 : FIRST_SLOTS;
        struct column_use *p = realloc(c->uses, cap * sizeof *p);
        if (!p)
            return false;
        c->uses = p;
        c->use_cap = cap;
    }
    c->uses[c->use_len++] = u;
    return true;
}

void column_absent(struct column *c, size_t slot)
{
    if (c->reals)
        c->reals[slot] = REAL_ABSENT;
    else if (c->codes)
        c->codes[slot] = TEXTS_NONE;
    for (size_t i = 0; i < c->use_len; i++) {
        if (c->uses[i].slot == slot) {
            c->uses[i].slot = TEXTS_NONE;
            c->use_dead++;
        }
    }
}

bool column_is_stale(const struct column *c)
{
    return c->texts.len > 2 * (c->len + c->use_len) + STALE_SLACK || c->use_dead > c->use_len / 2 + STALE_SLACK;
}

size_t column_size(const struct column *c)
{
    return sizeof *c + c->key.len + c->cap * (c->reals ? sizeof *c->reals : sizeof *c->codes) + texts_size(&c->texts) +
           c->use_cap * sizeof *c->uses;
}

static double real_at(const struct column *c, size_t slot)
{
    double v;
    memcpy(&v, &c->reals[slot], sizeof v);
    return v;
}

/* One word of up to 64 comparisons, without a branch per run. What is absent is a NaN and fulfils none of them; false: another comparison. */
#define WORD_OF(compare)                                                                                                                       \
    for (size_t i = 0; i < n; i++) {                                                                                                           \
        double v;                                                                                                                              \
        memcpy(&v, &reals[i], sizeof v);                                                                                                       \
        word |= (uint64_t)(v compare than) << i;                                                                                               \
    }                                                                                                                                          \
    break
static bool test_word(const uint64_t *reals, size_t n, enum filter_op op, double than, uint64_t *ret)
{
    uint64_t word = 0;
    switch (op) {
    case FILTER_LT:
        WORD_OF(<);
    case FILTER_LE:
        WORD_OF(<=);
    case FILTER_GT:
        WORD_OF(>);
    case FILTER_GE:
        WORD_OF(>=);
    case FILTER_EQ:
        WORD_OF(==);
    default:
        return false;
    }
    *ret = word;
    return true;
}
#undef WORD_OF

static void test_reals(const struct column *c, const struct filter_clause *clause, size_t n, uint64_t *bits)
{
    bool words = true;
    for (size_t w = 0; words && w < bits_words(n); w++)
        words = test_word(c->reals + 64 * w, n - 64 * w < 64 ? n - 64 * w : 64, clause->op, clause->real, &bits[w]);
    if (words)
        return;
    for (size_t i = 0; i < n; i++) {
        bool there = c->reals[i] != REAL_ABSENT;
        if (clause->op == FILTER_IS_NULL ? !there : there && filter_test_f64(clause, real_at(c, i)))
            bits_set(bits, i);
    }
}

/* '%text%', the text without wildcards: it is looked for in all texts at once, as they lie one behind the other. */
static bool is_contains(const struct filter_clause *clause, struct str *ret)
{
    struct str p = clause->text;
    if (clause->op != FILTER_LIKE || p.len < 3 || p.p[0] != '%' || p.p[p.len - 1] != '%')
        return false;
    *ret = str_sub(p, 1, p.len - 2);
    return !memchr(ret->p, '%', ret->len) && !memchr(ret->p, '_', ret->len);
}

static void judge_contains(const struct texts *t, struct str part, uint8_t *hits)
{
    memset(hits, 0, t->len + 1);
    uint32_t code = 0;
    for (size_t at = 0; at < t->bytes_len;) {
        const char *found = memmem(t->bytes + at, t->bytes_len - at, part.p, part.len);
        if (!found)
            return;
        size_t from = (size_t)(found - t->bytes);
        while (t->ends[code] <= from)
            code++;
        hits[code] = from + part.len <= t->ends[code]; /* or it begins in one and ends in the next */
        at = hits[code] ? t->ends[code] : from + 1;
    }
}

/* hits[code] tells whether that text fulfils the clause. */
static enum err judge_texts(struct op *op, const struct texts *t, const struct filter_clause *clause, uint8_t **ret)
{
    uint8_t *hits = arena_array(op->arena, t->len + 1, uint8_t);
    if (!hits)
        return op_fail(op, E_TOO_LARGE, "the filter needs too much memory");
    bool list = clause->op == FILTER_IN || clause->op == FILTER_NOT_IN;
    struct str part;
    bool exact = list || clause->op == FILTER_EQ || clause->op == FILTER_NE;
    bool turned = clause->op == FILTER_NOT_IN || clause->op == FILTER_NE;
    if (exact) {
        memset(hits, turned, t->len + 1);
        const struct str *wanted = list ? clause->list : &clause->text;
        for (size_t i = 0; i < (list ? clause->list_len : 1); i++) {
            uint32_t at = texts_find(t, wanted[i]);
            if (at != TEXTS_NONE)
                hits[at] = !turned;
        }
    } else if (is_contains(clause, &part)) {
        judge_contains(t, part, hits);
    } else {
        for (uint32_t i = 0; i < t->len; i++)
            hits[i] = filter_test_text(clause, texts_get(t, i));
    }
    *ret = hits;
    return OK;
}

static void test_uses(const struct column *c, const struct filter_clause *clause, const uint8_t *hits, size_t n, uint64_t *bits)
{
    int part = clause->attr;
    for (size_t i = 0; i < c->use_len; i++) {
        const struct column_use *u = &c->uses[i];
        if (u->slot < n && u->parts[part] != TEXTS_NONE && hits[u->parts[part]])
            bits_set(bits, u->slot);
    }
    if (clause->op != FILTER_IS_NULL)
        return;
    for (size_t i = 0; i < bits_words(n); i++)
        bits[i] = ~bits[i];
}

enum err column_test(struct op *op, const struct column *c, const struct filter_clause *clause, size_t n, uint64_t *bits)
{
    memset(bits, 0, bits_words(n) * sizeof *bits);
    if (c->entity == FILTER_METRIC) {
        test_reals(c, clause, n, bits);
        return OK;
    }
    uint8_t *hits = NULL;
    struct filter_clause there = {.op = FILTER_NOT_NULL};
    bool use_null = c->entity == FILTER_DATASET && clause->op == FILTER_IS_NULL;
    enum err e = judge_texts(op, &c->texts, use_null ? &there : clause, &hits);
    if (e)
        return e;
    if (c->entity == FILTER_DATASET) {
        test_uses(c, clause, hits, n, bits);
        return OK;
    }
    hits[c->texts.len] = clause->op == FILTER_IS_NULL; /* of those that have none */
    for (size_t i = 0; i < n; i++) {
        size_t code = c->codes[i] == TEXTS_NONE ? c->texts.len : c->codes[i];
        bits[i / 64] |= (uint64_t)(hits[code] & 1) << (i % 64);
    }
    return OK;
}

struct order_key column_key(const struct column *c, size_t slot)
{
    if (c->reals)
        return c->reals[slot] == REAL_ABSENT ? order_absent() : order_real(real_at(c, slot));
    return c->codes[slot] == TEXTS_NONE ? order_absent() : order_text(texts_get(&c->texts, c->codes[slot]));
}

static uint64_t turned(uint64_t key, bool descending)
{
    if (key > SORT_LAST)
        key = SORT_LAST;
    return descending ? SORT_LAST - key : key;
}

uint64_t column_sort_whole(const int64_t *v, bool descending)
{
    return v ? turned((uint64_t)*v ^ (uint64_t)1 << 63, descending) : SORT_ABSENT;
}

uint64_t column_sort_text(struct str s, bool descending)
{
    uint64_t key = 0;
    for (size_t i = 0; i < sizeof key; i++)
        key = key << 8 | (i < s.len ? (unsigned char)s.p[i] : 0);
    return turned(key, descending);
}

static uint64_t sort_real(double v, bool descending)
{
    v += 0.0; /* -0.0 and 0.0 are equal */
    uint64_t key;
    memcpy(&key, &v, sizeof key);
    if (isnan(v))
        return SORT_NAN;
    return turned(key >> 63 ? ~key : key | (uint64_t)1 << 63, descending);
}

uint64_t column_sort_value(const struct order_key *k, bool descending)
{
    switch (k->kind) {
    case ORDER_WHOLE:
        return column_sort_whole(&k->whole, descending);
    case ORDER_REAL:
        return sort_real(k->real, descending);
    case ORDER_TEXT:
        return column_sort_text(k->text, descending);
    case ORDER_NAN:
        return SORT_NAN;
    default:
        return SORT_ABSENT;
    }
}

uint64_t column_sort_rank(const struct column *c, struct str s, bool descending)
{
    return turned(texts_rank_of(&c->texts, s), descending);
}

uint64_t column_sort_key(const struct column *c, size_t slot, bool descending, bool ranked)
{
    if (c->reals)
        return c->reals[slot] == REAL_ABSENT ? SORT_ABSENT : sort_real(real_at(c, slot), descending);
    uint32_t code = c->codes[slot];
    if (code == TEXTS_NONE)
        return SORT_ABSENT;
    return ranked ? turned(c->texts.ranks[code], descending) : column_sort_text(texts_get(&c->texts, code), descending);
}
