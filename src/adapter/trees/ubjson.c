/* A value is a marker byte and what belongs to it, numbers big endian:
 *     Z null   T true   F false   i int8   U uint8   I int16   l int32   L int64   d float32   D float64
 *     S string: a length (itself an integer with its marker) and so many bytes
 *     [ array: values up to "]", or "#" and a count and so many values, or "$", a marker, "#", a count and values without markers
 *     { object: the same with a key before each value; a key is a string without its S
 *     N is skipped wherever a marker may stand.
 * A count is believed only as far as the bytes go that are still there: each value needs one at least. Containers that are open
 * are kept on a stack of ours, their finished values on another, from which a container takes its own when it closes. */
#include "adapter/trees/ubjson.h"

#include "base/limits.h"

struct frame {
    bool object, counted;
    uint64_t left;           /* values still to come, if counted */
    uint32_t start;          /* of its values on the stack of values */
};
struct reader {
    struct op *op;
    const uint8_t *p, *begin, *end;
    struct json_member *values;
    uint32_t len, cap;
    struct frame frames[LIMIT_JSON_DEPTH];
    size_t depth;
};

bool ubjson_accepts(struct str bytes)
{
    static const char lengths[] = "iUIlL";
    return bytes.len > 2 && bytes.p[0] == '{' && bytes.p[1] && strchr(lengths, bytes.p[1]);
}

static enum err reader_fail(struct reader *r, const char *what)
{
    return op_fail(r->op, E_INVALID, "UBJSON, byte %zu: %s", (size_t)(r->p - r->begin), what);
}

/* Bytes of a number with this marker; 0: it is no number. */
static size_t number_size(uint8_t marker)
{
    switch (marker) {
    case 'i': case 'U': return 1;
    case 'I': return 2;
    case 'l': case 'd': return 4;
    case 'L': case 'D': return 8;
    default: return 0;
    }
}

static uint64_t big_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

static int64_t int_get(uint8_t marker, const uint8_t *p)
{
    switch (marker) {
    case 'i': return (int8_t)p[0];
    case 'U': return p[0];
    case 'I': return (int16_t)big_endian(p, 2);
    case 'l': return (int32_t)big_endian(p, 4);
    default: return (int64_t)big_endian(p, 8);
    }
}

