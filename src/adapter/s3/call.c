/* call.c - what may go wrong with a request, and what then happens:
 *
 * no connection, reset, timeout, stall, an answer cut short   again; bytes of a range that came are kept, the rest is asked for
 * 429, 500, 502, 503, 504; 400 RequestTimeout                 again, later
 * 200 with <Error> in the body (copies, completions)          as the error's own status would be
 * 400, 403: clock, signature, keys; 301: another region       failed, with a text that says what to mend
 *
 * A transfer that moved at least PROGRESS_BYTES starts the count of tries anew: a slow, leaky link still gets there. What bounds it is
 * op's deadline, and the stall time per try. */
#include "adapter/s3/call.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

#include "adapter/s3/sign.h"
#include "adapter/s3/xml.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/seal.h"
#include "base/thread.h"
#include "base/time.h"
#include "net/http.h"

#define IDLE_HANDLES 16
#define TRIES 8
#define WAIT_FIRST_MS 50
#define WAIT_MAX_MS 5000
#define CONNECT_MS 10000
#define PATIENT_S 120
#define STALL_BYTES_PER_S 512L
#define PROGRESS_BYTES ((size_t)64 << 10)

struct s3_client {
    struct s3_config config; /* texts in memory of its own */
    struct arena *arena;
    int tries;
    struct mutex lock;
    CURL *idle[IDLE_HANDLES];
    int idle_count;
};

static void setup(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT))
        abort();
}

struct s3_client *s3_client_create(const struct s3_config *config, int tries)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, setup);
    struct s3_client *c = calloc(1, sizeof *c);
    if (!c)
        abort();
    c->arena = arena_create(LIMIT_KIB(256));
    c->config = *config;
    struct str *texts[] = {&c->config.bucket, &c->config.prefix, &c->config.scheme, &c->config.host, &c->config.region,
                           &c->config.key_id, &c->config.secret, &c->config.session_token, &c->config.ca_path};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = str_dup(c->arena, *texts[i]);
    c->tries = tries ? tries : TRIES;
    mutex_init(&c->lock);
    return c;
}

void s3_client_destroy(struct s3_client *c)
{
    if (!c)
        return;
    while (c->idle_count)
        curl_easy_cleanup(c->idle[--c->idle_count]);
    mutex_clear(&c->lock);
    arena_destroy(c->arena);
    free(c);
}

/* The last one given back comes first: its connection is the warmest. */
static CURL *handle_get(struct s3_client *c)
{
    mutex_lock(&c->lock);
    CURL *h = c->idle_count ? c->idle[--c->idle_count] : NULL;
    mutex_unlock(&c->lock);
    if (!h && !(h = curl_easy_init()))
        abort();
    curl_easy_reset(h); /* keeps the connection */
    return h;
}

static void handle_put(struct s3_client *c, CURL *h)
{
    mutex_lock(&c->lock);
    bool kept = c->idle_count < IDLE_HANDLES;
    if (kept)
        c->idle[c->idle_count++] = h;
    mutex_unlock(&c->lock);
    if (!kept)
        curl_easy_cleanup(h);
}

/* One try: what is sent and what comes back. Its texts are in an arena of its own. */
struct try {
    struct op op;             /* for memory only */
    struct s3_client *c;
    const struct s3_request *r;
    CURL *h;
    size_t got;               /* bytes in r->into, of earlier tries too */
    struct buf body;
    int status;
    bool head_over;           /* the blank line came: libcurl takes a head that breaks off for a whole one */
    bool has_range;           /* the answer named the range that it is */
    uint64_t from, size, length;
    struct str etag, region;
    int64_t modified_us, date_us;
    char error[CURL_ERROR_SIZE];
};

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct try *t = arg;
    n *= one;
    if (!t->r->into || t->status / 100 != 2) {
        buf_add(&t->body, p, n);
        return t->body.failed ? 0 : n;
    }
    /* A server that ignores the range would put wrong bytes into place. */
    if (!t->has_range || t->from != t->r->range_from + t->got || n > t->r->range_len - t->got)
        return 0;
    memcpy(t->r->into + t->got, p, n);
    t->got += n;
    t->from += n;
    return n;
}

static bool header_is(struct str line, const char *name, struct str *ret)
{
    size_t n = strlen(name);
    if (line.len <= n || line.p[n] != ':' || !str_ieq(str_sub(line, 0, n), str_from(name)))
        return false;
    *ret = str_trim(str_sub(line, n + 1, line.len));
    return true;
}

static int64_t http_date(struct op *op, struct str s)
{
    time_t t = s.len < 64 && str_is_utf8(s) && !memchr(s.p, 0, s.len) ? curl_getdate(str_cstr(op->arena, s), NULL) : -1;
    return t > 0 ? (int64_t)t * TIME_US_PER_S : 0;
}

