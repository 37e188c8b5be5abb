/* hash.h - digests (GnuTLS), random bytes, and the non-cryptographic hashes of the tree. */
#ifndef INGOT_BASE_HASH_H
#define INGOT_BASE_HASH_H

#include "base/arena.h"
#include "base/str.h"

#define HASH_SHA256_LEN 32
#define HASH_MD5_LEN 16

enum hash_kind { HASH_SHA256, HASH_MD5 };
struct hash_state; /* heap, made by hash_create, ended by hash_finish or hash_destroy */

void hash_sha256(const void *p, size_t n, uint8_t out[HASH_SHA256_LEN]);
void hash_md5(const void *p, size_t n, uint8_t out[HASH_MD5_LEN]);
struct hash_state *hash_create(enum hash_kind kind);
void hash_update(struct hash_state *h, const void *p, size_t n);
/* Writes 32 or 16 bytes and frees the state. */
void hash_finish(struct hash_state *h, uint8_t *out);
void hash_destroy(struct hash_state *h); /* NULL is ignored */
/* Lower-case hex, NUL-terminated: `out` has room for 2 * n + 1. */
void hash_hex(const uint8_t *p, size_t n, char *out);
bool hash_unhex(struct str hex, uint8_t *out, size_t out_len);

/* Cryptographic random bytes (getrandom); aborts if the kernel has none. */
void hash_random(void *p, size_t n);
/* n random bytes as hex in the arena. */
char *hash_random_hex(struct arena *a, size_t n);
bool hash_equal_const_time(const void *a, const void *b, size_t n);
/* 64-bit mix of bytes with a seed (for maps, sticky assignment); stable across versions and machines. */
uint64_t hash64(const void *p, size_t n, uint64_t seed);

#endif
