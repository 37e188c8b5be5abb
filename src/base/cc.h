/* cc.h - the few compiler attributes and macros that the whole tree uses. */
#ifndef INGOT_BASE_CC_H
#define INGOT_BASE_CC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

/* AUTO(name) runs name_auto(&variable) when the variable leaves its scope. Each handle type
 * defines its own: `static inline void file_auto(FILE **f) { if (*f) fclose(*f); }`. */
#define AUTO(name) __attribute__((cleanup(name##_auto)))

#ifdef __cplusplus
#define C_BEGIN extern "C" {
#define C_END }
#else
#define C_BEGIN
#define C_END
#endif

#endif
