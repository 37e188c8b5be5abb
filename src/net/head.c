/* The head of an HTTP/1 request.
 *
 * llhttp parses leniently where old peers need it and never sees the whole head at once. The house wants more:
 * a request is refused if any server or proxy on the way could have read it differently (RFC 9112 section 11.2,
 * "request smuggling"). So the head is gathered first (at most a start line of LIMIT_HTTP_START_LINE_BYTES and
 * LIMIT_HTTP_HEADER_BYTES of fields), each line is checked by itself as it comes, then llhttp runs over the
 * same bytes as the second judge, and http1.c compares both opinions on the framing.
 *
 * Lines end in CR LF and nothing else; no NUL, no bare CR or LF, no folded line, no blank before the colon, no
 * empty name; one Host of the form name[:port]; a version of exactly 1.0 or 1.1; at most one length, digits only;
 * the only transfer coding is "chunked", alone, and only in 1.1.
 *
 * A line that names neither a path nor a protocol is no HTTP at all, say an HTTP/2 client with a broken preface: the connection is
 * closed without an answer, which such a peer could not read (RFC 9113 3.4).
 *
 * The path is decoded once. What could still climb or be decoded again is refused: "." and ".." segments (also
 * with ";parameters"), empty segments, a backslash, control bytes, and leftover %2e, %2f, %5c, %00 escapes. */
#include "net/head.h"

#include "base/limits.h"

static bool fault(struct head_fault *f, int status, const char *text)
{
    *f = (struct head_fault){status, text};
    return false;
}

/* RFC 9110 5.6.2: the bytes of methods and field names. */
static const bool token_char[256] = {
    ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['!'] = true, ['#'] = true, ['$'] = true,
    ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true, ['-'] = true, ['.'] = true,
    ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true,
};

static bool is_token(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!token_char[(unsigned char)p[i]])
            return false;
    }
    return n > 0;
}

/* A field line without its CR LF. */
static bool field_line_ok(const char *p, size_t n, struct head_fault *f)
{
    if (p[0] == ' ' || p[0] == '\t')
        return fault(f, 400, "Folded header lines are not allowed");
    const char *colon = memchr(p, ':', n);
    if (!colon)
        return fault(f, 400, "A header line has no colon");
    size_t name_len = (size_t)(colon - p);
    if (!is_token(p, name_len))
        return fault(f, 400, "A header name is empty or holds a character that is not allowed");
    for (size_t i = name_len + 1; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return fault(f, 400, "A header value holds a control character");
    }
    return true;
}

static bool start_line_ok(const char *p, size_t n, struct head_fault *f)
{
    const char *sp1 = memchr(p, ' ', n);
    if (!sp1 || !is_token(p, (size_t)(sp1 - p)) || p[0] < 'A' || p[0] > 'Z')
        return fault(f, 400, "The request line is malformed");
    const char *target = sp1 + 1;
    size_t rest = n - (size_t)(target - p);
    const char *sp2 = memchr(target, ' ', rest);
    if (!sp2 || sp2 == target)
        return fault(f, 400, "The request line is malformed");
    size_t version_len = n - (size_t)(sp2 + 1 - p);
    if (*target != '/' && (version_len < 5 || !str_ieq((struct str){sp2 + 1, 5}, STR("HTTP/"))))
        return fault(f, 0, "This is not HTTP");
    if (version_len != 8 || memcmp(sp2 + 1, "HTTP/1.", 7) != 0 || (sp2[8] != '0' && sp2[8] != '1'))
        return fault(f, 400, "The protocol version must be 1.1 or 1.0");
    if ((size_t)(sp2 - target) > LIMIT_HTTP_TARGET_BYTES)
        return fault(f, 414, "The request target is too long");
    for (const char *c = target; c < sp2; c++) {
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return fault(f, 400, "The request target holds a character that is not allowed");
    }
    return true;
}

/* The limits that hold before a line has ended. `len` counts from the line's start. */
static bool partial_ok(const struct head_scan *s, const char *p, size_t n, struct head_fault *f)
{
    if (s->lines == 0) {
        if (n - s->start > LIMIT_HTTP_START_LINE_BYTES)
            return fault(f, 414, "The request line is too long");
        if (n > s->start && p[s->start] != '\r' && (p[s->start] < 'A' || p[s->start] > 'Z'))
            return fault(f, 400, "The request line is malformed");
        return true;
    }
    if (n - s->start > LIMIT_HTTP_START_LINE_BYTES + LIMIT_HTTP_HEADER_BYTES)
        return fault(f, 431, "The request header is too large");
    return true;
}

