/* sign.c - the signature is an HMAC over a text that names what is asked: method, path, query, some headers and the hash of the
 * body. Its key is derived from the secret by a chain of HMACs over day, region, service and a constant, so a leaked
 * derived key is worth little. libcurl can sign too, but the versions that long-term distributions carry leave out the hash
 * of the body or sort queries wrongly, and the whole is forty lines. */
#include "adapter/s3/sign.h"

#include "base/buf.h"
#include "base/limits.h"
#include "base/seal.h"
#include "base/time.h"

struct str sign_date(struct op *op, int64_t now_us)
{
    char text[32];
    time_format(now_us - now_us % TIME_US_PER_S, text); /* "2013-05-24T00:00:00Z" */
    return str_from(op_printf(op, "%.4s%.2s%.5s%.2s%.2sZ", text, text + 5, text + 8, text + 14, text + 17));
}

static struct str signed_names(struct op *op, const struct sign_request *r)
{
    struct str names = STR("");
    for (size_t i = 0; i < r->header_count; i++)
        names = str_from(op_printf(op, "%.*s%s%s", STR_FMT(names), i ? ";" : "", r->headers[i].name));
    return names;
}

static struct str sha256_hex(struct op *op, struct str s)
{
    uint8_t digest[HASH_SHA256_LEN];
    char *hex = arena_alloc(op->arena, 2 * HASH_SHA256_LEN + 1);
    hash_sha256(s.p, s.len, digest);
    hash_hex(digest, sizeof digest, hex);
    return str_from(hex);
}

static struct str canonical_request(struct op *op, const struct sign_request *r)
{
    struct str headers = STR("");
    for (size_t i = 0; i < r->header_count; i++)
        headers = str_from(op_printf(op, "%.*s%s:%.*s\n", STR_FMT(headers), r->headers[i].name, STR_FMT(r->headers[i].value)));
    return str_from(op_printf(op, "%s\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s", r->method, STR_FMT(r->path), STR_FMT(r->query), STR_FMT(headers),
                              STR_FMT(signed_names(op, r)), STR_FMT(r->payload_hash)));
}

struct str sign_authorization(struct op *op, const struct sign_key *key, const struct sign_request *r, struct str date)
{
    struct str day = str_sub(date, 0, 8);
    struct str scope = str_from(op_printf(op, "%.*s/%.*s/s3/aws4_request", STR_FMT(day), STR_FMT(key->region)));
    struct str text = str_from(op_printf(op, "AWS4-HMAC-SHA256\n%.*s\n%.*s\n%.*s", STR_FMT(date), STR_FMT(scope),
                                         STR_FMT(sha256_hex(op, canonical_request(op, r)))));
    uint8_t k[HASH_SHA256_LEN];
    struct str derived = {(const char *)k, sizeof k};
    seal_hmac_sha256(str_from(op_printf(op, "AWS4%.*s", STR_FMT(key->secret))), day, k);
    seal_hmac_sha256(derived, key->region, k);
    seal_hmac_sha256(derived, STR("s3"), k);
    seal_hmac_sha256(derived, STR("aws4_request"), k);
    seal_hmac_sha256(derived, text, k);
    char hex[2 * HASH_SHA256_LEN + 1];
    hash_hex(k, sizeof k, hex);
    return str_from(op_printf(op, "AWS4-HMAC-SHA256 Credential=%.*s/%.*s,SignedHeaders=%.*s,Signature=%s", STR_FMT(key->id),
                              STR_FMT(scope), STR_FMT(signed_names(op, r)), hex));
}
