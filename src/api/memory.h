/* memory.h - Triton's system shared memory extension: regions of /dev/shm that clients have registered, from which tensors of requests are taken and to which
 * tensors of answers go.
 *
 * A client names memory to read and to write, so there are no regions unless the server's command line asks for it, and only who may deploy may register one.
 * A key is the name of one file in /dev/shm, never a path; it is opened once, when it is registered, and closed when it is unregistered and the last
 * request that uses it is over. Nothing is mapped: a client that cuts its file short gets an error and the server no signal. What the client changes
 * while a request is read it changes in its own request.
 *
 * Errors name the region. Thread-safe; the file's bytes are copied on the thread that asks. */
#ifndef INGOT_API_MEMORY_H
#define INGOT_API_MEMORY_H

#include "core/serve/infer.h"

struct memory_region {
    struct str name, key;
    uint64_t offset, size_bytes;
};
struct memory_regions;
struct memory_regions *memory_regions_create(void);
void memory_regions_destroy(struct memory_regions *m); /* NULL is ignored; no request may be left */

/* E_EXISTS: the name is taken; E_INVALID: no key of /dev/shm, or the file ends before; E_NOT_FOUND: no such file; E_UNSUPPORTED: `m` is NULL. */
MUST_USE enum err memory_register(struct op *op, struct memory_regions *m, const struct memory_region *region);
/* "": all of them. One that is not there is no error: clients unregister before they begin. NULL `m`: nothing. */
void memory_unregister(struct memory_regions *m, struct str name);
/* By name, in op's arena; `name` "": all. E_NOT_FOUND. */
MUST_USE enum err memory_status(struct op *op, struct memory_regions *m, struct str name, struct memory_region **ret, size_t *ret_len);

/* A tensor's place in a region. */
struct memory_part {
    struct str region;     /* "": it lies in the message */
    uint64_t offset, size_bytes;
};
/* The bytes of a part in op's arena. E_INVALID: no such region, not within it, or `m` is NULL. `what` "input", and the tensor's name, for texts. */
MUST_USE enum err memory_read(struct op *op, struct memory_regions *m, struct str tensor, const struct memory_part *part, struct str *ret);

/* Where a request wants its outputs. */
struct memory_places {
    struct memory_regions *regions;
    const struct infer_want *wants;
    const struct memory_part *parts; /* one per want; NULL: all lie in the message */
    size_t len;
};
/* NULL: the output lies in the message. */
const struct memory_part *memory_place(const struct memory_places *p, struct str output);
/* Writes those outputs that have a place, in the protocol's binary form. E_INVALID: larger than its place. */
MUST_USE enum err memory_write(struct op *op, const struct memory_places *p, const struct tensor *outputs, size_t n);
/* Bytes of a tensor in the protocol's binary form. */
size_t memory_tensor_size(const struct tensor *t);

#endif
