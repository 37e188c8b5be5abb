/* Which protocol a connection speaks, told by its first bytes.
 *
 * HTTP/2 begins with a fixed text of 24 bytes (RFC 9113 3.4), chosen so that no HTTP/1.1 server takes it for a request: over
 * clear text a client that knows beforehand just sends it. Over TLS the handshake chooses (ALPN, RFC 7301); where it chose HTTP/2,
 * anything but that text is HTTP/2's own error, and where the client offered no protocols the text decides as in clear text.
 * No byte is taken here: they are offered again to the wire that was chosen. */
#include "base/limits.h"
#include "net/conn.h"

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
enum { PREFACE_BYTES = sizeof preface - 1 };

static void sniff_init(struct conn *c)
{
    c->deadline_ms = c->env->now_ms + c->env->limits.head_ms;
}

static size_t sniff_feed(struct conn *c, const char *p, size_t n)
{
    size_t k = n < PREFACE_BYTES ? n : PREFACE_BYTES;
    bool h2 = c->h2_agreed || memcmp(p, preface, k) == 0;
    if (h2 && !c->h2_agreed && n < PREFACE_BYTES)
        return 0;
    c->wire = h2 ? &http2_wire : &http1_wire;
    c->wire->init(c);
    return c->wire->feed(c, p, n);
}

static void sniff_eof(struct conn *c)
{
    conn_finish(c);
}

static void sniff_event(struct conn *c, struct http_exchange *ex)
{
    (void)c, (void)ex; /* there are no exchanges yet */
}

static bool sniff_idle(const struct conn *c)
{
    (void)c;
    return true;
}

static void sniff_drain(struct conn *c)
{
    conn_break(c); /* nothing was asked */
}

static void sniff_nothing(struct conn *c)
{
    (void)c;
}

const struct wire_ops sniff_wire = {
    .name = "unknown",
    .init = sniff_init,
    .feed = sniff_feed,
    .eof = sniff_eof,
    .event = sniff_event,
    .flushed = sniff_nothing,
    .idle = sniff_idle,
    .drain = sniff_drain,
    .expire = sniff_eof,
    .cancel = sniff_nothing,
    .clear = sniff_nothing,
};
