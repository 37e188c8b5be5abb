/* Clauses become sets of bits, one bit per run, and the filter's steps combine whole words of them. What is left is
 * either walked in the default order, which every group keeps, or gets a sort key of 64 bits per run; a partial
 * quicksort (Hoare's FIND, 1961) then separates the page from what is before and behind it, so that a page in the
 * middle of 100 000 runs costs a few passes over them and only the page itself is sorted. Who wants all of them in order (run_window.h) gets
 * them by counting (a radix sort of the keys, byte by byte), and only runs of equal keys are compared. A page that begins behind a run (keyset.h)
 * leaves out what lies before; in the default order it starts there. */
#include "core/track/index_select.h"

#include "core/track/run.h"

#include <math.h>
#include <stdlib.h>

#define COUNT_FROM 512 /* candidates, from which on counting is faster than comparing */

struct candidate {
    uint64_t key; /* decides unless equal */
    uint32_t group, slot;
    uint32_t place; /* from the end of the default order, if there is one group only */
};
struct chosen {
    const struct index_group *g;
    uint64_t *bits;
    const struct column *order[LIMIT_TRACK_ORDER_BY]; /* NULL: it is in the group itself */
    size_t count;
};
struct selection {
    const struct run_plan *plan;
    struct chosen *chosen;
    size_t n;
    size_t total;
    bool exact; /* equal keys mean equal values, and there is no second order */
};

static bool in_group(enum filter_entity entity, int attr)
{
    return entity == FILTER_ATTRIBUTE && (attr == RUN_ATTR_ID || attr == RUN_ATTR_STATUS || attr == RUN_ATTR_START || attr == RUN_ATTR_END);
}

static size_t add_need(struct index_need *needs, size_t n, const struct index_need *add)
{
    for (size_t i = 0; i < n; i++) {
        bool same_key = add->entity == FILTER_DATASET || (needs[i].attr == add->attr && str_eq(needs[i].key, add->key));
        if (needs[i].entity == add->entity && same_key) {
            needs[i].ranked = needs[i].ranked || add->ranked;
            return n;
        }
    }
    needs[n] = *add;
    return n + 1;
}

size_t index_needs(const struct run_plan *plan, struct index_need *ret)
{
    size_t n = 0;
    bool rank = plan->experiment_count == 1;
    for (size_t i = 0; i < plan->filter.clause_count; i++) {
        const struct filter_clause *c = &plan->filter.clauses[i];
        bool attr = c->entity == FILTER_ATTRIBUTE;
        if (!in_group(c->entity, c->attr))
            n = add_need(ret, n, &(struct index_need){c->entity, attr ? c->attr : 0, attr || c->entity == FILTER_DATASET ? STR("") : c->key, false});
    }
    for (size_t i = 0; i < plan->order_count; i++) {
        const struct filter_order *o = &plan->order[i];
        bool attr = o->entity == FILTER_ATTRIBUTE, id = attr && o->attr == RUN_ATTR_ID;
        if (id || !in_group(o->entity, o->attr))
            n = add_need(ret, n, &(struct index_need){o->entity, attr ? o->attr : 0, attr ? STR("") : o->key, rank && i == 0 && o->entity != FILTER_METRIC});
    }
    for (size_t i = 0; i < plan->top_count; i++)
        n = add_need(ret, n, &(struct index_need){FILTER_METRIC, 0, plan->tops[i], false});
    return n;
}

/* ---- filter ---- */

static struct str status_text(uint8_t flags)
{
    return str_from(track_run_status_name((enum track_run_status)(flags & INDEX_STATUS)));
}

static void test_whole(const struct index_group *g, const struct filter_clause *c, uint64_t *bits)
{
    bool start = c->attr == RUN_ATTR_START;
    for (size_t i = 0; i < g->len; i++) {
        bool there = start || (g->flags[i] & INDEX_HAS_END);
        if (there ? filter_test_i64(c, start ? g->starts[i] : g->ends[i]) : c->op == FILTER_IS_NULL)
            bits_set(bits, i);
    }
}

static void test_status(const struct index_group *g, const struct filter_clause *c, uint64_t *bits)
{
    bool hits[INDEX_STATUS + 1];
    for (uint8_t i = 0; i <= INDEX_STATUS; i++)
        hits[i] = filter_test_text(c, status_text(i));
    for (size_t i = 0; i < g->len; i++) {
        if (hits[g->flags[i] & INDEX_STATUS])
            bits_set(bits, i);
    }
}

