/* Frame heads (RFC 9113 4.1): length 24 bits, type 8, flags 8, one reserved bit, stream 31.
 *
 * nghttp2 finds them too, but it passes over some frames without a word, for one the DATA of a stream that has ended. Whoever
 * counts what a peer does, and judges what nghttp2 forgives, has to see all of them. */
#include "net/http2_scan.h"

#include <string.h>

void http2_scan_init(struct http2_scan *s)
{
    *s = (struct http2_scan){.skip = HTTP2_PREFACE_BYTES};
}

bool http2_scan_next(struct http2_scan *s, const uint8_t *p, size_t n, struct http2_frame *ret_frame, size_t *ret_used)
{
    if (s->skip >= n) {
        s->skip -= n;
        return false;
    }
    size_t at = s->skip, need = HTTP2_FRAME_HEAD_BYTES - s->have;
    size_t k = n - at < need ? n - at : need;
    memcpy(s->head + s->have, p + at, k);
    s->skip = 0;
    if (k < need) {
        s->have += (unsigned)k;
        return false;
    }
    const uint8_t *h = s->head;
    *ret_frame = (struct http2_frame){
        .length = (uint32_t)h[0] << 16 | (uint32_t)h[1] << 8 | h[2],
        .type = h[3],
        .flags = h[4],
        .id = (int32_t)((uint32_t)(h[5] & 0x7f) << 24 | (uint32_t)h[6] << 16 | (uint32_t)h[7] << 8 | h[8]),
    };
    s->skip = ret_frame->length;
    s->have = 0;
    *ret_used = at + k;
    return true;
}
