#include "net/http.h"

#include "base/log.h"
#include "base/vec.h"

struct str http_header_get(const struct http_req *req, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < req->header_count; i++) {
        const struct http_header *h = &req->headers[i];
        if (h->name.len == n && memcmp(h->name.p, name, n) == 0)
            return h->value;
    }
    return (struct str){NULL, 0};
}

bool http_percent_decode(struct arena *a, struct str s, bool plus, struct str *ret)
{
    char *p = arena_array(a, s.len + 1, char);
    if (!p)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.p[i];
        if (c != '%') {
            p[n++] = plus && c == '+' ? ' ' : c;
            continue;
        }
        if (s.len - i < 3)
            return false;
        int hi = str_hex_digit(s.p[i + 1]);
        int lo = str_hex_digit(s.p[i + 2]);
        if (hi < 0 || lo < 0)
            return false;
        p[n++] = (char)(hi * 16 + lo);
        i += 2;
    }
    p[n] = 0;
    *ret = (struct str){p, n};
    return true;
}

struct str http_percent_encode(struct arena *a, struct str s, bool slash)
{
    static const char digits[] = "0123456789ABCDEF";
    char *p = arena_array(a, s.len * 3 + 1, char);
    if (!p)
        return STR("");
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                     c == '.' || c == '_' || c == '~' || (c == '/' && !slash);
        if (plain) {
            p[n++] = (char)c;
        } else {
            p[n++] = '%';
            p[n++] = digits[c >> 4];
            p[n++] = digits[c & 15];
        }
    }
    p[n] = 0;
    return (struct str){p, n};
}

/* The next "key=value" of a query; a pair without '=' has the empty value. */
static bool query_next(struct str *rest, struct str *ret_key, struct str *ret_value)
{
    struct str pair;
    while (rest->p && str_split(rest, '&', &pair)) {
        if (pair.len == 0)
            continue;
        size_t eq = str_find_char(pair, '=');
        *ret_key = str_sub(pair, 0, eq == SIZE_MAX ? pair.len : eq);
        *ret_value = eq == SIZE_MAX ? STR("") : str_sub(pair, eq + 1, SIZE_MAX);
        return true;
    }
    return false;
}

static struct str query_text(struct op *op, struct str raw)
{
    struct str text;
    if (raw.len == 0)
        return STR("");
    return http_percent_decode(op->arena, raw, true, &text) ? text : raw;
}

static bool query_key_is(struct op *op, struct str raw, const char *key)
{
    if (str_eqc(raw, key))
        return true;
    if (!memchr(raw.p, '%', raw.len) && !memchr(raw.p, '+', raw.len))
        return false;
    return str_eqc(query_text(op, raw), key);
}

bool http_query_get(struct op *op, const struct http_req *req, const char *key, struct str *ret)
{
    struct str rest = req->query, k, v;
    while (query_next(&rest, &k, &v)) {
        if (query_key_is(op, k, key)) {
            *ret = query_text(op, v);
            return true;
        }
    }
    return false;
}

size_t http_query_all(struct op *op, const struct http_req *req, const char *key, struct str **ret)
{
    VEC(struct str) values = {0};
    struct str rest = req->query, k, v;
    while (query_next(&rest, &k, &v)) {
        if (!query_key_is(op, k, key))
            continue;
        struct str *slot = vec_push(&values, op->arena);
        if (!slot)
            break;
        *slot = query_text(op, v);
    }
    *ret = values.p;
    return values.len;
}

static bool header_value_ok(struct str v)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Sets or replaces a field in a table of `max`. */
static void field_set(struct http_header *fields, size_t max, size_t *count, const char *name, struct str value)
{
    if (!header_value_ok(value)) {
        log_at(LOG_ERROR, "http.header_refused", {"name", LOG_C(name)}, {"why", LOG_C("control bytes in the value")});
        return;
    }
    struct str n = str_from(name);
    size_t i = 0;
    while (i < *count && !str_ieq(fields[i].name, n))
        i++;
    if (i == max) {
        log_at(LOG_ERROR, "http.header_refused", {"name", LOG_C(name)}, {"why", LOG_C("too many headers")});
        return;
    }
    fields[i] = (struct http_header){n, value};
    if (i == *count)
        *count += 1;
}

void http_set_header(struct http_res *res, const char *name, struct str value)
{
    field_set(res->headers, ARRAY_LEN(res->headers), &res->header_count, name, value);
}

void http_set_trailer(struct http_res *res, const char *name, struct str value)
{
    field_set(res->trailers, ARRAY_LEN(res->trailers), &res->trailer_count, name, value);
}

void http_set_status(struct http_res *res, int status)
{
    res->status = status;
}

void http_set_type(struct http_res *res, const char *content_type)
{
    http_set_header(res, "Content-Type", str_from(content_type));
}

bool http_range_parse(struct str range_header, uint64_t size, uint64_t *ret_from, uint64_t *ret_len,
                      bool *ret_unsatisfiable)
{
    if (!range_header.p || !str_starts(range_header, STR("bytes=")))
        return false;
    struct str spec = str_trim(str_sub(range_header, 6, SIZE_MAX));
    size_t dash = str_find_char(spec, '-');
    if (dash == SIZE_MAX || str_find_char(spec, ',') != SIZE_MAX)
        return false; /* several ranges: the whole is a correct answer too */
    struct str first = str_sub(spec, 0, dash), last = str_sub(spec, dash + 1, SIZE_MAX);
    uint64_t a = 0, b = 0;
    if ((first.len && !str_parse_u64(first, &a)) || (last.len && !str_parse_u64(last, &b)))
        return false;
    if (first.len == 0 && last.len == 0)
        return false;
    if (first.len && last.len && b < a)
        return false;
    uint64_t from, len;
    if (first.len == 0) { /* the last b bytes */
        len = b < size ? b : size;
        from = size - len;
    } else {
        from = a;
        len = a >= size ? 0 : last.len && b < size ? b - a + 1 : size - a;
    }
    *ret_unsatisfiable = len == 0;
    *ret_from = from;
    *ret_len = len;
    return true;
}

const char *http_reason(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {
        {100, "Continue"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
        {206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"},
        {304, "Not Modified"}, {307, "Temporary Redirect"}, {308, "Permanent Redirect"}, {400, "Bad Request"},
        {401, "Unauthorized"}, {403, "Forbidden"}, {404, "Not Found"}, {405, "Method Not Allowed"},
        {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"}, {410, "Gone"},
        {411, "Length Required"}, {412, "Precondition Failed"}, {413, "Content Too Large"}, {414, "URI Too Long"},
        {415, "Unsupported Media Type"}, {416, "Range Not Satisfiable"}, {417, "Expectation Failed"},
        {422, "Unprocessable Content"}, {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"}, {500, "Internal Server Error"}, {501, "Not Implemented"},
        {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
        if (reasons[i].status == status)
            return reasons[i].text;
    }
    return status < 400 ? "Other" : status < 500 ? "Client Error" : "Server Error";
}
