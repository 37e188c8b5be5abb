#include "net/gzip.h"

#include "base/limits.h"

#include <stdlib.h>
#include <zlib.h>

#define ZLIB_WINDOW_BITS 15        /* the largest window */
#define GZIP_WINDOW_BITS (15 + 16) /* ... and gzip framing */
#define GZIP_LEVEL 1               /* answers are made while a client waits */

/* The weight of an item: 1 unless "q=" says another one. */
static double quality(struct str params)
{
    struct str part;
    double q = 1;
    while (params.p && str_split(&params, ';', &part)) {
        part = str_trim(part);
        if (part.len < 3 || (part.p[0] | 0x20) != 'q' || part.p[1] != '=')
            continue;
        return str_parse_f64(str_sub(part, 2, SIZE_MAX), false, &q) ? q : 1;
    }
    return q;
}

/* Weights of both codings; below 0: not named. The first item of a name counts. */
struct wishes {
    double gzip, deflate, star;
};

static struct wishes wishes_read(struct str accept_encoding)
{
    struct str rest = accept_encoding, item;
    struct wishes w = {-1, -1, -1};
    while (rest.p && str_split(&rest, ',', &item)) {
        size_t semi = str_find_char(item, ';');
        struct str name = str_trim(str_sub(item, 0, semi == SIZE_MAX ? item.len : semi));
        const double q = quality(semi == SIZE_MAX ? (struct str){NULL, 0} : str_sub(item, semi + 1, SIZE_MAX));
        double *at = str_ieq(name, STR("gzip")) || str_ieq(name, STR("x-gzip")) ? &w.gzip
                     : str_ieq(name, STR("deflate")) ? &w.deflate
                     : str_eq(name, STR("*")) ? &w.star : NULL;
        if (at && *at < 0)
            *at = q > 0 ? q : 0;
    }
    return w;
}

bool gzip_accepted(struct str accept_encoding)
{
    const struct wishes w = wishes_read(accept_encoding);
    return w.gzip > 0 || (w.gzip < 0 && w.star > 0);
}

enum gzip_coding gzip_choose(struct str accept_encoding)
{
    const struct wishes w = wishes_read(accept_encoding);
    const double gzip = w.gzip < 0 ? w.star : w.gzip;
    if (w.deflate > 0 && w.deflate > gzip)
        return GZIP_DEFLATE;
    return gzip > 0 ? GZIP_GZIP : w.deflate > 0 ? GZIP_DEFLATE : GZIP_NONE;
}

bool gzip_worthwhile(struct str content_type)
{
    static const struct str prefixes[] = {
        STR_INIT("text/"), STR_INIT("application/json"), STR_INIT("application/javascript"),
        STR_INIT("application/xml"), STR_INIT("image/svg+xml"), STR_INIT("application/openmetrics-text"),
    };
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (str_starts(content_type, prefixes[i]))
            return !str_starts(content_type, STR("text/event-stream"));
    }
    return false;
}

static bool pack(struct str in, int window_bits, struct buf *out)
{
    z_stream z = {0};
    if (in.len > UINT32_MAX / 2 || deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t bound = deflateBound(&z, (uLong)in.len);
    char *p = buf_reserve(out, bound);
    bool ok = false;
    if (p) {
        z.next_in = (Bytef *)(uintptr_t)in.p;
        z.avail_in = (uInt)in.len;
        z.next_out = (Bytef *)p;
        z.avail_out = (uInt)bound;
        ok = deflate(&z, Z_FINISH) == Z_STREAM_END;
        if (ok)
            out->len += z.total_out;
    }
    deflateEnd(&z);
    return ok;
}

bool gzip_pack(struct str in, struct buf *out)
{
    return pack(in, GZIP_WINDOW_BITS, out);
}

bool gzip_pack_zlib(struct str in, struct buf *out)
{
    return pack(in, ZLIB_WINDOW_BITS, out);
}

struct gunzip {
    z_stream z;
    bool ended;
    uint64_t in, out;
};

static struct gunzip *create(int window_bits)
{
    struct gunzip *g = calloc(1, sizeof *g);
    if (g && inflateInit2(&g->z, window_bits) != Z_OK) {
        free(g);
        return NULL;
    }
    return g;
}

struct gunzip *gunzip_create(void)
{
    return create(GZIP_WINDOW_BITS);
}

struct gunzip *gunzip_create_zlib(void)
{
    return create(ZLIB_WINDOW_BITS);
}

void gunzip_destroy(struct gunzip *g)
{
    if (!g)
        return;
    inflateEnd(&g->z);
    free(g);
}

enum err gunzip_feed(struct gunzip *g, const void *p, size_t n, gunzip_sink sink, void *arg)
{
    unsigned char piece[16384];
    g->z.next_in = (Bytef *)(uintptr_t)p;
    g->z.avail_in = (uInt)n;
    g->in += n;
    for (;;) {
        if (g->ended)
            return g->z.avail_in ? E_INVALID : OK;
        g->z.next_out = piece;
        g->z.avail_out = sizeof piece;
        int rc = inflate(&g->z, Z_NO_FLUSH);
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
            return E_INVALID;
        size_t got = sizeof piece - g->z.avail_out;
        g->out += got;
        if (g->out > LIMIT_KIB(64) && g->out > g->in * LIMIT_GZIP_RATIO)
            return E_TOO_LARGE;
        enum err e = got ? sink(arg, piece, got) : OK;
        if (e)
            return e;
        g->ended = rc == Z_STREAM_END;
        if (!g->ended && g->z.avail_in == 0 && g->z.avail_out != 0)
            return OK;
        if (rc == Z_BUF_ERROR && got == 0)
            return g->z.avail_in ? E_INVALID : OK;
    }
}

bool gunzip_complete(const struct gunzip *g)
{
    return g->ended;
}
