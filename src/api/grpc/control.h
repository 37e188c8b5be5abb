/* control.h - the calls that are not inference: health, metadata, configuration, statistics, repository, shared memory, settings. `in` is a
 * message of the call's request type (proto/), *ret one of its answer's type in op's arena. Errors are those of the core and E_INVALID. */
#ifndef INGOT_API_GRPC_CONTROL_H
#define INGOT_API_GRPC_CONTROL_H

#include "api/services.h"
#include "core/serve/infer.h"

typedef enum err (*grpc_control_fn)(struct op *op, struct services *s, const void *in, void **ret);

enum err control_server_live(struct op *op, struct services *s, const void *in, void **ret);
enum err control_server_ready(struct op *op, struct services *s, const void *in, void **ret);
enum err control_model_ready(struct op *op, struct services *s, const void *in, void **ret);
enum err control_server_metadata(struct op *op, struct services *s, const void *in, void **ret);
enum err control_model_metadata(struct op *op, struct services *s, const void *in, void **ret);
enum err control_model_config(struct op *op, struct services *s, const void *in, void **ret);
enum err control_model_statistics(struct op *op, struct services *s, const void *in, void **ret);
enum err control_repository_index(struct op *op, struct services *s, const void *in, void **ret);
enum err control_model_load(struct op *op, struct services *s, const void *in, void **ret);   /* blocks */
enum err control_model_unload(struct op *op, struct services *s, const void *in, void **ret); /* blocks */
enum err control_system_status(struct op *op, struct services *s, const void *in, void **ret);
enum err control_system_register(struct op *op, struct services *s, const void *in, void **ret);
enum err control_system_unregister(struct op *op, struct services *s, const void *in, void **ret);
enum err control_cuda_status(struct op *op, struct services *s, const void *in, void **ret);
enum err control_cuda_register(struct op *op, struct services *s, const void *in, void **ret);
enum err control_cuda_unregister(struct op *op, struct services *s, const void *in, void **ret);
enum err control_trace_setting(struct op *op, struct services *s, const void *in, void **ret);
enum err control_log_settings(struct op *op, struct services *s, const void *in, void **ret);
enum err control_health_check(struct op *op, struct services *s, const void *in, void **ret);

/* Every endpoint can answer, and the server is whole. */
bool control_all_ready(struct op *op, struct services *s);
enum control_health { HEALTH_SERVING = 1, HEALTH_NOT_SERVING = 2, HEALTH_UNKNOWN = 3 };
/* What the health service says of "", of the inference service, or of a model. */
enum control_health control_health_of(struct op *op, struct services *s, const char *service);
/* An endpoint, and the number in `version` ("": 0), which must be loaded. Pair with serve_release. E_NOT_FOUND, E_INVALID. */
MUST_USE enum err control_model_get(struct op *op, struct services *s, const char *name, const char *version, struct serve_endpoint **ret, int64_t *ret_version);
/* A C string in op's arena; what stands behind a NUL is cut off. */
char *control_text(struct op *op, struct str s);

/* A message in op's arena, with its defaults. */
#define CONTROL_NEW(op, type, prefix) \
    ({ \
        type *new_ = op_new(op, type); \
        prefix##__init(new_); \
        new_; \
    })

#endif
