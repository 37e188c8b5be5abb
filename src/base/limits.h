/* limits.h - every limit of the program by name. A limit that a user may lower is a config key as well. */
#ifndef INGOT_BASE_LIMITS_H
#define INGOT_BASE_LIMITS_H

#define LIMIT_KIB(n) ((size_t)(n) << 10)
#define LIMIT_MIB(n) ((size_t)(n) << 20)

/* Text formats */
#define LIMIT_JSON_BYTES LIMIT_MIB(64)
#define LIMIT_JSON_DEPTH 64
#define LIMIT_YAML_NODES 100000
#define LIMIT_YAML_BYTES LIMIT_MIB(16)
#define LIMIT_PBTXT_BYTES LIMIT_MIB(1)
#define LIMIT_PBTXT_DEPTH 16             /* messages in each other */
#define LIMIT_PBTXT_VALUES 20000         /* values that stand directly in one message */

/* HTTP, server side */
#define LIMIT_HTTP_TARGET_BYTES LIMIT_KIB(8)
#define LIMIT_HTTP_HEADERS 100
#define LIMIT_HTTP_HEADER_BYTES LIMIT_KIB(32)
#define LIMIT_HTTP_BODY_BYTES LIMIT_MIB(64)
#define LIMIT_HTTP_CHUNKS 65536
#define LIMIT_HTTP_PIPELINE 64            /* requests our own clients have in flight on one connection */
#define LIMIT_HTTP_BUFFERED_BYTES LIMIT_MIB(512) /* whole bodies in memory, per I/O thread */
#define LIMIT_HTTP_BYTES_PER_S 1024       /* a slower peer is given up, reading or writing */
#define LIMIT_HTTP_CONNECTIONS 4096
#define LIMIT_HTTP_CONNECTIONS_PER_PEER 2048
#define LIMIT_HTTP_HEAD_MS 30000
#define LIMIT_HTTP_BODY_IDLE_MS 30000
#define LIMIT_HTTP_IDLE_MS 60000
#define LIMIT_HTTP_DRAIN_MS 10000
#define LIMIT_HTTP_STREAM_WINDOW LIMIT_KIB(256) /* bytes buffered between loop and handler */
#define LIMIT_GZIP_RATIO 100
#define LIMIT_HTTP_START_LINE_BYTES (LIMIT_HTTP_TARGET_BYTES + 64) /* method, target, version */
#define LIMIT_HTTP_CHUNK_EXTRA_BYTES LIMIT_KIB(16) /* chunk extensions and trailers of one body */
#define LIMIT_HTTP_DISCARD_BYTES LIMIT_KIB(64) /* unread rest of a body that is skipped to keep a connection */
#define LIMIT_HTTP_READ_AHEAD LIMIT_KIB(64)    /* bytes held while a request is being answered */
#define LIMIT_HTTP_LINGER_MS 2000         /* after the last answer: wait for the peer to close */
#define LIMIT_HTTP_LINGER_BYTES LIMIT_MIB(8)   /* ... and take so much of what it still sends */
#define LIMIT_HTTP_LATER_INLINE_BYTES LIMIT_KIB(64) /* larger bodies of handlers that answer later are decoded by a worker */
#define LIMIT_HTTP_CALL_QUIET_MS 600000   /* between two messages of a call of both ways */
#define LIMIT_HTTP2_STREAMS 128           /* of one connection at once, those included that a worker still has after a reset */
#define LIMIT_HTTP2_WINDOW LIMIT_MIB(1)   /* body bytes of one stream on their way to us */
#define LIMIT_HTTP2_CONNECTION_WINDOW LIMIT_MIB(8) /* ... and of a connection */
#define LIMIT_HTTP2_ANSWERS_BYTES LIMIT_MIB(128) /* whole answers of one connection that the peer has not taken; more: no new stream */
#define LIMIT_HTTP2_HEADER_LIST_BYTES (LIMIT_HTTP_START_LINE_BYTES + LIMIT_HTTP_HEADER_BYTES) /* 32 for each field included */
#define LIMIT_HTTP2_HEADER_BLOCK_BYTES LIMIT_MIB(1) /* unpacked; more ends the connection (a small block can unpack to a large one) */
#define LIMIT_HTTP2_CONTINUATIONS 8       /* frames of one header block behind the first */
#define LIMIT_HTTP2_SETTINGS 32           /* entries of one frame */
#define LIMIT_HTTP2_CONTROL_FRAMES 4000   /* that carry no request, saved up ... */
#define LIMIT_HTTP2_CONTROL_FRAMES_PER_S 1000 /* ... and allowed again per second, besides those that requests and answers bring */
#define LIMIT_HTTP2_RESETS 500            /* streams that ended before their answer, saved up ... */
#define LIMIT_HTTP2_RESETS_PER_S 100      /* ... and allowed again per second */
#define LIMIT_HTTP2_BODY_FRAMES LIMIT_HTTP_CHUNKS /* DATA frames of one body that is not streamed */
#define LIMIT_HTTP2_CLOSED 256            /* streams of a connection that are remembered behind their end */
#define LIMIT_HTTP2_GOAWAY_MS 500         /* between the notice of a shutdown and the last stream that is taken */
#define LIMIT_HTTP_PATH_ARGS 6
#define LIMIT_HTTP_ROUTES 1024

/* Work */
#define LIMIT_REQUEST_ARENA LIMIT_MIB(256)
#define LIMIT_COMMAND_ARENA LIMIT_MIB(4096)
#define LIMIT_POOL_THREADS 32
#define LIMIT_POOL_QUEUE 1024
#define LIMIT_TRANSFER_THREADS 192        /* uploads, downloads and calls of both ways under way; the rest waits in the queue */
#define LIMIT_DB_QUEUE 4096
#define LIMIT_DB_GROUP 512                /* writes in one commit */