static enum err test_clause(struct op *op, const struct index_group *g, const struct filter_clause *c, uint64_t *bits)
{
    bool id = c->entity == FILTER_ATTRIBUTE && c->attr == RUN_ATTR_ID;
    if (!id && in_group(c->entity, c->attr)) {
        memset(bits, 0, bits_words(g->len) * sizeof *bits);
        if (c->attr == RUN_ATTR_STATUS)
            test_status(g, c, bits);
        else
            test_whole(g, c, bits);
        return OK;
    }
    if (g->len == 0)
        return OK;
    return column_test(op, group_column(g, c->entity, c->attr, c->key), c, g->len, bits);
}

static enum err new_bits(struct op *op, const struct index_group *g, uint64_t **ret)
{
    *ret = arena_array(op->arena, bits_words(g->len) + 1, uint64_t);
    return *ret ? OK : op_fail(op, E_TOO_LARGE, "the filter needs too much memory");
}

/* The steps in postfix; a level of the stack keeps its set for the clauses that come there later. */
static enum err filter_bits(struct op *op, const struct filter *f, const struct index_group *g, uint64_t **ret)
{
    uint64_t *stack[LIMIT_TRACK_FILTER_CLAUSES + 1] = {NULL};
    size_t n = 0, words = bits_words(g->len);
    for (size_t i = 0; i < f->step_count; i++) {
        const struct filter_step *s = &f->steps[i];
        if (s->kind == FILTER_STEP_CLAUSE) {
            enum err e = stack[n] ? OK : new_bits(op, g, &stack[n]);
            if (!e)
                e = test_clause(op, g, &f->clauses[s->clause], stack[n]);
            if (e)
                return e;
            n++;
            continue;
        }
        n--;
        for (size_t k = 0; k < words; k++)
            stack[n - 1][k] = s->kind == FILTER_STEP_AND ? stack[n - 1][k] & stack[n][k] : stack[n - 1][k] | stack[n][k];
    }
    *ret = stack[0];
    return OK;
}

/* The runs of a group that are wanted, and how many. */
static enum err choose(struct op *op, const struct run_plan *plan, struct chosen *c)
{
    uint64_t *seen = NULL, *hits = NULL;
    enum err e = new_bits(op, c->g, &seen);
    if (!e && plan->filter.step_count)
        e = filter_bits(op, &plan->filter, c->g, &hits);
    if (e)
        return e;
    for (size_t i = 0; i < c->g->len; i++) {
        uint8_t f = c->g->flags[i];
        if (!(f & INDEX_GONE) && (f & INDEX_DELETED ? plan->deleted : plan->active))
            bits_set(seen, i);
    }
    for (size_t i = 0; i < bits_words(c->g->len); i++) {
        if (hits)
            seen[i] &= hits[i];
        c->count += (size_t)__builtin_popcountll(seen[i]);
    }
    c->bits = seen;
    for (size_t i = 0; i < plan->order_count; i++) {
        const struct filter_order *o = &plan->order[i];
        bool id = o->entity == FILTER_ATTRIBUTE && o->attr == RUN_ATTR_ID;
        if (id || !in_group(o->entity, o->attr))
            c->order[i] = group_column(c->g, o->entity, o->attr, o->key);
    }
    return OK;
}

/* ---- order ---- */

static struct order_key key_at(const struct chosen *c, const struct filter_order *o, size_t i, uint32_t slot)
{
    if (c->order[i])
        return column_key(c->order[i], slot);
    if (o->attr == RUN_ATTR_STATUS)
        return order_text(status_text(c->g->flags[slot]));
    if (o->attr == RUN_ATTR_START)
        return order_whole(c->g->starts[slot]);
    return c->g->flags[slot] & INDEX_HAS_END ? order_whole(c->g->ends[slot]) : order_absent();
}

static uint64_t sort_key(const struct selection *s, const struct chosen *c, uint32_t slot)
{
    if (s->plan->order_count == 0)
        return column_sort_whole(&c->g->starts[slot], true);
    const struct filter_order *o = &s->plan->order[0];
    if (c->order[0])
        return column_sort_key(c->order[0], slot, o->descending, s->n == 1);
    if (o->attr == RUN_ATTR_STATUS)
        return column_sort_text(status_text(c->g->flags[slot]), o->descending);
    if (o->attr == RUN_ATTR_START)
        return column_sort_whole(&c->g->starts[slot], o->descending);
    return column_sort_whole(c->g->flags[slot] & INDEX_HAS_END ? &c->g->ends[slot] : NULL, o->descending);
}

