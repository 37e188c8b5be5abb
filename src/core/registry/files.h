/* files.h - the files of a version, with sizes and hashes, where they lie in this server's store. Answers in op's arena. Thread-safe. */
#ifndef INGOT_CORE_REGISTRY_FILES_H
#define INGOT_CORE_REGISTRY_FILES_H

#include "core/registry/version.h"
#include "port/blob.h"

struct registry_file {
    struct str path; /* below the version's folder */
    int64_t size_bytes;
    char sha256[HASH_SHA256_LEN * 2 + 1];
};
struct registry_files {
    struct registry_file *files; /* in the order of their paths */
    size_t len;
    struct str root;  /* the folder's name in the store; p NULL: the version lies in another store */
    bool truncated;   /* more than LIMIT_REGISTRY_FILES */
};
MUST_USE enum err registry_version_files(struct op *op, struct db *db, const struct registry_version *v, struct registry_files *ret);

#endif
