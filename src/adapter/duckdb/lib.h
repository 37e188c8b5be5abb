/* lib.h - the functions of libduckdb that this folder uses, found by dlopen so that the program starts without
 * it (70 MB). Loaded once per process and never unloaded: DuckDB has threads and thread-local state.
 * Internal to adapter/duckdb. Thread-safe. */
#ifndef INGOT_ADAPTER_DUCKDB_LIB_H
#define INGOT_ADAPTER_DUCKDB_LIB_H

#include <duckdb.h>

#include "base/op.h"

#define DUCK_FUNCTIONS(X)                                                                          \
    X(library_version)                                                                             \
    X(create_config)                                                                               \
    X(set_config)                                                                                  \
    X(destroy_config)                                                                              \
    X(open_ext)                                                                                    \
    X(close)                                                                                       \
    X(connect)                                                                                     \
    X(disconnect)                                                                                  \
    X(interrupt)                                                                                   \
    X(query)                                                                                       \
    X(destroy_result)                                                                              \
    X(result_error)                                                                                \
    X(result_error_type)                                                                           \
    X(prepare)                                                                                     \
    X(prepare_error)                                                                               \
    X(destroy_prepare)                                                                             \
    X(prepared_statement_type)                                                                     \
    X(prepared_statement_column_count)                                                             \
    X(prepared_statement_column_name)                                                              \
    X(prepared_statement_column_type)                                                              \
    X(pending_prepared_streaming)                                                                  \
    X(pending_execute_task)                                                                        \
    X(pending_error)                                                                               \
    X(execute_pending)                                                                             \
    X(destroy_pending)                                                                             \
    X(fetch_chunk)                                                                                 \
    X(create_data_chunk)                                                                           \
    X(data_chunk_reset)                                                                            \
    X(data_chunk_get_size)                                                                         \
    X(data_chunk_set_size)                                                                         \
    X(data_chunk_get_vector)                                                                       \
    X(destroy_data_chunk)                                                                          \
    X(vector_get_data)                                                                             \
    X(vector_get_validity)                                                                         \
    X(vector_ensure_validity_writable)                                                             \
    X(vector_assign_string_element_len)                                                            \
    X(create_logical_type)                                                                         \
    X(destroy_logical_type)                                                                        \
    X(appender_create)                                                                             \
    X(append_data_chunk)                                                                           \
    X(appender_close)                                                                              \
    X(appender_error)                                                                              \
    X(appender_destroy)                                                                            \
    X(free)

struct duck_lib {
#define X(name) __typeof__(&duckdb_##name) name;
    DUCK_FUNCTIONS(X)
#undef X
    char path[4096]; /* where it was loaded from */
};

/* E_UNSUPPORTED tells where it was looked for, or which function is missing. */
MUST_USE enum err duck_lib_get(struct op *op, const struct duck_lib **ret);
/* Fails with the first line of DuckDB's text, its kind mapped to ours; `dflt` for plain input errors. */
enum err duck_fail(struct op *op, const char *what, const char *text, enum err dflt);

#endif
