/* config.h - where a bucket is and who we are to it, from a URI and the environment that AWS's and MLflow's own clients read.
 *
 *     s3://bucket/prefix?endpoint=https://minio.lan:9000&region=eu-central-1&addressing=path
 *
 * endpoint    also MLFLOW_S3_ENDPOINT_URL, AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL; default: Amazon's for the region
 * region      also AWS_REGION, AWS_DEFAULT_REGION; default us-east-1
 * addressing  path or virtual; default: virtual at Amazon (for buckets without a dot), path elsewhere
 * stall       seconds without a byte before a request is given up and tried again; default 20
 * Keys come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN only, never from the URI, which shows in
 * process lists and logs. AWS_CA_BUNDLE names certificates to trust besides the system's. */
#ifndef INGOT_ADAPTER_S3_CONFIG_H
#define INGOT_ADAPTER_S3_CONFIG_H

#include "base/op.h"

struct s3_config {
    struct str bucket;
    struct str prefix;  /* "" or "a/b/": in front of every key */
    struct str scheme;  /* "http" or "https" */
    struct str host;    /* what the Host header says: "minio.lan:9000", "bucket.s3.eu-west-1.amazonaws.com" */
    struct str region;
    bool path_style;    /* the bucket stands in the path, not in the host */
    struct str key_id, secret, session_token;
    struct str ca_path; /* "": the system's */
    int stall_s;
};

/* Texts are in op's arena. E_INVALID says what is wrong and where it can be set; no text shows a secret. */
MUST_USE enum err s3_config_parse(struct op *op, struct str uri, struct s3_config *ret);

#endif