/* A complete line [line, end) without CR LF. Sets *ret_end at the empty line. */
static bool line_ok(struct head_scan *s, const char *p, size_t end, bool *ret_end, struct head_fault *f)
{
    const char *line = p + s->line;
    size_t n = end - s->line;
    *ret_end = false;
    if (memchr(line, '\r', n) || memchr(line, 0, n))
        return fault(f, 400, "The request header holds a bare CR or a NUL");
    if (s->lines == 0 && n == 0) {
        if (s->start > 0)
            return fault(f, 400, "The request line is malformed");
        s->start = end + 2; /* one empty line before a request is skipped (RFC 9112 2.2) */
        return true;
    }
    if (s->lines == 0) {
        s->lines = 1;
        return n > LIMIT_HTTP_START_LINE_BYTES ? fault(f, 414, "The request line is too long") : start_line_ok(line, n, f);
    }
    if (n == 0) {
        *ret_end = true;
        return true;
    }
    if (++s->lines > LIMIT_HTTP_HEADERS + 1)
        return fault(f, 431, "The request has too many header lines");
    if (end - s->start > LIMIT_HTTP_START_LINE_BYTES + LIMIT_HTTP_HEADER_BYTES)
        return fault(f, 431, "The request header is too large");
    return field_line_ok(line, n, f);
}

enum head_status head_find_end(struct head_scan *s, const char *p, size_t n, size_t *ret_len, struct head_fault *f)
{
    while (s->seen < n) {
        const char *lf = memchr(p + s->seen, '\n', n - s->seen);
        if (!lf) {
            /* A CR may only be the last byte so far. */
            if (memchr(p + s->seen, '\r', n - s->seen - 1) || memchr(p + s->seen, 0, n - s->seen)) {
                fault(f, 400, "The request header holds a bare CR or a NUL");
                return HEAD_REFUSED;
            }
            s->seen = p[n - 1] == '\r' ? n - 1 : n;
            if (s->seen < s->line)
                s->seen = s->line;
            return partial_ok(s, p, n, f) ? HEAD_MORE : HEAD_REFUSED;
        }
        size_t at = (size_t)(lf - p);
        if (at == s->line || p[at - 1] != '\r') {
            fault(f, 400, "A header line must end in CR LF");
            return HEAD_REFUSED;
        }
        bool end;
        if (!line_ok(s, p, at - 1, &end, f))
            return HEAD_REFUSED;
        s->line = s->seen = at + 1;
        if (end) {
            *ret_len = at + 1;
            return HEAD_COMPLETE;
        }
    }
    return HEAD_MORE;
}

static bool segment_is_dots(struct str seg)
{
    size_t semi = str_find_char(seg, ';');
    if (semi != SIZE_MAX)
        seg.len = semi;
    return (seg.len == 1 && seg.p[0] == '.') || (seg.len == 2 && seg.p[0] == '.' && seg.p[1] == '.');
}

/* %2e %2f %5c %00 in a text that was decoded already. */
static bool has_leftover_escape(struct str s)
{
    static const char *const bad[] = {"2e", "2f", "5c", "00"};
    for (size_t i = 0; i + 2 < s.len; i++) {
        if (s.p[i] != '%')
            continue;
        char hex[3] = {s.p[i + 1], (char)(s.p[i + 2] | 0x20), 0};
        if (s.p[i + 2] >= '0' && s.p[i + 2] <= '9')
            hex[2] = s.p[i + 2];
        for (size_t k = 0; k < ARRAY_LEN(bad); k++) {
            if (hex[0] == bad[k][0] && hex[1] == bad[k][1])
                return true;
        }
    }
    return false;
}

