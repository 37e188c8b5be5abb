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

/* Host is one of `allowed` ("name:port", "name", or either with "*" for any text), or a loopback name asked for over loopback. Probes of
 * /health and /version come by address and pass. */
struct guard_verdict guard_host(const struct http_req *req, const struct str *allowed, size_t n);
/* For a matched row. `origins`: "https://name:port" of other sites whose pages may call us, "*" for any text; our own always may. */
struct guard_verdict guard_browser(const struct http_req *req, unsigned route_flags, const struct str *origins, size_t n);
/* The answer's Access-Control headers, when the request's Origin is one of `origins`. Credentials are let through unless the list holds "*"
 * itself: then any page of the world may ask, so none may bring the user's. */
void guard_cors(struct op *op, const struct http_req *req, const struct str *origins, size_t n, struct http_res *res);
/* The bearer token, or the password of Basic credentials (MLflow's clients), in op's arena; "" when there is none. */
struct str guard_token(struct op *op, const struct http_req *req);

/* The cookie that carries a session's key. It is named after the port, as browsers keep the cookies of a host's ports together. */
struct str guard_cookie_name(struct op *op, const struct http_req *req);
/* The key that the request's cookie holds; "" when there is none, or when Authorization speaks for the request. */
struct str guard_session(struct op *op, const struct http_req *req);
/* May the cookie speak for this request? NULL: yes. Not for what another site's page asks, and for what changes something only with the header
 * X-Ingot-Request, which no form can send. */
const char *guard_cookie_refusal(const struct http_req *req, unsigned route_flags);
/* Is it a script of a page that asks? It shows a sign-in of its own, so it wants no challenge that makes the browser ask its user. */
bool guard_is_script(const struct http_req *req);

#endif
