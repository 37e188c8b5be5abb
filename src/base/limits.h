/* limits.h - every limit of the program by name. A limit that a user may lower is a config key as well. */
#ifndef INGOT_BASE_LIMITS_H
#define INGOT_BASE_LIMITS_H

#define LIMIT_KIB(n) ((size_t)(n) << 10)
#define LIMIT_MIB(n) ((size_t)(n) << 20)

/* Text formats */
#define LIMIT_JSON_BYTES LIMIT_MIB(64)
#define LIMIT_JSON_DEPTH 64
#define LIMIT_YAML_NODES 100000

/* HTTP, server side */
#define LIMIT_HTTP_TARGET_BYTES LIMIT_KIB(8)
#define LIMIT_HTTP_HEADERS 100
#define LIMIT_HTTP_HEADER_BYTES LIMIT_KIB(32)
#define LIMIT_HTTP_BODY_BYTES LIMIT_MIB(64)
#define LIMIT_HTTP_CHUNKS 65536
#define LIMIT_HTTP_PIPELINE 64            /* requests read ahead on one connection */
#define LIMIT_HTTP_CONNECTIONS 4096
#define LIMIT_HTTP_CONNECTIONS_PER_PEER 2048
#define LIMIT_HTTP_HEAD_MS 30000
#define LIMIT_HTTP_BODY_IDLE_MS 30000
#define LIMIT_HTTP_IDLE_MS 60000
#define LIMIT_HTTP_DRAIN_MS 10000
#define LIMIT_HTTP_STREAM_WINDOW LIMIT_KIB(256) /* bytes buffered between loop and handler */
#define LIMIT_GZIP_RATIO 100

/* Work */
#define LIMIT_REQUEST_ARENA LIMIT_MIB(256)
#define LIMIT_COMMAND_ARENA LIMIT_MIB(4096)
#define LIMIT_POOL_THREADS 32
#define LIMIT_POOL_QUEUE 1024
#define LIMIT_DB_QUEUE 4096
#define LIMIT_DB_GROUP 512                /* writes in one commit */

#endif