/* State */
#define LIMIT_DB_READERS 32               /* connections for concurrent reads */
#define LIMIT_DB_WAIT_MS 30000            /* for a free one of them, without a deadline */
#define LIMIT_DB_STATEMENTS 4096          /* cached per connection */
#define LIMIT_DB_VALUE_BYTES LIMIT_MIB(64) /* one text or blob in a row */
#define LIMIT_DB_WAL_PAGES 2000           /* 4 KiB pages in the log before the writer checkpoints */
#define LIMIT_DB_COLUMNS 64               /* of one row that a client of a database server reads */
#define LIMIT_DB_PARAMS 64                /* of one statement sent to a database server */
#define LIMIT_DB_SPOOL_BYTES LIMIT_MIB(512) /* rows set aside while another statement runs on their connection */
#define LIMIT_DB_POOL 16                  /* connections for reads to a database server */
#define LIMIT_DB_GROUP_MS 50              /* then the group commits, and another server has its turn */
#define LIMIT_DB_ANSWER_MS 60000          /* a database server that says nothing for so long is gone */
#define LIMIT_DB_LOCK_MS 20000            /* wait for the other servers' writes */
#define LIMIT_DB_RECONNECT_MS 5000        /* a write waits so long for a database server that went away */
#define LIMIT_DB_RESOLVE_MS 30000         /* ... and so long to learn what became of its commit */
#define LIMIT_BLOB_MEM_BYTES LIMIT_MIB(512) /* all blobs of a store in memory */
#define LIMIT_S3_ANSWER_BYTES LIMIT_MIB(4)    /* of XML in one answer */
#define LIMIT_S3_PART_BYTES LIMIT_MIB(8)      /* of an upload in parts; a writer holds two in memory */
#define LIMIT_S3_PARTS 10000                  /* of one upload, S3's own limit: the largest blob has 78 GiB */
#define LIMIT_S3_COPY_BYTES LIMIT_MIB(512)    /* copied by one request; S3's own limit is 5 GiB, but it may take minutes */
#define LIMIT_S3_READ_BYTES LIMIT_MIB(4)      /* asked for in one request of a reader in sequence; what it holds in memory */
#define LIMIT_S3_RENEW_S 3600                 /* a blob older than that is stored again when somebody stores equal bytes */
#define LIMIT_S3_LEFT_OVER_S 86400            /* temporary objects and uploads that are older are nobody's */
#define LIMIT_AUDIT_DETAIL_BYTES LIMIT_KIB(64)
#define LIMIT_AUDIT_PAGE 1000             /* rows of one answer */
#define LIMIT_OVERVIEW_ROWS 60            /* of each list of the home page */

/* Models */
#define LIMIT_MODEL_BYTES LIMIT_MIB(256)  /* what one loaded model may hold */
#define LIMIT_MODEL_SCRATCH_BYTES LIMIT_MIB(2048) /* while one is loaded, besides the file's own tree of values */
#define LIMIT_TREES 100000
#define LIMIT_TREE_NODES (1u << 24)       /* per tree */
#define LIMIT_TREE_SET_WORDS (1u << 22)   /* of 32 categories, all splits of a tree together */
#define LIMIT_TREE_FEATURES 65536u
#define LIMIT_TREE_OUTPUTS 1024
#define LIMIT_TREE_DEPTH 1024
#define LIMIT_LINEAR_FEATURES 65536
#define LIMIT_SVM_CLASSES 64              /* of a LIBSVM model: it has a machine for every two of them */
#define LIMIT_ONNXML_DENSE 65536          /* weights of a layer in a classical ONNX model; larger ones are ONNX Runtime's work */
#define LIMIT_ONNXML_NODES 4096           /* operators of such a model */
#define LIMIT_ONNX_BYTES LIMIT_MIB(2047)  /* of one file: what protobuf can hold */
#define LIMIT_ONNX_SCRATCH LIMIT_MIB(1024) /* memory of the check of a file */
#define LIMIT_ONNX_NODES 500000           /* operators of all graphs, functions put in place */
#define LIMIT_ONNX_EDGES 4000000          /* names that they read */
#define LIMIT_ONNX_DEPTH 16               /* graphs within graphs (If, Loop, Scan) */
#define LIMIT_ONNX_FUNCTIONS 4096
#define LIMIT_ONNX_RANK 16
#define LIMIT_ONNX_TENSOR_VALUES ((uint64_t)1 << 31) /* of one constant */
#define LIMIT_ONNX_TENSORS 16384          /* inputs, or outputs, of a model */
#define LIMIT_ONNX_METADATA 1024          /* entries of the custom map */
#define LIMIT_CHILD_SLOTS 16              /* questions that one hosted engine has in flight */
#define LIMIT_CHILD_HEAD_BYTES LIMIT_KIB(16)
#define LIMIT_CHILD_MESSAGE_BYTES LIMIT_MIB(256) /* of one question, of one answer */
#define LIMIT_CHILD_TRIM_BYTES LIMIT_MIB(1) /* a message that was larger gives its memory back */
#define LIMIT_CHILD_LOAD_MS 600000        /* for a hosted engine to load its model */
#define LIMIT_CHILD_RUN_MS 600000         /* for one answer without a deadline */
#define LIMIT_CHILD_HANG_MS 10000         /* a hosted engine that ignores a deadline for so long is killed */
#define LIMIT_CHILD_BACKOFF_MS 30000      /* between two starts of an engine that dies */
#define LIMIT_CHILDREN 512                /* hosted engines of one process */
#define LIMIT_ERRAND_ANSWER_BYTES LIMIT_MIB(16) /* of a process that does one thing and ends */

