/* python.h - the Python environment that a command runs in, read from its folders without starting it. */
#ifndef INGOT_CORE_CAPTURE_PYTHON_H
#define INGOT_CORE_CAPTURE_PYTHON_H

#include "base/op.h"

struct capture_python {
    struct str executable; /* where the command's first word was found; a link is not followed */
    struct str version;    /* "3.11.2" of a virtual environment, "3.11" of others; "" if unknown */
    bool conda;            /* conda-meta lies beside it */
    struct str *packages;  /* "name==version", sorted, each once; conda's own too */
    size_t count;
};
/* `path` is $PATH. *ret_found false: the first word is no Python interpreter, or not there. E_TOO_LARGE above LIMIT_CAPTURE_PACKAGES.
 * In op's arena. */
MUST_USE enum err capture_python_find(struct op *op, struct str word, struct str path, bool *ret_found, struct capture_python *ret);

#endif
