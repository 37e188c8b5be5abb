/* Two rings per version: periods of a second and of ten. Each ring remembers the counters at its last look (its base) and keeps what they grew by
 * as a sample, when they grew. Periods are numbered from 1970; a sample names the last period that it covers and how many. A look just
 * before the end of a period belongs to it: the time is rounded to the nearest second.
 *
 * Latency is kept as the fine buckets that grew (core/serve/stats.h: eight to a doubling), as pairs, so that steps of any length have true
 * quantiles: those of all their requests, not means of quantiles. Within a bucket values are taken to be spread evenly; a
 * quantile is off by at most a bucket, one eighth of its value. A sample of quiet traffic takes some hundred bytes.
 *
 * An answer is made step by step: samples come in the order of time, so each ring is walked once. */
#include "core/serve/trend.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/thread.h"
#include "core/serve/stats.h"

enum { RINGS = 2, SECOND_US = 1000000, BRIEF_SPARKS = 30, BRIEF_SECONDS = 60 };
static const struct {
    int64_t period_us;
    size_t keep;
} kinds[RINGS] = {{SECOND_US, 900}, {10 * SECOND_US, 8640}};

/* Counters that only grow. */
enum { F_REQUESTS, F_ERRORS, F_ROWS, F_RUNS, F_HITS, F_MISSES, F_QUEUE_NS, F_QUEUE_COUNT, F_FAILED, F_FINE = F_FAILED + ERR_COUNT, F_COUNT = F_FINE + INFER_FINE };
struct pair {
    uint16_t what; /* F_... but F_QUEUE_NS */
    uint32_t n;
};
struct sample {
    int64_t period;       /* the last one it covers */
    int64_t periods;      /* how many, up to and with it */
    uint64_t queued, queue_ns;
    size_t pairs;
    struct pair pair[];
};
struct ring {
    struct sample **at;   /* kinds[].keep places; NULL before the first sample */
    size_t first, len, bytes; /* of the samples */
    int64_t from, until;  /* known: periods [from, until) */
    uint64_t base[F_COUNT];
};
struct track {
    int64_t version;
    struct ring ring[RINGS];
};
struct place {
    struct str name;      /* owned */
    struct track *track[LIMIT_SERVE_TREND_VERSIONS];
    size_t tracks;
    int64_t from[RINGS], until[RINGS]; /* looked at between them */
};
struct trend {
    struct mutex lock;
    struct place *place[LIMIT_SERVE_ENDPOINTS];
    size_t places, bytes;
    struct arena *names, *each;
};

static void *need(void *p)
{
    if (!p)
        abort();
    return p;
}

struct trend *trend_create(void)
{
    struct trend *t = need(calloc(1, sizeof *t));
    mutex_init(&t->lock);
    t->names = arena_create(LIMIT_MIB(1));
    t->each = arena_create(LIMIT_MIB(1));
    return t;
}

/* ---- rings ---- */
static size_t sample_bytes(const struct sample *s)
{
    return sizeof *s + s->pairs * sizeof s->pair[0] + 16; /* and the allocator's part */
}

static struct sample *ring_at(const struct ring *r, int kind, size_t i)
{
    return r->at[(r->first + i) % kinds[kind].keep];
}

static void ring_drop_oldest(struct trend *t, struct ring *r, int kind)
{
    struct sample *s = ring_at(r, kind, 0);
    if (s->period + 1 > r->from)
        r->from = s->period + 1;
    t->bytes -= sample_bytes(s);
    r->bytes -= sample_bytes(s);
    free(s);
    r->first = (r->first + 1) % kinds[kind].keep;
    r->len--;
}

static void ring_clear(struct trend *t, struct ring *r, int kind)
{
    while (r->len)
        ring_drop_oldest(t, r, kind);
    if (r->at)
        t->bytes -= kinds[kind].keep * sizeof(struct sample *);
    free(r->at);
    r->at = NULL;
    r->first = 0;
}