static bool path_ok(struct str path, struct head_fault *f)
{
    if (path.len == 0 || path.p[0] != '/')
        return fault(f, 400, "The request path must start with '/'");
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.p[i];
        if (c < 0x20 || c == 0x7f || c == '\\')
            return fault(f, 400, "The request path holds a character that is not allowed");
    }
    if (has_leftover_escape(path))
        return fault(f, 400, "The request path is encoded more than once");
    if (!str_is_utf8(path))
        return fault(f, 400, "The request path is not UTF-8");
    struct str rest = str_sub(path, 1, SIZE_MAX), seg;
    while (rest.p && str_split(&rest, '/', &seg)) {
        if (segment_is_dots(seg))
            return fault(f, 400, "The request path holds a '.' or '..' segment");
    }
    if (str_find(path, STR("//")) != SIZE_MAX)
        return fault(f, 400, "The request path holds an empty segment");
    return true;
}

bool head_parse_target(struct arena *a, struct str target, struct http_req *req, struct head_fault *f)
{
    if (str_find_char(target, '#') != SIZE_MAX)
        return fault(f, 400, "The request target holds a fragment");
    if (str_eq(target, STR("*")) && req->method == HTTP_OPTIONS)
        target = STR("/");
    /* The absolute form is for proxies; a server must take it, and only our own authority may stand in it. */
    if (str_starts(target, STR("http://")) || str_starts(target, STR("https://"))) {
        struct str rest = str_sub(target, target.p[4] == 's' ? 8 : 7, SIZE_MAX);
        size_t slash = str_find_char(rest, '/');
        size_t end = slash == SIZE_MAX ? rest.len : slash;
        if (!str_ieq(str_sub(rest, 0, end), req->host))
            return fault(f, 400, "The request target names another host than the Host header");
        target = slash == SIZE_MAX ? STR("/") : str_sub(rest, slash, SIZE_MAX);
    }
    size_t mark = str_find_char(target, '?');
    struct str raw = str_sub(target, 0, mark == SIZE_MAX ? target.len : mark);
    req->query = mark == SIZE_MAX ? STR("") : str_sub(target, mark + 1, SIZE_MAX);
    if (memchr(raw.p, '%', raw.len)) {
        struct str path;
        if (!http_percent_decode(a, raw, false, &path))
            return fault(f, 400, "The request path holds a broken escape");
        raw = path;
    }
    req->path = raw;
    return path_ok(raw, f);
}

enum http_method head_method(struct str m)
{
    static const struct {
        struct str text;
        enum http_method method;
    } methods[] = {
        {STR_INIT("GET"), HTTP_GET}, {STR_INIT("POST"), HTTP_POST}, {STR_INIT("HEAD"), HTTP_HEAD},
        {STR_INIT("PUT"), HTTP_PUT}, {STR_INIT("PATCH"), HTTP_PATCH}, {STR_INIT("DELETE"), HTTP_DELETE},
        {STR_INIT("OPTIONS"), HTTP_OPTIONS},
    };
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        if (str_eq(m, methods[i].text))
            return methods[i].method;
    }
    return HTTP_OTHER;
}

/* name or IPv4 or [IPv6], then maybe :port. No user, no list, no blanks. */
bool head_host_ok(struct str h)
{
    if (h.len == 0 || h.len > 255)
        return false;
    size_t i = 0;
    if (h.p[0] == '[') {
        i = 1;
        while (i < h.len && ((h.p[i] >= '0' && h.p[i] <= '9') || ((h.p[i] | 0x20) >= 'a' && (h.p[i] | 0x20) <= 'f') || h.p[i] == ':' || h.p[i] == '.'))
            i++;
        if (i < 4 || i == h.len || h.p[i] != ']')
            return false;
        i++;
    } else {
        while (i < h.len && h.p[i] != ':') {
            char c = h.p[i];
            bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' || c == '_';
            if (!plain)
                return false;
            i++;
        }
        if (i == 0)
            return false;
    }
    if (i == h.len)
        return true;
    uint64_t port;
    return h.p[i] == ':' && h.len - i <= 6 && str_parse_u64(str_sub(h, i + 1, SIZE_MAX), &port) && port >= 1 && port <= 65535;
}

static bool digits_only(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return s.len > 0;
}

static struct str media_type(struct arena *a, struct str value)
{
    size_t semi = str_find_char(value, ';');
    struct str t = str_dup(a, str_trim(str_sub(value, 0, semi == SIZE_MAX ? value.len : semi)));
    for (size_t i = 0; i < t.len; i++) {
        if (t.p[i] >= 'A' && t.p[i] <= 'Z')
            ((char *)(uintptr_t)t.p)[i] = (char)(t.p[i] | 0x20);
    }
    return t;
}