static struct str id_at(const struct selection *s, const struct candidate *c)
{
    const struct column *ids = s->chosen[c->group].g->ids;
    return texts_get(&ids->texts, ids->codes[c->slot]);
}

static int compare(const void *pa, const void *pb, void *arg)
{
    const struct selection *s = arg;
    const struct candidate *a = pa, *b = pb;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    for (size_t i = 0; i < s->plan->order_count && !s->exact; i++) {
        const struct filter_order *o = &s->plan->order[i];
        struct order_key ka = key_at(&s->chosen[a->group], o, i, a->slot), kb = key_at(&s->chosen[b->group], o, i, b->slot);
        int c = order_compare(o, 1, &ka, &kb);
        if (c)
            return c;
    }
    if (s->n == 1)
        return (a->place < b->place) - (a->place > b->place);
    int64_t sa = s->chosen[a->group].g->starts[a->slot], sb = s->chosen[b->group].g->starts[b->slot];
    if (sa != sb)
        return sa > sb ? -1 : 1;
    return str_cmp(id_at(s, a), id_at(s, b));
}

static void swap(struct candidate *a, struct candidate *b)
{
    struct candidate t = *a;
    *a = *b;
    *b = t;
}

/* Moves the candidates that belong before place `k` there. Sorts what is left when the pivots are bad for long. */
static void part(struct selection *s, struct candidate *p, size_t n, size_t k)
{
    size_t lo = 0, hi = n;
    for (int rounds = 0; hi - lo > 16; rounds++) {
        if (rounds > 64)
            break;
        struct candidate *a = &p[lo], *m = &p[lo + (hi - lo) / 2], *z = &p[hi - 1];
        if (compare(m, a, s) < 0)
            swap(m, a);
        if (compare(z, m, s) < 0)
            swap(z, m);
        if (compare(m, a, s) < 0)
            swap(m, a);
        struct candidate pivot = *m;
        size_t i = lo, j = hi - 1;
        for (;;) {
            while (compare(&p[i], &pivot, s) < 0)
                i++;
            while (compare(&pivot, &p[j], s) < 0)
                j--;
            if (i >= j)
                break;
            swap(&p[i++], &p[j--]);
        }
        /* All candidates differ, so p[..j] <= pivot <= p[j + 1..] and both parts are smaller. */
        if (k <= j)
            hi = j + 1;
        else
            lo = j + 1;
    }
    if (hi - lo > 1)
        qsort_r(&p[lo], hi - lo, sizeof *p, compare, s);
}

/* One pass of the counting sort: by byte `at` of the keys, or of the places turned round. False: all have the same one, nothing was moved. */
static bool count_pass(const struct candidate *from, struct candidate *to, size_t n, bool place, unsigned at)
{
    size_t starts[256] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++)
        starts[((place ? ~(uint64_t)from[i].place : from[i].key) >> 8 * at) & 255]++;
    for (size_t b = 0; b < ARRAY_LEN(starts); b++) {
        size_t count = starts[b];
        if (count == n)
            return false;
        starts[b] = sum;
        sum += count;
    }
    for (size_t i = 0; i < n; i++)
        to[starts[((place ? ~(uint64_t)from[i].place : from[i].key) >> 8 * at) & 255]++] = from[i];
    return true;
}

/* Sorts all of them; *ret is `p` or memory of op's arena. */
static enum err sort_all(struct op *op, struct selection *s, struct candidate *p, size_t n, struct candidate **ret)
{
    bool placed = s->n == 1 && s->plan->order_count == 1; /* equal keys stand as in the default order */
    struct candidate *other = arena_array(op->arena, n + 1, struct candidate);
    if (!other)
        return op_fail(op, E_TOO_LARGE, "the search finds more runs than fit in memory: narrow the filter");
    for (unsigned pass = placed ? 0 : 4; pass < 12; pass++) {
        bool place = pass < 4;
        if (count_pass(p, other, n, place, place ? pass : pass - 4)) {
            struct candidate *t = p;
            p = other;
            other = t;
        }
    }
    for (size_t i = 0, end; i < n && !placed; i = end) {
        for (end = i + 1; end < n && p[end].key == p[i].key; end++)
            ;
        if (end - i > 1)
            qsort_r(&p[i], end - i, sizeof *p, compare, s);
    }
    *ret = p;
    return OK;
}

