/* head.h - the head of an HTTP/1 message: finding its end as bytes come, and judging it (inside src/net).
 * Pure functions over bytes; everything that two servers could read differently is refused here or by llhttp. */
#ifndef INGOT_NET_HEAD_H
#define INGOT_NET_HEAD_H

#include "net/http.h"

/* Progress through a head that comes in pieces. Zeroed for each message. */
struct head_scan {
    size_t line;   /* where the line that is being read starts */
    size_t seen;   /* bytes already looked at */
    size_t start;  /* where the request line starts: 0, or 2 behind one empty line */
    unsigned lines; /* complete ones, the request line included */
};

enum head_status { HEAD_MORE, HEAD_COMPLETE, HEAD_REFUSED };
struct head_fault {
    int status;       /* 400, 414, 431, 501; 0: close without an answer */
    const char *text; /* static */
};

/* Looks at the bytes behind `scan->seen`; (p, n) starts at the head's first byte in every call. HEAD_COMPLETE: the
 * head with its empty line is *ret_len bytes. Each line is judged as soon as it is complete. */
enum head_status head_find_end(struct head_scan *scan, const char *p, size_t n, size_t *ret_len, struct head_fault *ret_fault);

struct head {
    bool http_1_0;
    bool has_length, chunked;
    uint64_t length;
    bool expect_continue;
    bool gzipped;       /* Content-Encoding: gzip or deflate */
    bool zlib;          /* ... deflate, which is zlib's form (RFC 9110 8.4.1.2) */
};
/* `text` is a complete, scanned head in `a`, from the request line to the empty line; it is changed in place
 * (header names to lower case) and req's views point into it. False: *ret_fault says why. */
bool head_parse(struct arena *a, char *text, size_t n, struct http_req *req, struct head *ret, struct head_fault *ret_fault);

/* One field, its name in lower case: notes in `head` and `req` what decides where the message ends and whom it is for. False: *ret_fault
 * says why. For every field once, in order. */
bool head_note_field(struct arena *a, const struct http_header *h, struct http_req *req, struct head *head, struct head_fault *ret_fault);
enum http_method head_method(struct str name);
/* name[:port] or an address; the form that Host and :authority must have. */
bool head_host_ok(struct str host);

/* Splits and checks a request target into req->path (decoded) and req->query. */
bool head_parse_target(struct arena *a, struct str target, struct http_req *req, struct head_fault *ret_fault);

#endif
