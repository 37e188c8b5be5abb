/* Every request passes the same gate in the same order, so that no handler can forget a step:
 * Host -> route row -> browser checks -> identity -> permission of the row -> size -> handler -> metrics, log.
 * The first six run on the I/O thread from the head alone: a refused request never has its body read into memory.
 *
 * Counters are relaxed atomics per row; the figures of one scrape may be a few requests apart from each other. */
#include "api/dispatch.h"

#include "api/guard.h"
#include "api/match.h"
#include "api/services.h"
#include "api/traced.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"

#include <stdio.h>
#include <stdlib.h>

/* Upper bounds of the latency histogram, microseconds; the last bucket is +Inf. */
static const int64_t bucket_us[] = {100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000, 10000000};
#define BUCKETS (ARRAY_LEN(bucket_us) + 1)

struct row_stats {
    uint64_t by_class[6]; /* index: status / 100 */
    uint64_t bucket[BUCKETS];
    uint64_t sum_us;
};

struct compiled {
    const struct route *route;
    const struct route_table *table;
    struct row_stats stats;
};

struct dispatch {
    struct arena *arena;
    struct dispatch_config config;
    struct matcher matcher;
    struct compiled *rows;
    size_t row_count;
    struct row_stats unmatched, refused;
    uint64_t id_seed, id_next;
};

/* ---- building ---- */

static enum err row_check(struct op *op, const struct route *r)
{
    if (!r->method || !r->path || !r->handler)
        return op_fail(op, E_INVALID, "route %s %s has no handler", r->method ? r->method : "?", r->path ? r->path : "?");
    if (r->perm <= PERM_NONE || r->perm >= PERM_COUNT)
        return op_fail(op, E_INVALID, "route %s %s has no permission", r->method, r->path);
    unsigned kind = r->flags & (ROUTE_INLINE | ROUTE_POOL | ROUTE_LATER);
    if (!kind || (kind & (kind - 1)))
        return op_fail(op, E_INVALID, "route %s %s must be either inline or pool or later", r->method, r->path);
    if (kind != ROUTE_POOL && (r->flags & ROUTE_STREAM_BODY))
        return op_fail(op, E_INVALID, "route %s %s: an inline handler cannot stream its body", r->method, r->path);
    return OK;
}

static enum err rows_compile(struct op *op, struct dispatch *d)
{
    size_t total = 0;
    for (size_t t = 0; d->config.tables[t]; t++)
        total += d->config.tables[t]->len;
    if (total > LIMIT_HTTP_ROUTES)
        return op_fail(op, E_TOO_LARGE, "more than %d routes", LIMIT_HTTP_ROUTES);
    d->rows = arena_array(d->arena, total + 1, struct compiled);
    if (!d->rows)
        return op_fail(op, E_TOO_LARGE, "too many routes");
    for (size_t t = 0; d->config.tables[t]; t++) {
        const struct route_table *table = d->config.tables[t];
        for (size_t i = 0; i < table->len; i++) {
            const struct route *r = &table->rows[i];
            enum err e = row_check(op, r);
            if (e)
                return e;
            struct compiled *row = &d->rows[d->row_count++];
            row->route = r;
            row->table = table;
            e = match_add(op, &d->matcher, r->method, r->path, row);
            if (e)
                return e;
        }
    }
    return OK;
}

static const struct str *strs_keep(struct arena *a, const struct str *p, size_t n)
{
    struct str *kept = arena_alloc(a, (n + 1) * sizeof *kept);
    for (size_t i = 0; i < n; i++)
        kept[i] = str_dup(a, p[i]);
    return kept;
}

