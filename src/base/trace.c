#include "base/trace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"

/* ---- the header ---- */

/* Lower-case digits with BAD's bit for everything else: every request that was not sampled by its caller goes through here. */
enum { BAD = 0x80 };
static uint8_t digit(char c)
{
    static const uint8_t of[256] = {['0'] = 0x10, ['1'] = 0x11, ['2'] = 0x12, ['3'] = 0x13, ['4'] = 0x14, ['5'] = 0x15, ['6'] = 0x16, ['7'] = 0x17,
                                    ['8'] = 0x18, ['9'] = 0x19, ['a'] = 0x1a, ['b'] = 0x1b, ['c'] = 0x1c, ['d'] = 0x1d, ['e'] = 0x1e, ['f'] = 0x1f};
    uint8_t d = of[(unsigned char)c];
    return d ? d & 0xf : BAD;
}

static bool hex_read(struct str s, uint8_t *out, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t high = digit(s.p[2 * i]), low = digit(s.p[2 * i + 1]);
        any |= high | low;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return !(any & BAD);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++)
        any |= p[i];
    return !any;
}

bool trace_context_parse(struct str s, struct trace_context *ret)
{
    struct trace_context c;
    uint8_t version;
    if (s.len < TRACE_PARENT_LEN || s.p[2] != '-' || s.p[35] != '-' || s.p[52] != '-')
        return false;
    if (!hex_read(s, &version, 1) || version == 0xff || (version == 0 && s.len != TRACE_PARENT_LEN) ||
        (s.len > TRACE_PARENT_LEN && s.p[TRACE_PARENT_LEN] != '-'))
        return false;
    if (!hex_read(str_sub(s, 3, 32), c.trace_id, TRACE_ID_BYTES) || !hex_read(str_sub(s, 36, 16), c.span_id, TRACE_SPAN_BYTES) ||
        !hex_read(str_sub(s, 53, 2), &c.flags, 1) || is_zero(c.trace_id, TRACE_ID_BYTES) || is_zero(c.span_id, TRACE_SPAN_BYTES))
        return false;
    c.flags &= TRACE_SAMPLED | TRACE_RANDOM;
    *ret = c;
    return true;
}

void trace_context_format(const struct trace_context *c, char *out)
{
    char hex[2 * TRACE_ID_BYTES + 1];
    memcpy(out, "00-", 3);
    hash_hex(c->trace_id, TRACE_ID_BYTES, hex);
    memcpy(out + 3, hex, 32);
    out[35] = '-';
    hash_hex(c->span_id, TRACE_SPAN_BYTES, hex);
    memcpy(out + 36, hex, 16);
    out[52] = '-';
    hash_hex(&c->flags, 1, hex);
    memcpy(out + 53, hex, 2);
    out[TRACE_PARENT_LEN] = 0;
}

static bool state_key_ok(struct str key)
{
    for (size_t i = 0; i < key.len; i++) {
        char c = key.p[i];
        bool lower = c >= 'a' && c <= 'z', digit = c >= '0' && c <= '9';
        if (!lower && !digit && (!i || (c != '_' && c != '-' && c != '*' && c != '/' && c != '@')))
            return false;
    }
    return key.len && key.len <= 256;
}

bool trace_state_check(struct str s)
{
    struct str member;
    int members = 0;
    if (s.len > LIMIT_TRACE_STATE)
        return false;
    while (s.len && str_split(&s, ',', &member)) {
        member = str_trim(member);
        if (!member.len)
            continue;
        size_t eq = str_find_char(member, '=');
        if (++members > 32 || eq == SIZE_MAX || !state_key_ok(str_sub(member, 0, eq)) || eq + 1 == member.len || member.len - eq - 1 > 256)
            return false;
        for (size_t i = eq + 1; i < member.len; i++)
            if (member.p[i] < 0x20 || member.p[i] > 0x7e || member.p[i] == '=')
                return false;
    }
    return true;
}

/* ---- spans ---- */

/* Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators (2014). */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

struct trace *trace_make(struct arena *arena, const struct trace_context *context, uint64_t a, uint64_t b, uint64_t c)
{
    struct trace *t = arena_new(arena, struct trace);
    t->spans = arena_alloc(arena, LIMIT_TRACE_SPANS * sizeof *t->spans);
    t->attrs = arena_alloc(arena, LIMIT_TRACE_ATTRS * sizeof *t->attrs);
    t->text = arena_alloc(arena, LIMIT_TRACE_TEXT);
    if (context) {
        t->context = *context;
        t->context.flags |= TRACE_SAMPLED;
    } else {
        b |= !a && !b;
        memcpy(t->context.trace_id, &a, sizeof a);
        memcpy(t->context.trace_id + sizeof a, &b, sizeof b);
        t->context.flags = TRACE_SAMPLED | TRACE_RANDOM;
    }
    struct timespec wall, mono;
    clock_gettime(CLOCK_MONOTONIC, &mono);
    clock_gettime(CLOCK_REALTIME, &wall);
    t->wall_ns = (wall.tv_sec - mono.tv_sec) * 1000000000LL + (wall.tv_nsec - mono.tv_nsec);
    t->seed = c;
    return t;
}

