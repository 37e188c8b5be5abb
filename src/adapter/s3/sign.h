/* sign.h - AWS Signature Version 4 for requests to S3.
 * Source: "Signature Version 4 signing process" and "Authenticating Requests (AWS Signature Version 4)" of the Amazon S3
 * API reference. Pure but for memory in op's arena. */
#ifndef INGOT_ADAPTER_S3_SIGN_H
#define INGOT_ADAPTER_S3_SIGN_H

#include "base/op.h"

#define SIGN_HEADERS 8

struct sign_header {
    const char *name; /* lower case */
    struct str value; /* without blanks at its ends */
};
struct sign_request {
    const char *method;
    struct str path;         /* percent-encoded, starts with '/' */
    struct str query;        /* encoded, keys in byte order, "" for none */
    struct str payload_hash; /* 64 hex digits, as in x-amz-content-sha256 */
    struct sign_header headers[SIGN_HEADERS]; /* in byte order of their names; `host` and `x-amz-date` are among them */
    size_t header_count;
};
struct sign_key {
    struct str id, secret, region;
};

/* "20130524T000000Z" of a time, for x-amz-date. */
struct str sign_date(struct op *op, int64_t now_us);
/* The value of the Authorization header. `date` is what sign_date() gave. */
struct str sign_authorization(struct op *op, const struct sign_key *key, const struct sign_request *r, struct str date);

#endif
