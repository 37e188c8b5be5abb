/* download.h - answers with the bytes of a blob: whole, a range of them (RFC 9110), or 304 for whoever has them. */
#ifndef INGOT_API_DOWNLOAD_H
#define INGOT_API_DOWNLOAD_H

#include "net/http.h"
#include "port/blob.h"

/* From a POOL | TRANSFER handler. `res` has its type and disposition; ETag, caching, ranges and body are set here. The bytes are not packed: their
 * tag names them as they are. Errors are those of blob.h, and E_CORRUPT when the blob is shorter than `size`. */
MUST_USE enum err download_blob(struct op *op, struct blob_store *blobs, struct http_req *req, struct http_res *res, const struct blob_id *id, uint64_t size);

#endif
