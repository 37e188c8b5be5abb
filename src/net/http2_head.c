/* The head of an HTTP/2 request (RFC 9113 8.3).
 *
 * nghttp2 has refused what is no HTTP at all: names in upper case, pseudo fields that are missing, doubled, unknown or late,
 * fields that belong to one connection (Connection, Transfer-Encoding ...), control bytes. What is left is what an HTTP/1.1 head could
 * say as well, and it goes through the same functions. Two things are HTTP/2's own: ":authority" and "host" must agree when both are
 * there, as somebody on the way may read either, and a cookie may come in crumbs, which are put together again (8.2.3).
 *
 * An HTTP/1.1 server behind us does not exist, but one thing of smuggling stays: a value with CR or LF never comes through. */
#include "net/http2_head.h"

#include "base/limits.h"

enum { FIELD_OVERHEAD = 32, FIELDS_FIRST = 16 }; /* RFC 9113 6.5.2 counts 32 bytes for each field */

static void note(struct http2_stream *s, int status, const char *text)
{
    if (!s->fault.status)
        s->fault = (struct head_fault){status, text};
}

static struct http_header *field_new(struct http_exchange *ex)
{
    struct http2_stream *s = &ex->h2;
    if (ex->req.header_count < s->field_cap)
        return &ex->req.headers[ex->req.header_count++];
    size_t cap = s->field_cap ? s->field_cap * 2 : FIELDS_FIRST;
    struct http_header *grown = arena_array(ex->arena, cap, struct http_header);
    if (!grown)
        return NULL;
    if (ex->req.header_count)
        memcpy(grown, ex->req.headers, ex->req.header_count * sizeof *grown);
    ex->req.headers = grown;
    s->field_cap = cap;
    return &grown[ex->req.header_count++];
}

static void pseudo_add(struct http_exchange *ex, struct str name, struct str value)
{
    struct str copy = str_dup(ex->arena, value);
    switch (name.len) {
    case 7: /* :method, :scheme; the latter says nothing that the connection does not say better */
        if (name.p[1] == 'm') {
            ex->req.method_text = copy;
            ex->req.method = head_method(copy);
        }
        break;
    case 5:
        ex->req.target = copy;
        if (value.len > LIMIT_HTTP_TARGET_BYTES)
            note(&ex->h2, 414, "The request target is too long");
        break;
    case 10:
        ex->h2.authority = copy;
        break;
    default:
        break;
    }
}

void http2_head_add(struct http_exchange *ex, struct str name, struct str value)
{
    struct http2_stream *s = &ex->h2;
    s->head_bytes += name.len + value.len + FIELD_OVERHEAD;
    if (s->head_bytes > LIMIT_HTTP2_HEADER_LIST_BYTES)
        note(s, 431, "The request header is too large");
    else if (ex->req.header_count == LIMIT_HTTP_HEADERS)
        note(s, 431, "The request has too many header lines");
    if (s->fault.status)
        return;
    if (name.p[0] == ':') {
        pseudo_add(ex, name, value);
        return;
    }
    struct http_header *h = field_new(ex);
    if (!h) {
        note(s, 431, "The request header is too large");
        return;
    }
    h->name = str_dup(ex->arena, name);
    h->value = str_dup(ex->arena, value);
    s->cookies += str_eqc(name, "cookie");
}

/* Several cookie fields become one, where the first stood. */
static void cookies_join(struct http_exchange *ex)
{
    struct http_req *req = &ex->req;
    size_t total = 0, out = 0;
    for (size_t i = 0; i < req->header_count; i++)
        total += str_eqc(req->headers[i].name, "cookie") ? req->headers[i].value.len + 2 : 0;
    char *p = arena_array(ex->arena, total, char);
    struct http_header *joined = NULL;
    if (!p)
        return;
    for (size_t i = 0; i < req->header_count; i++) {
        struct http_header h = req->headers[i];
        if (!str_eqc(h.name, "cookie")) {
            req->headers[out++] = h;
            continue;
        }
        if (joined) {
            memcpy(p + joined->value.len, "; ", 2);
            joined->value.len += 2;
        } else {
            joined = &req->headers[out++];
            joined->name = h.name;
            joined->value = (struct str){p, 0};
        }
        if (h.value.len)
            memcpy(p + joined->value.len, h.value.p, h.value.len);
        joined->value.len += h.value.len;
    }
    req->header_count = out;
}

/* The authority is the Host of the request (8.3.1); a host field beside it says the same or the request is refused. */
static bool host_settle(struct http_exchange *ex, struct head_fault *f)
{
    struct http_req *req = &ex->req;
    struct str authority = ex->h2.authority;
    if (authority.p && !head_host_ok(authority)) {
        *f = (struct head_fault){400, "The :authority is malformed"};
        return false;
    }
    if (authority.p && req->host.p && !str_ieq(authority, req->host)) {
        *f = (struct head_fault){400, "The :authority and the host field differ"};
        return false;
    }
    if (authority.p)
        req->host = authority;
    if (req->host.p)
        return true;
    *f = (struct head_fault){400, "The request names no host"};
    return false;
}

/* What the start line of HTTP/1.1 must hold as well. */
static bool target_settle(struct http_exchange *ex, struct head_fault *f)
{
    struct str t = ex->req.target, m = ex->req.method_text;
    *f = (struct head_fault){400, "The request target holds a character that is not allowed"};
    for (size_t i = 0; i < t.len; i++) {
        if ((unsigned char)t.p[i] <= 0x20 || (unsigned char)t.p[i] >= 0x7f)
            return false;
    }
    *f = (struct head_fault){400, "The request method is malformed"};
    if (m.len == 0 || m.p[0] < 'A' || m.p[0] > 'Z' || str_eqc(m, "CONNECT"))
        return false;
    return head_parse_target(ex->arena, t, &ex->req, f);
}

bool http2_head_finish(struct http_exchange *ex, bool ended)
{
    struct http_req *req = &ex->req;
    struct http2_stream *s = &ex->h2;
    if (s->fault.status)
        return false;
    for (size_t i = 0; i < req->header_count; i++) {
        if (!head_note_field(ex->arena, &req->headers[i], req, &s->head, &s->fault))
            return false;
    }
    if (s->cookies > 1)
        cookies_join(ex);
    req->version = 20;
    req->has_body = !ended && !(s->head.has_length && s->head.length == 0);
    ex->head_only = req->method == HTTP_HEAD;
    struct head_fault f;
    if (host_settle(ex, &f) && target_settle(ex, &f))
        return true;
    s->fault = f;
    return false;
}