/* False: there is nothing left to drop. */
static bool largest_drop_oldest(struct trend *t)
{
    struct ring *largest = NULL;
    int kind = 0;
    for (size_t i = 0; i < t->places; i++)
        for (size_t k = 0; k < t->place[i]->tracks; k++)
            for (int n = 0; n < RINGS; n++) {
                struct ring *r = &t->place[i]->track[k]->ring[n];
                if (r->len && (!largest || r->bytes > largest->bytes)) {
                    largest = r;
                    kind = n;
                }
            }
    if (largest)
        ring_drop_oldest(t, largest, kind);
    return largest;
}

static void ring_push(struct trend *t, struct ring *r, int kind, struct sample *take_s)
{
    if (!r->at) {
        r->at = need(calloc(kinds[kind].keep, sizeof(struct sample *)));
        t->bytes += kinds[kind].keep * sizeof(struct sample *);
    }
    if (r->len == kinds[kind].keep)
        ring_drop_oldest(t, r, kind);
    while (t->bytes + sample_bytes(take_s) > LIMIT_SERVE_TREND_BYTES && largest_drop_oldest(t))
        ;
    r->at[(r->first + r->len++) % kinds[kind].keep] = take_s;
    t->bytes += sample_bytes(take_s);
    r->bytes += sample_bytes(take_s);
}

static void counters_of(const struct infer_stats *st, uint64_t ret[F_COUNT])
{
    ret[F_REQUESTS] = st->success.count + st->fail.count;
    ret[F_ERRORS] = st->fail.count;
    ret[F_ROWS] = st->inference_count, ret[F_RUNS] = st->execution_count;
    ret[F_HITS] = st->cache_hit.count, ret[F_MISSES] = st->cache_miss.count;
    ret[F_QUEUE_NS] = st->queue.ns, ret[F_QUEUE_COUNT] = st->queue.count;
    memcpy(ret + F_FAILED, st->failed, sizeof st->failed);
    memcpy(ret + F_FINE, st->total_fine, sizeof st->total_fine);
}

/* What grew since the base, which then is `now`; NULL: nothing did. Counters that fell were begun anew: the version was loaded again. */
static struct sample *growth(struct ring *r, const uint64_t now[F_COUNT], uint64_t queued)
{
    if (now[F_REQUESTS] < r->base[F_REQUESTS] || now[F_RUNS] < r->base[F_RUNS] || now[F_QUEUE_NS] < r->base[F_QUEUE_NS])
        memset(r->base, 0, sizeof r->base);
    size_t n = 0;
    for (size_t i = 0; i < F_COUNT; i++)
        n += now[i] > r->base[i];
    struct sample *s = NULL;
    if (n || queued) {
        s = need(malloc(sizeof *s + n * sizeof s->pair[0]));
        *s = (struct sample){.queued = queued, .queue_ns = now[F_QUEUE_NS] - r->base[F_QUEUE_NS]};
        for (size_t i = 0; i < F_COUNT; i++)
            if (now[i] > r->base[i] && i != F_QUEUE_NS)
                s->pair[s->pairs++] = (struct pair){(uint16_t)i, (uint32_t)(now[i] - r->base[i])}; /* some seconds': far from 2^32 */
    }
    memcpy(r->base, now, sizeof r->base);
    return s;
}

static void ring_look(struct trend *t, struct ring *r, int kind, const uint64_t now[F_COUNT], uint64_t queued, int64_t until)
{
    bool fresh = !r->until;
    if (until == r->until)
        return;
    if (until < r->until) /* the clock was set back */
        ring_clear(t, r, kind);
    if (fresh || until < r->until) {
        r->from = until - 1;
        r->until = until - 1;
    }
    struct sample *s = growth(r, now, queued);
    int64_t keep = (int64_t)kinds[kind].keep;
    if (s) {
        s->period = until - 1;
        s->periods = until - r->until < keep ? until - r->until : keep;
        ring_push(t, r, kind, s);
    }
    r->until = until;
    while (r->len && ring_at(r, kind, 0)->period < until - keep)
        ring_drop_oldest(t, r, kind);
    if (r->from < until - keep)
        r->from = until - keep;
}