enum err dispatch_create(struct op *op, const struct dispatch_config *config, struct dispatch **ret)
{
    struct dispatch *d = calloc(1, sizeof *d);
    if (!d)
        abort();
    d->arena = arena_create(LIMIT_MIB(16));
    d->config = *config;
    hash_random(&d->id_seed, sizeof d->id_seed);
    match_init(&d->matcher, d->arena);
    enum err e = rows_compile(op, d);
    if (e) {
        dispatch_destroy(d);
        return e;
    }
    d->config.allowed_hosts = strs_keep(d->arena, config->allowed_hosts, config->allowed_host_count);
    d->config.allowed_origins = strs_keep(d->arena, config->allowed_origins, config->allowed_origin_count);
    d->config.frame_options = config->frame_options.p ? str_dup(d->arena, config->frame_options) : STR("SAMEORIGIN");
    d->config.prefix = str_dup(d->arena, config->prefix);
    d->config.tables = NULL; /* the rows are kept, not the list */
    *ret = d;
    return OK;
}

void dispatch_destroy(struct dispatch *d)
{
    if (!d)
        return;
    arena_destroy(d->arena);
    free(d);
}

void dispatch_each(const struct dispatch *d, void (*fn)(void *arg, const struct route_table *t, const struct route *r), void *arg)
{
    for (size_t i = 0; i < d->row_count; i++)
        fn(arg, d->rows[i].table, d->rows[i].route);
}

/* ---- counting and logging ---- */

static void add(uint64_t *counter, uint64_t n)
{
    __atomic_fetch_add(counter, n, __ATOMIC_RELAXED);
}

static void stats_add(struct row_stats *s, int status, int64_t us)
{
    size_t k = 0;
    while (k < ARRAY_LEN(bucket_us) && us > bucket_us[k])
        k++;
    add(&s->by_class[status >= 100 && status <= 599 ? status / 100 : 5], 1);
    add(&s->bucket[k], 1);
    add(&s->sum_us, us > 0 ? (uint64_t)us : 0);
}

/* The end of every request: counted always, logged when it failed. */
static void request_over(struct dispatch *d, struct op *op, const struct http_req *req, const struct http_res *res)
{
    struct compiled *row = (struct compiled *)(uintptr_t)req->match;
    int64_t us = (time_mono_ns() - req->started_ns) / 1000;
    /* gRPC answers failures with 200 and says them in its own fields: here they count as what they are. */
    int status = op->err && res->status < 400 ? err_http(op->err) : res->status;
    stats_add(row ? &row->stats : &d->unmatched, status, us);
    if (op->trace)
        traced_end(d->config.services->tracer, op, req, res, row->route, status);
    bool failed = status >= 400 || op->err;
    enum log_level level = status >= 500 ? LOG_ERROR : failed ? LOG_INFO : LOG_DEBUG;
    if (!log_enabled(level))
        return;
    log_at(level, "http.request", {"id", LOG_S(op->request_id)}, {"method", LOG_S(req->method_text)}, {"path", LOG_S(req->path)},
           {"status", LOG_I(status)}, {"us", LOG_I(us)}, {"peer", LOG_S(req->peer)}, {"actor", LOG_S(op->actor.name)},
           {"error", LOG_C(op->msg ? op->msg : "")});
}

/* ---- answers ---- */

static void base_headers(const struct dispatch *d, struct op *op, const struct http_req *req, struct http_res *res)
{
    res->header_count = 0;
    http_set_header(res, "X-Request-Id", op->request_id);
    http_set_header(res, "X-Content-Type-Options", STR("nosniff"));
    if (d->config.frame_options.len)
        http_set_header(res, "X-Frame-Options", d->config.frame_options);
    http_set_header(res, "Cache-Control", STR("no-store"));
    traced_header(op, res);
    guard_cors(op, req, d->config.allowed_origins, d->config.allowed_origin_count, res);
}

/* The house's own error form, for requests that reached no dialect. */
static void house_error(struct op *op, int status, const char *code, const char *text, struct http_res *res)
{
    res->status = status;
    buf_reset(&res->body);
    struct json_out w;
    json_out_init(&w, &res->body, 0);
    json_begin_object(&w);
    json_kv_cstr(&w, "error_code", code);
    json_kv_cstr(&w, "message", text);
    json_kv_str(&w, "request_id", op->request_id);
    json_end_object(&w);
    http_set_type(res, "application/json");
}

