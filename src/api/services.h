/* services.h - what handlers may reach. Made once by src/app/wiring.c, read-only afterwards. */
#ifndef INGOT_API_SERVICES_H
#define INGOT_API_SERVICES_H

#include "base/buf.h"
#include "core/pipeline/control.h"
#include "core/serve/react.h"
#include "port/blob.h"
#include "port/db.h"

struct access;
struct dispatch;
struct listeners;
struct memory_regions;
struct alerts;
struct payload;
struct series_cache;
struct run_index;
struct run_windows;
struct server;
struct sessions;
struct site;
struct tracer;
struct trend;
struct webhooks;

struct services {
    struct db *db;
    struct blob_store *blobs;
    struct serve *serve;             /* endpoints and loaded models */
    struct feature_online *features; /* online windows */
    struct monitor *monitor;         /* prediction windows, labels, alerts */
    struct payload *payload;         /* requests that are kept; NULL: none are */
    struct rollout_live *live;       /* pairs and picks of running rollouts; NULL: rewards and shadows are not taken */
    struct trend *trend;             /* the recent past of endpoints; NULL: it is not kept */
    struct series_cache *series;     /* points of metrics; NULL: histories are read from the database */
    struct run_index *run_index;     /* columns of runs in memory; NULL: runs are searched row by row */
    struct run_windows *run_windows; /* orders of runs that tables scroll over; NULL: none is kept */
    struct webhooks *webhooks;       /* who is told of what, and the outbox; NULL: webhooks are not served */
    struct alerts *alerts;           /* rules on runs' metrics; NULL likewise */
    struct memory_regions *memory;   /* shared memory that clients have registered; NULL: none is read */
    struct tracer *tracer;           /* which requests leave a trace; NULL: none does */
    struct dispatch *dispatch;
    struct server *server;
    struct retrainer retrainer;  /* trigger NULL: nothing is retrained */
    struct pipeline_control pipelines; /* cancel NULL: no pipelines run here */
    /* Appends a page of the Parquet file at `path` (core/dataset/peek.h) to `ret`. E_BUSY: too many are being read. NULL: files of rows are not read. */
    enum err (*rows_read)(struct op *op, struct str path, int64_t offset, int64_t limit, struct buf *ret);
    void (*metrics)(struct services *s, struct buf *out); /* Prometheus text of everything */
    bool (*healthy)(struct services *s); /* false: writes are refused until a restart; never blocks */
    struct source_pattern *version_sources; /* what new versions' sources must match; NULL: anything */
    struct ui *ui;               /* MLflow's web interface; NULL: none is served */
    struct site *site;           /* our own */
    struct access *access;       /* tokens */
    struct listeners *listeners; /* to the event stream */
    struct sessions *sessions;   /* who is signed in with a browser */
    struct str prefix;           /* "/ml": addresses below it work as well; "" none */
    bool artifacts_elsewhere;    /* true: the artifact proxy answers 503, clients write to the store themselves */
    struct str artifact_root;    /* of new experiments; "": mlflow-artifacts:/ */
    int graphql_root_fields, graphql_aliases; /* in one document; 0: the limits of base/limits.h */
    struct str data_dir;
    bool triton_metrics;         /* metrics under Triton's names as well */
    bool ready_early;            /* the server is ready though an endpoint is not (Triton's --strict-readiness=false) */
    bool grpc_stream_plain;      /* ModelStreamInfer answers as MLServer does, not as Triton */
    int64_t started_us;
};

#endif