/* Serving */
#define LIMIT_SERVE_ENDPOINTS 256
#define LIMIT_SERVE_VERSIONS 10           /* kept loaded per endpoint: the arms of a rollout and a way back */
#define LIMIT_SERVE_NAME 255
#define LIMIT_SERVE_CONFIG_BYTES LIMIT_MIB(1)
#define LIMIT_SERVE_REFERENCE_BYTES LIMIT_MIB(256)
#define LIMIT_SERVE_ROWS 100000           /* in one request */
#define LIMIT_SERVE_INPUTS 8192           /* tensors of one request: one per column at most */
#define LIMIT_SERVE_OUTPUTS 1024          /* tensors of one answer */
#define LIMIT_SERVE_INLINE_NS 50000       /* a run that takes longer leaves the I/O thread; a setting of the endpoint as well */
#define LIMIT_SERVE_THREADS 64            /* that run queued requests */
#define LIMIT_SERVE_BATCH 4096            /* rows that are joined into one run */
#define LIMIT_SERVE_BATCH_DEFAULT 128     /* ... unless the endpoint says otherwise */
#define LIMIT_SERVE_PREFERRED 16          /* preferred sizes of a batch */
#define LIMIT_SERVE_DELAY_US 60000000     /* that a request may wait for others to join it */
#define LIMIT_SERVE_QUEUE 65536           /* requests waiting for one version */
#define LIMIT_SERVE_QUEUE_DEFAULT 1024
#define LIMIT_SERVE_QUEUE_BYTES LIMIT_MIB(256)    /* memory of requests that wait or run for one version, unless the endpoint says otherwise; a lone one may have more */
#define LIMIT_SERVE_QUEUES_BYTES LIMIT_MIB(1024)  /* ... for all versions of a server */
#define LIMIT_SERVE_LONE_NS 250000        /* a lone request to a model in another process is asked by the I/O thread when it takes no longer */
#define LIMIT_SERVE_LONE_MS 2             /* ... which waits for it no longer than that */
#define LIMIT_SERVE_INLINE_VALUES 8192    /* a request whose chain reads and makes more values leaves the I/O thread */
#define LIMIT_SERVE_PRIORITIES 16
#define LIMIT_SERVE_TIMEOUT_US (3600 * 1000000LL) /* in a queue */
#define LIMIT_SERVE_CACHE_BYTES LIMIT_MIB(4096)   /* of one endpoint */
#define LIMIT_SERVE_CACHE_VALUE LIMIT_MIB(16)     /* question and answer of one entry */
#define LIMIT_SERVE_WARM_CALLS 10000
#define LIMIT_SERVE_LOAD_ARENA LIMIT_MIB(768) /* files of one version, and what reading them takes */
#define LIMIT_LOADER_LOOK_MS 500          /* between two looks of one who waits for a load */
#define LIMIT_LOADER_STARVED_MS 2000      /* a load that got next to nothing for so long gets a higher priority */
#define LIMIT_SERVE_SHADOWS 1024          /* copies of requests that wait for a candidate; the next ones are dropped */
#define LIMIT_SERVE_SHADOW_BYTES LIMIT_MIB(64)
#define LIMIT_SERVE_GRAPH_BYTES LIMIT_MIB(1) /* of the file of a graph of models */
#define LIMIT_SERVE_GRAPH_STEPS 64        /* bits of a word say which are over */
#define LIMIT_SERVE_GRAPH_TENSORS 4096    /* of the request and of all steps */
#define LIMIT_SERVE_GRAPH_COMBINED 256    /* tensors that one operator takes */
#define LIMIT_SERVE_GRAPH_CASES 16        /* models that one step chooses from */
#define LIMIT_SERVE_GRAPH_CONDITIONS 16   /* of one step or case */
#define LIMIT_SERVE_GRAPH_DEPTH 8         /* graphs within graphs */
#define LIMIT_SERVE_GRAPH_RUNS 1024       /* runs of models that one request may cause */
#define LIMIT_SERVE_TREND_BEAT_MS 1000     /* between two looks at the figures of endpoints */
#define LIMIT_SERVE_TREND_BYTES LIMIT_MIB(64) /* of the recent past of all endpoints */
#define LIMIT_SERVE_TREND_VERSIONS 20      /* of one endpoint whose recent past is kept */
#define LIMIT_SERVE_TREND_POINTS 1000      /* steps of one answer */
#define LIMIT_TENSOR_RANK 8
#define LIMIT_REPOSITORY_MODELS 1024      /* models that `ingot serve` finds on disk */
#define LIMIT_MODEL_SERVER_THREADS 4      /* workers of `ingot serve` */
#define LIMIT_REPOSITORY_FILES 4096       /* names in one of its folders */
#define LIMIT_REPOSITORY_LABELS 100000    /* lines of a file of labels */
#define LIMIT_REPOSITORY_CACHE_BYTES LIMIT_MIB(64) /* of answers, for a model whose config.pbtxt switches its response cache on */
#define LIMIT_REPOSITORY_POLL_S 86400     /* between two looks at the disk */
#define LIMIT_REPOSITORY_UPLOAD_BYTES LIMIT_MIB(256) /* files that come with one load */
#define LIMIT_REPOSITORY_UPLOADS_BYTES LIMIT_MIB(1024) /* what all loads told and brought, until their models are unloaded; a setting as well */
#define LIMIT_SHARED_REGIONS 256          /* of shared memory that clients have registered */
#define LIMIT_DECLARED_BYTES LIMIT_MIB(16) /* what is said of a model beside its file: names, shapes, labels */
#define LIMIT_DECLARED_TENSORS 256        /* inputs or outputs that are declared */
#define LIMIT_TENSOR_VALUES LIMIT_MIB(64) /* values of one tensor */