/* "bytes 0-99/1234", or "bytes * /1234" of a 416. */
static void content_range(struct try *t, struct str v)
{
    size_t slash = str_find_char(v, '/'), dash = str_find_char(v, '-');
    if (!str_starts(v, STR("bytes ")) || slash == SIZE_MAX || !str_parse_u64(str_sub(v, slash + 1, v.len), &t->size))
        return;
    t->has_range = dash < slash && str_parse_u64(str_sub(v, 6, dash - 6), &t->from);
}

static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
    struct try *t = arg;
    struct str line = str_trim((struct str){p, n * one}), v;
    if (str_starts(line, STR("HTTP/"))) {
        long status = 0;
        curl_easy_getinfo(t->h, CURLINFO_RESPONSE_CODE, &status);
        t->status = (int)status;
        t->head_over = t->has_range = false;
    } else if (!line.len) {
        t->head_over = true;
    } else if (header_is(line, "etag", &v)) {
        t->etag = str_dup(t->op.arena, str_sub(v, 0, 256));
    } else if (header_is(line, "content-range", &v)) {
        content_range(t, v);
    } else if (header_is(line, "content-length", &v)) {
        if (!str_parse_u64(v, &t->length))
            t->length = 0;
    } else if (header_is(line, "last-modified", &v)) {
        t->modified_us = http_date(&t->op, v);
    } else if (header_is(line, "date", &v)) {
        t->date_us = http_date(&t->op, v);
    } else if (header_is(line, "x-amz-bucket-region", &v)) {
        t->region = str_dup(t->op.arena, str_sub(v, 0, 64));
    }
    return n * one;
}

/* "/bucket/prefix/key", percent-encoded; without the bucket when the host names it. */
static struct str key_path(struct op *op, const struct s3_config *c, struct str key, bool with_bucket)
{
    struct str full = key.p ? str_from(op_printf(op, "%.*s%.*s", STR_FMT(c->prefix), STR_FMT(key))) : STR("");
    struct str coded = http_percent_encode(op->arena, full, false);
    return str_from(with_bucket ? op_printf(op, "/%.*s%s%.*s", STR_FMT(c->bucket), key.p ? "/" : "", STR_FMT(coded)) : op_printf(op, "/%.*s", STR_FMT(coded)));
}

static void add(struct sign_request *s, const char *name, struct str value)
{
    if (value.len)
        s->headers[s->header_count++] = (struct sign_header){name, value};
}

/* Signs the try and puts its address and headers into the handle. */
static struct curl_slist *prepare(struct try *t)
{
    struct op *op = &t->op;
    const struct s3_config *c = &t->c->config;
    const struct s3_request *r = t->r;
    struct str date = sign_date(op, time_now_us());
    char hash[2 * HASH_SHA256_LEN + 1];
    uint8_t digest[HASH_SHA256_LEN];
    hash_sha256(r->body.len ? r->body.p : "", r->body.len, digest);
    hash_hex(digest, sizeof digest, hash);
    struct sign_request s = {.method = r->method, .path = key_path(op, c, r->key, c->path_style), .query = r->query,
                             .payload_hash = str_dup(op->arena, str_from(hash))};
    add(&s, "host", c->host);
    add(&s, "x-amz-content-sha256", s.payload_hash);
    if (r->copy_source.len) {
        add(&s, "x-amz-copy-source", key_path(op, c, r->copy_source, true));
        if (r->ranged)
            add(&s, "x-amz-copy-source-range", str_from(op_printf(op, "bytes=%" PRIu64 "-%" PRIu64, r->range_from, r->range_from + r->range_len - 1)));
    }
    add(&s, "x-amz-date", date);
    /* A copy onto itself is taken only when it changes something. */
    add(&s, "x-amz-metadata-directive", r->copy_source.len && !r->ranged ? STR("REPLACE") : STR(""));
    add(&s, "x-amz-security-token", c->session_token);
    struct sign_key key = {c->key_id, c->secret, c->region};
    struct str auth = sign_authorization(op, &key, &s, date);
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    list = curl_slist_append(list, r->body.len ? "Content-Type: application/octet-stream" : "Content-Type:");
    for (size_t i = 0; i < s.header_count; i++)
        list = curl_slist_append(list, op_printf(op, "%s: %.*s", s.headers[i].name, STR_FMT(s.headers[i].value)));
    list = curl_slist_append(list, op_printf(op, "Authorization: %.*s", STR_FMT(auth)));
    if (r->ranged && !r->copy_source.len)
        list = curl_slist_append(list, op_printf(op, "Range: bytes=%" PRIu64 "-%" PRIu64, r->range_from + t->got, r->range_from + r->range_len - 1));
    curl_easy_setopt(t->h, CURLOPT_URL, op_printf(op, "%.*s://%.*s%.*s%s%.*s", STR_FMT(c->scheme), STR_FMT(c->host), STR_FMT(s.path),
                                                  r->query.len ? "?" : "", STR_FMT(r->query)));
    curl_easy_setopt(t->h, CURLOPT_HTTPHEADER, list);
    return list;
}

