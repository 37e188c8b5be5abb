#include "core/access/session.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/limits.h"
#include "base/thread.h"

/* Open addressing on the first bytes of the digest, which are as good as random; at most half full. */
#define SLOTS 32768u
_Static_assert(SLOTS >= 2 * LIMIT_SESSIONS, "half of the slots stay free");
_Static_assert((SLOTS & (SLOTS - 1)) == 0, "a power of two");

struct session {
    uint8_t digest[HASH_SHA256_LEN];
    char name[64];
    uint32_t perms;     /* 0: the slot is free */
    int64_t opened_us, seen_us;
};

struct sessions {
    struct mutex mutex;
    struct session *slots;
    size_t count;
};

struct sessions *sessions_create(void)
{
    struct sessions *s = calloc(1, sizeof *s);
    if (!s || !(s->slots = calloc(SLOTS, sizeof *s->slots)))
        abort();
    mutex_init(&s->mutex);
    return s;
}

void sessions_destroy(struct sessions *s)
{
    if (!s)
        return;
    mutex_clear(&s->mutex);
    free(s->slots);
    free(s);
}

static size_t home_of(const uint8_t *digest)
{
    uint32_t n;
    memcpy(&n, digest, sizeof n);
    return n & (SLOTS - 1);
}

/* The session's slot, or the free one where it would be. */
static struct session *slot_of(struct sessions *s, const uint8_t *digest)
{
    size_t i = home_of(digest);
    while (s->slots[i].perms && memcmp(s->slots[i].digest, digest, HASH_SHA256_LEN))
        i = (i + 1) & (SLOTS - 1);
    return &s->slots[i];
}

/* Frees a slot and moves up those behind it that would not be found any more. */
static void slot_free(struct sessions *s, struct session *at)
{
    size_t hole = (size_t)(at - s->slots);
    s->count--;
    for (size_t i = (hole + 1) & (SLOTS - 1); s->slots[i].perms; i = (i + 1) & (SLOTS - 1)) {
        size_t home = home_of(s->slots[i].digest);
        if (((i - home) & (SLOTS - 1)) >= ((i - hole) & (SLOTS - 1))) {
            s->slots[hole] = s->slots[i];
            hole = i;
        }
    }
    memset(&s->slots[hole], 0, sizeof s->slots[hole]);
}

static bool is_over(const struct session *x, int64_t now_us)
{
    return now_us - x->seen_us > (int64_t)LIMIT_SESSION_IDLE_S * 1000000 || now_us - x->opened_us > (int64_t)LIMIT_SESSION_S * 1000000;
}

/* The table is full: those that have ended go, or else the longest idle one. */
static void make_room(struct sessions *s, int64_t now_us)
{
    struct session *idlest = NULL;
    size_t before = s->count;
    for (size_t i = 0; i < SLOTS; i++) {
        while (s->slots[i].perms && is_over(&s->slots[i], now_us))
            slot_free(s, &s->slots[i]);
        if (s->slots[i].perms && (!idlest || s->slots[i].seen_us < idlest->seen_us))
            idlest = &s->slots[i];
    }
    if (s->count == before && idlest)
        slot_free(s, idlest);
}

void session_open(struct op *op, struct sessions *s, char ret_key[SESSION_KEY_LEN + 1])
{
    static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t random[SESSION_KEY_LEN], digest[HASH_SHA256_LEN]; /* six bits of each: 258 in all */
    hash_random(random, sizeof random);
    for (size_t i = 0; i < SESSION_KEY_LEN; i++)
        ret_key[i] = base64url[random[i] & 63];
    ret_key[SESSION_KEY_LEN] = 0;
    explicit_bzero(random, sizeof random);
    hash_sha256(ret_key, SESSION_KEY_LEN, digest);
    LOCK(&s->mutex);
    if (s->count >= LIMIT_SESSIONS)
        make_room(s, op->now_us);
    struct session *x = slot_of(s, digest);
    *x = (struct session){.perms = op->actor.perms, .opened_us = op->now_us, .seen_us = op->now_us};
    memcpy(x->digest, digest, sizeof digest);
    struct str name = str_sub(op->actor.name, 0, str_utf8_prefix(str_sub(op->actor.name, 0, sizeof x->name - 1)));
    memcpy(x->name, name.p ? name.p : "", name.len);
    s->count++;
}

bool session_find(struct op *op, struct sessions *s, struct str key, struct actor *ret)
{
    uint8_t digest[HASH_SHA256_LEN];
    if (key.len != SESSION_KEY_LEN)
        return false;
    hash_sha256(key.p, key.len, digest);
    LOCK(&s->mutex);
    struct session *x = slot_of(s, digest);
    if (!x->perms)
        return false;
    if (is_over(x, op->now_us)) {
        slot_free(s, x);
        return false;
    }
    x->seen_us = op->now_us > x->seen_us ? op->now_us : x->seen_us;
    *ret = (struct actor){str_dup(op->arena, str_from(x->name)), x->perms};
    return true;
}

bool session_close(struct sessions *s, struct str key)
{
    uint8_t digest[HASH_SHA256_LEN];
    if (key.len != SESSION_KEY_LEN)
        return false;
    hash_sha256(key.p, key.len, digest);
    LOCK(&s->mutex);
    struct session *x = slot_of(s, digest);
    if (!x->perms)
        return false;
    slot_free(s, x);
    return true;
}

size_t sessions_count(struct sessions *s)
{
    LOCK(&s->mutex);
    return s->count;
}