/* The chain of an endpoint */
#define LIMIT_CHAIN_COLUMNS 8192          /* columns that are checked or transformed */
#define LIMIT_CHAIN_VIOLATIONS 10         /* that one answer names; all are counted */
#define LIMIT_CHAIN_CHOICES 10000         /* values that a column may be limited to */
#define LIMIT_CHAIN_STEPS 16              /* steps of one column */
#define LIMIT_CHAIN_CATEGORIES 100000     /* of one column */
#define LIMIT_CHAIN_OUTPUTS 65536         /* columns that a transform makes */
#define LIMIT_CHAIN_CLASSES 10000         /* of a model whose answer is post-processed */
#define LIMIT_CHAIN_POINTS 1000000        /* of an isotonic calibration */
#define LIMIT_CHAIN_FILE_BYTES LIMIT_MIB(64) /* a transform or a calibrator */

/* Batch scoring */
#define LIMIT_SCORING_FILES 100000        /* input files of one job */
#define LIMIT_SCORING_CHUNKS 100000000    /* parts of one job */
#define LIMIT_SCORING_CHUNK_ROWS 65536    /* rows of one part, unless the user says otherwise */
#define LIMIT_SCORING_BATCH_BYTES LIMIT_MIB(64) /* ... and of its values; fewer rows are taken of wide tables */
#define LIMIT_SCORING_SHARDS 100000
#define LIMIT_SCORING_THREADS 64
#define LIMIT_SCORING_FOOTER_BYTES LIMIT_MIB(64) /* of a Parquet file, hashed as a whole */
#define LIMIT_SCORING_MANIFEST_BYTES LIMIT_MIB(64)
#define LIMIT_SCORING_SERVER_MS 600000    /* of a server that a model is fetched from */
#define LIMIT_SCORING_ARENA LIMIT_MIB(4096) /* to score one part: tensors in, tensors out, texts */

/* gRPC */
#define LIMIT_GRPC_MESSAGE_BYTES LIMIT_MIB(64)  /* one message, before and behind its compression; gRPC's own default is 4 MiB */
#define LIMIT_GRPC_CONTROL_BYTES LIMIT_MIB(1)   /* ... of methods other than inference and loading */
#define LIMIT_GRPC_STREAM_BYTES ((size_t)1 << 50) /* all messages of one stream */
#define LIMIT_GRPC_PACK_BYTES 1024              /* smaller answers are not compressed */
#define LIMIT_GRPC_TEXT_BYTES 4096              /* of an error's text in a header */
#define LIMIT_GRPC_STREAMS 128                  /* calls of both ways at once: each has a worker of its own */
#define LIMIT_GRPC_WATCHERS 16                  /* of the health, likewise */
#define LIMIT_GRPC_WATCH_MS 250                 /* between two looks at the health */

/* Streams */
#define LIMIT_STREAM_POLL 4096                 /* records handed out by one poll */
#define LIMIT_STREAM_POLL_BYTES LIMIT_MIB(32)  /* ... or fewer, when they are large */
#define LIMIT_STREAM_RECORD_BYTES LIMIT_MIB(64) /* key, value and headers of one record that is written */
#define LIMIT_STREAM_KEY_BYTES LIMIT_KIB(64)   /* of an answer's key that is JSON */
#define LIMIT_STREAM_HEADERS 256               /* of one record */
#define LIMIT_STREAM_PARTITIONS 4096           /* that one member of a group may hold */
#define LIMIT_STREAM_BUFFER_KIB 65536          /* records fetched ahead, and records on their way out */
#define LIMIT_STREAM_FLIGHT 256                /* records that are being scored at once */
#define LIMIT_STREAM_TRANSACTION_MS 20000      /* its length; brokers abort one after 30 s (adapter/kafka) */
#define LIMIT_STREAM_SILENT_MS 60000           /* a job that asked for no records for so long is not healthy */
#define LIMIT_STREAM_TRANSACTION 1000000       /* records of one transaction */
#define LIMIT_STREAM_RETRIES 10                /* of a record whose engine failed, before it goes to the errors topic */
#define LIMIT_STREAM_ABORTS 100                /* transactions in a row that could not be committed */
#define LIMIT_STREAM_SETTINGS 64               /* --kafka-set */
#define LIMIT_STREAM_OPEN_MS 60000             /* for brokers to answer at the start */
#define LIMIT_STREAM_POSITIONS_MS 120000       /* for a group's positions, which a transaction of somebody who died may hold up */
#define LIMIT_STREAM_CLOSE_MS 5000             /* for an abort at the end */

/* Training */
#define LIMIT_TRAIN_BYTES LIMIT_MIB(4096) /* rows held in memory */
#define LIMIT_TRAIN_GATES 256
#define LIMIT_TRAIN_SEGMENTS 1000         /* reported */
#define LIMIT_TRAIN_SEGMENT_NAMES 65536