/* ---- looking ---- */
static void place_destroy(struct trend *t, struct place *p)
{
    for (size_t i = 0; i < p->tracks; i++) {
        for (int k = 0; k < RINGS; k++)
            ring_clear(t, &p->track[i]->ring[k], k);
        free(p->track[i]);
    }
    free((char *)(uintptr_t)p->name.p);
    free(p);
}

void trend_destroy(struct trend *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->places; i++)
        place_destroy(t, t->place[i]);
    assert(!t->bytes);
    arena_destroy(t->each);
    arena_destroy(t->names);
    mutex_clear(&t->lock);
    free(t);
}

static struct place *place_find(struct trend *t, struct str name)
{
    for (size_t i = 0; i < t->places; i++)
        if (str_eq(t->place[i]->name, name))
            return t->place[i];
    return NULL;
}

static struct place *place_add(struct trend *t, struct str name)
{
    if (t->places == LIMIT_SERVE_ENDPOINTS)
        return NULL;
    struct place *p = need(calloc(1, sizeof *p));
    char *copy = need(malloc(name.len + 1));
    memcpy(copy, name.p, name.len);
    p->name = (struct str){copy, name.len};
    return t->place[t->places++] = p;
}

/* The track of a version; where there is no room the one that was not looked at for the longest goes. */
static struct track *track_of(struct trend *t, struct place *p, int64_t version)
{
    size_t oldest = 0;
    for (size_t i = 0; i < p->tracks; i++) {
        if (p->track[i]->version == version)
            return p->track[i];
        if (p->track[i]->ring[0].until < p->track[oldest]->ring[0].until)
            oldest = i;
    }
    struct track *made = need(calloc(1, sizeof *made));
    made->version = version;
    if (p->tracks < LIMIT_SERVE_TREND_VERSIONS)
        return p->track[p->tracks++] = made;
    for (int k = 0; k < RINGS; k++)
        ring_clear(t, &p->track[oldest]->ring[k], k);
    free(p->track[oldest]);
    return p->track[oldest] = made;
}

size_t trend_bytes(struct trend *t)
{
    LOCK(&t->lock);
    return t->bytes;
}

void trend_note(struct trend *t, struct str endpoint, const struct infer_stats *stats, size_t n, int64_t now_us)
{
    LOCK(&t->lock);
    struct place *p = place_find(t, endpoint);
    if (!p && !(p = place_add(t, endpoint)))
        return;
    uint64_t now[F_COUNT];
    int64_t until[RINGS];
    for (int k = 0; k < RINGS; k++) {
        until[k] = (now_us + SECOND_US / 2) / kinds[k].period_us;
        int64_t keep = (int64_t)kinds[k].keep;
        if (!p->until[k] || until[k] < p->until[k])
            p->from[k] = until[k] - 1;
        p->until[k] = until[k];
        p->from[k] = p->from[k] < until[k] - keep ? until[k] - keep : p->from[k];
    }
    for (size_t i = 0; i < n; i++) {
        struct track *track = track_of(t, p, stats[i].version);
        counters_of(&stats[i], now);
        for (int k = 0; k < RINGS; k++)
            ring_look(t, &track->ring[k], k, now, stats[i].queued, until[k]);
    }
}

void trend_keep(struct trend *t, const struct str *names, size_t n)
{
    LOCK(&t->lock);
    for (size_t i = t->places; i-- > 0;) {
        size_t lo = 0, hi = n;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            if (str_cmp(names[mid], t->place[i]->name) < 0)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo < n && str_eq(names[lo], t->place[i]->name))
            continue;
        place_destroy(t, t->place[i]);
        t->place[i] = t->place[--t->places];
    }
}

