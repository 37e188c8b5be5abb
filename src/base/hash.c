/* hash64 reads 16 bytes a round and folds the 128-bit product of the two words, each mixed with a running
 * state and an odd constant, into 64 bits (multiply-fold, the construction of the wyhash family). The
 * constants are the fractional bits of the square roots of 2, 3, 5 and 7. Its values are part of stored
 * state (sticky assignment), so the function may never change; a test pins them. Not for secrets. */
#include "base/hash.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#define HASH64_A 0x6a09e667f3bcc909ULL
#define HASH64_B 0xbb67ae8584caa73bULL
#define HASH64_C 0x3c6ef372fe94f82bULL
#define HASH64_D 0xa54ff53a5f1d36f1ULL

struct hash_state {
    gnutls_hash_hd_t handle;
};

static gnutls_digest_algorithm_t hash_algorithm(enum hash_kind kind)
{
    return kind == HASH_SHA256 ? GNUTLS_DIG_SHA256 : GNUTLS_DIG_MD5;
}

/* A digest only fails when the library is unusable; nothing that needs one can go on. */
static void hash_must(int rc)
{
    if (rc < 0) {
        fprintf(stderr, "ingot: fatal: digest: %s\n", gnutls_strerror(rc));
        abort();
    }
}

void hash_sha256(const void *p, size_t n, uint8_t out[HASH_SHA256_LEN])
{
    hash_must(gnutls_hash_fast(GNUTLS_DIG_SHA256, n ? p : "", n, out));
}

void hash_md5(const void *p, size_t n, uint8_t out[HASH_MD5_LEN])
{
    hash_must(gnutls_hash_fast(GNUTLS_DIG_MD5, n ? p : "", n, out));
}

struct hash_state *hash_create(enum hash_kind kind)
{
    struct hash_state *h = malloc(sizeof *h);
    if (!h)
        abort();
    hash_must(gnutls_hash_init(&h->handle, hash_algorithm(kind)));
    return h;
}

void hash_update(struct hash_state *h, const void *p, size_t n)
{
    if (n > 0)
        hash_must(gnutls_hash(h->handle, p, n));
}

void hash_finish(struct hash_state *h, uint8_t *out)
{
    gnutls_hash_deinit(h->handle, out);
    free(h);
}

void hash_destroy(struct hash_state *h)
{
    if (!h)
        return;
    gnutls_hash_deinit(h->handle, NULL);
    free(h);
}

void hash_hex(const uint8_t *p, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[p[i] >> 4];
        out[2 * i + 1] = digits[p[i] & 15];
    }
    out[2 * n] = '\0';
}

bool hash_unhex(struct str hex, uint8_t *out, size_t out_len)
{
    if (hex.len / 2 != out_len || hex.len % 2 != 0)
        return false;
    for (size_t i = 0; i < out_len; i++) {
        int high = str_hex_digit(hex.p[2 * i]), low = str_hex_digit(hex.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

void hash_random(void *p, size_t n)
{
    uint8_t *to = p;
    while (n > 0) {
        ssize_t got = getrandom(to, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            fprintf(stderr, "ingot: fatal: getrandom failed\n");
            abort();
        }
        to += got;
        n -= (size_t)got;
    }
}

char *hash_random_hex(struct arena *a, size_t n)
{
    uint8_t *bytes = arena_alloc(a, n);
    char *hex = arena_alloc(a, 2 * n + 1);
    hash_random(bytes, n);
    hash_hex(bytes, n, hex);
    return hex;
}

bool hash_equal_const_time(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = a, *y = b;
    unsigned diff = 0;
    for (size_t i = 0; i < n; i++)
        diff |= (unsigned)(x[i] ^ y[i]);
    return diff == 0;
}

static uint64_t hash64_fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash64_word(const uint8_t *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof w);
    return le64toh(w);
}

uint64_t hash64(const void *p, size_t n, uint64_t seed)
{
    const uint8_t *at = p;
    uint64_t state = hash64_fold(seed ^ HASH64_A, HASH64_B ^ (uint64_t)n);
    size_t left = n;
    while (left >= 16) {
        state = hash64_fold(hash64_word(at) ^ HASH64_C ^ state, hash64_word(at + 8) ^ HASH64_D);
        state += HASH64_A;
        at += 16;
        left -= 16;
    }
    uint8_t tail[16] = {0};
    if (left > 0)
        memcpy(tail, at, left);
    state = hash64_fold(hash64_word(tail) ^ HASH64_D ^ state, hash64_word(tail + 8) ^ HASH64_B);
    return hash64_fold(state ^ HASH64_C, HASH64_A ^ (uint64_t)n);
}