static enum err err_of_status(int status)
{
    for (int e = E_INVALID; e < ERR_COUNT; e++)
        if (err_http((enum err)e) == status)
            return (enum err)e;
    return status == 408 ? E_TIMEOUT : status >= 500 ? E_INTERNAL : E_INVALID;
}

static const char *code_of_status(int status)
{
    switch (status) {
    case 405: return "METHOD_NOT_ALLOWED";
    case 408: return "TIMEOUT";
    case 414: return "URI_TOO_LONG";
    case 415: return "UNSUPPORTED_MEDIA_TYPE";
    case 431: return "HEADER_TOO_LARGE";
    default: break;
    }
    for (int e = E_INVALID; e < ERR_COUNT; e++) {
        if (err_http((enum err)e) == status)
            return err_name((enum err)e);
    }
    return "INVALID";
}

/* Failures of the world and of ours are told in full to the log and to callers on this machine; others get the
 * request id, because such texts hold paths and addresses. */
static void hide_internals(struct op *op, const struct http_req *req)
{
    bool internal = op->err == E_IO || op->err == E_CORRUPT || op->err == E_INTERNAL;
    if (!internal || req->peer_loopback)
        return;
    enum err e = op->err;
    log_at(LOG_ERROR, "http.internal", {"id", LOG_S(op->request_id)}, {"error", LOG_C(op->msg)});
    op_clear(op);
    (void)op_fail(op, e, "internal error; the server's log has the details under request id %.*s", STR_FMT(op->request_id));
}

/* Two lines, because browsers read one scheme per line; Basic makes them ask their user. */
static void challenge(const struct http_req *req, struct http_res *res)
{
    http_set_header(res, "WWW-Authenticate", STR("Bearer realm=\"ingot\""));
    if (!guard_is_script(req) && res->header_count < ARRAY_LEN(res->headers))
        res->headers[res->header_count++] = (struct http_header){STR("WWW-Authenticate"), STR("Basic realm=\"ingot\"")};
}

/* op->err in the dialect's form; `status` 0: what the dialect makes of it. */
static void dialect_error(const struct dispatch *d, struct op *op, const struct compiled *row, struct http_req *req, struct http_res *res, int status)
{
    hide_internals(op, req);
    buf_reset(&res->body);
    res->no_compress = false;
    base_headers(d, op, req, res);
    res->status = err_http(op->err);
    if (row->table->error)
        row->table->error(op, req, res);
    else
        house_error(op, res->status, err_name(op->err), op->msg, res);
    if (status)
        res->status = status;
    if (res->status == 401)
        challenge(req, res);
}

/* ---- planning: the head alone ---- */

static struct str allow_text(struct op *op, unsigned allowed)
{
    struct buf b;
    buf_init(&b, 128);
    if (allowed & 1u << HTTP_GET)
        allowed |= 1u << HTTP_HEAD;
    allowed |= 1u << HTTP_OPTIONS;
    for (unsigned k = 0; k < MATCH_METHODS; k++) {
        if (allowed & 1u << k)
            buf_addf(&b, "%s%s", b.len ? ", " : "", match_method_name((enum http_method)k));
    }
    struct str text = str_dup(op->arena, buf_str(&b));
    buf_clear(&b);
    return text;
}

static bool request_id_ok(struct str id)
{
    for (size_t i = 0; i < id.len; i++) {
        char c = id.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        if (!plain)
            return false;
    }
    return id.len >= 1 && id.len <= 64;
}

static void request_id_set(struct dispatch *d, struct op *op, const struct http_req *req)
{
    static const char digits[] = "0123456789abcdef";
    struct str given = http_header_get(req, "x-request-id");
    if (given.p && request_id_ok(given)) {
        op->request_id = given;
        return;
    }
    uint64_t n = __atomic_fetch_add(&d->id_next, 1, __ATOMIC_RELAXED);
    uint64_t id = hash64(&n, sizeof n, d->id_seed);
    char *p = arena_alloc(op->arena, 17);
    for (int i = 0; i < 16; i++)
        p[i] = digits[id >> (60 - 4 * i) & 15];
    op->request_id = (struct str){p, 16};
}

