/* message.h - tensors in a piece of shared memory, and out of it again: from the server to a child and back.
 * Which tensor is which is known by position; names do not travel. Reading trusts nothing: a child may have been taken over by the
 * model that it hosts. */
#ifndef INGOT_ADAPTER_CHILD_MESSAGE_H
#define INGOT_ADAPTER_CHILD_MESSAGE_H

#include "port/tensor.h"

/* Writes `count` tensors, of which present[i] (NULL: all whose type is not TENSOR_TYPE_COUNT), and `flag_count` flags (NULL: all set).
 * Data lie at multiples of 64 bytes. E_TOO_LARGE: more than `max` bytes. */
MUST_USE enum err message_write(struct op *op, char *to, size_t max, const struct tensor *tensors, size_t count, const bool *present,
                                const bool *flags, size_t flag_count, size_t *ret_bytes);
/* Reads what message_write wrote. `specs` names the `count` tensors. One that is not present gets the type TENSOR_TYPE_COUNT.
 * copy: everything is copied into op's arena, each byte read once; else data are views into `from`. `flags` (flag_count of them) may be
 * NULL with 0. E_CORRUPT: not such a message. */
MUST_USE enum err message_read(struct op *op, const char *from, size_t bytes, const struct tensor_spec *specs, size_t count, bool copy,
                               struct tensor *ret, bool *flags, size_t flag_count);

#endif