static CURLcode perform(struct try *t, int64_t deadline_ms)
{
    const struct s3_request *r = t->r;
    CURL *h = t->h;
    struct curl_slist *headers = prepare(t);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, str_eqc(t->c->config.scheme, "https") ? "https" : "http");
    curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, STALL_BYTES_PER_S);
    curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, r->patient ? (long)PATIENT_S : (long)t->c->config.stall_s);
    int64_t left = deadline_ms ? deadline_ms - time_mono_ms() : 0;
    if (deadline_ms)
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)(left > 1 ? left : 1));
    curl_easy_setopt(h, CURLOPT_BUFFERSIZE, (long)LIMIT_KIB(256));
    curl_easy_setopt(h, CURLOPT_UPLOAD_BUFFERSIZE, (long)LIMIT_KIB(256));
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, t);
    if (t->c->config.ca_path.len)
        curl_easy_setopt(h, CURLOPT_CAINFO, t->c->config.ca_path.p);
    if (!strcmp(r->method, "HEAD")) {
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    } else if (!strcmp(r->method, "PUT") || !strcmp(r->method, "POST")) {
        curl_easy_setopt(h, CURLOPT_POST, 1L);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, r->body.len ? r->body.p : "");
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    }
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, r->method);
    CURLcode rc = curl_easy_perform(h);
    curl_slist_free_all(headers);
    return rc;
}

/* ---- what an answer means ---- */

enum verdict { DONE, AGAIN, BUSY, REFUSED };

static const char *where(struct op *op, const struct try *t)
{
    return op_printf(op, "S3 %s %.*s/%.*s%.*s", t->r->method, STR_FMT(t->c->config.bucket), STR_FMT(t->r->key.p ? t->c->config.prefix : STR("")),
                     STR_FMT(t->r->key));
}

/* Errors that repeating does not mend, with what mends them. To whoever sent a request they are failures of ours, whatever S3 calls
 * them: a refusal of our keys must not look like a refusal of theirs. */
static enum err refused(struct op *op, const struct try *t, struct str code, struct str message)
{
    const struct s3_config *c = &t->c->config;
    int64_t skew_s = t->date_us ? (time_now_us() - t->date_us) / TIME_US_PER_S : 0;
    if (str_eqc(code, "RequestTimeTooSkewed") || (t->status == 403 && (skew_s > 300 || skew_s < -300)))
        return op_fail(op, E_IO, "%s: this machine's clock is %" PRId64 " s %s S3's, which refuses such requests: set the clock", where(op, t),
                       skew_s < 0 ? -skew_s : skew_s, skew_s < 0 ? "behind" : "ahead of");
    if (t->status == 301 || t->status == 307 || str_eqc(code, "AuthorizationHeaderMalformed"))
        return op_fail(op, E_IO, "%s: the bucket is not in region %.*s%s%.*s: set AWS_REGION or the endpoint", where(op, t), STR_FMT(c->region),
                       t->region.len ? " but in " : "", STR_FMT(t->region));
    if (str_eqc(code, "NoSuchBucket"))
        return op_fail(op, E_IO, "there is no bucket '%.*s' at %.*s", STR_FMT(c->bucket), STR_FMT(c->host));
    if (t->status == 401 || t->status == 403)
        return op_fail(op, E_IO, "%s: refused with %d %.*s%s%.*s: see AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and the bucket's policy", where(op, t),
                       t->status, STR_FMT(code), message.len ? ": " : "", STR_FMT(str_sub(message, 0, 300)));
    return op_fail(op, E_IO, "%s: %d %.*s%s%.*s", where(op, t), t->status, STR_FMT(code), message.len ? ": " : "", STR_FMT(str_sub(message, 0, 300)));
}

static enum verdict judge_answer(struct op *op, struct try *t)
{
    struct str body = buf_str(&t->body), code = STR(""), message = STR(""), error;
    struct str rest = str_sub(body, 0, LIMIT_KIB(16));
    if (!t->r->into && xml_next(&rest, "Error", &error)) {
        code = xml_text(&t->op, error, "Code");
        message = xml_text(&t->op, error, "Message");
    } else if (t->r->into && t->status / 100 != 2) {
        code = xml_text(&t->op, body, "Code");
        message = xml_text(&t->op, body, "Message");
    }
    bool later = str_eqc(code, "SlowDown") || str_eqc(code, "ServiceUnavailable") || t->status == 503 || t->status == 429;
    bool again = later || t->status >= 500 || str_eqc(code, "RequestTimeout") || str_eqc(code, "InternalError") || str_eqc(code, "OperationAborted");
    if (again) {
        op_fail(op, later ? E_BUSY : E_IO, "%s: %d %.*s", where(op, t), t->status, STR_FMT(code));
        return later ? BUSY : AGAIN;
    }
    if ((t->status / 100 == 2 && !code.len) || t->status == 412 || t->status == 416 || (t->status == 404 && !str_eqc(code, "NoSuchBucket")))
        return DONE;
    refused(op, t, code, message);
    return REFUSED;
}

