#include "base/seal.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>

#define VERSION 1
#define NONCE_LEN 12
#define TAG_LEN 16
#define OVERHEAD (1 + NONCE_LEN + TAG_LEN)

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* These fail only when the library is unusable; nothing that needs a secret can go on then. */
static void seal_must(int rc)
{
    if (rc < 0) {
        fprintf(stderr, "ingot: fatal: cipher: %s\n", gnutls_strerror(rc));
        abort();
    }
}

void seal_hmac_sha256(struct str key, struct str text, uint8_t out[HASH_SHA256_LEN])
{
    seal_must(gnutls_hmac_fast(GNUTLS_MAC_SHA256, key.len ? key.p : "", key.len, text.len ? text.p : "", text.len, out));
}

static gnutls_aead_cipher_hd_t cipher_open(const uint8_t key[SEAL_KEY_LEN])
{
    uint8_t copy[SEAL_KEY_LEN]; /* the library wants bytes that it could write to */
    memcpy(copy, key, sizeof copy);
    gnutls_datum_t datum = {copy, sizeof copy};
    gnutls_aead_cipher_hd_t cipher;
    seal_must(gnutls_aead_cipher_init(&cipher, GNUTLS_CIPHER_AES_256_GCM, &datum));
    explicit_bzero(copy, sizeof copy);
    return cipher;
}

enum err seal_close(struct op *op, const uint8_t key[SEAL_KEY_LEN], struct str context, struct str plain, struct str *ret_sealed)
{
    char *out = arena_array(op->arena, plain.len + OVERHEAD, char);
    if (!out)
        return op_fail(op, E_TOO_LARGE, "a secret does not fit into memory");
    size_t len = plain.len + TAG_LEN;
    out[0] = VERSION;
    hash_random(out + 1, NONCE_LEN);
    gnutls_aead_cipher_hd_t cipher = cipher_open(key);
    seal_must(gnutls_aead_cipher_encrypt(cipher, out + 1, NONCE_LEN, context.len ? context.p : "", context.len, TAG_LEN,
                                         plain.len ? plain.p : "", plain.len, out + 1 + NONCE_LEN, &len));
    gnutls_aead_cipher_deinit(cipher);
    *ret_sealed = (struct str){out, 1 + NONCE_LEN + len};
    return OK;
}

enum err seal_open(struct op *op, const uint8_t key[SEAL_KEY_LEN], struct str context, struct str sealed, struct str *ret_plain)
{
    if (sealed.len < OVERHEAD || sealed.p[0] != VERSION)
        return op_fail(op, E_CORRUPT, "a stored secret has not the form that this program writes");
    size_t len = sealed.len - OVERHEAD, room = len;
    char *out = arena_array(op->arena, len + 1, char);
    if (!out)
        return op_fail(op, E_TOO_LARGE, "a secret does not fit into memory");
    gnutls_aead_cipher_hd_t cipher = cipher_open(key);
    int rc = gnutls_aead_cipher_decrypt(cipher, sealed.p + 1, NONCE_LEN, context.len ? context.p : "", context.len, TAG_LEN,
                                        sealed.p + 1 + NONCE_LEN, len + TAG_LEN, out, &room);
    gnutls_aead_cipher_deinit(cipher);
    if (rc < 0)
        return op_fail(op, E_CORRUPT, "a stored secret cannot be opened: it was sealed under another key, or changed");
    *ret_plain = (struct str){out, room};
    return OK;
}

struct str seal_base64(struct arena *a, struct str s)
{
    char *out = arena_alloc(a, (s.len + 2) / 3 * 4 + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i += 3) {
        size_t have = s.len - i;
        uint32_t v = (uint32_t)(unsigned char)s.p[i] << 16;
        if (have > 1)
            v |= (uint32_t)(unsigned char)s.p[i + 1] << 8;
        if (have > 2)
            v |= (unsigned char)s.p[i + 2];
        out[n++] = digits[v >> 18];
        out[n++] = digits[v >> 12 & 63];
        out[n++] = have > 1 ? digits[v >> 6 & 63] : '=';
        out[n++] = have > 2 ? digits[v & 63] : '=';
    }
    return (struct str){out, n};
}

static int digit_value(char c)
{
    c = c == '-' ? '+' : c == '_' ? '/' : c;
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool seal_unbase64(struct str text, uint8_t *out, size_t n)
{
    if (text.len != (n + 2) / 3 * 4)
        return false;
    uint32_t v = 0;
    size_t done = 0;
    for (size_t i = 0; i < text.len; i++) {
        bool pad = i * 6 >= n * 8;
        int d = digit_value(text.p[i]);
        if (pad ? text.p[i] != '=' : d < 0)
            return false;
        v = v << 6 | (pad ? 0u : (uint32_t)d);
        if (i % 4 != 3)
            continue;
        for (int shift = 16; shift >= 0 && done < n; shift -= 8)
            out[done++] = (uint8_t)(v >> shift);
    }
    return true;
}
