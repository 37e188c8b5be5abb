#include "net/pinned.h"

#include <ctype.h>
#include <curl/curl.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"

#define CONNECT_MS 10000
#define HEAD_MAX LIMIT_KIB(64)
#define ADDRESSES_MAX 16

struct target {
    CURLU *url;
    const char *host;    /* without brackets; in op's arena */
    const char *port;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    size_t address_count;
};

struct transfer {
    const struct target *target;
    const atomic_bool *stop;
    struct buf body;
    size_t head_bytes;
    bool head_too_large, body_full, strayed;
};

static void curl_setup(void)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0)
        abort();
}

static void target_clear(struct target *t)
{
    curl_url_cleanup(t->url);
}

/* What stands before the first colon, if it can be a scheme (RFC 3986 section 3.1), in lower case. */
static struct str scheme_of(struct op *op, struct str url)
{
    size_t n = str_find_char(url, ':');
    if (n == SIZE_MAX || n == 0 || !isalpha((unsigned char)url.p[0]))
        return STR("");
    char *out = arena_array(op->arena, n + 1, char);
    if (!out)
        return STR("");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (!isalnum(c) && c != '+' && c != '-' && c != '.')
            return STR("");
        out[i] = (char)tolower(c);
    }
    return (struct str){out, n};
}

static enum err check_scheme(struct op *op, const struct pinned_rules *rules, struct str url)
{
    struct str scheme = scheme_of(op, url);
    const char *list = "";
    for (size_t i = 0; i < rules->scheme_count; i++) {
        if (str_eq(scheme, rules->schemes[i]) && (str_eqc(scheme, "http") || str_eqc(scheme, "https")))
            return OK;
        list = op_printf(op, "%s%s%.*s", list, i ? ", " : "", STR_FMT(rules->schemes[i]));
    }
    return op_fail_field(op, "url", "Invalid webhook URL scheme: '%.*s'. Allowed schemes are: %s.", STR_FMT(scheme), list);
}

/* One part of the URL, copied; NULL when absent. */
static const char *part(struct op *op, CURLU *u, CURLUPart what, unsigned flags)
{
    char *text = NULL;
    if (curl_url_get(u, what, &text, flags) != CURLUE_OK || !text)
        return NULL;
    char *copy = str_cstr(op->arena, str_from(text));
    curl_free(text);
    return copy;
}

/* The URL in parts. The caller clears `t` whatever comes back. */
static enum err target_parse(struct op *op, const struct pinned_rules *rules, struct str url, struct target *t)
{
    if (str_trim(url).len == 0)
        return op_fail_field(op, "url", "%s cannot be empty or just whitespace: '%.*s'", rules->what, STR_FMT(url));
    if (url.len > LIMIT_NOTIFY_URL || memchr(url.p, 0, url.len))
        return op_fail_field(op, "url", "%s must be a text of at most %d bytes", rules->what, LIMIT_NOTIFY_URL);
    enum err e = check_scheme(op, rules, url);
    if (e)
        return e;
    t->url = curl_url();
    if (!t->url)
        abort();
    CURLUcode rc = curl_url_set(t->url, CURLUPART_URL, str_cstr(op->arena, url), 0);
    if (rc == CURLUE_NO_HOST)
        return op_fail_field(op, "url", "%s must include a hostname: '%.*s'", rules->what, STR_FMT(url));
    if (rc != CURLUE_OK)
        return op_fail_field(op, "url", "Invalid webhook URL '%.*s': %s", STR_FMT(url), curl_url_strerror(rc));
    const char *host = part(op, t->url, CURLUPART_HOST, 0);
    t->port = part(op, t->url, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    if (!host || !*host || !t->port)
        return op_fail_field(op, "url", "%s must include a hostname: '%.*s'", rules->what, STR_FMT(url));
    if (part(op, t->url, CURLUPART_ZONEID, 0))
        return op_fail_field(op, "url", "%s must not name a network interface: '%.*s'", rules->what, STR_FMT(url));
    struct str name = str_from(host);
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.p[i] >= 0x80) /* what it stands for depends on who translates it */
            return op_fail_field(op, "url", "%s must have its hostname in ASCII (xn--...): '%.*s'", rules->what, STR_FMT(url));
    if (host[0] == '[' && name.len > 2)
        name = str_sub(name, 1, name.len - 2);
    t->host = str_cstr(op->arena, name);
    return OK;
}