/* The transfer itself failed: nothing, or a part, came. */
static enum verdict judge_failure(struct op *op, struct try *t, CURLcode rc)
{
    const char *text = t->error[0] ? t->error : rc ? curl_easy_strerror(rc) : "the answer broke off in its head";
    if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE) {
        op_fail(op, E_IO, "%s: %.*s does not prove its identity: %s (AWS_CA_BUNDLE names certificates to trust)", where(op, t),
                STR_FMT(t->c->config.host), text);
        return REFUSED;
    }
    if (rc == CURLE_WRITE_ERROR && t->body.failed) {
        op_fail(op, E_IO, "%s: the answer is too long", where(op, t));
        return REFUSED;
    }
    if (rc == CURLE_WRITE_ERROR && t->r->into && t->status / 100 == 2)
        text = "the answer is not the range that was asked for";
    op_fail(op, E_IO, "%s: %s", where(op, t), text);
    return AGAIN;
}

/* One try. op holds the failure when it is not DONE. */
static enum verdict try_once(struct op *op, struct try *t)
{
    t->status = 0;
    t->head_over = false;
    t->length = t->size = t->from = 0;
    t->etag = t->region = STR("");
    t->modified_us = t->date_us = 0;
    t->error[0] = 0;
    buf_reset(&t->body);
    t->h = handle_get(t->c);
    CURLcode rc = perform(t, op->deadline_ms);
    handle_put(t->c, t->h);
    if (rc || !t->head_over)
        return judge_failure(op, t, rc);
    enum verdict v = judge_answer(op, t);
    /* A body that ends early without an error has no length: HTTP/1.0 style. */
    if (v == DONE && t->r->into && t->status / 100 == 2 && t->got < t->r->range_len && t->r->range_from + t->got < t->size) {
        op_fail(op, E_IO, "%s: the answer is shorter than it says", where(op, t));
        return AGAIN;
    }
    return v;
}

/* Doubling waits, each somewhere between half of it and all of it, so that many clients do not come back together. */
static enum err wait_before(struct op *op, int tries_done, bool busy)
{
    int64_t ms = WAIT_FIRST_MS << (tries_done < 10 ? tries_done : 10);
    ms = ms < WAIT_MAX_MS ? ms : WAIT_MAX_MS;
    uint16_t r;
    hash_random(&r, sizeof r);
    ms = ms / 2 + (ms / 2) * r / UINT16_MAX + (busy ? WAIT_FIRST_MS : 0);
    if (op->deadline_ms && time_mono_ms() + ms >= op->deadline_ms)
        return op_fail(op, E_TIMEOUT, "the deadline does not allow another try");
    op_clear(op);
    time_sleep_ms(ms);
    return OK;
}

enum err s3_call(struct op *op, struct s3_client *c, const struct s3_request *r, struct s3_answer *ret)
{
    AUTO(arena) struct arena *scratch = arena_create(LIMIT_MIB(4));
    struct try t = {.c = c, .r = r};
    buf_init(&t.body, LIMIT_S3_ANSWER_BYTES);
    enum err e = OK;
    enum verdict v = DONE;
    size_t got_before = 0;
    for (int tries = 0;;) {
        arena_reset(scratch);
        op_init(&t.op, scratch);
        e = op_check_deadline(op);
        if (e || (v = try_once(op, &t)) == DONE)
            break;
        e = op->err;
        tries = t.got - got_before >= PROGRESS_BYTES ? 0 : tries + 1;
        got_before = t.got;
        if (v == REFUSED || tries >= c->tries)
            break;
        log_at(LOG_DEBUG, "s3.retry", {"error", LOG_C(op->msg)}, {"try", LOG_I(tries)});
        if ((e = wait_before(op, tries, v == BUSY)))
            break;
    }
    if (!e) {
        struct str body = buf_str(&t.body);
        *ret = (struct s3_answer){.status = t.status, .got = t.got, .modified_us = t.modified_us, .etag = str_dup(op->arena, t.etag),
                                  .size = t.size ? t.size : t.length, .body = body.len ? str_dup(op->arena, body) : STR("")};
    }
    buf_clear(&t.body);
    return e;
}
