/* $INGOT_XGBOOST if set, else where the build found the library, else the loader's own search.
 *
 * Threads that wait for each other: by default GNU OpenMP spins at its barriers, several thousand of them per
 * boosting round. Beside other work (a server, a second learner) a spinning thread holds the core that the thread it waits
 * for needs; 25 rounds on 0.8 million rows took 9.4 to 17.7 s on two busy cores, and 5.1 to 10.4 s with waiting threads
 * asleep; on idle cores there is no difference above the noise. The runtime reads OMP_WAIT_POLICY when it is loaded, so it is
 * set here, unless the user has. */
#include "adapter/xgboost/lib.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef INGOT_XGBOOST_PATH
#define INGOT_XGBOOST_PATH ""
#endif

static struct {
    pthread_mutex_t lock;
    struct xgb_lib lib;
    bool loaded;
    char error[1024]; /* why the last try failed */
} xgb = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void bind_functions(void *handle)
{
    const char *missing = NULL;
    /* POSIX lets a function pointer be read out of dlsym's answer through the object's bytes. */
#define X(name)                                                                                    \
    {                                                                                              \
        void *p = dlsym(handle, #name);                                                            \
        if (!p)                                                                                    \
            missing = #name;                                                                       \
        memcpy(&xgb.lib.name, &p, sizeof(p));                                                      \
    }
    XGB_FUNCTIONS(X)
#undef X
    if (missing)
        snprintf(xgb.error, sizeof(xgb.error), "the library lacks %s", missing);
    xgb.loaded = !missing;
}

static void load_locked(void)
{
    const char *chosen = getenv("INGOT_XGBOOST");
    const char *const paths[] = {chosen && *chosen ? chosen : INGOT_XGBOOST_PATH, chosen && *chosen ? "" : "libxgboost.so.0"};
    setenv("OMP_WAIT_POLICY", "passive", 0);
    for (size_t i = 0; i < ARRAY_LEN(paths) && !xgb.loaded; i++) {
        if (!*paths[i])
            continue;
        void *handle = dlopen(paths[i], RTLD_NOW | RTLD_LOCAL);
        const char *text = handle ? NULL : dlerror();
        if (handle)
            bind_functions(handle);
        else
            snprintf(xgb.error, sizeof(xgb.error), "%s", text ? text : paths[i]);
    }
}

enum err xgb_lib_get(struct op *op, const struct xgb_lib **ret)
{
    pthread_mutex_lock(&xgb.lock);
    if (!xgb.loaded)
        load_locked();
    bool loaded = xgb.loaded;
    if (!loaded)
        op_fail(op, E_UNSUPPORTED, "the XGBoost library cannot be used: %s", xgb.error);
    pthread_mutex_unlock(&xgb.lock);
    if (!loaded)
        return E_UNSUPPORTED;
    *ret = &xgb.lib;
    return OK;
}

enum err xgb_lib_fail(struct op *op, const struct xgb_lib *lib, enum err e, const char *what)
{
    struct str text = str_from(lib->XGBGetLastError());
    text = str_sub(text, 0, str_find_char(text, '\n'));
    size_t check = str_find(text, STR("Check failed: "));
    if (check != SIZE_MAX)
        text = str_sub(text, check, text.len);
    return op_fail(op, e, "xgboost %s: %.*s", what, STR_FMT(str_trim(text)));
}
