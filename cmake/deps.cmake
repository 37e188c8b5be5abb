# Outside libraries. REQUIRED ones are the small hard core; the others switch their adapter off when absent.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(UV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(NGHTTP2 REQUIRED IMPORTED_TARGET libnghttp2)
pkg_check_modules(GNUTLS REQUIRED IMPORTED_TARGET gnutls)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(PQ IMPORTED_TARGET libpq)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)

find_path(LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp REQUIRED)
find_path(LLHTTP_SOURCE llhttp.c PATHS /usr/share/llhttp REQUIRED)
add_library(llhttp STATIC ${LLHTTP_SOURCE}/llhttp.c ${LLHTTP_SOURCE}/api.c ${LLHTTP_SOURCE}/http.c)
target_include_directories(llhttp SYSTEM PUBLIC ${LLHTTP_INCLUDE})
target_compile_options(llhttp PRIVATE -w)
# Without it the loose half of the source is compiled, which takes bare LF and other ambiguous framing.
target_compile_definitions(llhttp PUBLIC LLHTTP_STRICT_MODE=1)

# DuckDB: header and library from pinned npm packages, opened by dlopen (see Makefile: deps).
find_path(DUCKDB_INCLUDE duckdb.h PATHS ${CMAKE_SOURCE_DIR}/node_modules/duckdb/src/duckdb/src/include NO_DEFAULT_PATH)
find_file(DUCKDB_LIBRARY libduckdb.so PATHS ${CMAKE_SOURCE_DIR}/node_modules/@duckdb/node-bindings-linux-x64 NO_DEFAULT_PATH)
find_path(XGBOOST_INCLUDE xgboost/c_api.h)
find_library(XGBOOST_LIBRARY xgboost)
find_path(LIBLINEAR_INCLUDE linear.h)
find_library(LIBLINEAR_LIBRARY linear)
find_library(CMOCKA_LIBRARY cmocka)