static double real_get(uint8_t marker, const uint8_t *p)
{
    if (marker == 'd') {
        uint32_t bits = (uint32_t)big_endian(p, 4);
        float f;
        memcpy(&f, &bits, sizeof(f));
        return (double)f;
    }
    uint64_t bits = big_endian(p, 8);
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

/* A length or count: an integer with its marker, not negative, no more than the bytes that are left. */
static enum err count_read(struct reader *r, uint64_t *ret)
{
    uint8_t marker = r->p < r->end ? *r->p : 0;
    size_t size = marker == 'd' || marker == 'D' ? 0 : number_size(marker);
    if (!size || (size_t)(r->end - r->p) <= size)
        return reader_fail(r, "a length is missing");
    int64_t v = int_get(marker, r->p + 1);
    if (v < 0 || v > r->end - r->p - 1 - (ptrdiff_t)size)
        return reader_fail(r, "a length goes beyond the end");
    r->p += 1 + size;
    *ret = (uint64_t)v;
    return OK;
}

static enum err string_read(struct reader *r, struct str *ret)
{
    uint64_t len = 0;
    enum err e = count_read(r, &len);
    if (e)
        return e;
    *ret = (struct str){(const char *)r->p, len};
    r->p += len;
    return OK;
}

static enum err numbers_read(struct reader *r, uint8_t marker, uint64_t count, struct json *ret)
{
    const size_t size = number_size(marker);
    const bool real = marker == 'd' || marker == 'D';
    if (!size)
        return reader_fail(r, "an array has a type that is not known here");
    if (count > (uint64_t)(r->end - r->p) / size || count > UINT32_MAX)
        return reader_fail(r, "an array goes beyond the end");
    *ret = (struct json){.type = real ? JSON_REALS : JSON_INTS, .len = (uint32_t)count};
    void *items = arena_try_alloc(r->op->arena, count ? count : 1, 8);
    if (!items)
        return op_fail(r->op, E_TOO_LARGE, "no memory for %llu numbers", (unsigned long long)count);
    if (real)
        ret->reals = items;
    else
        ret->ints = items;
    for (uint64_t i = 0; i < count; i++, r->p += size) {
        if (real)
            ret->reals[i] = real_get(marker, r->p);
        else
            ret->ints[i] = int_get(marker, r->p);
    }
    return OK;
}

/* Behind '[' or '{'. Either a whole array of numbers, or a frame that is open. */
static enum err container_open(struct reader *r, bool object, struct json *ret, bool *ret_whole)
{
    uint8_t type = 0;
    uint64_t count = 0;
    bool counted = false;
    *ret_whole = false;
    if (r->end - r->p >= 2 && *r->p == '$') {
        type = r->p[1];
        r->p += 2;
        if (object || r->p == r->end || *r->p != '#')
            return reader_fail(r, "a typed container that is not known here");
    }
    if (r->p < r->end && *r->p == '#') {
        r->p++;
        counted = true;
        enum err e = count_read(r, &count);
        if (e)
            return e;
    }
    if (type) {
        *ret_whole = true;
        return numbers_read(r, type, count, ret);
    }
    if (r->depth == LIMIT_JSON_DEPTH)
        return reader_fail(r, "nested too deep");
    r->frames[r->depth++] = (struct frame){.object = object, .counted = counted, .left = count, .start = r->len};
    return OK;
}

/* One value of the innermost frame; *ret_open: it was the begin of a container. */
static enum err value_read(struct reader *r, struct json *ret, bool *ret_open)
{
    const uint8_t marker = *r->p++;
    const size_t size = number_size(marker);
    bool whole = true;
    *ret_open = false;
    if (size) {
        if ((size_t)(r->end - r->p) < size)
            return reader_fail(r, "a number is cut off");
        if (marker == 'd' || marker == 'D')
            *ret = (struct json){.type = JSON_REAL, .f = real_get(marker, r->p)};
        else
            *ret = (struct json){.type = JSON_INT, .i = int_get(marker, r->p)};
        r->p += size;
        return OK;
    }
    enum err e = OK;
    switch (marker) {
    case 'Z': *ret = (struct json){.type = JSON_NULL}; return OK;
    case 'T': case 'F': *ret = (struct json){.type = JSON_BOOL, .boolean = marker == 'T'}; return OK;
    case 'S': ret->type = JSON_STRING; return string_read(r, &ret->s);
    case '[': case '{':
        e = container_open(r, marker == '{', ret, &whole);
        *ret_open = !whole;
        return e;
    default: r->p--; return reader_fail(r, "not a value");
    }
}

static enum err value_push(struct reader *r, struct str key, const struct json *value)
{
    if (r->len == r->cap) {
        if (r->cap > UINT32_MAX / 4)
            return op_fail(r->op, E_TOO_LARGE, "too many values");
        uint32_t cap = r->cap ? r->cap * 2 : 64;
        struct json_member *more = arena_array(r->op->arena, cap, struct json_member);
        if (!more)
            return op_fail(r->op, E_TOO_LARGE, "no memory for %u values", cap);
        if (r->len)
            memcpy(more, r->values, r->len * sizeof(*more));
        r->values = more;
        r->cap = cap;
    }
    r->values[r->len++] = (struct json_member){key, *value};
    return OK;
}

/* Takes the values of the innermost frame off the stack into the container, which stands just below them. */
static enum err container_close(struct reader *r)
{
    const struct frame *f = &r->frames[--r->depth];
    const uint32_t n = r->len - f->start;
    struct json *j = &r->values[f->start - 1].value;
    if (f->object) {
        *j = (struct json){.type = JSON_OBJECT, .len = n, .members = arena_array(r->op->arena, n ? n : 1, struct json_member)};
        if (j->members && n)
            memcpy(j->members, r->values + f->start, n * sizeof(*j->members));
    } else {
        *j = (struct json){.type = JSON_ARRAY, .len = n, .items = arena_array(r->op->arena, n ? n : 1, struct json)};
        for (uint32_t i = 0; j->items && i < n; i++)
            j->items[i] = r->values[f->start + i].value;
    }
    if (f->object ? !j->members : !j->items)
        return op_fail(r->op, E_TOO_LARGE, "no memory for %u values", n);
    r->len = f->start;
    return OK;
}

/* The next value of the document, with its key. A container goes onto the stack before its values do. */
static enum err value_take(struct reader *r, bool keyed)
{
    struct str key = {"", 0};
    struct json value = {.type = JSON_NULL};
    bool open = false;
    enum err e = keyed ? string_read(r, &key) : OK;
    while (!e && r->p < r->end && *r->p == 'N')
        r->p++;
    if (!e && r->p == r->end)
        e = reader_fail(r, "the document is cut off");
    if (!e)
        e = value_read(r, &value, &open);
    if (!e)
        e = value_push(r, key, &value);
    if (!e && open)
        r->frames[r->depth - 1].start = r->len;
    return e;
}

enum err ubjson_parse(struct op *op, struct str bytes, struct json **ret)
{
    struct reader r = {.op = op, .p = (const uint8_t *)bytes.p, .begin = (const uint8_t *)bytes.p,
                       .end = (const uint8_t *)bytes.p + bytes.len};
    enum err e = value_take(&r, false);
    while (!e && r.depth) {
        struct frame *f = &r.frames[r.depth - 1];
        if (f->counted ? f->left == 0 : r.p < r.end && *r.p == (f->object ? '}' : ']')) {
            r.p += !f->counted;
            e = container_close(&r);
        } else if (!f->counted && r.p < r.end && *r.p == 'N') {
            r.p++;
        } else {
            f->left -= f->counted;
            e = value_take(&r, f->object);
        }
    }
    if (!e && r.p != r.end)
        e = reader_fail(&r, "there is something behind the document");
    if (e)
        return e;
    *ret = &r.values[0].value;
    return OK;
}
