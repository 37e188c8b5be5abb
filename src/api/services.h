/* services.h - what handlers may reach. Made once by src/app/wiring.c, read-only afterwards. */
#ifndef INGOT_API_SERVICES_H
#define INGOT_API_SERVICES_H

#include "port/blob.h"
#include "port/db.h"
#include "port/table.h"

struct dispatch;
struct serve;       /* core/serve: endpoints and loaded models */
struct feature_online; /* core/feature: online windows */
struct monitor;     /* core/monitor: prediction windows, labels, alerts */
struct server;
struct scheduler;

struct services {
    struct db *db;
    struct blob_store *blobs;
    struct table_engine *tables; /* NULL when DuckDB is absent */
    struct serve *serve;
    struct feature_online *features;
    struct monitor *monitor;
    struct dispatch *dispatch;
    struct server *server;
    struct scheduler *scheduler;
    struct str data_dir;
    int64_t started_us;
};

#endif