void trend_sample(struct trend *t, struct serve *s, int64_t now_us)
{
    struct op op;
    struct str *names = NULL;
    op_init(&op, t->names);
    size_t n = serve_list(&op, s, &names);
    for (size_t i = 0; i < n; i++) {
        struct op each;
        struct serve_endpoint *e = NULL;
        struct infer_stats *stats = NULL;
        op_init(&each, t->each);
        if (!serve_acquire(&each, s, names[i], &e)) { /* else it was removed since */
            size_t versions = serve_stats(&each, e, &stats);
            trend_note(t, names[i], stats, versions, now_us);
            serve_release(e);
        }
        arena_reset(t->each);
    }
    trend_keep(t, names, n);
    arena_reset(t->names);
}

/* ---- answers ---- */
struct cell {
    double f[F_COUNT];
    uint64_t queued;
};

/* Adds the parts of the ring's samples that lie in the periods [a, b). *at: the first sample that may; it never goes back. */
static void cell_add(struct cell *c, const struct ring *r, int kind, int64_t a, int64_t b, size_t *at)
{
    while (*at < r->len && ring_at(r, kind, *at)->period < a)
        (*at)++;
    for (size_t i = *at; i < r->len; i++) {
        const struct sample *s = ring_at(r, kind, i);
        int64_t first = s->period - s->periods + 1;
        int64_t from = first > a ? first : a, to = s->period + 1 < b ? s->period + 1 : b;
        if (first >= b)
            break;
        double part = (double)(to - from) / (double)s->periods;
        c->f[F_QUEUE_NS] += part * (double)s->queue_ns;
        for (size_t k = 0; k < s->pairs; k++)
            c->f[s->pair[k].what] += part * (double)s->pair[k].n;
        c->queued = s->queued > c->queued ? s->queued : c->queued;
    }
}

/* In microseconds; NaN: nothing was answered. */
static double cell_quantile(const struct cell *c, double q)
{
    double n = 0, seen = 0, from, to;
    for (size_t k = 0; k < INFER_FINE; k++)
        n += c->f[F_FINE + k];
    if (!(n > 0))
        return NAN;
    for (size_t k = 0; k < INFER_FINE; k++) {
        double here = c->f[F_FINE + k];
        if (here > 0 && seen + here >= q * n * (1 - 1e-12)) {
            stats_fine_edges(k, &from, &to);
            return (from + (to - from) * (q * n - seen) / here) / 1000;
        }
        seen += here;
    }
    return NAN; /* not reached */
}

enum { V_REQUESTS, V_ERRORS, V_ROWS, V_RUNS, V_HITS, V_MISSES, V_P50, V_P95, V_P99, V_QUEUE, V_BATCH, V_QUEUED, V_COUNT };
static const char *const columns[V_COUNT] = {"requests", "errors", "rows", "runs", "cache_hits", "cache_misses", "p50_us", "p95_us", "p99_us", "queue_us", "batch", "queued"};

/* Column v of step i is at values[v * n + i]. */
static void cell_values(const struct cell *c, bool known, double *values, size_t n, size_t i)
{
    for (int v = 0; v < V_COUNT; v++)
        values[(size_t)v * n + i] = NAN;
    if (!known)
        return;
    static const int counts[] = {F_REQUESTS, F_ERRORS, F_ROWS, F_RUNS, F_HITS, F_MISSES};
    for (size_t v = 0; v < ARRAY_LEN(counts); v++)
        values[v * n + i] = c->f[counts[v]];
    values[V_P50 * n + i] = cell_quantile(c, 0.5);
    values[V_P95 * n + i] = cell_quantile(c, 0.95);
    values[V_P99 * n + i] = cell_quantile(c, 0.99);
    values[V_QUEUE * n + i] = c->f[F_QUEUE_COUNT] > 0 ? c->f[F_QUEUE_NS] / c->f[F_QUEUE_COUNT] / 1000 : NAN;
    values[V_BATCH * n + i] = c->f[F_RUNS] > 0 ? c->f[F_ROWS] / c->f[F_RUNS] : NAN;
    values[V_QUEUED * n + i] = (double)c->queued;
}