static void reject(struct dispatch *d, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *plan,
                   int status, const char *text)
{
    house_error(op, status, code_of_status(status), text, res);
    plan->reject = true;
    if (!op->msg && status >= 400)
        (void)op_fail(op, status == 404 ? E_NOT_FOUND : status == 403 ? E_DENIED : E_INVALID, "%s", text);
    request_over(d, op, req, res);
}

static void reject_row(struct dispatch *d, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *plan,
                       const struct compiled *row, int status)
{
    dialect_error(d, op, row, req, res, status);
    plan->reject = true;
    request_over(d, op, req, res);
}

/* A token speaks before a cookie does. A cookie that is not valid is none. */
static enum err identify(const struct authenticator *auth, struct op *op, const struct http_req *req, const struct route *r, struct actor *ret)
{
    struct str key = auth->session ? guard_session(op, req) : STR("");
    if (key.len && auth->session(op, auth->sessions, key, ret)) {
        const char *refusal = guard_cookie_refusal(req, r->flags);
        return refusal ? op_fail(op, E_DENIED, "%s", refusal) : OK;
    }
    enum err e = auth->check ? auth->check(auth->arg, op, guard_token(op, req), req->peer_loopback, ret) : op_fail(op, E_UNAUTHENTICATED, "no identity");
    return e && !op->msg ? op_fail(op, E_UNAUTHENTICATED, "the credentials are not valid") : e;
}

/* Who asks, and may they? */
static enum err authorise(struct dispatch *d, struct op *op, const struct http_req *req, const struct route *r)
{
    static const struct actor anonymous = {.name = STR_INIT("anonymous"), .perms = 1u << PERM_PUBLIC};
    struct actor actor = anonymous;
    enum err e = OK;
    if (r->perm != PERM_PUBLIC) {
        e = identify(&d->config.auth, op, req, r, &actor);
    } else if ((r->flags & ROUTE_WHO) && identify(&d->config.auth, op, req, r, &actor)) {
        op_clear(op);
        actor = anonymous;
    }
    op->actor = actor;
    if (!e && r->perm != PERM_PUBLIC && !(actor.perms & 1u << r->perm))
        e = op_fail(op, E_DENIED, "'%.*s' may not do this", STR_FMT(actor.name));
    return e;
}

static bool length_exceeds(const struct http_req *req, uint64_t max)
{
    uint64_t n;
    struct str length = http_header_get(req, "content-length");
    return length.p && str_parse_u64(length, &n) && n > max;
}

static void plan_row(struct dispatch *d, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *plan,
                     const struct compiled *row)
{
    const struct route *r = row->route;
    req->route = r;
    req->match = row;
    if (d->config.services && d->config.services->tracer) {
        traced_begin(d->config.services->tracer, op, req, r);
        traced_header(op, res);
    }
    struct guard_verdict v = guard_browser(req, r->flags, d->config.allowed_origins, d->config.allowed_origin_count);
    if (v.status) {
        (void)op_fail(op, v.status == 403 ? E_DENIED : E_INVALID, "%s", v.text);
        reject_row(d, op, req, res, plan, row, v.status);
        return;
    }
    if (authorise(d, op, req, r)) {
        reject_row(d, op, req, res, plan, row, 0);
        return;
    }
    plan->pool = r->flags & ROUTE_POOL;
    plan->later = r->flags & ROUTE_LATER;
    plan->stream_body = r->flags & ROUTE_STREAM_BODY;
    plan->transfer = r->flags & (ROUTE_STREAM_BODY | ROUTE_TRANSFER);
    plan->quiet_ms = r->flags & ROUTE_DUPLEX ? LIMIT_HTTP_CALL_QUIET_MS : 0;
    plan->body_max = r->body_max ? r->body_max : LIMIT_HTTP_BODY_BYTES;
    if (length_exceeds(req, plan->body_max)) {
        (void)op_fail(op, E_TOO_LARGE, "the request body is larger than %llu bytes", (unsigned long long)plan->body_max);
        reject_row(d, op, req, res, plan, row, 0);
    }
}

