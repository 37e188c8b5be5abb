#include "base/err.h"

#include <assert.h>

static const struct {
    int http;
    const char *name;
} err_table[ERR_COUNT] = {
    [OK] = {200, "OK"},
    [E_INVALID] = {400, "INVALID"},
    [E_UNAUTHENTICATED] = {401, "UNAUTHENTICATED"},
    [E_DENIED] = {403, "DENIED"},
    [E_NOT_FOUND] = {404, "NOT_FOUND"},
    [E_EXISTS] = {409, "EXISTS"},
    [E_CONFLICT] = {409, "CONFLICT"},
    [E_TOO_LARGE] = {413, "TOO_LARGE"},
    [E_UNSUPPORTED] = {501, "UNSUPPORTED"},
    [E_BUSY] = {503, "BUSY"},
    [E_TIMEOUT] = {504, "TIMEOUT"},
    [E_CANCELLED] = {499, "CANCELLED"},
    [E_IO] = {500, "IO"},
    [E_CORRUPT] = {500, "CORRUPT"},
    [E_INTERNAL] = {500, "INTERNAL"},
};

int err_http(enum err e)
{
    assert((unsigned)e < ERR_COUNT);
    return err_table[e].http;
}

const char *err_name(enum err e)
{
    assert((unsigned)e < ERR_COUNT);
    return err_table[e].name;
}
