/* seal.h - secrets: keyed digests, bytes sealed under a key, base64. GnuTLS does the cryptography.
 *
 * A sealed text is 1 version byte (1), 12 random bytes (the nonce), then AES-256-GCM's output with its 16 byte tag
 * (RFC 5116). The nonce is random, so one key may seal some 2^32 texts; ours are a handful of webhook secrets.
 * `context` is not stored but must be the same at opening: it binds a sealed text to its row. Thread-safe. */
#ifndef INGOT_BASE_SEAL_H
#define INGOT_BASE_SEAL_H

#include "base/hash.h"
#include "base/op.h"

#define SEAL_KEY_LEN 32

/* HMAC-SHA256 (RFC 2104). */
void seal_hmac_sha256(struct str key, struct str text, uint8_t out[HASH_SHA256_LEN]);

/* The sealed bytes are in op's arena. */
MUST_USE enum err seal_close(struct op *op, const uint8_t key[SEAL_KEY_LEN], struct str context, struct str plain, struct str *ret_sealed);
/* E_CORRUPT: another key, another context, or other bytes than seal_close() made. */
MUST_USE enum err seal_open(struct op *op, const uint8_t key[SEAL_KEY_LEN], struct str context, struct str sealed, struct str *ret_plain);

/* base64 with padding (RFC 4648 section 4), in `a`. */
struct str seal_base64(struct arena *a, struct str bytes);
/* Exactly `n` bytes from their base64 text, padded, in either alphabet (RFC 4648 sections 4 and 5). */
bool seal_unbase64(struct str text, uint8_t *out, size_t n);

#endif
