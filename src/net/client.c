#include "net/client.h"

#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CLIENT_TIMEOUT_MS 30000

struct client {
    CURL *curl;
    struct str base_url; /* in memory of its own */
    struct str bearer_token, user, password;
    char *ca_path;
    int timeout_ms;
    char error[CURL_ERROR_SIZE];
};

static void curl_setup(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        abort();
}

static struct str str_own(struct str s)
{
    char *p = malloc(s.len + 1);
    if (!p)
        abort();
    if (s.len)
        memcpy(p, s.p, s.len);
    p[s.len] = 0;
    return (struct str){p, s.len};
}

enum err client_create(struct op *op, const struct client_config *config, struct client **ret)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, curl_setup);
    if (!str_starts(config->base_url, STR("http://")) && !str_starts(config->base_url, STR("https://")))
        return op_fail(op, E_INVALID, "'%.*s' is not an http or https address", STR_FMT(config->base_url));
    struct client *c = calloc(1, sizeof *c);
    if (!c || !(c->curl = curl_easy_init()))
        abort();
    struct str base = config->base_url;
    while (base.len && base.p[base.len - 1] == '/')
        base.len--;
    c->base_url = str_own(base);
    c->bearer_token = str_own(config->bearer_token);
    c->user = str_own(config->user);
    c->password = str_own(config->password);
    if (config->ca_path)
        c->ca_path = (char *)(uintptr_t)str_own(str_from(config->ca_path)).p;
    c->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : CLIENT_TIMEOUT_MS;
    *ret = c;
    return OK;
}

void client_destroy(struct client *c)
{
    if (!c)
        return;
    curl_easy_cleanup(c->curl);
    free((void *)(uintptr_t)c->base_url.p);
    free((void *)(uintptr_t)c->bearer_token.p);
    free((void *)(uintptr_t)c->user.p);
    free((void *)(uintptr_t)c->password.p);
    free(c->ca_path);
    free(c);
}

struct client_request {
    const char *method;
    struct str path, content_type, body;
    FILE *file;        /* or NULL; then `body` */
    curl_off_t file_size;
    client_bytes_fn fn; /* NULL: the answer is gathered */
    void *arg;
};

/* The answer on its way in. */
struct arriving {
    CURL *curl;
    const struct client_request *request;
    struct buf body;
    enum err refused; /* by the request's fn */
};

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct arriving *a = arg;
    long status = 0;
    if (a->request->fn)
        curl_easy_getinfo(a->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 == 2) {
        a->refused = a->request->fn(a->request->arg, p, size * n);
        return a->refused ? 0 : size * n;
    }
    buf_add(&a->body, p, size * n);
    return a->body.failed ? 0 : size * n;
}

static struct curl_slist *request_headers(struct op *op, const struct client *c, const struct client_request *r)
{
    struct curl_slist *list = NULL;
    list = curl_slist_append(list, "Expect:"); /* no waiting for 100-continue */
    if (r->content_type.len)
        list = curl_slist_append(list, op_printf(op, "Content-Type: %.*s", STR_FMT(r->content_type)));
    else if (r->body.p || r->file)
        list = curl_slist_append(list, "Content-Type:");
    if (c->bearer_token.len)
        list = curl_slist_append(list, op_printf(op, "Authorization: Bearer %.*s", STR_FMT(c->bearer_token)));
    return list;
}

static void request_body(CURL *h, const struct client_request *r)
{
    if (r->file) {
        curl_easy_setopt(h, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(h, CURLOPT_READDATA, r->file);
        curl_easy_setopt(h, CURLOPT_INFILESIZE_LARGE, r->file_size);
    } else if (r->body.p) {
        curl_easy_setopt(h, CURLOPT_POST, 1L);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, r->body.len ? r->body.p : "");
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    } else if (strcmp(r->method, "HEAD") == 0) {
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    }
    curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, r->method);
}

/* All but the URL, the headers and the body. */
static void client_options(struct client *c, const struct client_request *r, struct arriving *a)
{
    CURL *h = c->curl;
    curl_easy_reset(h); /* keeps the connection */
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (r->fn) { /* of any length: judged by its pace */
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(h, CURLOPT_LOW_SPEED_TIME, (long)c->timeout_ms / 1000 + 1);
    } else {
        curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)c->timeout_ms);
    }
    if (c->user.len && !c->bearer_token.len) {
        curl_easy_setopt(h, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(h, CURLOPT_USERNAME, c->user.p);
        curl_easy_setopt(h, CURLOPT_PASSWORD, c->password.p);
    }
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, c->error);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, a);
    if (c->ca_path)
        curl_easy_setopt(h, CURLOPT_CAINFO, c->ca_path);
    c->error[0] = 0;
}

