#include "api/grpc/status.h"

#include "base/limits.h"

static const struct {
    enum grpc_status status;
} of_err[ERR_COUNT] = {
    [OK] = {GRPC_OK},
    [E_INVALID] = {GRPC_INVALID_ARGUMENT},
    [E_UNAUTHENTICATED] = {GRPC_UNAUTHENTICATED},
    [E_DENIED] = {GRPC_PERMISSION_DENIED},
    [E_NOT_FOUND] = {GRPC_NOT_FOUND},
    [E_EXISTS] = {GRPC_ALREADY_EXISTS},
    [E_CONFLICT] = {GRPC_FAILED_PRECONDITION},
    [E_TOO_LARGE] = {GRPC_RESOURCE_EXHAUSTED},
    [E_UNSUPPORTED] = {GRPC_UNIMPLEMENTED},
    [E_BUSY] = {GRPC_UNAVAILABLE},
    [E_TIMEOUT] = {GRPC_DEADLINE_EXCEEDED},
    [E_CANCELLED] = {GRPC_CANCELLED},
    [E_IO] = {GRPC_INTERNAL},
    [E_CORRUPT] = {GRPC_DATA_LOSS},
    [E_INTERNAL] = {GRPC_INTERNAL},
};

enum grpc_status grpc_status_of(enum err e)
{
    return (unsigned)e < ERR_COUNT ? of_err[e].status : GRPC_UNKNOWN;
}

struct str grpc_status_text(enum grpc_status s)
{
    static const struct str texts[] = {
        STR_INIT("0"), STR_INIT("1"),  STR_INIT("2"),  STR_INIT("3"),  STR_INIT("4"),  STR_INIT("5"),  STR_INIT("6"),  STR_INIT("7"), STR_INIT("8"),
        STR_INIT("9"), STR_INIT("10"), STR_INIT("11"), STR_INIT("12"), STR_INIT("13"), STR_INIT("14"), STR_INIT("15"), STR_INIT("16"),
    };
    return (unsigned)s < ARRAY_LEN(texts) ? texts[s] : texts[GRPC_UNKNOWN];
}

struct str grpc_message_encode(struct arena *a, struct str text)
{
    static const char digits[] = "0123456789ABCDEF";
    const size_t max = LIMIT_GRPC_TEXT_BYTES;
    char *p = arena_alloc(a, text.len * 3 < max ? text.len * 3 + 1 : max);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = (uint8_t)text.p[i];
        bool plain = c >= 0x20 && c <= 0x7e && c != '%';
        if (n + (plain ? 1 : 3) > max)
            break;
        if (plain) {
            p[n++] = (char)c;
        } else {
            p[n++] = '%';
            p[n++] = digits[c >> 4];
            p[n++] = digits[c & 15];
        }
    }
    return (struct str){p, n};
}

bool grpc_timeout_parse(struct str text, int64_t *ret_ms)
{
    static const struct {
        char unit;
        int64_t ns;
    } units[] = {{'H', 3600000000000}, {'M', 60000000000}, {'S', 1000000000}, {'m', 1000000}, {'u', 1000}, {'n', 1}};
    int64_t n = 0;
    if (text.len < 2 || text.len > 9)
        return false;
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        n = n * 10 + (text.p[i] - '0');
    }
    for (size_t k = 0; k < ARRAY_LEN(units); k++) {
        if (units[k].unit != text.p[text.len - 1])
            continue;
        if (units[k].ns >= 1000000)
            *ret_ms = n * (units[k].ns / 1000000);
        else
            *ret_ms = (n * units[k].ns + 999999) / 1000000;
        return true;
    }
    return false;
}
