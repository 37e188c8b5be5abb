/* http2_scan.h - finds the heads of HTTP/2 frames in bytes that come in pieces of any size (inside src/net). Pure. */
#ifndef INGOT_NET_HTTP2_SCAN_H
#define INGOT_NET_HTTP2_SCAN_H

#include "base/cc.h"

enum { HTTP2_PREFACE_BYTES = 24, HTTP2_FRAME_HEAD_BYTES = 9 };

struct http2_scan {
    size_t skip;      /* bytes until the next head: of the preface, of a frame's payload */
    unsigned have;    /* bytes of a head that has begun */
    uint8_t head[HTTP2_FRAME_HEAD_BYTES];
};
struct http2_frame {
    uint32_t length;  /* of the payload */
    uint8_t type, flags;
    int32_t id;       /* of the stream */
};

/* For the first bytes of a connection. */
void http2_scan_init(struct http2_scan *s);
/* Goes on to the end of the next head. True: it is in *ret_frame and *ret_used bytes were passed. False: all n bytes were. */
MUST_USE bool http2_scan_next(struct http2_scan *s, const uint8_t *p, size_t n, struct http2_frame *ret_frame, size_t *ret_used);

#endif