static enum err client_perform(struct op *op, struct client *c, const struct client_request *r, struct client_answer *ret)
{
    CURL *h = c->curl;
    struct arriving in = {.curl = h, .request = r};
    buf_init(&in.body, LIMIT_HTTP_BODY_BYTES * 4);
    client_options(c, r, &in);
    struct curl_slist *headers = request_headers(op, c, r);
    const char *url = op_printf(op, "%.*s%.*s", STR_FMT(c->base_url), STR_FMT(r->path));
    curl_easy_setopt(h, CURLOPT_URL, url);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    request_body(h, r);
    int64_t start_ns = time_mono_ns();
    CURLcode rc = curl_easy_perform(h);
    int64_t wall_us = (time_mono_ns() - start_ns) / 1000;
    curl_slist_free_all(headers);
    enum err e = OK;
    if (in.refused) {
        e = in.refused;
    } else if (in.body.failed) {
        e = op_fail(op, E_TOO_LARGE, "%s %s: the answer is larger than %zu bytes", r->method, url, in.body.max);
    } else if (rc != CURLE_OK) {
        e = op_fail(op, rc == CURLE_OPERATION_TIMEDOUT ? E_TIMEOUT : E_IO, "%s %s: %s", r->method, url,
                    c->error[0] ? c->error : curl_easy_strerror(rc));
    } else {
        long status = 0;
        char *type = NULL;
        curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
        curl_easy_getinfo(h, CURLINFO_CONTENT_TYPE, &type);
        if (in.body.len > arena_left(op->arena) / 2)
            e = op_fail(op, E_TOO_LARGE, "%s %s: the answer is too large", r->method, url);
        else
            *ret = (struct client_answer){.status = (int)status, .body = str_dup(op->arena, buf_str(&in.body)),
                                          .content_type = str_dup(op->arena, str_from(type)), .wall_us = wall_us};
    }
    buf_clear(&in.body);
    return e;
}

enum err client_call(struct op *op, struct client *c, const char *method, struct str path, struct str content_type,
                     struct str body, struct client_answer *ret)
{
    struct client_request r = {.method = method, .path = path, .content_type = content_type, .body = body};
    return client_perform(op, c, &r, ret);
}

enum err client_upload(struct op *op, struct client *c, const char *method, struct str path, struct str content_type,
                       const char *file_path, struct client_answer *ret)
{
    FILE *f = fopen(file_path, "rbe");
    struct stat st;
    if (!f)
        return op_fail_errno(op, "open '%s'", file_path);
    enum err e;
    if (fstat(fileno(f), &st) != 0) {
        e = op_fail_errno(op, "size of '%s'", file_path);
    } else {
        struct client_request r = {.method = method, .path = path, .content_type = content_type, .file = f, .file_size = st.st_size};
        e = client_perform(op, c, &r, ret);
    }
    fclose(f);
    return e;
}

enum err client_download(struct op *op, struct client *c, struct str path, client_bytes_fn fn, void *arg, struct client_answer *ret)
{
    struct client_request r = {.method = "GET", .path = path, .fn = fn, .arg = arg};
    return client_perform(op, c, &r, ret);
}

/* The error for a status that is no success, with the text of the body: MLflow's and our "message", or "error"
 * (Open Inference Protocol), which may be an object with a "message" (OpenAI). */
static enum err status_error(struct op *op, const char *method, struct str path, int status, const struct json *body)
{
    static const enum err kinds[] = {E_INVALID, E_UNAUTHENTICATED, E_DENIED, E_NOT_FOUND, E_CONFLICT, E_TOO_LARGE, E_BUSY, E_TIMEOUT, E_UNSUPPORTED};
    enum err e = status >= 500 ? E_IO : E_INVALID;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (err_http(kinds[i]) == status)
            e = kinds[i];
    }
    const struct json *m = json_get(body, "message");
    const struct json *error = json_get(body, "error");
    if (!m)
        m = error && error->type == JSON_OBJECT ? json_get(error, "message") : error;
    struct str text = m && m->type == JSON_STRING ? m->s : str_from(http_reason(status));
    return op_fail(op, e, "%s %.*s: %d %.*s", method, STR_FMT(path), status, STR_FMT(text));
}

enum err client_json(struct op *op, struct client *c, const char *method, struct str path, struct str json_body, struct json **ret)
{
    struct client_answer a;
    enum err e = client_call(op, c, method, path, json_body.p ? STR("application/json") : STR(""), json_body, &a);
    if (e)
        return e;
    struct json *j = NULL;
    if (a.body.len) {
        e = json_parse(op, a.body, JSON_NAN | JSON_DUP_LAST, &j);
        if (e && a.status < 400)
            return op_context(op, "%s %.*s", method, STR_FMT(path));
        op_clear(op);
        j = e ? NULL : j;
    }
    if (a.status >= 400)
        return status_error(op, method, path, a.status, j);
    if (!j) {
        j = op_new(op, struct json);
        j->type = JSON_OBJECT;
    }
    *ret = j;
    return OK;
}
