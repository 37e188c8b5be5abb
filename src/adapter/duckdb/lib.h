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
    X(create_table_function)                                                                       \
    X(table_function_set_name)                                                                     \
    X(table_function_add_parameter)                                                                \
    X(table_function_set_extra_info)                                                               \
    X(table_function_set_bind)                                                                     \
    X(table_function_set_init)                                                                     \
    X(table_function_set_function)                                                                 \
    X(register_table_function)                                                                     \
    X(destroy_table_function)                                                                      \
    X(bind_get_extra_info)                                                                         \
    X(bind_get_parameter)                                                                          \
    X(bind_add_result_column)                                                                      \
    X(bind_set_bind_data)                                                                          \
    X(bind_set_error)                                                                              \
    X(init_set_max_threads)                                                                        \
    X(function_get_bind_data)                                                                      \
    X(function_set_error)                                                                          \
    X(get_int64)                                                                                   \
    X(destroy_value)                                                                               \
    X(vector_reference_vector)                                                                     \
    X(free)

struct duck_lib {
#define X(name) __typeof__(&duckdb_##name) name;
    DUCK_FUNCTIONS(X)
#undef X
    char path[4096]; /* where it was loaded from */
};

/* E_UNSUPPORTED tells where it was looked for, or which function is missing. */
MUST_USE enum err duck_lib_get(struct op *op, const struct duck_lib **ret);
/* For callbacks that DuckDB makes: the functions, once they are loaded. */
const struct duck_lib *duck_lib_loaded(void);
/* Fails with the first line of DuckDB's text, its kind mapped to ours; `dflt` for plain input errors. */
enum err duck_fail(struct op *op, const char *what, const char *text, enum err dflt);

#endif