/* Where a run stands against the place behind which the page begins. */
static int compare_after(const struct selection *s, const struct chosen *c, uint32_t slot)
{
    struct order_key keys[LIMIT_TRACK_ORDER_BY];
    for (size_t i = 0; i < s->plan->order_count; i++)
        keys[i] = key_at(c, &s->plan->order[i], i, slot);
    return keyset_compare(s->plan->order, s->plan->order_count, keys, c->g->starts[slot], texts_get(&c->g->ids->texts, c->g->ids->codes[slot]), &s->plan->after);
}

/* The place's first key as the candidates' are; where these are equal compare_after() decides. */
static uint64_t after_key(const struct selection *s, const struct chosen *c)
{
    const struct filter_order *o = &s->plan->order[0];
    const struct order_key *k = &s->plan->after.keys[0];
    if (s->plan->order_count == 0)
        return column_sort_whole(&s->plan->after.start_ms, true);
    if (c->order[0] && k->kind == ORDER_TEXT && s->n == 1)
        return column_sort_rank(c->order[0], k->text, o->descending);
    return column_sort_value(k, o->descending);
}

/* The candidates of the page and of those behind it; ret has room for all. */
static size_t collect_group(const struct selection *s, uint32_t i, struct candidate *ret)
{
    const struct chosen *c = &s->chosen[i];
    uint64_t after = s->plan->keyed ? after_key(s, c) : 0;
    size_t n = 0;
    for (size_t w = 0; w < bits_words(c->g->len); w++) {
        for (uint64_t left = c->bits[w]; left; left &= left - 1) {
            uint32_t slot = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(left));
            uint64_t key = sort_key(s, c, slot);
            if (s->plan->keyed && (key < after || (key == after && compare_after(s, c, slot) <= 0)))
                continue;
            ret[n++] = (struct candidate){key, i, slot, c->g->places[slot]};
        }
    }
    return n;
}

static enum err collect(struct op *op, struct selection *s, struct candidate **ret, size_t *ret_n)
{
    struct candidate *all = arena_array(op->arena, s->total + 1, struct candidate);
    if (!all)
        return op_fail(op, E_TOO_LARGE, "the search finds more runs than fit in memory: narrow the filter");
    *ret_n = 0;
    for (uint32_t i = 0; i < s->n; i++)
        *ret_n += collect_group(s, i, all + *ret_n);
    *ret = all;
    return OK;
}

