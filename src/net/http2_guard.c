/* Floods.
 *
 * Each of these frames is legal, and a few are needed on any connection: CVE-2019-9511 to 9518 (ping, settings, empty frames,
 * reset, priority, window updates), CVE-2023-44487 (open and reset in a row, "rapid reset"), CVE-2025-8671 (the server is made to
 * reset). What they have in common is that a peer sends many of them without asking for anything, so they are counted together: a
 * bucket that fills with time and with useful work (a request, a frame of an answer), and a connection that empties it is closed with
 * ENHANCE_YOUR_CALM. Streams that are reset count apart, whoever resets them: each may have begun work that nobody waits for. */
#include "net/http2_guard.h"

#include "base/limits.h"

void http2_guard_init(struct http2_guard *g, int64_t now_ms)
{
    *g = (struct http2_guard){.control_ms = now_ms, .resets_ms = now_ms, .control = LIMIT_HTTP2_CONTROL_FRAMES, .resets = LIMIT_HTTP2_RESETS};
}

/* Adds what has come since `*since_ms` and takes one. */
static bool take(int64_t *tokens, int64_t *since_ms, int64_t now_ms, int64_t max, int64_t per_s)
{
    int64_t more = (now_ms - *since_ms) * per_s / 1000;
    if (more > 0) {
        *tokens = more < max - *tokens ? *tokens + more : max;
        *since_ms = now_ms;
    }
    if (*tokens <= 0)
        return false;
    *tokens -= 1;
    return true;
}

bool http2_guard_control(struct http2_guard *g, int64_t now_ms)
{
    return take(&g->control, &g->control_ms, now_ms, LIMIT_HTTP2_CONTROL_FRAMES, LIMIT_HTTP2_CONTROL_FRAMES_PER_S);
}

bool http2_guard_reset(struct http2_guard *g, int64_t now_ms)
{
    return take(&g->resets, &g->resets_ms, now_ms, LIMIT_HTTP2_RESETS, LIMIT_HTTP2_RESETS_PER_S);
}

void http2_guard_earn(struct http2_guard *g, int frames)
{
    g->control += frames;
    if (g->control > LIMIT_HTTP2_CONTROL_FRAMES)
        g->control = LIMIT_HTTP2_CONTROL_FRAMES;
}
