/* gzip.h - the codings of HTTP bodies: gzip (RFC 1952), and the zlib format (RFC 1950) that HTTP and gRPC call "deflate". By zlib. Not
 * thread-safe per object. */
#ifndef INGOT_NET_GZIP_H
#define INGOT_NET_GZIP_H

#include "base/buf.h"
#include "base/err.h"

/* True when an Accept-Encoding value allows gzip (RFC 9110 12.5.3: "gzip" or "*" with q > 0). */
bool gzip_accepted(struct str accept_encoding);
/* Which coding an Accept-Encoding value likes best: gzip before deflate where it says nothing else. A sender that has one of both and
 * means the other by "*" gets what it named. */
enum gzip_coding { GZIP_NONE, GZIP_GZIP, GZIP_DEFLATE };
enum gzip_coding gzip_choose(struct str accept_encoding);
/* True for media types that shrink: text, JSON, XML, JavaScript, SVG. */
bool gzip_worthwhile(struct str content_type);
/* One whole gzip stream appended to `out`; false when memory or out's maximum ends. */
MUST_USE bool gzip_pack(struct str in, struct buf *out);
/* The same in the zlib format. */
MUST_USE bool gzip_pack_zlib(struct str in, struct buf *out);

struct gunzip;
struct gunzip *gunzip_create(void); /* NULL: no memory */
/* The same for the zlib format. */
struct gunzip *gunzip_create_zlib(void);
void gunzip_destroy(struct gunzip *g); /* NULL is ignored */
/* Takes all n bytes and passes what they decode to, piece by piece, to `sink`; its failure ends the call.
 * E_INVALID: broken stream or bytes after its end. E_TOO_LARGE: more than LIMIT_GZIP_RATIO bytes out per byte
 * in (after a first LIMIT_KIB(64) that are free). */
typedef enum err (*gunzip_sink)(void *arg, const void *p, size_t n);
MUST_USE enum err gunzip_feed(struct gunzip *g, const void *p, size_t n, gunzip_sink sink, void *arg);
bool gunzip_complete(const struct gunzip *g);

#endif
