#include "api/guard.h"

/* Host without its port. */
static struct str host_name(struct str host)
{
    if (host.len && host.p[0] == '[') {
        size_t close = str_find_char(host, ']');
        return close == SIZE_MAX ? host : str_sub(host, 0, close + 1);
    }
    size_t colon = str_find_char(host, ':');
    return colon == SIZE_MAX ? host : str_sub(host, 0, colon);
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* `pattern` with "*" for any text, ASCII case folded. Going back to the last star alone is enough, so the time is |pattern| * |text|. */
static bool fits(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, from = 0;
    while (t < text.len) {
        if (p < pattern.len && pattern.p[p] == '*') {
            star = p++;
            from = t;
        } else if (p < pattern.len && lower(pattern.p[p]) == lower(text.p[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.p[p] == '*')
        p++;
    return p == pattern.len;
}

struct guard_verdict guard_host(const struct http_req *req, const struct str *allowed, size_t n)
{
    static const struct str loopback[] = {STR_INIT("localhost"), STR_INIT("127.0.0.1"), STR_INIT("[::1]")};
    struct str name = host_name(req->host);
    if (str_eqc(req->path, "/health") || str_eqc(req->path, "/version"))
        return (struct guard_verdict){0};
    for (size_t i = 0; i < ARRAY_LEN(loopback) && req->peer_loopback; i++) {
        if (str_ieq(name, loopback[i]))
            return (struct guard_verdict){0};
    }
    for (size_t i = 0; i < n; i++) {
        if (fits(allowed[i], req->host) || fits(allowed[i], name))
            return (struct guard_verdict){0};
    }
    return (struct guard_verdict){403, "Invalid Host header - possible DNS rebinding attack detected"};
}

/* "http://host:port" of our own? A default port may be left out on either side. */
static bool origin_is_ours(struct str origin, const struct http_req *req)
{
    struct str scheme = req->tls ? STR("https://") : STR("http://");
    struct str port = req->tls ? STR(":443") : STR(":80");
    if (origin.len <= scheme.len || !str_ieq(str_sub(origin, 0, scheme.len), scheme))
        return false;
    struct str a = str_sub(origin, scheme.len, SIZE_MAX), b = req->host;
    if (str_ends(a, port))
        a.len -= port.len;
    if (str_ends(b, port))
        b.len -= port.len;
    return str_ieq(a, b);
}

static bool is_json_type(struct str type)
{
    return str_eq(type, STR("application/json")) || (str_starts(type, STR("application/")) && str_ends(type, STR("+json")));
}

static bool origin_is_listed(struct str origin, const struct str *origins, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (fits(origins[i], origin))
            return true;
    return false;
}

struct guard_verdict guard_browser(const struct http_req *req, unsigned route_flags, const struct str *origins, size_t n)
{
    static const struct guard_verdict pass = {0}, crossed = {403, "Cross-origin request blocked"};
    if (!(route_flags & ROUTE_WRITES))
        return pass;
    struct str origin = http_header_get(req, "origin"), site = http_header_get(req, "sec-fetch-site");
    bool listed = origin.p && origin_is_listed(origin, origins, n);
    if (origin.p && !listed && !origin_is_ours(origin, req))
        return crossed;
    if (site.p && !listed && !str_eq(site, STR("same-origin")) && !str_eq(site, STR("none")))
        return crossed;
    if ((route_flags & ROUTE_ANY_TYPE) || is_json_type(req->content_type))
        return pass;
    if (!req->has_body && req->content_type.len == 0)
        return pass;
    return (struct guard_verdict){415, "The body must be JSON (Content-Type: application/json)"};
}

void guard_cors(struct op *op, const struct http_req *req, const struct str *origins, size_t n, struct http_res *res)
{
    struct str origin = http_header_get(req, "origin"), asked = http_header_get(req, "access-control-request-headers");
    if (!n)
        return;
    http_set_header(res, "Vary", STR("Origin"));
    if (!origin.p || !origin_is_listed(origin, origins, n))
        return;
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any = any || str_eqc(origins[i], "*");
    http_set_header(res, "Access-Control-Allow-Origin", any ? STR("*") : str_dup(op->arena, origin));
    http_set_header(res, "Access-Control-Expose-Headers", STR("*"));
    if (!any)
        http_set_header(res, "Access-Control-Allow-Credentials", STR("true"));
    if (req->method != HTTP_OPTIONS)
        return;
    http_set_header(res, "Access-Control-Allow-Methods", STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
    if (asked.p)
        http_set_header(res, "Access-Control-Allow-Headers", str_dup(op->arena, asked));
}

static int base64_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static struct str base64_decode(struct op *op, struct str s)
{
    while (s.len && s.p[s.len - 1] == '=')
        s.len--;
    char *p = arena_array(op->arena, s.len + 1, char);
    size_t n = 0;
    unsigned bits = 0, have = 0;
    for (size_t i = 0; p && i < s.len; i++) {
        int v = base64_value(s.p[i]);
        if (v < 0)
            return STR("");
        bits = (bits << 6 | (unsigned)v) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            p[n++] = (char)(bits >> have & 0xff);
        }
    }
    return p ? (struct str){p, n} : STR("");
}

struct str guard_token(struct op *op, const struct http_req *req)
{
    struct str value = http_header_get(req, "authorization");
    if (!value.p)
        return STR("");
    if (value.len > 7 && str_ieq(str_sub(value, 0, 7), STR("Bearer ")))
        return str_trim(str_sub(value, 7, SIZE_MAX));
    if (value.len > 6 && str_ieq(str_sub(value, 0, 6), STR("Basic "))) {
        struct str pair = base64_decode(op, str_trim(str_sub(value, 6, SIZE_MAX)));
        size_t colon = str_find_char(pair, ':');
        return colon == SIZE_MAX ? STR("") : str_sub(pair, colon + 1, SIZE_MAX);
    }
    return STR("");
}

struct str guard_cookie_name(struct op *op, const struct http_req *req)
{
    struct str name = host_name(req->host);
    struct str port = str_sub(req->host, name.len + 1, 5);
    uint64_t n;
    return port.len && str_parse_u64(port, &n) ? str_from(op_printf(op, "ingot_session_%.*s", STR_FMT(port))) : STR("ingot_session");
}

struct str guard_session(struct op *op, const struct http_req *req)
{
    struct str cookies = http_header_get(req, "cookie"), pair;
    if (!cookies.p || http_header_get(req, "authorization").p)
        return STR("");
    struct str name = guard_cookie_name(op, req);
    while (cookies.p && str_split(&cookies, ';', &pair)) {
        pair = str_trim(pair);
        if (str_starts(pair, name) && pair.len > name.len && pair.p[name.len] == '=')
            return str_sub(pair, name.len + 1, SIZE_MAX);
    }
    return STR("");
}

const char *guard_cookie_refusal(const struct http_req *req, unsigned route_flags)
{
    struct str origin = http_header_get(req, "origin"), site = http_header_get(req, "sec-fetch-site");
    if ((origin.p && !origin_is_ours(origin, req)) || (site.p && !str_eqc(site, "same-origin") && !str_eqc(site, "none")))
        return "the cookie of a session is not for other sites";
    if ((route_flags & ROUTE_WRITES) && !http_header_get(req, "x-ingot-request").len)
        return "with the cookie of a session, what changes something needs the header X-Ingot-Request: 1";
    return NULL;
}

bool guard_is_script(const struct http_req *req)
{
    return http_header_get(req, "x-ingot-request").len || str_eqc(http_header_get(req, "sec-fetch-dest"), "empty");
}
