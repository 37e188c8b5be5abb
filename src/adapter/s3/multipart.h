/* multipart.h - uploads and copies in parts (CreateMultipartUpload, UploadPart, UploadPartCopy, CompleteMultipartUpload,
 * AbortMultipartUpload). A struct belongs to one thread; it holds the parts' tags, not their bytes. */
#ifndef INGOT_ADAPTER_S3_MULTIPART_H
#define INGOT_ADAPTER_S3_MULTIPART_H

#include "adapter/s3/call.h"

struct multipart {
    struct s3_client *client;
    char *key, *id;   /* of memory of its own */
    char **tags;      /* ETag of each part */
    size_t parts, cap;
    uint64_t size;
};

/* Begins an upload to `key`. */
MUST_USE enum err multipart_begin(struct op *op, struct s3_client *c, struct str key, struct multipart *ret);
/* Parts but the last have at least 5 MiB. E_TOO_LARGE: there are LIMIT_S3_PARTS already. */
MUST_USE enum err multipart_add(struct op *op, struct multipart *m, struct str bytes);
/* The same from a range of an object of the bucket. */
MUST_USE enum err multipart_add_copy(struct op *op, struct multipart *m, struct str source, uint64_t from, uint64_t len);
/* The object is there, whole, when this returns OK; an answer that was lost is resolved by looking. On a failure: multipart_abort. */
MUST_USE enum err multipart_complete(struct op *op, struct multipart *m);
/* Frees the parts in the bucket, as well as may be. The struct is cleared. */
void multipart_abort(struct multipart *m);
/* Frees memory only. */
void multipart_clear(struct multipart *m);
/* Ends an upload by its id, as a sweep finds it. */
MUST_USE enum err multipart_end(struct op *op, struct s3_client *c, struct str key, struct str id);

#endif