static bool address_allowed(const struct pinned_rules *rules, const struct sockaddr *a)
{
    bool ok = rules->allow_private || address_public(a);
    for (size_t i = 0; !ok && i < rules->net_count; i++)
        ok = address_net_holds(&rules->nets[i], a);
    return ok;
}

/* All addresses of the host; one that is not allowed refuses the whole name. */
static enum err target_resolve(struct op *op, const struct pinned_rules *rules, struct target *t)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int rc = getaddrinfo(t->host, NULL, &hints, &list);
    if (rc != 0 || !list) {
        if (list)
            freeaddrinfo(list);
        return op_fail_field(op, "url", "Cannot resolve %s hostname '%s': [Errno %d] %s", rules->what, t->host, rc, gai_strerror(rc));
    }
    enum err e = OK;
    for (const struct addrinfo *a = list; a && !e; a = a->ai_next) {
        char text[64];
        address_format(a->ai_addr, text);
        if (!address_allowed(rules, a->ai_addr))
            e = op_fail_field(op, "url", "%s must not resolve to a non-public IP address. '%s' resolves to %s.", rules->what, t->host, text);
        else if (t->address_count < ADDRESSES_MAX && a->ai_addrlen <= sizeof t->addresses[0])
            memcpy(&t->addresses[t->address_count++], a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(list);
    if (!e && t->address_count == 0)
        e = op_fail_field(op, "url", "Cannot resolve %s hostname '%s': it has no address", rules->what, t->host);
    return e;
}

enum err pinned_check(struct op *op, const struct pinned_rules *rules, struct str url)
{
    struct target t = {0};
    enum err e = target_parse(op, rules, url, &t);
    if (!e && !rules->allow_private)
        e = target_resolve(op, rules, &t);
    target_clear(&t);
    return e;
}

/* ---- sending ---- */

/* The last word before a connection: libcurl asks for a socket to an address, and gets none to an address that was not judged. */
static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct transfer *x = arg;
    bool known = false;
    for (size_t i = 0; i < x->target->address_count && !known; i++)
        known = address_same((const struct sockaddr *)(const void *)&x->target->addresses[i], &a->addr);
    if (purpose != CURLSOCKTYPE_IPCXN || !known) {
        x->strayed = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t on_head(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *x = arg;
    (void)p;
    x->head_bytes += size * n;
    x->head_too_large = x->head_bytes > HEAD_MAX;
    return x->head_too_large ? 0 : size * n;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *x = arg;
    size_t room = LIMIT_NOTIFY_ANSWER - x->body.len, take = size * n < room ? size * n : room;
    buf_add(&x->body, p, take);
    x->body_full = take < size * n;
    return x->body_full ? 0 : size * n; /* 0 ends the transfer: nobody reads the rest */
}

static int on_progress(void *arg, curl_off_t down, curl_off_t down_now, curl_off_t up, curl_off_t up_now)
{
    const struct transfer *x = arg;
    (void)down, (void)down_now, (void)up, (void)up_now;
    return x->stop && atomic_load(x->stop);
}

/* "host:port:addr,addr": the only answers that libcurl's own look-up will have. */
static struct curl_slist *pins(struct op *op, const struct target *t)
{
    bool v6 = strchr(t->host, ':') != NULL;
    char *line = op_printf(op, "%s%s%s:%s:", v6 ? "[" : "", t->host, v6 ? "]" : "", t->port);
    for (size_t i = 0; i < t->address_count; i++) {
        char text[64];
        const struct sockaddr *a = (const struct sockaddr *)(const void *)&t->addresses[i];
        address_format(a, text);
        bool bracket = a->sa_family == AF_INET6;
        line = op_printf(op, "%s%s%s%s%s", line, i ? "," : "", bracket ? "[" : "", text, bracket ? "]" : "");
    }
    return curl_slist_append(NULL, line);
}

static struct curl_slist *headers_of(struct op *op, const struct pinned_request *r)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:"); /* no waiting for 100-continue */
    list = curl_slist_append(list, op_printf(op, "Content-Type: %.*s", STR_FMT(r->content_type)));
    for (size_t i = 0; i < r->header_count; i++)
        list = curl_slist_append(list, str_cstr(op->arena, r->headers[i]));
    return list;
}

static void set_up(CURL *h, const struct pinned_rules *rules, const struct pinned_request *r, const struct target *t, struct transfer *x)
{
    curl_easy_setopt(h, CURLOPT_CURLU, t->url);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_PROXY, ""); /* none, whatever the environment says */
    curl_easy_setopt(h, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(h, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(h, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(h, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(h, CURLOPT_POST, 1L);
    curl_easy_setopt(h, CURLOPT_POSTFIELDS, r->body.len ? r->body.p : "");
    curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body.len);
    curl_easy_setopt(h, CURLOPT_USERAGENT, "ingot");
    curl_easy_setopt(h, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT_MS, (long)(r->timeout_ms < CONNECT_MS ? r->timeout_ms : CONNECT_MS));
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(h, CURLOPT_OPENSOCKETDATA, x);
    curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(h, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(h, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(h, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(h, CURLOPT_XFERINFODATA, x);
    if (rules->ca_path)
        curl_easy_setopt(h, CURLOPT_CAINFO, rules->ca_path);
}

static enum err answer_of(struct op *op, CURL *h, CURLcode rc, const struct target *t, const struct transfer *x, const char *error, struct pinned_answer *ret)
{
    if (x->strayed)
        return op_fail_field(op, "url", "the connection to '%s' led to another address than the one that was checked", t->host);
    if (x->head_too_large)
        return op_fail(op, E_IO, "the answer's head from '%s' is larger than %zu bytes", t->host, HEAD_MAX);
    if (rc == CURLE_ABORTED_BY_CALLBACK)
        return op_fail(op, E_CANCELLED, "the call was ended");
    if (rc != CURLE_OK && !(rc == CURLE_WRITE_ERROR && x->body_full))
        return op_fail(op, rc == CURLE_OPERATION_TIMEDOUT ? E_TIMEOUT : E_IO, "%s", error[0] ? error : curl_easy_strerror(rc));
    long status = 0;
    curl_off_t wait_s = 0;
    curl_easy_getinfo(h, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(h, CURLINFO_RETRY_AFTER, &wait_s);
    *ret = (struct pinned_answer){(int)status, str_dup(op->arena, buf_str(&x->body)), wait_s > 0 ? (int64_t)wait_s : -1};
    return OK;
}

enum err pinned_post(struct op *op, const struct pinned_rules *rules, const struct pinned_request *r, struct pinned_answer *ret)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, curl_setup);
    struct target t = {0};
    enum err e = target_parse(op, rules, r->url, &t);
    if (!e)
        e = target_resolve(op, rules, &t);
    if (e) {
        target_clear(&t);
        return e;
    }
    CURL *h = curl_easy_init();
    if (!h)
        abort();
    struct transfer x = {.target = &t, .stop = r->stop};
    buf_init(&x.body, LIMIT_NOTIFY_ANSWER + 1);
    char error[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = headers_of(op, r), *resolve = pins(op, &t);
    set_up(h, rules, r, &t, &x);
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(h, CURLOPT_RESOLVE, resolve);
    curl_easy_setopt(h, CURLOPT_ERRORBUFFER, error);
    CURLcode rc = curl_easy_perform(h);
    e = answer_of(op, h, rc, &t, &x, error, ret);
    curl_easy_cleanup(h);
    curl_slist_free_all(headers);
    curl_slist_free_all(resolve);
    buf_clear(&x.body);
    target_clear(&t);
    return e;
}
