/* sort.c - least-significant-digit radix sort on the bits of IEEE 754 doubles.
 *
 * Flipping the sign bit of positive numbers and all bits of negative ones maps doubles to unsigned integers of the same
 * order. Eight passes of eight bits follow; all eight histograms are taken in one sweep, and a pass whose digit is the
 * same everywhere is skipped: small integers and floats widened to doubles (the usual feature values) need half of them. */
#include "num/sort.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

void *num_scratch(size_t count, size_t size)
{
    assert(count <= LIMIT_NUM_SAMPLE + 1);
    void *p = calloc(count ? count : 1, size);
    if (!p) {
        fputs("ingot: out of memory in numeric code\n", stderr);
        abort();
    }
    return p;
}

static uint64_t key_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits ^ ((bits >> 63) ? UINT64_MAX : (uint64_t)1 << 63);
}

static double value_of(uint64_t key)
{
    uint64_t bits = key ^ ((key >> 63) ? (uint64_t)1 << 63 : UINT64_MAX);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void insertion_sort(double *x, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        double v = x[i];
        uint64_t key = key_of(v);
        size_t j = i;
        for (; j > 0 && key_of(x[j - 1]) > key; j--)
            x[j] = x[j - 1];
        x[j] = v;
    }
}

void sort_f64(double *x, size_t n)
{
    assert(n <= LIMIT_NUM_SAMPLE);
    if (n < 48) {
        insertion_sort(x, n);
        return;
    }
    uint64_t *from = num_scratch(n, sizeof *from);
    uint64_t *to = num_scratch(n, sizeof *to);
    size_t counts[8][256];
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < n; i++) {
        uint64_t key = key_of(x[i]);
        from[i] = key;
        for (int d = 0; d < 8; d++)
            counts[d][key >> (8 * d) & 255]++;
    }
    for (int d = 0; d < 8; d++) {
        size_t *count = counts[d];
        if (count[from[0] >> (8 * d) & 255] == n)
            continue;
        size_t start = 0;
        for (int b = 0; b < 256; b++) {
            size_t here = count[b];
            count[b] = start;
            start += here;
        }
        for (size_t i = 0; i < n; i++)
            to[count[from[i] >> (8 * d) & 255]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    for (size_t i = 0; i < n; i++)
        x[i] = value_of(from[i]);
    free(from);
    free(to);
}
