/* The form. A point is
 *
 *     head | time | step | value
 *
 * Time and step are differences of differences (the scheme of Facebook's Gorilla, Pelkonen et al., VLDB 2015, in bytes in place of
 * bits): what the distance to the last point changed by since the one before, as a zigzag number in groups of seven bits, low ones first.
 * The value is its order-preserving integer (store_from_f64), NaN the greatest one, which is no number's; of its XOR with
 * the last value the zero bytes at both ends are left out. The head says how much is there:
 *
 *     bit 7     neither time nor step follow: both go on as before
 *     bits 4-6  zero bytes left out at the low end
 *     bits 0-3  bytes of the value, 0 to 8; with those at the low end at most 8
 *
 * The first point's differences are those to zeros. Arithmetic is modulo 2^64, so every number is representable. A form that is longer than it must
 * be is refused, so that equal points are equal bytes. */
#include "core/track/pack.h"

#include <string.h>

#define STEADY 0x80
#define NAN_CODE INT64_MAX

struct state {
    uint64_t time, step, time_gap, step_gap, value;
};

static uint64_t value_code(const struct page_point *p)
{
    return (uint64_t)(p->is_nan ? NAN_CODE : p->value);
}

static uint64_t zigzag(uint64_t v)
{
    return (v << 1) ^ (v >> 63 ? UINT64_MAX : 0);
}

static uint64_t unzigzag(uint64_t v)
{
    return (v >> 1) ^ (v & 1 ? UINT64_MAX : 0);
}

static uint8_t *put_number(uint8_t *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    return at;
}

size_t pack_points(const struct page_point *p, size_t n, uint8_t *ret)
{
    struct state s = {0};
    uint8_t *at = ret;
    for (size_t i = 0; i < n; i++) {
        uint64_t time_gap = (uint64_t)p[i].time_ms - s.time, step_gap = (uint64_t)p[i].step - s.step;
        uint64_t value = value_code(&p[i]), x = value ^ s.value;
        bool steady = time_gap == s.time_gap && step_gap == s.step_gap;
        unsigned low = x ? (unsigned)__builtin_ctzll(x) / 8 : 0, len = x ? 8 - low - (unsigned)__builtin_clzll(x) / 8 : 0;
        *at++ = (uint8_t)((steady ? STEADY : 0) | low << 4 | len);
        if (!steady) {
            at = put_number(at, zigzag(time_gap - s.time_gap));
            at = put_number(at, zigzag(step_gap - s.step_gap));
        }
        x >>= 8 * low;
        for (unsigned k = 0; k < len; k++, x >>= 8)
            *at++ = (uint8_t)x;
        s = (struct state){(uint64_t)p[i].time_ms, (uint64_t)p[i].step, time_gap, step_gap, value};
    }
    return (size_t)(at - ret);
}

/* NULL: it ends too early, or is no number in its shortest form. */
static const uint8_t *get_number(const uint8_t *at, const uint8_t *end, uint64_t *ret)
{
    uint64_t v = 0;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        uint8_t b = *at++;
        if (shift == 63 && b > 1)
            return NULL;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) {
            *ret = v;
            return b || !shift ? at : NULL;
        }
    }
    return NULL;
}

static const uint8_t *get_value(const uint8_t *at, const uint8_t *end, unsigned low, unsigned len, uint64_t *ret)
{
    uint64_t x = 0;
    if (len + low > 8 || (size_t)(end - at) < len || (!len && low))
        return NULL;
    if (len && (!at[0] || !at[len - 1]))
        return NULL;
    if (end - at >= 8) { /* in one load; the machine's order is undone by the compiler where it differs */
        uint8_t b[8];
        memcpy(b, at, 8);
        x = (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 | (uint64_t)b[5] << 40 |
            (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
        x = len == 8 ? x : x & (((uint64_t)1 << (8 * len)) - 1);
    } else {
        for (unsigned k = 0; k < len; k++)
            x |= (uint64_t)at[k] << (8 * k);
    }
    *ret = len ? x << (8 * low) : 0;
    return at + len;
}

static enum err corrupt(struct op *op)
{
    return op_fail(op, E_CORRUPT, "the stored points of a metric are damaged");
}

enum err pack_read(struct op *op, struct str bytes, struct page_point *ret, size_t max, size_t *ret_n)
{
    const uint8_t *at = (const uint8_t *)bytes.p, *end = at + bytes.len;
    struct state s = {0};
    size_t n = 0;
    while (at < end) {
        uint8_t head = *at++;
        uint64_t time = 0, step = 0, x = 0;
        if (!(head & STEADY)) {
            at = get_number(at, end, &time);
            at = at ? get_number(at, end, &step) : NULL;
            if (!at || !(time | step))
                return corrupt(op);
        }
        at = get_value(at, end, (head >> 4) & 7, head & 15, &x);
        if (!at || n == max)
            return corrupt(op);
        s.time_gap += unzigzag(time);
        s.step_gap += unzigzag(step);
        s.time += s.time_gap;
        s.step += s.step_gap;
        s.value ^= x;
        bool nan = s.value == (uint64_t)NAN_CODE;
        ret[n++] = (struct page_point){(int64_t)s.time, (int64_t)s.step, nan ? 0 : (int64_t)s.value, nan};
    }
    *ret_n = n;
    return OK;
}