/* What the last run of the page is ordered by. */
static void note_last(struct op *op, const struct selection *s, uint32_t group, uint32_t slot, struct keyset *ret)
{
    const struct chosen *c = &s->chosen[group];
    struct str id = texts_get(&c->g->ids->texts, c->g->ids->codes[slot]);
    ret->start_ms = c->g->starts[slot];
    ret->run_id = str_dup(op->arena, id);
    for (size_t i = 0; i < s->plan->order_count; i++) {
        ret->keys[i] = key_at(c, &s->plan->order[i], i, slot);
        if (ret->keys[i].kind == ORDER_TEXT) /* a longer one does not go into a token anyhow */
            ret->keys[i].text = str_dup(op->arena, str_sub(ret->keys[i].text, 0, LIMIT_TRACK_PAGE_TOKEN));
    }
}
/* How many of the default order of the one group lie before the page that begins behind a run. */
static size_t walked(const struct selection *s)
{
    const struct index_group *g = s->chosen[0].g;
    size_t from = 0, to = g->len;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (compare_after(s, &s->chosen[0], g->by_start[g->len - 1 - middle]) <= 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

/* Along the default order of the one group, until the page is full and it is known whether another one follows. */
static void walk(struct op *op, const struct selection *s, struct run_hits *hits)
{
    const struct index_group *g = s->chosen[0].g;
    const uint64_t *bits = s->chosen[0].bits;
    size_t skip = s->plan->keyed ? 0 : s->plan->offset;
    uint32_t last = 0;
    for (size_t i = g->len - (s->plan->keyed ? walked(s) : 0); i > 0 && !hits->more; i--) {
        uint32_t slot = g->by_start[i - 1];
        if (!bits_get(bits, slot))
            continue;
        if (skip) {
            skip--;
            continue;
        }
        hits->more = hits->len == s->plan->limit;
        if (hits->more)
            break;
        hits->rows[hits->len++] = g->rows[slot];
        last = slot;
    }
    if (hits->more)
        note_last(op, s, 0, last, &hits->last);
}

/* The page among all that were collected. */
static enum err sorted(struct op *op, struct selection *s, struct run_hits *hits)
{
    struct candidate *all = NULL;
    size_t n = 0;
    enum err e = collect(op, s, &all, &n);
    if (e)
        return e;
    size_t offset = s->plan->keyed ? 0 : s->plan->offset, from = offset < n ? offset : n;
    size_t want = n - from < s->plan->limit ? n - from : s->plan->limit;
    if (want == 0)
        return OK;
    if (want == n && n >= COUNT_FROM) {
        e = sort_all(op, s, all, n, &all);
        if (e)
            return e;
    } else {
        if (from > 0)
            part(s, all, n, from);
        if (from + want < n)
            part(s, all + from, n - from, want);
        qsort_r(all + from, want, sizeof *all, compare, s);
    }
    for (size_t i = 0; i < want; i++)
        hits->rows[hits->len++] = s->chosen[all[from + i].group].g->rows[all[from + i].slot];
    hits->more = from + want < n;
    const struct candidate *last = &all[from + want - 1];
    if (hits->more)
        note_last(op, s, last->group, last->slot, &hits->last);
    return OK;
}

static enum err page(struct op *op, struct selection *s, struct run_hits *hits)
{
    size_t most = s->total < s->plan->limit ? s->total : s->plan->limit;
    hits->total = (int64_t)s->total;
    hits->rows = arena_array(op->arena, most + 1, int64_t);
    if (!hits->rows)
        return op_fail(op, E_TOO_LARGE, "the page does not fit in memory: lower max_results");
    if (most == 0)
        return OK;
    if (s->n != 1 || s->plan->order_count)
        return sorted(op, s, hits);
    walk(op, s, hits);
    return OK;
}

/* The least and greatest values among what was chosen. */
static enum err find_tops(struct op *op, const struct selection *s, struct run_top **ret)
{
    struct run_top *tops = arena_array(op->arena, s->plan->top_count + 1, struct run_top);
    if (!tops)
        return op_fail(op, E_TOO_LARGE, "too many columns");
    memset(tops, 0, s->plan->top_count * sizeof *tops);
    for (size_t t = 0; t < s->plan->top_count; t++) {
        for (size_t i = 0; i < s->n; i++) {
            const struct chosen *c = &s->chosen[i];
            const struct column *col = c->g->len ? group_column(c->g, FILTER_METRIC, 0, s->plan->tops[t]) : NULL;
            for (size_t w = 0; col && w < bits_words(c->g->len); w++) {
                for (uint64_t left = c->bits[w]; left; left &= left - 1) {
                    struct order_key k = column_key(col, w * 64 + (size_t)__builtin_ctzll(left));
                    if (k.kind != ORDER_REAL || !isfinite(k.real))
                        continue;
                    tops[t].min = tops[t].any && tops[t].min < k.real ? tops[t].min : k.real;
                    tops[t].max = tops[t].any && tops[t].max > k.real ? tops[t].max : k.real;
                    tops[t].any = true;
                }
            }
        }
    }
    *ret = tops;
    return OK;
}

enum err index_select(struct op *op, struct index_group *const *groups, size_t n, const struct run_plan *plan, struct run_hits *ret)
{
    struct selection s = {.plan = plan, .n = n, .chosen = arena_array(op->arena, n + 1, struct chosen)};
    if (!s.chosen)
        return op_fail(op, E_TOO_LARGE, "the search covers too many experiments");
    for (size_t i = 0; i < n; i++) {
        s.chosen[i].g = groups[i];
        enum err e = choose(op, plan, &s.chosen[i]);
        if (e)
            return e;
        s.total += s.chosen[i].count;
    }
    s.exact = n == 1 && plan->order_count == 1 && s.chosen[0].order[0];
    struct run_hits hits = {0};
    enum err e = page(op, &s, &hits);
    if (!e && plan->top_count)
        e = find_tops(op, &s, &hits.tops);
    if (!e)
        *ret = hits;
    return e;
}
