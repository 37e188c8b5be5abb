/* Messages come out as they went in; damaged ones are refused whatever byte is wrong. Descriptions and channels on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "adapter/child/channel.h"
#include "adapter/child/describe.h"
#include "adapter/child/message.h"

static const struct tensor_spec specs[4] = {{.name = STR_INIT("a")}, {.name = STR_INIT("b")}, {.name = STR_INIT("c")}, {.name = STR_INIT("d")}};
static char area[4096] __attribute__((aligned(64)));

static size_t write_four(struct op *op, struct tensor *t)
{
    static const int64_t a[6] = {1, -2, 3, 4, 5, 6};
    static const struct str texts[3] = {STR_INIT("x"), {"", 0}, {"\0y", 2}};
    size_t bytes = 0;
    t[0] = (struct tensor){.type = TENSOR_INT64, .rank = 2, .shape = {2, 3}, .count = 6, .data = a};
    t[1] = (struct tensor){.type = TENSOR_TYPE_COUNT};
    t[2] = (struct tensor){.type = TENSOR_BYTES, .rank = 1, .shape = {3}, .count = 3, .texts = texts};
    t[3] = (struct tensor){.type = TENSOR_FP16, .rank = 2, .shape = {0, 5}};
    const bool flags[2] = {true, false};
    assert_int_equal(message_write(op, area, sizeof area, t, 4, NULL, flags, 2, &bytes), OK);
    return bytes;
}

static void there_and_back(void **state)
{
    struct op *op = *state;
    struct tensor in[4], out[4];
    bool flags[2];
    size_t bytes = write_four(op, in);
    for (int copy = 0; copy < 2; copy++) {
        assert_int_equal(message_read(op, area, bytes, specs, 4, copy, out, flags, 2), OK);
        assert_true(flags[0] && !flags[1]);
        assert_int_equal(out[1].type, TENSOR_TYPE_COUNT);
        assert_int_equal(out[3].count, 0);
        assert_true(out[0].shape[1] == 3 && str_eqc(out[0].name, "a"));
        assert_memory_equal(out[0].data, in[0].data, 48);
        assert_int_equal((uintptr_t)out[0].data % 8, 0);
        for (size_t i = 0; i < 3; i++)
            assert_true(str_eq(out[2].texts[i], in[2].texts[i]));
        bool inside = (const char *)out[0].data >= area && (const char *)out[0].data < area + sizeof area;
        assert_int_equal(inside, !copy);
    }
}

static void too_little_room(void **state)
{
    struct op *op = *state;
    struct tensor in[4];
    size_t bytes = write_four(op, in), got = 0;
    for (size_t max = 0; max < bytes; max += 7) {
        op_clear(op);
        assert_int_equal(message_write(op, area, max, in, 4, NULL, NULL, 2, &got), E_TOO_LARGE);
    }
}

static void damaged(void **state)
{
    struct op *op = *state;
    struct tensor in[4], out[4];
    bool flags[2];
    size_t bytes = write_four(op, in);
    static char whole[sizeof area];
    memcpy(whole, area, sizeof area);
    for (size_t cut = 0; cut < bytes; cut += 3) {
        op_clear(op);
        enum err e = message_read(op, area, cut, specs, 4, true, out, flags, 2);
        assert_true(e == E_CORRUPT || e == OK);
        assert_true(cut > 300 || e == E_CORRUPT); /* without its records it is nothing */
    }
    for (size_t at = 0; at < bytes; at++) { /* any byte changed: refused, or read without harm (ASan looks) */
        for (int v = 1; v < 256; v += 63) {
            memcpy(area, whole, sizeof area);
            area[at] = (char)(area[at] + v);
            op_clear(op);
            enum err e = message_read(op, area, bytes, specs, 4, true, out, flags, 2);
            assert_true(e == OK || e == E_CORRUPT || e == E_TOO_LARGE);
        }
    }
}

static void descriptions_that_are_none(void **state)
{
    struct op *op = *state;
    static const char *const bad[] = {
        "", "[]", "{}", "{\"format\":\"x\",\"memory_bytes\":-1}",
        "{\"format\":\"x\",\"memory_bytes\":1,\"joins\":true,\"inputs\":[{\"name\":\"a\",\"type\":\"FP99\",\"shape\":[],\"labels\":[]}],\"outputs\":[],\"facts\":[]}",
        "{\"format\":\"x\",\"memory_bytes\":1,\"joins\":true,\"inputs\":[{\"name\":\"a\",\"type\":\"FP32\",\"shape\":[-2],\"labels\":[]}],\"outputs\":[],\"facts\":[]}",
        "{\"format\":\"x\",\"memory_bytes\":1,\"joins\":true,\"inputs\":[{\"name\":\"a\",\"type\":\"FP32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"labels\":[]}],\"outputs\":[],\"facts\":[]}",
        "{\"format\":\"x\",\"memory_bytes\":1,\"joins\":true,\"inputs\":[],\"outputs\":[],\"facts\":[1]}",
    };
    struct engine_info info;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        op_clear(op);
        assert_int_equal(describe_parse(op, str_from(bad[i]), &info), E_INVALID);
    }
}

static void channels(void **state)
{
    struct op *op = *state;
    struct channel ours, theirs;
    assert_int_equal(channel_create(op, 4, &ours), OK);
    assert_int_equal(channel_map(op, ours.fd, &theirs), OK);
    theirs.fd = -1; /* the same descriptor here */
    assert_int_equal(theirs.slots, 4);
    memcpy(channel_request(&ours, 3), "hello", 6);
    channel_ask(&ours, 3, 6, 0, 0);
    channel_listen(&theirs, 3); /* does not sleep: there is a question */
    assert_string_equal(channel_request(&theirs, 3), "hello");
    assert_int_equal(channel_wait(&ours, 3, 1), CHANNEL_ASKED); /* a time long ago */
    channel_answer(&theirs, 3, E_INVALID, 2);
    assert_int_equal(channel_wait(&ours, 3, 0), CHANNEL_ANSWERED);
    assert_int_equal(ours.head->slots[3].error, E_INVALID);
    channel_trim(&ours, 3);
    assert_int_equal(channel_request(&theirs, 3)[0], 0);
    assert_int_equal(ftruncate(ours.fd, 0), -1); /* sealed */
    channel_bury(&theirs);
    assert_int_equal(channel_wait(&ours, 0, 0), CHANNEL_DEAD);
    assert_int_equal(channel_wait_start(&ours, 0), CHANNEL_GONE);
    channel_clear(&theirs);
    channel_clear(&ours);
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(channel_map(op, fds[0], &ours), E_CORRUPT);
    close(fds[0]);
    close(fds[1]);
}

static int up(void **state)
{
    static struct op op;
    op_init(&op, arena_create(LIMIT_MIB(256)));
    *state = &op;
    return 0;
}

static int down(void **state)
{
    arena_destroy(((struct op *)*state)->arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(there_and_back), cmocka_unit_test(too_little_room), cmocka_unit_test(damaged),
                                       cmocka_unit_test(descriptions_that_are_none), cmocka_unit_test(channels)};
    return cmocka_run_group_tests_name("message", tests, up, down);
}