/* A proxy may pass its own path on ("/mlflow/api/..."); what it guards is the same. */
static void prefix_strip(const struct dispatch *d, struct http_req *req)
{
    struct str prefix = d->config.prefix;
    if (prefix.len && str_eq(req->path, prefix))
        req->path = STR("/");
    else if (prefix.len && str_starts(req->path, prefix) && req->path.p[prefix.len] == '/')
        req->path = str_sub(req->path, prefix.len, SIZE_MAX);
}

/* Somebody who reads pages is at this address, not a program: those ask for JSON or for anything. What stands below api/ is for programs, whoever asks. */
static bool reads_pages(const struct http_req *req)
{
    return (req->method == HTTP_GET || req->method == HTTP_HEAD) && str_find(http_header_get(req, "accept"), STR("text/html")) != SIZE_MAX &&
           !str_starts(req->path, STR("/api/")) && !str_starts(req->path, STR("/ajax-api/"));
}

static void dispatch_plan(void *arg, struct op *op, struct http_req *req, struct http_res *res, struct http_plan *plan)
{
    struct dispatch *d = arg;
    req->started_ns = time_mono_ns();
    request_id_set(d, op, req);
    op->reason = http_header_get(req, "x-ingot-reason");
    prefix_strip(d, req);
    base_headers(d, op, req, res);
    struct guard_verdict v = guard_host(req, d->config.allowed_hosts, d->config.allowed_host_count);
    if (v.status) {
        reject(d, op, req, res, plan, v.status, v.text);
        return;
    }
    struct match_result m;
    match_find(&d->matcher, req->method, req->path, &m);
    if (!m.value && !m.allowed && d->config.missing.len && reads_pages(req))
        match_find(&d->matcher, req->method, d->config.missing, &m);
    if (m.value) {
        memcpy(req->path_args, m.args, sizeof m.args);
        req->path_arg_count = m.arg_count;
        plan_row(d, op, req, res, plan, m.value);
        return;
    }
    if (!m.allowed) {
        reject(d, op, req, res, plan, 404, op_printf(op, "No such resource: %.*s %.*s", STR_FMT(req->method_text), STR_FMT(req->path)));
        return;
    }
    http_set_header(res, "Allow", allow_text(op, m.allowed));
    if (req->method == HTTP_OPTIONS) {
        res->status = 204;
        plan->reject = true;
        request_over(d, op, req, res);
        return;
    }
    reject(d, op, req, res, plan, 405, op_printf(op, "%.*s is not possible here", STR_FMT(req->method_text)));
}

/* ---- handling ---- */

/* The answer, or the failure in the dialect's form; once per request that reached its handler. */
static void dispatch_finish(void *arg, struct op *op, struct http_req *req, struct http_res *res, enum err e)
{
    struct dispatch *d = arg;
    const struct compiled *row = req->match;
    if (!e) {
        op_clear(op); /* a failure the handler lived with */
    } else {
        if (!op->msg)
            (void)op_fail(op, E_INTERNAL, "%s %s failed without a reason (%s)", row->route->method, row->route->path, err_name(e));
        if (!res->streamed)
            dialect_error(d, op, row, req, res, 0);
    }
    request_over(d, op, req, res);
}

static void dispatch_handle(void *arg, struct op *op, struct http_req *req, struct http_res *res)
{
    struct dispatch *d = arg;
    const struct compiled *row = req->match;
    enum err e = row->route->handler(op, d->config.services, req, res);
    if (!e && res->later)
        return; /* dispatch_finish() comes later; op, req and res belong to others until then */
    res->later = false; /* it had to start nothing then */
    dispatch_finish(d, op, req, res, e);
}