/* Data and features */
#define LIMIT_DUCKDB_MEMORY LIMIT_MIB(1024)   /* what one engine may hold before it spills or fails */
#define LIMIT_TABLE_SQL_BYTES LIMIT_MIB(1)
#define LIMIT_TABLE_COLUMNS 4096
#define LIMIT_FEATURE_VIEW_BYTES LIMIT_KIB(256)
#define LIMIT_FEATURE_KEY_BYTES 1024          /* one value of a key column */
#define LIMIT_FEATURE_PUSH_ROWS 65536         /* events of one push */
#define LIMIT_FEATURE_FRAME_BYTES LIMIT_MIB(8192) /* arrays of one point-in-time join */
#define LIMIT_FEATURE_VIEWS 256               /* views of one server */
#define LIMIT_SUITE_BYTES LIMIT_MIB(1)
#define LIMIT_SUITE_EXPECTATIONS 1000
#define LIMIT_SUITE_FAILING_ROWS 20           /* shown per expectation */
#define LIMIT_SUITE_UNIQUE_ROWS 500000000     /* rows that a uniqueness check remembers */
#define LIMIT_PROFILE_DISTINCT 100000         /* values counted exactly per column */

/* Pipelines */
#define LIMIT_RUNNER_JOBS 256             /* children waited for in one call */
#define LIMIT_PIPELINE_STAGES 20000
#define LIMIT_PIPELINE_FILE_BYTES LIMIT_MIB(64) /* dvc.yaml, dvc.lock, a params file, a .dir object */
#define LIMIT_PIPELINE_DIR_FILES 5000000  /* files in one directory output */
#define LIMIT_PIPELINE_DIR_DEPTH 64       /* folders below it; also ends symlink loops */
#define LIMIT_PIPELINE_ATTEMPTS 100       /* retries of one stage */
#define LIMIT_PIPELINE_LOG_TAIL LIMIT_KIB(4) /* shown when a stage fails */
#define LIMIT_TRIGGERS 64                 /* waiting for the scheduler thread */
#define LIMIT_ROWS_PAGE 1000              /* rows of a file that one answer shows */
#define LIMIT_ROWS_COLUMNS 500
#define LIMIT_ROWS_TEXT 2000              /* bytes of a text among them */
#define LIMIT_ROWS_READERS 2              /* files read at a time, each in a process of its own */
#define LIMIT_ROWS_WAITING 16             /* requests that wait for one of them */
#define LIMIT_ROWS_WAIT_MS 5000           /* ... so long */
#define LIMIT_ROWS_READ_MS 15000          /* of one page */
#define LIMIT_ROWS_MEMORY LIMIT_MIB(512)  /* the reader's engine */
#define LIMIT_ROWS_PROCESS_MEMORY LIMIT_MIB(1024) /* all that its process holds by itself */
#define LIMIT_JOURNAL_STAGES 500          /* of one run that are reported and shown */
#define LIMIT_JOURNAL_NAME 500            /* bytes: of a pipeline, stage, host */
#define LIMIT_JOURNAL_TEXT 4096           /* bytes: folder, reason */
#define LIMIT_JOURNAL_FACTS LIMIT_KIB(16) /* of one stage: command, dependencies, outputs, parameters */
#define LIMIT_JOURNAL_LOGGED_RUNS 200     /* of one pipeline whose output is kept */
#define LIMIT_JOURNAL_LOG LIMIT_KIB(64)   /* end of what a stage printed */