/* The fields that decide where the message ends and whom it is for. */
bool head_note_field(struct arena *a, const struct http_header *h, struct http_req *req, struct head *head, struct head_fault *f)
{
    struct str n = h->name, v = h->value;
    switch (n.len) {
    case 4:
        if (!str_eqc(n, "host"))
            break;
        if (req->host.p)
            return fault(f, 400, "The request has more than one Host header");
        if (!head_host_ok(v))
            return fault(f, 400, "The Host header is malformed");
        req->host = v;
        break;
    case 6:
        if (!str_eqc(n, "expect"))
            break;
        if (!str_ieq(v, STR("100-continue")))
            return fault(f, 417, "The only expectation this server knows is 100-continue");
        head->expect_continue = true;
        break;
    case 12:
        if (str_eqc(n, "content-type"))
            req->content_type = media_type(a, v);
        break;
    case 14:
        if (!str_eqc(n, "content-length"))
            break;
        if (head->has_length)
            return fault(f, 400, "The request has more than one Content-Length");
        if (!digits_only(v) || !str_parse_u64(v, &head->length) || head->length > INT64_MAX)
            return fault(f, 400, "The Content-Length is not a number");
        head->has_length = true;
        break;
    case 16:
        if (!str_eqc(n, "content-encoding"))
            break;
        if (head->gzipped)
            return fault(f, 400, "The request has more than one Content-Encoding");
        head->zlib = str_ieq(v, STR("deflate"));
        head->gzipped = head->zlib || str_ieq(v, STR("gzip")) || str_ieq(v, STR("x-gzip"));
        if (!head->gzipped && !str_ieq(v, STR("identity")))
            return fault(f, 415, "The only content encodings this server takes are gzip and deflate");
        break;
    case 17:
        if (!str_eqc(n, "transfer-encoding"))
            break;
        if (head->chunked || !str_ieq(v, STR("chunked")))
            return fault(f, 400, "The only transfer coding this server takes is chunked");
        head->chunked = true;
        break;
    default:
        break;
    }
    return true;
}

static bool parse_fields(struct arena *a, char *p, char *end, struct http_req *req, struct head *head, struct head_fault *f)
{
    size_t max = 0;
    for (const char *c = p; c < end; c++)
        max += *c == '\n';
    req->headers = arena_array(a, max, struct http_header);
    if (max > 1 && !req->headers)
        return fault(f, 431, "The request header is too large");
    while (p < end && *p != '\r') {
        char *lf = memchr(p, '\n', (size_t)(end - p));
        char *colon = memchr(p, ':', (size_t)(lf - p));
        for (char *c = p; c < colon; c++) {
            if (*c >= 'A' && *c <= 'Z')
                *c = (char)(*c | 0x20);
        }
        struct http_header *h = &req->headers[req->header_count++];
        h->name = (struct str){p, (size_t)(colon - p)};
        h->value = str_trim((struct str){colon + 1, (size_t)(lf - 1 - (colon + 1))});
        if (!head_note_field(a, h, req, head, f))
            return false;
        p = lf + 1;
    }
    return true;
}

bool head_parse(struct arena *a, char *text, size_t n, struct http_req *req, struct head *ret, struct head_fault *f)
{
    struct head head = {0};
    char *sp1 = memchr(text, ' ', n);
    char *lf = memchr(text, '\n', n);
    char *sp2 = memchr(sp1 + 1, ' ', n - (size_t)(sp1 + 1 - text));
    req->method_text = (struct str){text, (size_t)(sp1 - text)};
    req->method = head_method(req->method_text);
    req->target = (struct str){sp1 + 1, (size_t)(sp2 - sp1 - 1)};
    head.http_1_0 = sp2[8] == '0';
    if (!parse_fields(a, lf + 1, text + n, req, &head, f))
        return false;
    if (!req->host.p)
        return fault(f, 400, "The request has no Host header");
    if (head.chunked && head.has_length)
        return fault(f, 400, "The request has both a Content-Length and a transfer coding");
    if (head.chunked && head.http_1_0)
        return fault(f, 400, "HTTP/1.0 has no transfer codings");
    if (head.http_1_0)
        head.expect_continue = false;
    req->has_body = head.chunked || head.length > 0;
    *ret = head;
    return head_parse_target(a, req->target, req, f);
}