static void dispatch_refuse(void *arg, struct op *op, int status, const char *text, struct http_res *res)
{
    struct dispatch *d = arg;
    struct http_req none = {0}, *req = http_res_request(res);
    const struct compiled *row = req ? req->match : NULL;
    if (!op->request_id.len)
        request_id_set(d, op, &none);
    if (row && (row->route->flags & ROUTE_OWN_REFUSALS)) {
        op_clear(op);
        (void)op_fail(op, err_of_status(status), "%s", text);
        dialect_error(d, op, row, req, res, 0);
    } else {
        base_headers(d, op, &none, res);
        house_error(op, status, code_of_status(status), text, res);
    }
    stats_add(&d->refused, status, 0);
    if (op->trace && row)
        traced_end(d->config.services->tracer, op, req, res, row->route, status);
    log_at(status >= 500 ? LOG_ERROR : LOG_INFO, "http.refused", {"id", LOG_S(op->request_id)}, {"status", LOG_I(status)}, {"error", LOG_C(text)});
}

struct http_handler dispatch_handler(struct dispatch *d)
{
    return (struct http_handler){.arg = d, .plan = dispatch_plan, .handle = dispatch_handle, .finish = dispatch_finish, .refuse = dispatch_refuse};
}

/* ---- metrics ---- */

static uint64_t load(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void metrics_counts(struct buf *out, const char *method, const char *path, const struct row_stats *s)
{
    for (unsigned k = 1; k < ARRAY_LEN(s->by_class); k++) {
        uint64_t n = load(&s->by_class[k]);
        if (n)
            buf_addf(out, "ingot_http_requests_total{method=\"%s\",route=\"%s\",code=\"%uxx\"} %llu\n", method, path, k, (unsigned long long)n);
    }
}

static void metrics_latency(struct buf *out, const char *method, const char *path, const struct row_stats *s)
{
    uint64_t total = 0;
    for (size_t k = 0; k < BUCKETS; k++)
        total += load(&s->bucket[k]);
    if (!total)
        return;
    uint64_t sum = 0;
    for (size_t k = 0; k < BUCKETS; k++) {
        sum += load(&s->bucket[k]);
        buf_addf(out, "ingot_http_request_duration_seconds_bucket{method=\"%s\",route=\"%s\",le=\"", method, path);
        if (k < ARRAY_LEN(bucket_us))
            buf_addf(out, "%g", (double)bucket_us[k] / 1e6);
        else
            buf_add_cstr(out, "+Inf");
        buf_addf(out, "\"} %llu\n", (unsigned long long)sum);
    }
    buf_addf(out, "ingot_http_request_duration_seconds_sum{method=\"%s\",route=\"%s\"} %.6f\n", method, path, (double)load(&s->sum_us) / 1e6);
    buf_addf(out, "ingot_http_request_duration_seconds_count{method=\"%s\",route=\"%s\"} %llu\n", method, path, (unsigned long long)sum);
}

void dispatch_metrics(struct dispatch *d, struct buf *out)
{
    buf_add_cstr(out, "# HELP ingot_http_requests_total Requests answered, by route and class of status.\n"
                      "# TYPE ingot_http_requests_total counter\n");
    for (size_t i = 0; i < d->row_count; i++)
        metrics_counts(out, d->rows[i].route->method, d->rows[i].route->path, &d->rows[i].stats);
    metrics_counts(out, "", "(none)", &d->unmatched);
    metrics_counts(out, "", "(refused)", &d->refused);
    buf_add_cstr(out, "# HELP ingot_http_request_duration_seconds From the end of the head to the handler's return.\n"
                      "# TYPE ingot_http_request_duration_seconds histogram\n");
    for (size_t i = 0; i < d->row_count; i++)
        metrics_latency(out, d->rows[i].route->method, d->rows[i].route->path, &d->rows[i].stats);
}