/* Tracking and registry: what MLflow's clients rely on (characters, not bytes, unless the name says bytes) */
#define LIMIT_TRACK_KEY 250
#define LIMIT_TRACK_PARAM_VALUE 6000
#define LIMIT_TRACK_TAG_VALUE 8000
#define LIMIT_TRACK_MODEL_HISTORY LIMIT_KIB(256) /* bytes of the list that 2.x clients keep in a run's tag */
#define LIMIT_TRACK_EXPERIMENT_NAME 500
#define LIMIT_TRACK_USER 256
#define LIMIT_TRACK_EXPERIMENT_TAG_VALUE 20000
#define LIMIT_TRACK_ARTIFACT_LOCATION 2048
#define LIMIT_TRACK_BATCH_METRICS 1000
#define LIMIT_TRACK_BATCH_PARAMS 100
#define LIMIT_TRACK_BATCH_TAGS 100
#define LIMIT_TRACK_BATCH_ALL 1000
#define LIMIT_TRACK_BATCH_DATASETS 1000
#define LIMIT_TRACK_DATASET_NAME 500
#define LIMIT_TRACK_DATASET_DIGEST 36
#define LIMIT_TRACK_DATASET_SOURCE_TYPE 36
#define LIMIT_TRACK_DATASET_SOURCE 65535
#define LIMIT_TRACK_DATASET_SCHEMA 1048575
#define LIMIT_TRACK_DATASET_PROFILE 16777215
#define LIMIT_TRACK_INPUT_TAG_KEY 255
#define LIMIT_TRACK_INPUT_TAG_VALUE 500
#define LIMIT_TRACK_SEARCH_RUNS 50000
#define LIMIT_TRACK_SEARCH_EXPERIMENTS 50000
#define LIMIT_TRACK_PAGE_TOKEN 4096        /* bytes; a place in an order by longer texts is named by its number */
#define LIMIT_TRACK_HISTORY_PAGE 1000000
#define LIMIT_TRACK_SERIES_CACHE LIMIT_MIB(512) /* points of metrics kept in memory; 16 or 24 bytes each */
#define LIMIT_TRACK_SERIES_POINTS 16000000 /* of one metric, to be sampled or cached */
#define LIMIT_TRACK_CHUNK_POINTS 1024     /* of a metric, in one row of the database */
#define LIMIT_TRACK_TAIL_BYTES 512         /* the newest points of a metric, in its own row */
#define LIMIT_TRACK_BULK_RUNS 100         /* runs in one request for histories */
#define LIMIT_TRACK_BULK_POINTS 25000
#define LIMIT_TRACK_SAMPLE_POINTS 2500    /* per run */
#define LIMIT_TRACK_COMPARE_RUNS 100      /* side by side */
#define LIMIT_TRACK_CHART_POINTS 5000     /* per line */
#define LIMIT_TRACK_OVERLAY_RUNS 10000    /* lines of one metric in one picture */
#define LIMIT_TRACK_OVERLAY_POINTS 1000000 /* of all of them */
#define LIMIT_TRACK_CROWD_GROUPS 32       /* of very many runs, in one picture: the largest */
#define LIMIT_TRACK_CROWD_COLUMNS 64      /* values of very many runs, in one answer */
#define LIMIT_TRACK_BODY_BYTES LIMIT_MIB(16) /* of a request; inputs with their profiles may be larger */
#define LIMIT_TRACK_FILTER_BYTES LIMIT_KIB(64)
#define LIMIT_TRACK_FILTER_CLAUSES 256
#define LIMIT_TRACK_FILTER_DEPTH 32
#define LIMIT_TRACK_ORDER_BY 16
#define LIMIT_TRACK_SCRATCH LIMIT_MIB(128) /* memory to judge one run: its datasets may be large */
#define LIMIT_TRACK_CHANGES 1000000       /* rows of the change log; who is further behind starts over */
#define LIMIT_TRACK_DATASET_SUMMARIES 1000
#define LIMIT_TRACK_DATASET_EXPERIMENTS 20 /* of one search for datasets */
#define LIMIT_TRACK_SEARCH_LOGGED_MODELS 1000
#define LIMIT_TRACK_SEARCH_COLUMNS 1000   /* asked for by a search of runs */
#define LIMIT_TRACK_INDEX_BYTES LIMIT_MIB(512) /* columns in memory for searching runs */
#define LIMIT_TRACK_INDEX_GROUPS 4096     /* experiments whose runs are held at once */
#define LIMIT_TRACK_WINDOW_ROWS 1000      /* of a table of runs, in one answer */
#define LIMIT_TRACK_WINDOW_TOPS 64        /* metrics whose extremes come with it */
#define LIMIT_TRACK_WINDOW_BYTES LIMIT_MIB(64) /* orders of runs that are kept for scrolling */
#define LIMIT_TRACK_KEYS 1000             /* names of parameters, metrics or tags in one answer */
#define LIMIT_TRACK_KEY_VALUES 8          /* of each, the most frequent */
#define LIMIT_TRACK_KEY_SAMPLE 1000       /* runs that are looked at for names, from each end of time */
#define LIMIT_TRACK_FIND 50               /* names in one answer */
#define LIMIT_TRACK_FIND_BYTES 200        /* of what is looked for */
#define LIMIT_TRACK_ARTIFACT_PATH_BYTES 4096
#define LIMIT_TRACK_ARTIFACT_BYTES ((uint64_t)1 << 40)
#define LIMIT_TRACK_ARTIFACT_LIST 100000
#define LIMIT_TRACK_ARTIFACT_FORM_BYTES LIMIT_MIB(10) /* of upload-artifact, which MLflow's interface sends */
#define LIMIT_TRACK_UPLOAD_PARTS 10000
#define LIMIT_TRACK_UPLOAD_S 86400        /* an upload in parts to which nothing comes for so long is forgotten */
#define LIMIT_UI_FILES 10000               /* of the folder given by --ui-dir */
#define LIMIT_UI_FILE_BYTES LIMIT_MIB(32)
#define LIMIT_WEB_FILES 1000               /* of our own web interface */
#define LIMIT_WEB_FILE_BYTES LIMIT_MIB(4)
#define LIMIT_EVENT_RING 4096              /* changes that a listener may lag behind */
#define LIMIT_EVENT_GAP 20000              /* rows of a log between two looks; beyond, listeners start over */
#define LIMIT_EVENT_NOTES 10000
#define LIMIT_EVENT_LISTENERS 1000
#define LIMIT_EVENT_LOOK_MS 500            /* between two looks: the most often that one thing is told of */
#define LIMIT_EVENT_QUIET_MS 15000         /* then a comment says that the server is there */
#define LIMIT_EVENT_LISTEN_MS 3600000      /* then the listener asks anew, with the credentials that it has then */
#define LIMIT_SESSIONS 10000               /* people signed in; then the longest idle one is signed out */
#define LIMIT_SESSION_IDLE_S 43200         /* without a request */
#define LIMIT_SESSION_S 604800             /* in all */
#define LIMIT_REGISTRY_NAME 256
#define LIMIT_REGISTRY_TAG_VALUE 100000
#define LIMIT_REGISTRY_ALIAS 255
#define LIMIT_REGISTRY_SOURCE_PATTERN 4096 /* bytes of the rule for sources */
#define LIMIT_REGISTRY_SOURCE_MATCHED 8192 /* bytes of a source that the rule is asked about */
#define LIMIT_REGISTRY_TEXT 100000        /* description, source, signature and the like */
#define LIMIT_REGISTRY_SEARCH_MODELS 1000
#define LIMIT_REGISTRY_SEARCH_VERSIONS 200000
#define LIMIT_REGISTRY_DATA_VERSION 512       /* it is looked up by an index */
#define LIMIT_REGISTRY_SEMVER 1000000000      /* of one part of a semantic version */
#define LIMIT_REGISTRY_BACKFILL 1000           /* older versions that get a semantic version with the first new one */
#define LIMIT_REGISTRY_CHANGES 100            /* differences of signatures that are listed */
#define LIMIT_REGISTRY_REASON 2000            /* characters of a why, of a comment */
#define LIMIT_REGISTRY_HISTORY_PAGE 1000
#define LIMIT_REGISTRY_HISTORY_WALK 100000    /* changes that a rollback looks through */
#define LIMIT_REGISTRY_POLICY_NAMES 64        /* protected aliases of one policy */
#define LIMIT_REGISTRY_APPROVAL_DAYS 365
#define LIMIT_REGISTRY_APPROVAL_NOTES 1000    /* on one request */
#define LIMIT_REGISTRY_CARD_SECTION 100000    /* characters of one section */
#define LIMIT_REGISTRY_CARD_HISTORY 50        /* changes that a card shows */
#define LIMIT_REGISTRY_LIST 500               /* models on one page of the list */
#define LIMIT_REGISTRY_LIST_ENDPOINTS 100     /* of one model in that list */
#define LIMIT_REGISTRY_FILES 5000             /* files of one version that are listed */
#define LIMIT_DATASET_LIST 500                /* datasets on one page */
#define LIMIT_DATASET_COUNTED 1000            /* uses of each that a page of them looks at, the newest */
#define LIMIT_DATASET_RUNS 1000               /* runs of one dataset that are listed */
#define LIMIT_LINEAGE_NODES 2000
#define LIMIT_LINEAGE_DEPTH 32
#define LIMIT_LINEAGE_FAN 500                 /* neighbours by one kind of edge */

