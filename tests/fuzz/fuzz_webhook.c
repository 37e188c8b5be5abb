/* fuzz_webhook.c - what a stranger can put where a receiver's URL, a key, a sealed secret or an event's name is expected. The first byte
 * says which. No name is looked up: with any address allowed a URL is only taken apart. */
#include <stdlib.h>

#include "base/seal.h"
#include "core/webhook/event.h"
#include "net/pinned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void url(struct op *op, struct str s)
{
    static const struct str schemes[] = {STR_INIT("https"), STR_INIT("http")};
    const struct pinned_rules rules = {.what = "URL", .schemes = schemes, .scheme_count = 2, .allow_private = true};
    /* Whatever is taken has one of the schemes, in whatever case, and nothing that could end a header line. */
    if (!pinned_check(op, &rules, s) &&
        (str_find_char(s, '\n') != SIZE_MAX || str_find_char(s, '\r') != SIZE_MAX ||
         !(str_ieq(str_sub(s, 0, 5), STR("http:")) || str_ieq(str_sub(s, 0, 6), STR("https:")))))
        abort();
}

static void key(struct op *op, struct str s)
{
    uint8_t bytes[SEAL_KEY_LEN], again[SEAL_KEY_LEN];
    struct str opened;
    if (seal_unbase64(s, bytes, sizeof bytes)) {
        struct str text = seal_base64(op->arena, (struct str){(const char *)bytes, sizeof bytes});
        if (!seal_unbase64(text, again, sizeof again) || memcmp(bytes, again, sizeof bytes) != 0)
            abort();
    }
    memset(bytes, 7, sizeof bytes);
    if (!seal_open(op, bytes, STR("row"), s, &opened))
        abort(); /* nobody seals by chance */
}

static void names(struct op *op, struct str s)
{
    enum webhook_event e;
    struct address_net net;
    if (webhook_event_parse(s, &e) && !str_eq(webhook_event_name(e), s))
        abort();
    size_t half = s.len / 2;
    if (!webhook_event_of_enums(op, str_sub(s, 0, half), str_sub(s, half, s.len - half), &e) && e >= WEBHOOK_EVENTS_MLFLOW)
        abort();
    if (!address_net_parse(op, s, &net) && (net.bits < 0 || net.bits > 128))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct str s = {(const char *)data + 1, size - 1};
    AUTO(arena) struct arena *a = arena_create(8 << 20);
    struct op op;
    op_init(&op, a);
    switch (data[0]) {
    case 'u':
        url(&op, s);
        break;
    case 'k':
        key(&op, s);
        break;
    default:
        names(&op, s);
    }
    return 0;
}