static void columns_json(struct json_out *w, const double *values, size_t n)
{
    for (int v = 0; v < V_COUNT; v++) {
        json_key(w, columns[v]);
        json_begin_array(w);
        for (size_t i = 0; i < n; i++)
            json_f64(w, values[(size_t)v * n + i]);
        json_end_array(w);
    }
}

static void errors_json(struct json_out *w, const double failed[ERR_COUNT])
{
    json_key(w, "errors_by_code");
    json_begin_object(w);
    for (int e = 0; e < ERR_COUNT; e++)
        if (failed[e] > 0)
            json_kv_f64(w, err_name((enum err)e), failed[e]);
    json_end_object(w);
}

/* The steps of an answer: `n` of `width` periods of ring `kind`, from period `first` on. */
struct grid {
    int kind;
    int64_t width, first;
    size_t n;
};

static struct grid grid_of(const struct place *p, const struct trend_query *q)
{
    struct grid g = {.kind = 0};
    if (q->from_us / SECOND_US < p->until[0] - (int64_t)kinds[0].keep || q->step_us >= kinds[1].period_us)
        g.kind = 1;
    const int64_t period = kinds[g.kind].period_us, span = q->to_us - q->from_us;
    int64_t step = q->step_us > 0 ? q->step_us : span / TREND_POINTS, least = span / LIMIT_SERVE_TREND_POINTS + 1;
    step = step < least ? least : step;
    g.width = (step + period - 1) / period;
    g.width = g.width < 1 ? 1 : g.width;
    g.first = q->from_us / period / g.width * g.width;
    int64_t end = q->to_us / period < p->until[g.kind] ? q->to_us / period : p->until[g.kind];
    g.n = end > g.first ? (size_t)((end - g.first) / g.width) : 0;
    return g;
}

static void steps_fill(const struct place *p, const struct grid *g, double *const *values, double failed[ERR_COUNT])
{
    size_t at[LIMIT_SERVE_TREND_VERSIONS] = {0};
    for (size_t i = 0; i < g->n; i++) {
        const int64_t a = g->first + (int64_t)i * g->width, b = a + g->width;
        struct cell total = {0};
        for (size_t k = 0; k < p->tracks; k++) {
            const struct ring *r = &p->track[k]->ring[g->kind];
            struct cell mine = {0};
            cell_add(&mine, r, g->kind, a, b, &at[k]);
            cell_values(&mine, b > r->from && b <= r->until, values[k + 1], g->n, i);
            for (size_t f = 0; f < F_COUNT; f++)
                total.f[f] += mine.f[f];
            total.queued += mine.queued;
        }
        cell_values(&total, b > p->from[g->kind] && b <= p->until[g->kind], values[0], g->n, i);
        for (int e = 0; e < ERR_COUNT; e++)
            failed[e] += total.f[F_FAILED + e];
    }
}

static void nothing_json(struct json_out *w)
{
    json_begin_object(w);
    json_key(w, "since_us");
    json_null(w);
    json_key(w, "until_us");
    json_null(w);
    json_key(w, "t_us");
    json_begin_array(w);
    json_end_array(w);
    json_key(w, "versions");
    json_begin_array(w);
    json_end_array(w);
    json_end_object(w);
}