struct trace_text trace_text(struct trace *t, struct str s)
{
    size_t room = LIMIT_TRACE_TEXT - t->text_len;
    if (s.len > room)
        s.len = str_utf8_prefix((struct str){s.p, room});
    struct trace_text x = {t->text_len, (uint16_t)s.len};
    if (s.len)
        memcpy(t->text + t->text_len, s.p, s.len);
    t->text_len = (uint16_t)(t->text_len + s.len);
    return x;
}

int trace_span(struct trace *t, int parent, enum trace_kind kind, struct str name, int64_t from_ns, int64_t to_ns)
{
    if (!t)
        return TRACE_NONE;
    if (t->span_count == LIMIT_TRACE_SPANS) {
        t->dropped++;
        return TRACE_NONE;
    }
    uint64_t id = mix(t->seed + t->span_count);
    t->spans[t->span_count] = (struct trace_span){.id = id ? id : 1, .from_ns = from_ns, .to_ns = to_ns < from_ns ? from_ns : to_ns, .name = trace_text(t, name),
                                                  .parent = (int16_t)parent, .kind = (uint8_t)kind};
    return t->span_count++;
}

int trace_note(struct trace *t, const char *name, int64_t from_ns, int64_t to_ns)
{
    return t ? trace_span(t, TRACE_NONE, TRACE_INTERNAL, str_from(name), from_ns, to_ns) : TRACE_NONE;
}

static struct trace_attr *attr_add(struct trace *t, int span, const char *key, enum trace_attr_type type)
{
    if (!t || span < 0)
        return NULL;
    if (t->attr_count == LIMIT_TRACE_ATTRS) {
        t->dropped++;
        return NULL;
    }
    struct trace_attr *a = &t->attrs[t->attr_count++];
    *a = (struct trace_attr){.key = key, .type = type, .span = (int16_t)span};
    return a;
}

void trace_attr_text(struct trace *t, int span, const char *key, struct str value)
{
    struct trace_attr *a = attr_add(t, span, key, TRACE_ATTR_TEXT);
    if (a)
        a->text = trace_text(t, value);
}

void trace_attr_i64(struct trace *t, int span, const char *key, int64_t value)
{
    struct trace_attr *a = attr_add(t, span, key, TRACE_ATTR_I64);
    if (a)
        a->i = value;
}

void trace_attr_f64(struct trace *t, int span, const char *key, double value)
{
    struct trace_attr *a = attr_add(t, span, key, TRACE_ATTR_F64);
    if (a)
        a->f = value;
}

void trace_attr_bool(struct trace *t, int span, const char *key, bool value)
{
    struct trace_attr *a = attr_add(t, span, key, TRACE_ATTR_BOOL);
    if (a)
        a->b = value;
}

void trace_fail(struct trace *t, int span, struct str problem)
{
    if (!t || span < 0)
        return;
    t->spans[span].failed = true;
    t->spans[span].problem = trace_text(t, problem);
}

static bool is_below(const struct trace *t, int span, int ancestor)
{
    while (span >= 0 && span != ancestor)
        span = t->spans[span].parent;
    return span == ancestor;
}

/* The shortest span around it that is not one of its own children; of equal ones the later, which lies deeper. */
static int16_t parent_by_time(const struct trace *t, int child)
{
    const struct trace_span *s = &t->spans[child];
    int16_t best = 0; /* the request itself, even if the span sticks out of it */
    for (int i = 1; i < t->span_count; i++) {
        const struct trace_span *p = &t->spans[i], *b = &t->spans[best];
        bool around = p->from_ns <= s->from_ns && p->to_ns >= s->to_ns;
        if (around && p->to_ns - p->from_ns <= b->to_ns - b->from_ns && !is_below(t, i, child))
            best = (int16_t)i;
    }
    return best;
}

void trace_seal(struct trace *t)
{
    for (int i = 1; i < t->span_count; i++)
        if (t->spans[i].parent < 0)
            t->spans[i].parent = parent_by_time(t, i);
}

struct trace *trace_copy(const struct trace *t, size_t *ret_bytes)
{
    const size_t spans = t->span_count * sizeof *t->spans, attrs = t->attr_count * sizeof *t->attrs;
    const size_t size = sizeof *t + spans + attrs + t->text_len;
    struct trace *c = malloc(size);
    if (!c)
        abort();
    *c = *t;
    c->spans = (struct trace_span *)(void *)(c + 1);
    c->attrs = (struct trace_attr *)(void *)((char *)c->spans + spans);
    c->text = (char *)c->attrs + attrs;
    if (spans)
        memcpy(c->spans, t->spans, spans);
    if (attrs)
        memcpy(c->attrs, t->attrs, attrs);
    if (t->text_len)
        memcpy(c->text, t->text, t->text_len);
    *ret_bytes = size;
    return c;
}

struct trace_context trace_context_of(const struct trace *t, int span)
{
    struct trace_context c = t->context;
    uint64_t id = span >= 0 && span < t->span_count ? t->spans[span].id : mix(t->seed);
    memcpy(c.span_id, &id, sizeof id);
    return c;
}
