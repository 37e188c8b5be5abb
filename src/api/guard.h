/* guard.h - which requests a browser may not make on someone's behalf (inside src/api). Pure checks of Host, Origin,
 * Sec-Fetch-Site and Content-Type; clients that are not browsers send none of the middle two.
 * Why: DNS rebinding lets a page talk to 127.0.0.1 under its own name (so Host must be one of ours), and a plain HTML form can
 * post to any address without asking (so writes must come as JSON or from our own origin). */
#ifndef INGOT_API_GUARD_H
#define INGOT_API_GUARD_H

#include "api/route.h"

struct guard_verdict {
    int status;       /* 0: let it pass */
    const char *text;
};

/* Host is one of `allowed` ("name:port", "name", or "*"), or a loopback name asked for over loopback. */
struct guard_verdict guard_host(const struct http_req *req, const struct str *allowed, size_t n);
/* For a matched row. */
struct guard_verdict guard_browser(const struct http_req *req, unsigned route_flags);
/* The bearer token, or the password of Basic credentials (MLflow's clients), in op's arena; "" when there is none. */
struct str guard_token(struct op *op, const struct http_req *req);

#endif