static enum err place_json(struct op *op, const struct place *p, const struct trend_query *q, struct json_out *w)
{
    const struct grid g = grid_of(p, q);
    const int64_t period = kinds[g.kind].period_us;
    double *values[LIMIT_SERVE_TREND_VERSIONS + 1], failed[ERR_COUNT] = {0};
    for (size_t k = 0; k <= p->tracks; k++)
        if (!(values[k] = arena_array(op->arena, V_COUNT * g.n + 1, double)))
            return op_fail(op, E_TOO_LARGE, "%zu steps of %zu versions find no room; ask for a longer step", g.n, p->tracks);
    steps_fill(p, &g, values, failed);
    json_begin_object(w);
    json_kv_i64(w, "since_us", p->from[g.kind] * period);
    json_kv_i64(w, "until_us", p->until[g.kind] * period);
    json_kv_i64(w, "step_us", g.width * period);
    json_key(w, "t_us");
    json_begin_array(w);
    for (size_t i = 0; i < g.n; i++)
        json_i64(w, (g.first + (int64_t)i * g.width) * period);
    json_end_array(w);
    json_key(w, "total");
    json_begin_object(w);
    columns_json(w, values[0], g.n);
    json_end_object(w);
    errors_json(w, failed);
    json_key(w, "versions");
    json_begin_array(w);
    for (size_t k = 0; k < p->tracks; k++) {
        const struct ring *r = &p->track[k]->ring[g.kind];
        if (r->until <= g.first)
            continue; /* it was gone before */
        json_begin_object(w);
        json_kv_i64(w, "version", p->track[k]->version);
        columns_json(w, values[k + 1], g.n);
        json_end_object(w);
    }
    json_end_array(w);
    json_end_object(w);
    return OK;
}

enum err trend_json(struct op *op, struct trend *t, struct str endpoint, const struct trend_query *q, struct json_out *w)
{
    if (q->to_us <= q->from_us || q->from_us < 0)
        return op_fail_field(op, "from_us", "from_us must be before to_us, and after 1970");
    LOCK(&t->lock);
    const struct place *p = place_find(t, endpoint);
    if (p)
        return place_json(op, p, q, w);
    nothing_json(w);
    return OK;
}

void trend_brief_json(struct trend *t, struct str endpoint, struct json_out *w)
{
    LOCK(&t->lock);
    const struct place *p = place_find(t, endpoint);
    if (!p) {
        json_null(w);
        return;
    }
    const int64_t until = p->until[0], from = until - BRIEF_SECONDS > p->from[0] ? until - BRIEF_SECONDS : p->from[0];
    const int64_t width = (int64_t)kinds[0].keep / BRIEF_SPARKS, end = until / width * width;
    size_t at[LIMIT_SERVE_TREND_VERSIONS] = {0}, late[LIMIT_SERVE_TREND_VERSIONS] = {0};
    struct cell minute = {0};
    for (size_t k = 0; k < p->tracks; k++)
        cell_add(&minute, &p->track[k]->ring[0], 0, from, until, &late[k]);
    const double s = (double)(until - from);
    json_begin_object(w);
    json_kv_i64(w, "span_us", (until - from) * SECOND_US);
    json_kv_f64(w, "requests_per_s", minute.f[F_REQUESTS] / s);
    json_kv_f64(w, "errors_per_s", minute.f[F_ERRORS] / s);
    json_kv_f64(w, "p50_us", cell_quantile(&minute, 0.5));
    json_kv_f64(w, "p99_us", cell_quantile(&minute, 0.99));
    json_key(w, "spark");
    json_begin_object(w);
    json_kv_i64(w, "step_us", width * SECOND_US);
    json_key(w, "requests");
    json_begin_array(w);
    for (int64_t a = end - width * BRIEF_SPARKS; a < end; a += width) {
        struct cell c = {0};
        for (size_t k = 0; k < p->tracks; k++)
            cell_add(&c, &p->track[k]->ring[0], 0, a, a + width, &at[k]);
        json_f64(w, a + width > p->from[0] ? c.f[F_REQUESTS] : NAN);
    }
    json_end_array(w);
    json_end_object(w);
    json_end_object(w);
}
