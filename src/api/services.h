/* services.h - what handlers may reach. Made once by src/app/wiring.c, read-only afterwards. */
#ifndef INGOT_API_SERVICES_H
#define INGOT_API_SERVICES_H

#include "base/buf.h"
#include "core/serve/react.h"
#include "port/blob.h"
#include "port/db.h"

struct dispatch;
struct server;

struct services {
    struct db *db;
    struct blob_store *blobs;
    struct serve *serve;             /* endpoints and loaded models */
    struct feature_online *features; /* online windows */
    struct monitor *monitor;         /* prediction windows, labels, alerts */
    struct dispatch *dispatch;
    struct server *server;
    struct retrainer retrainer;  /* trigger NULL: nothing is retrained */
    void (*metrics)(struct services *s, struct buf *out); /* Prometheus text of everything */
    bool (*healthy)(struct services *s); /* false: writes are refused until a restart; never blocks */
    struct str data_dir;
    int64_t started_us;
};

#endif
