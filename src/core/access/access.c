/* access.c - see access.h.
 *
 * Why a plain SHA-256: the secret has 256 random bits, so there is nothing to guess and a slow password hash would only
 * slow every request down (455 ms for the PBKDF2 that MLflow uses, under 2 us for this). */
#include "core/access/access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"

#define PREFIX "ingot_"
#define ID_AT (sizeof PREFIX - 1)
#define ID_LEN 8
#define SECRET_AT (ID_AT + ID_LEN + 1)
#define SECRET_LEN 43
#define CRC_AT (SECRET_AT + SECRET_LEN + 1)
#define CRC_LEN 8
_Static_assert(CRC_AT + CRC_LEN == ACCESS_TOKEN_LEN, "the parts make the token");

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

struct access {
    uint8_t admin_sha256[HASH_SHA256_LEN];
    bool auth_required;
};

/* CRC-32 as in IEEE 802.3 and zlib, bit by bit: it runs over 58 bytes. */
static uint32_t crc32_of(const char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= (uint8_t)p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static bool is_hex(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return true;
}

bool access_token_is_wellformed(struct str token)
{
    if (token.len != ACCESS_TOKEN_LEN || !str_starts(token, STR(PREFIX)) || token.p[SECRET_AT - 1] != '_' ||
        token.p[CRC_AT - 1] != '_' || !is_hex(str_sub(token, ID_AT, ID_LEN)) ||
        !is_hex(str_sub(token, CRC_AT, CRC_LEN)))
        return false;
    for (size_t i = 0; i < SECRET_LEN; i++)
        if (!token.p[SECRET_AT + i] || !strchr(base64url, token.p[SECRET_AT + i]))
            return false;
    char crc[CRC_LEN + 1];
    snprintf(crc, sizeof crc, "%08x", crc32_of(token.p, CRC_AT - 1));
    return !memcmp(crc, token.p + CRC_AT, CRC_LEN);
}

/* `out` has room for ACCESS_TOKEN_LEN + 1. */
static void make_token(char *out)
{
    uint8_t id[ID_LEN / 2], secret[33] = {0}; /* 32 bytes make 42 2/3 characters; the 33rd stays zero */
    char hex[ID_LEN + 1];
    hash_random(id, sizeof id);
    hash_random(secret, 32);
    hash_hex(id, sizeof id, hex);
    memcpy(out, PREFIX, ID_AT);
    memcpy(out + ID_AT, hex, ID_LEN);
    out[SECRET_AT - 1] = '_';
    for (size_t i = 0; i < SECRET_LEN; i++) {
        size_t bit = 6 * i, byte = bit / 8;
        unsigned two = (unsigned)secret[byte] << 8 | (byte + 1 < sizeof secret ? secret[byte + 1] : 0u);
        out[SECRET_AT + i] = base64url[two >> (10 - bit % 8) & 63];
    }
    out[CRC_AT - 1] = '_';
    snprintf(out + CRC_AT, CRC_LEN + 1, "%08x", crc32_of(out, CRC_AT - 1));
    explicit_bzero(secret, sizeof secret);
}

static enum err write_all(struct op *op, int fd, const char *p, size_t n, const char *path)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return op_fail_errno(op, "write '%s'", path);
        p += done;
        n -= (size_t)done;
    }
    return fsync(fd) ? op_fail_errno(op, "write '%s'", path) : OK;
}

/* Writes the file under another name first: a crash leaves a whole token or none. */
static enum err create_file(struct op *op, int dir, const char *path, char *token)
{
    static const char draft[] = ACCESS_TOKEN_FILE ".new";
    make_token(token);
    unlinkat(dir, draft, 0);
    int fd = openat(dir, draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return op_fail_errno(op, "make '%s'", path);
    token[ACCESS_TOKEN_LEN] = '\n';
    enum err e = write_all(op, fd, token, ACCESS_TOKEN_LEN + 1, path);
    token[ACCESS_TOKEN_LEN] = 0;
    close(fd);
    if (!e && (renameat(dir, draft, dir, ACCESS_TOKEN_FILE) || fsync(dir)))
        e = op_fail_errno(op, "make '%s'", path);
    if (!e)
        log_at(LOG_INFO, "access.token", {"file", LOG_C(path)});
    return e;
}

static enum err read_file(struct op *op, int fd, const char *path, char *token)
{
    struct stat st;
    if (fstat(fd, &st))
        return op_fail_errno(op, "read '%s'", path);
    if (!S_ISREG(st.st_mode) || (st.st_mode & 077))
        return op_fail(
            op, E_CONFLICT,
            "'%s' is open to other users: make it private (chmod 600) or remove it for a new token", path);
    char text[ACCESS_TOKEN_LEN + 8];
    ssize_t n = pread(fd, text, sizeof text, 0);
    if (n < 0)
        return op_fail_errno(op, "read '%s'", path);
    struct str found = str_trim((struct str){text, (size_t)n});
    enum err e = OK;
    if (access_token_is_wellformed(found))
        memcpy(token, found.p, ACCESS_TOKEN_LEN);
    else
        e = op_fail(op, E_CONFLICT, "'%s' holds no token: remove it for a new one", path);
    explicit_bzero(text, sizeof text);
    return e;
}

enum err access_open(struct op *op, const char *data_dir, bool auth_required, struct access **ret)
{
    const char *path = op_printf(op, "%s/%s", data_dir, ACCESS_TOKEN_FILE);
    int dir = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return op_fail_errno(op, "open folder '%s'", data_dir);
    char token[ACCESS_TOKEN_LEN + 1] = {0};
    enum err e = OK;
    int fd = openat(dir, ACCESS_TOKEN_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd >= 0)
        e = read_file(op, fd, path, token);
    else
        e = errno == ENOENT ? create_file(op, dir, path, token) : op_fail_errno(op, "read '%s'", path);
    if (fd >= 0)
        close(fd);
    close(dir);
    if (!e) {
        struct access *a = calloc(1, sizeof *a);
        if (!a)
            abort();
        hash_sha256(token, ACCESS_TOKEN_LEN, a->admin_sha256);
        a->auth_required = auth_required;
        *ret = a;
    }
    explicit_bzero(token, sizeof token);
    return e;
}

void access_close(struct access *a)
{
    free(a);
}

static const uint32_t all_perms = (1u << PERM_COUNT) - 2u; /* all but PERM_NONE */

enum err access_check(void *arg, struct op *op, struct str token, bool peer_loopback, struct actor *ret)
{
    const struct access *a = arg;
    if (!token.len) {
        if (!peer_loopback || a->auth_required)
            return op_fail(op, E_UNAUTHENTICATED,
                           "a token is needed: 'Authorization: Bearer <token>' or as the password of Basic");
        *ret = (struct actor){STR("local"), all_perms};
        return OK;
    }
    uint8_t sha256[HASH_SHA256_LEN];
    hash_sha256(token.p, token.len, sha256);
    if (!hash_equal_const_time(sha256, a->admin_sha256, sizeof sha256))
        return op_fail(op, E_UNAUTHENTICATED, "the token is not valid");
    *ret = (struct actor){STR("admin"), all_perms};
    return OK;
}