/* GraphQL: MLflow's own numbers; the last two are settings as well */
#define LIMIT_GRAPHQL_BYTES LIMIT_KIB(64)
#define LIMIT_GRAPHQL_NESTING 32          /* of braces and of brackets in the text */
#define LIMIT_GRAPHQL_NAME 250
#define LIMIT_GRAPHQL_DEPTH 10
#define LIMIT_GRAPHQL_SELECTIONS 1000     /* fields of all levels, fragments followed */
#define LIMIT_GRAPHQL_FRAGMENTS 100
#define LIMIT_GRAPHQL_ROOT_FIELDS 10
#define LIMIT_GRAPHQL_ALIASES 10          /* in one selection set */

/* Numbers, monitors, rollouts */
#define LIMIT_NUM_SAMPLE ((size_t)1 << 27)       /* values in one statistic */
#define LIMIT_MONITOR_ENDPOINTS 256
#define LIMIT_MONITOR_FEATURES 4096
#define LIMIT_MONITOR_REFERENCE 100000           /* reference rows kept per feature */
#define LIMIT_MONITOR_REFERENCE_BYTES LIMIT_MIB(512)
#define LIMIT_MONITOR_WINDOW_ROWS ((size_t)1 << 20)
#define LIMIT_MONITOR_OPEN_ROWS ((size_t)1 << 21) /* of all open windows of one endpoint */
#define LIMIT_MONITOR_OPEN_WINDOWS 64            /* per endpoint */
#define LIMIT_MONITOR_LABELS 1000000             /* in one call */
#define LIMIT_MONITOR_ENDPOINT_NAME 255
#define LIMIT_MONITOR_PAGE 10000                 /* rows in one listing */
#define LIMIT_RETENTION_MS 3600000               /* between two rounds of the retention rules */
#define LIMIT_RETENTION_TURN_MS 1000             /* of one round, then monitors have their turn and it goes on */
#define LIMIT_MONITOR_TICK_MS 60000              /* between two looks at an endpoint to which no labels come */
#define LIMIT_ROLLOUT_ARMS 8                     /* versions that share the traffic of one endpoint */
#define LIMIT_ROLLOUT_METRICS 8                  /* judged in one A/B test */
#define LIMIT_ROLLOUT_NAMESPACE 63               /* bytes of the name of a namespace of experiments */
#define LIMIT_ROLLOUT_UNITS (1 << 16)            /* bits that tell new units from known ones in an A/B test's split; a power of two */
#define LIMIT_ROLLOUT_PAIRS (1 << 16)            /* shadowed requests per endpoint that wait for their label; the oldest go */
#define LIMIT_ROLLOUT_NOTES (1 << 18)            /* picks per endpoint that wait for their reward; the oldest go */
#define LIMIT_ROLLOUT_REWARDS 100000             /* in one call */
#define LIMIT_ROLLOUT_LIST 500                   /* rollouts in one answer */
#define LIMIT_ROLLOUT_COURSE 400                 /* decisions in an answer about a rollout's course; of more the calm ones are thinned out */
#define LIMIT_ROLLOUT_COURSE_DRAWN 100           /* ... of a bandit: each asks for thousands of draws */
#define LIMIT_ROLLOUT_FLUSH_MS 1000              /* pairs and picks lie in memory alone for so long */
#define LIMIT_ROLLOUT_JOURNAL (1 << 15)          /* entries of one row of the journal of pairs and picks */
#define LIMIT_ROLLOUT_EVIDENCE LIMIT_KIB(256)    /* of one decision, as text */

