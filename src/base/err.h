/* err.h - the one error type of the tree.
 * A function that can fail returns `enum err` and leaves the text in its `struct op` (op.h).
 * Each value has one meaning on every wire; err_http() and err_name() are the only translations. */
#ifndef INGOT_BASE_ERR_H
#define INGOT_BASE_ERR_H

#include "base/cc.h"

enum err {
    OK = 0,
    E_INVALID,      /* the caller's input is wrong; 400 */
    E_UNAUTHENTICATED, /* no or bad credentials; 401 */
    E_DENIED,       /* known, but not allowed; 403 */
    E_NOT_FOUND,    /* 404 */
    E_EXISTS,       /* a thing of that name is there already; 409 (MLflow's dialect: 400) */
    E_CONFLICT,     /* the state does not allow it now; 409 */
    E_TOO_LARGE,    /* a named limit is exceeded; 413 */
    E_UNSUPPORTED,  /* understood, not built; 501 */
    E_BUSY,         /* a queue or pool is full, try again; 503 */
    E_TIMEOUT,      /* the deadline passed; 504 */
    E_CANCELLED,    /* the peer left or the server stops; 499 */
    E_IO,           /* the world failed: disk, socket, child; 500 */
    E_CORRUPT,      /* stored bytes are not what was written; 500 */
    E_INTERNAL,     /* a bug of ours; 500 */
    ERR_COUNT
};

/* The HTTP status of `e` (200 for OK). */
int err_http(enum err e);
/* A stable upper-case name such as "NOT_FOUND"; static storage. */
const char *err_name(enum err e);

#endif
