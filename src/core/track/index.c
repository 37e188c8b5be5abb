/* A search goes through three steps. First every group it needs is prepared, one after the other and each under its
 * own lock: refreshed from the log of changes, and its missing columns fetched without any lock (that takes longest)
 * and then attached. Second the locks of all groups are taken for reading, in ascending order of the experiments, so
 * that no two searches wait for each other in a circle (waiting writers go before new readers, and a writer holds
 * one lock only). Third, if nobody undid the preparation meanwhile, filter and order run over the columns.
 *
 * A group may be ahead of the search's snapshot, because another search refreshed it from a newer one. Its answer is
 * then as right as that of a search begun a moment later; only the rows have to be loaded in a newer snapshot. */
#include "core/track/index.h"

#include "core/track/change.h"
#include "core/track/index_group.h"
#include "core/track/index_select.h"

#include <stdlib.h>
#include <time.h>

#define ATTEMPTS 4

struct run_index {
    struct mutex lock; /* over what follows, `users` and `size` of the groups; innermost */
    struct index_group **groups; /* by experiment */
    size_t len, cap;
    size_t size, max;
};

struct search {
    struct run_index *x;
    struct db_tx *tx;
    const struct run_plan *plan;
    struct index_group **groups;
    size_t taken; /* of them */
    struct index_need needs[INDEX_NEEDS_MAX];
    size_t need_count;
    int64_t oldest, newest, now;
};

struct run_index *run_index_create(size_t max_bytes)
{
    struct run_index *x = calloc(1, sizeof *x);
    if (!x)
        abort();
    mutex_init(&x->lock);
    x->max = max_bytes;
    return x;
}

static void group_destroy(struct index_group *g)
{
    group_clear(g);
    rwlock_clear(&g->lock);
    free(g);
}

void run_index_destroy(struct run_index *x)
{
    if (!x)
        return;
    for (size_t i = 0; i < x->len; i++)
        group_destroy(x->groups[i]);
    free(x->groups);
    mutex_clear(&x->lock);
    free(x);
}

size_t run_index_size(struct run_index *x)
{
    LOCK(&x->lock);
    return x->size;
}

/* ---- groups ---- */

