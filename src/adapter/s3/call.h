/* call.h - one request to S3: signed, sent over a kept connection, tried again while that may help.
 * Every request made here can be sent twice without harm, so a lost answer is answered by sending again; what a second sending of
 * a completion means is for the caller to find out (E_NOT_FOUND: look whether the first one worked).
 * Waits between tries double, with jitter, and never pass op's deadline. Thread-safe: connections are pooled. */
#ifndef INGOT_ADAPTER_S3_CALL_H
#define INGOT_ADAPTER_S3_CALL_H

#include "adapter/s3/config.h"

struct s3_client;

struct s3_request {
    const char *method;
    struct str key;         /* of the object, without the config's prefix; p NULL: the bucket itself */
    struct str query;       /* encoded, keys in byte order; "" for none */
    struct str body;        /* p NULL: none */
    struct str copy_source; /* a key of this bucket to copy from, without prefix; "" for none */
    bool ranged;            /* GET: only `range_len` bytes from `range_from`; a copy: from there in its source */
    uint64_t range_from, range_len;
    char *into;             /* GET: where the bytes go, room for range_len; an answer that breaks off is resumed */
    bool patient;           /* the server works before it answers (copy, completion): it may be silent for minutes */
};
struct s3_answer {
    int status;
    struct str body;        /* what did not go to `into`, in op's arena, up to LIMIT_S3_ANSWER_BYTES */
    size_t got;             /* bytes in `into` */
    struct str etag;        /* with its quotes, "" if none */
    uint64_t size;          /* of the whole object: from Content-Range, or Content-Length of a HEAD */
    int64_t modified_us;    /* Last-Modified, whole seconds; 0 if none */
};

/* `config` is copied. `tries` 0: the usual number. */
struct s3_client *s3_client_create(const struct s3_config *config, int tries);
void s3_client_destroy(struct s3_client *c); /* NULL is ignored; no call may be running */
/* OK: a status of 2xx, or 404, 412 or 416, which are answers. E_BUSY: it is overloaded and stayed so. E_TIMEOUT: op's deadline.
 * E_IO: all else, and at once when it refuses us (keys, clock, region), which no repetition changes. Texts name the bucket, the object
 * and S3's own error, never keys or signatures. */
MUST_USE enum err s3_call(struct op *op, struct s3_client *c, const struct s3_request *r, struct s3_answer *ret);

#endif
