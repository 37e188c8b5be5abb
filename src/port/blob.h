/* blob.h - content-addressed bytes: the name of a blob is the SHA-256 of its content.
 * Users' names live in SQL only and never reach this port. A blob is durable when commit returns; it is
 * verified when read to its end. Thread-safe; a writer or reader belongs to one thread at a time. */
#ifndef INGOT_PORT_BLOB_H
#define INGOT_PORT_BLOB_H

#include "base/hash.h"
#include "base/op.h"

struct blob_id {
    uint8_t sha256[HASH_SHA256_LEN];
};
struct blob_writer;
struct blob_reader;
struct blob_info {
    struct blob_id id;
    uint64_t size_bytes;
    int64_t stored_us; /* when it was last stored: storing equal bytes again makes a blob young */
};
/* Anything but OK ends the walk, which returns it. */
typedef enum err (*blob_each_fn)(void *arg, struct op *op, const struct blob_info *info);

struct blob_ops {
    const char *name;
    enum err (*writer_open)(void *self, struct op *op, struct blob_writer **ret);
    enum err (*write)(struct op *op, struct blob_writer *w, const void *p, size_t n);
    /* Frees `w` in any case. Storing equal bytes twice is one blob. */
    enum err (*commit)(struct op *op, struct blob_writer *take_w, struct blob_id *ret_id, uint64_t *ret_size);
    void (*abort)(struct blob_writer *take_w);
    /* E_NOT_FOUND. */
    enum err (*reader_open)(void *self, struct op *op, const struct blob_id *id, struct blob_reader **ret, uint64_t *ret_size);
    /* Up to n bytes at `offset`; *ret_n 0 at the end. E_CORRUPT when a sequential read of the whole
     * blob does not hash to its name. */
    enum err (*read)(struct op *op, struct blob_reader *r, uint64_t offset, void *p, size_t n, size_t *ret_n);
    void (*reader_close)(struct blob_reader *r);
    enum err (*remove)(void *self, struct op *op, const struct blob_id *id); /* absent is OK */
    /* Every blob once, in no order; one that comes or goes meanwhile may be told or not. `fn` may remove blobs. */
    enum err (*each)(void *self, struct op *op, blob_each_fn fn, void *arg);
    /* Removes the blob if it was last stored before `before_us`; absent or younger: *ret_removed false. No commit that
     * returned after `before_us` loses its blob (within one process; see s3.h for many servers on one bucket). */
    enum err (*remove_old)(void *self, struct op *op, const struct blob_id *id, int64_t before_us, bool *ret_removed);
    /* A path that a library may open read-only while the blob lives, or E_UNSUPPORTED (remote stores). */
    enum err (*local_path)(void *self, struct op *op, const struct blob_id *id, struct str *ret_path);
    void (*close)(void *self);
};
struct blob_store {
    const struct blob_ops *ops;
    void *self;
};

MUST_USE enum err blob_writer_open(struct op *op, struct blob_store *s, struct blob_writer **ret);
MUST_USE enum err blob_write(struct op *op, struct blob_store *s, struct blob_writer *w, const void *p, size_t n);
MUST_USE enum err blob_commit(struct op *op, struct blob_store *s, struct blob_writer *take_w, struct blob_id *ret_id, uint64_t *ret_size);
void blob_abort(struct blob_store *s, struct blob_writer *take_w); /* NULL is ignored */
MUST_USE enum err blob_reader_open(struct op *op, struct blob_store *s, const struct blob_id *id, struct blob_reader **ret, uint64_t *ret_size);
MUST_USE enum err blob_read(struct op *op, struct blob_store *s, struct blob_reader *r, uint64_t offset, void *p, size_t n, size_t *ret_n);
void blob_reader_close(struct blob_store *s, struct blob_reader *r); /* NULL is ignored */
MUST_USE enum err blob_remove(struct op *op, struct blob_store *s, const struct blob_id *id);
/* For the sweep of blobs that no row names: it tells those stored long ago, and removes them unless somebody stored them again. */
MUST_USE enum err blob_each(struct op *op, struct blob_store *s, blob_each_fn fn, void *arg);
MUST_USE enum err blob_remove_old(struct op *op, struct blob_store *s, const struct blob_id *id, int64_t before_us, bool *ret_removed);
MUST_USE enum err blob_local_path(struct op *op, struct blob_store *s, const struct blob_id *id, struct str *ret_path);
void blob_store_close(struct blob_store *s);

/* Whole small objects. */
MUST_USE enum err blob_put(struct op *op, struct blob_store *s, struct str bytes, struct blob_id *ret_id);
MUST_USE enum err blob_get(struct op *op, struct blob_store *s, const struct blob_id *id, size_t max, struct str *ret_bytes);
/* The whole content of a file, which stays. */
MUST_USE enum err blob_put_file(struct op *op, struct blob_store *s, const char *path, struct blob_id *ret_id, uint64_t *ret_size);
/* 64 hex digits and back. */
struct str blob_id_hex(struct op *op, const struct blob_id *id);
MUST_USE enum err blob_id_parse(struct op *op, struct str hex, struct blob_id *ret);

#endif