/* Where the group of the experiment stands or belongs. */
static size_t place(const struct run_index *x, int64_t experiment)
{
    size_t lo = 0, hi = x->len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (x->groups[mid]->experiment < experiment)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Makes room in the table by forgetting the group that nobody uses for longest. */
static bool forget_one(struct run_index *x)
{
    size_t oldest = SIZE_MAX;
    for (size_t i = 0; i < x->len; i++) {
        bool older = oldest == SIZE_MAX || __atomic_load_n(&x->groups[i]->used_at, __ATOMIC_RELAXED) <
                                               __atomic_load_n(&x->groups[oldest]->used_at, __ATOMIC_RELAXED);
        if (x->groups[i]->users == 0 && older)
            oldest = i;
    }
    if (oldest == SIZE_MAX)
        return false;
    x->size -= x->groups[oldest]->size;
    group_destroy(x->groups[oldest]);
    memmove(&x->groups[oldest], &x->groups[oldest + 1], (x->len - oldest - 1) * sizeof(void *));
    x->len--;
    return true;
}

/* NULL: too many are in use. */
static struct index_group *group_take(struct run_index *x, int64_t experiment)
{
    LOCK(&x->lock);
    size_t i = place(x, experiment);
    if (i < x->len && x->groups[i]->experiment == experiment) {
        x->groups[i]->users++;
        return x->groups[i];
    }
    if (x->len == LIMIT_TRACK_INDEX_GROUPS && !forget_one(x))
        return NULL;
    if (x->len == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : 16;
        struct index_group **p = realloc(x->groups, cap * sizeof(void *));
        if (!p)
            return NULL;
        x->groups = p;
        x->cap = cap;
    }
    struct index_group *g = calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->experiment = experiment;
    g->users = 1;
    rwlock_init(&g->lock);
    i = place(x, experiment);
    memmove(&x->groups[i + 1], &x->groups[i], (x->len - i) * sizeof(void *));
    x->groups[i] = g;
    x->len++;
    return g;
}

static void group_give(struct run_index *x, struct index_group *g)
{
    LOCK(&x->lock);
    g->users--;
}

/* Under the group's lock for writing. True: all groups together fit. */
static bool account(struct run_index *x, struct index_group *g)
{
    size_t size = group_size(g);
    LOCK(&x->lock);
    x->size += size - g->size;
    g->size = size;
    return x->size <= x->max;
}

static bool is_needed(const struct search *s, const struct column *c)
{
    for (size_t i = 0; i < s->need_count; i++) {
        if (column_is(c, s->needs[i].entity, s->needs[i].attr, s->needs[i].key))
            return true;
    }
    return false;
}

/* The group, among those that are used by nobody, that was not used for longest; it comes locked and taken. */
static struct index_group *victim(struct run_index *x, const struct index_group *but)
{
    LOCK(&x->lock);
    struct index_group *best = NULL;
    int64_t best_at = 0;
    for (size_t i = 0; i < x->len; i++) {
        struct index_group *g = x->groups[i];
        int64_t at = __atomic_load_n(&g->used_at, __ATOMIC_RELAXED);
        if (g == but || g->users > 0 || g->size == 0 || (best && at >= best_at))
            continue;
        best = g;
        best_at = at;
    }
    if (best)
        best->users++;
    return best;
}

/* Frees what was not used for longest until all fits: other groups, then columns of this one, whose lock for writing
 * is held. False: it does not fit, and the group is empty now. */
static bool fit(struct search *s, struct index_group *g)
{
    bool fits = account(s->x, g);
    while (!fits) {
        struct index_group *v = victim(s->x, g);
        if (!v)
            break;
        bool locked = rwlock_try_write(&v->lock);
        if (locked) {
            group_clear(v);
            fits = account(s->x, v);
            rwlock_unlock(&v->lock);
        }
        group_give(s->x, v);
        if (!locked)
            break;
    }
    while (!fits) {
        size_t oldest = SIZE_MAX;
        for (size_t i = 0; i < g->column_count; i++) {
            bool older = oldest == SIZE_MAX || g->columns[i]->used_at < g->columns[oldest]->used_at;
            if (older && !is_needed(s, g->columns[i]))
                oldest = i;
        }
        if (oldest == SIZE_MAX)
            break;
        group_drop(g, oldest);
        fits = account(s->x, g);
    }
    if (fits)
        return true;
    group_clear(g);
    account(s->x, g);
    return false;
}

/* ---- preparing ---- */

static bool is_ranked(const struct column *c)
{
    return c->texts.ranked == c->texts.len;
}

/* Under the group's lock: all is there that the search needs, and it is of one state. */
static bool is_ready(const struct search *s, const struct index_group *g)
{
    if (!g->loaded || g->low != g->high || g->high < s->newest)
        return false;
    for (size_t i = 0; g->len && i < s->need_count; i++) {
        const struct column *c = group_column(g, s->needs[i].entity, s->needs[i].attr, s->needs[i].key);
        if (!c || (s->needs[i].ranked && !is_ranked(c)))
            return false;
    }
    return true;
}

/* Under the lock for writing. *ret_missing: a need that has no column yet, with the runs it is to be made for. */
static enum err bring_up(struct op *op, struct search *s, struct index_group *g, const struct index_need **ret_missing, int64_t **ret_rows)
{
    enum err e = g->high > s->newest ? OK : group_refresh(op, s->tx, g, s->oldest, s->newest);
    if (e)
        return e;
    for (size_t i = 0; g->len && i < s->need_count; i++) {
        struct column *c = group_column(g, s->needs[i].entity, s->needs[i].attr, s->needs[i].key);
        if (!c) {
            *ret_missing = &s->needs[i];
            break;
        }
        c->used_at = s->now;
        if (s->needs[i].ranked && !texts_rank(&c->texts))
            return op_fail(op, E_TOO_LARGE, "the columns of a search do not fit in memory");
    }
    if (!fit(s, g))
        return op_fail(op, E_TOO_LARGE, "the columns of a search do not fit in memory");
    if (*ret_missing) {
        *ret_rows = arena_array(op->arena, g->len, int64_t);
        if (!*ret_rows)
            return op_fail(op, E_TOO_LARGE, "the columns of a search do not fit in memory");
        memcpy(*ret_rows, g->rows, g->len * sizeof **ret_rows);
    }
    return OK;
}

/* One step towards is_ready. */
static enum err prepare_once(struct op *op, struct search *s, struct index_group *g)
{
    const struct index_need *missing = NULL;
    int64_t *rows = NULL;
    rwlock_write(&g->lock);
    enum err e = bring_up(op, s, g, &missing, &rows);
    uint64_t generation = g->generation;
    size_t n = g->len;
    rwlock_unlock(&g->lock);
    if (e || !missing)
        return e;
    struct column *c = NULL;
    e = group_fetch(op, s->tx, g->experiment, rows, n, missing, &c);
    if (e)
        return e;
    c->used_at = s->now;
    rwlock_write(&g->lock);
    if (g->generation == generation)
        e = group_attach(op, g, s->newest, c);
    else
        column_destroy(c);
    if (!e && !fit(s, g))
        e = op_fail(op, E_TOO_LARGE, "the columns of a search do not fit in memory");
    rwlock_unlock(&g->lock);
    return e;
}

static enum err prepare(struct op *op, struct search *s, struct index_group *g)
{
    for (size_t i = 0; i < s->need_count + ATTEMPTS; i++) {
        rwlock_read(&g->lock);
        bool ready = is_ready(s, g);
        rwlock_unlock(&g->lock);
        if (ready)
            break;
        enum err e = prepare_once(op, s, g);
        if (e)
            return e;
    }
    __atomic_store_n(&g->used_at, s->now, __ATOMIC_RELAXED);
    return OK;
}

/* Notes the time of use, for fit(). Others may do the same. */
static void touch(const struct search *s, const struct index_group *g)
{
    for (size_t i = 0; i < s->need_count; i++) {
        struct column *c = group_column(g, s->needs[i].entity, s->needs[i].attr, s->needs[i].key);
        if (c)
            __atomic_store_n(&c->used_at, s->now, __ATOMIC_RELAXED);
    }
}

/* Prepares all groups and selects. */
static enum err attempt(struct op *op, struct search *s, struct run_hits *ret, enum index_outcome *ret_outcome)
{
    enum err e = OK;
    for (size_t i = 0; !e && i < s->taken; i++)
        e = prepare(op, s, s->groups[i]);
    if (e)
        return e;
    bool ready = true, ahead = false;
    for (size_t i = 0; i < s->taken; i++) {
        rwlock_read(&s->groups[i]->lock);
        ready = ready && is_ready(s, s->groups[i]);
        ahead = ahead || s->groups[i]->high > s->newest;
    }
    for (size_t i = 0; ready && i < s->taken; i++)
        touch(s, s->groups[i]);
    if (ready)
        e = index_select(op, s->groups, s->taken, s->plan, ret);
    for (size_t i = s->taken; i > 0; i--)
        rwlock_unlock(&s->groups[i - 1]->lock);
    if (!e && ready)
        *ret_outcome = ahead ? INDEX_AHEAD : INDEX_DONE;
    return e;
}

static int64_t clock_now(void)
{
    struct timespec t;
    if (clock_gettime(CLOCK_MONOTONIC, &t) != 0)
        abort();
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static enum err run(struct op *op, struct search *s, struct run_hits *ret, enum index_outcome *ret_outcome)
{
    const struct run_plan *plan = s->plan;
    enum err e = track_change_ends(op, s->tx, &s->oldest, &s->newest);
    s->groups = e ? NULL : arena_array(op->arena, plan->experiment_count + 1, struct index_group *);
    if (!s->groups)
        return e;
    s->need_count = index_needs(plan, s->needs);
    while (s->taken < plan->experiment_count) {
        s->groups[s->taken] = group_take(s->x, plan->experiments[s->taken]);
        if (!s->groups[s->taken])
            break;
        s->taken++;
    }
    for (int i = 0; !e && s->taken == plan->experiment_count && i < ATTEMPTS && *ret_outcome == INDEX_BUSY; i++)
        e = attempt(op, s, ret, ret_outcome);
    for (size_t i = 0; i < s->taken; i++)
        group_give(s->x, s->groups[i]);
    return e;
}

enum err run_index_select(struct op *op, struct run_index *x, struct db_tx *tx, const struct run_plan *plan, struct run_hits *ret, enum index_outcome *ret_outcome)
{
    *ret_outcome = INDEX_UNFIT;
    if (tx->writable || plan->experiment_count > LIMIT_TRACK_INDEX_GROUPS)
        return OK; /* a writer's own changes may never be committed */
    *ret_outcome = INDEX_BUSY;
    struct search *s = op_new(op, struct search);
    *s = (struct search){.x = x, .tx = tx, .plan = plan, .now = clock_now()};
    enum err e = run(op, s, ret, ret_outcome);
    if (e == E_TOO_LARGE) { /* row by row it may yet be answered */
        op_clear(op);
        *ret_outcome = INDEX_UNFIT;
        return OK;
    }
    return e;
}