/* Webhooks and alerts */
#define LIMIT_NOTIFY_URL 2048                    /* bytes of a receiver's URL */
#define LIMIT_NOTIFY_ANSWER LIMIT_KIB(64)        /* of an answer's body that is read */
#define LIMIT_NOTIFY_NETWORKS 256                /* networks that are allowed though not public */
#define LIMIT_WEBHOOK_NAME 63
#define LIMIT_WEBHOOK_TEXT 1000                  /* characters of a description */
#define LIMIT_WEBHOOK_SECRET 1000                /* bytes */
#define LIMIT_WEBHOOK_PAGE 1000                  /* webhooks or deliveries in one listing */
#define LIMIT_WEBHOOK_BODY LIMIT_MIB(16)         /* one message */
#define LIMIT_WEBHOOK_REASON 1000                /* characters kept of why a delivery failed */
#define LIMIT_WEBHOOK_RETRIES 1000
#define LIMIT_WEBHOOK_WORKERS 64
#define LIMIT_WEBHOOK_BACKOFF_US (3600 * 1000000LL) /* between two attempts at most */
#define LIMIT_WEBHOOK_AGE_US (7 * 86400 * 1000000LL) /* a message that waited so long is given up */
#define LIMIT_WEBHOOK_KEEP_US (30 * 86400 * 1000000LL) /* finished deliveries are shown so long */
#define LIMIT_ALERT_POINTS 1000000               /* in a row, that a rule may ask for */
#define LIMIT_ALERT_SPAN_US (365 * 86400 * 1000000LL) /* of silence */
#define LIMIT_ALERT_RUNS 512                     /* runs in one look of the rules */
#define LIMIT_ALERT_PAGE 1000                    /* alerts in one listing */

/* Capture of runs: facts, samples, consoles */
#define LIMIT_CAPTURE_GPUS 64
#define LIMIT_CAPTURE_PROCESSES 65536            /* looked at in one sample */
#define LIMIT_CAPTURE_DEPTH 64                   /* levels of a tree of processes */
#define LIMIT_CAPTURE_METRICS 512                /* numbers in one sample */
#define LIMIT_CAPTURE_PENDING 1000               /* samples that wait for a server that does not answer; the oldest go */
#define LIMIT_CAPTURE_PACKAGES 20000             /* of a Python environment */
#define LIMIT_CAPTURE_DIFF LIMIT_MIB(64)         /* bytes of a diff of the working tree */
#define LIMIT_TRACK_CONSOLE_CHUNK LIMIT_MIB(1)   /* bytes in one call */
#define LIMIT_TRACK_CONSOLE_ROW LIMIT_KIB(64)    /* bytes in one row */
#define LIMIT_TRACK_CONSOLE_BYTES LIMIT_MIB(16)  /* kept per run, the newest; the artifact at the end holds all */
#define LIMIT_TRACK_CONSOLE_WAIT_MS 5000         /* of a reader for more */
#define LIMIT_TRACK_CONSOLE_WAITERS 8            /* at once; further ones are answered at once and ask again */

/* Observability */
#define LIMIT_METRICS_VERSIONS 512               /* loaded versions with series of their own; more are left out and counted */
#define LIMIT_TRACE_SPANS 48                     /* of one request; more are left out and counted */
#define LIMIT_TRACE_ATTRS 160                    /* of all its spans */
#define LIMIT_TRACE_TEXT 8192                    /* bytes of their names and values */
#define LIMIT_TRACE_STATE 512                    /* bytes of a tracestate that are passed on; a longer one is dropped, as W3C allows */
#define LIMIT_TRACE_QUEUE_BYTES LIMIT_MIB(16)    /* finished traces that wait to be sent; then the oldest go */
#define LIMIT_TRACE_BATCH 512                    /* spans that make a message worth sending before its time */
#define LIMIT_TRACE_DELAY_MS 5000                /* a finished trace waits no longer for others */
#define LIMIT_TRACE_TIMEOUT_MS 10000             /* for one message */
#define LIMIT_TRACE_BACKOFF_MS 30000             /* between two attempts, unless the receiver says more */
#define LIMIT_TRACE_RETRY_AFTER_MS 300000        /* ... which is believed up to here */
#define LIMIT_TRACE_GIVE_UP_MS 300000            /* a message that was tried so long is dropped */
#define LIMIT_TRACE_STOP_MS 3000                 /* what waits is sent within this time when the server stops */
#define LIMIT_TRACE_HEADERS 16                   /* fields that a receiver asks for */
#define LIMIT_TRACE_RESOURCE 32                  /* attributes of the server itself */
#define LIMIT_LOG_NAME_BYTES 500                 /* of a column in files of predictions and payloads, besides what tells it from others */
#define LIMIT_PAYLOAD_QUEUE_BYTES LIMIT_MIB(64)  /* sampled requests that wait to be written; then the oldest go */
#define LIMIT_PAYLOAD_REQUEST_BYTES LIMIT_MIB(4) /* of one request and its answer; a larger one is dropped and counted */
#define LIMIT_PAYLOAD_FILE_BYTES LIMIT_MIB(64)   /* of values in memory that become one file; a setting of the endpoint as well */
#define LIMIT_PAYLOAD_FLUSH_S 3600               /* between a row and its file */
#define LIMIT_PAYLOAD_COLUMNS 4096               /* of one file */
#define LIMIT_PAYLOAD_OPEN 256                   /* files that are being filled; then the oldest is closed */
#define LIMIT_PAYLOAD_NAMES 256                  /* columns that a configuration names */
#define LIMIT_PAYLOAD_KEEP_DAYS 36500
#define LIMIT_PAYLOAD_PAGE 1000                  /* files in one listing */
#define LIMIT_EVENT_QUEUE_BYTES LIMIT_MIB(32)    /* CloudEvents that wait for their receiver; then the oldest go */
#define LIMIT_EVENT_TIMEOUT_MS 10000             /* for one of them */
#define LIMIT_EVENT_ATTEMPTS 3
#define LIMIT_EVENT_PAUSE_MS 1000                /* between two attempts */

/* Replay */
#define LIMIT_REPLAY_CONNECTIONS 64
#define LIMIT_REPLAY_SILENCE_MS 60000     /* a server that says nothing for so long is gone */
#define LIMIT_REPLAY_PENDING_MS 1200000   /* how long event time waits for a retraining */

#endif
