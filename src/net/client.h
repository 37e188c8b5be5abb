/* client.h - the HTTP client (libcurl): blocking calls with keep-alive, one handle per thread. */
#ifndef INGOT_NET_CLIENT_H
#define INGOT_NET_CLIENT_H

#include "net/http.h"

struct client;
struct client_config {
    struct str base_url;     /* "http://127.0.0.1:5000" */
    struct str bearer_token; /* "" = none */
    struct str user, password; /* basic authentication, if `user` is not empty and there is no token */
    int timeout_ms;          /* 0: 30 s */
    const char *ca_path;     /* NULL: the system's */
};
struct client_answer {
    int status;
    struct str body;         /* in op's arena */
    struct str content_type;
    int64_t wall_us;
};
MUST_USE enum err client_create(struct op *op, const struct client_config *config, struct client **ret);
void client_destroy(struct client *c); /* NULL is ignored */
static inline void client_auto(struct client **c) { client_destroy(*c); }
/* E_IO: no answer. Any status is an answer. `body.p` NULL: none. `path` starts with '/'. */
MUST_USE enum err client_call(struct op *op, struct client *c, const char *method, struct str path, struct str content_type, struct str body, struct client_answer *ret);
/* Uploads a file as the body, streamed. */
MUST_USE enum err client_upload(struct op *op, struct client *c, const char *method, struct str path, struct str content_type, const char *file_path, struct client_answer *ret);
/* GET, with the bytes of a 2xx answer handed to `fn` as they come (ret->body is empty); any other answer as client_call has it. No
 * limit on the size; a server that stalls for the timeout is E_TIMEOUT. An error of `fn` ends it and is returned. */
typedef enum err (*client_bytes_fn)(void *arg, const void *p, size_t n);
MUST_USE enum err client_download(struct op *op, struct client *c, struct str path, client_bytes_fn fn, void *arg, struct client_answer *ret);
/* client_call with JSON in and out: a status of 400 or more becomes an error with the body's message. */
struct json;
MUST_USE enum err client_json(struct op *op, struct client *c, const char *method, struct str path, struct str json_body, struct json **ret);

#endif
