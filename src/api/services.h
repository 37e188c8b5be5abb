/* services.h - what handlers may reach. Made once by src/app/wiring.c, read-only afterwards. */
#ifndef INGOT_API_SERVICES_H
#define INGOT_API_SERVICES_H

#include "base/buf.h"
#include "port/blob.h"
#include "port/db.h"

struct dispatch;
struct serve;       /* core/serve: endpoints and loaded models */
struct feature_online; /* core/feature: online windows */
struct monitor;     /* core/monitor: prediction windows, labels, alerts */
struct monitor_trigger;
struct json_out;
struct server;

/* What happens when a monitor wants a retraining; the application supplies it (src/app/retrain.c). */
struct retrainer {
    void *arg;
    /* Starts the endpoint's pipeline on fresh data, unless the endpoint has none or one runs already: *ret_started. */
    enum err (*trigger)(void *arg, struct op *op, struct str endpoint, const struct monitor_trigger *why, bool *ret_started);
    bool (*pending)(void *arg, struct str endpoint); /* one runs */
    /* "retrains": the endpoint's retraining runs, newest first, as a JSON array. */
    enum err (*list_json)(void *arg, struct op *op, struct str endpoint, struct json_out *w);
};

struct services {
    struct db *db;
    struct blob_store *blobs;
    struct serve *serve;
    struct feature_online *features;
    struct monitor *monitor;
    struct dispatch *dispatch;
    struct server *server;
    struct retrainer retrainer;  /* trigger NULL: nothing is retrained */
    void (*metrics)(struct services *s, struct buf *out); /* Prometheus text of everything */
    bool (*healthy)(struct services *s); /* false: writes are refused until a restart; never blocks */
    struct str data_dir;
    int64_t started_us;
};

#endif
