/* columns.h - what compare.c and many.c share: reading a request for a chart, writing columns. Errors: E_INVALID names the field. */
#ifndef INGOT_API_NATIVE_COLUMNS_H
#define INGOT_API_NATIVE_COLUMNS_H

#include "api/native/native.h"
#include "core/track/compare.h"

/* What the API calls an axis. */
extern const char *const native_axes[];

MUST_USE enum err native_read_runs(struct op *op, const struct json *body, const struct str **ret, size_t *ret_len);
MUST_USE enum err native_read_axis(struct op *op, const struct json *body, struct compare_chart *c);
MUST_USE enum err native_read_range(struct op *op, const struct json *body, struct compare_chart *c);
MUST_USE enum err native_read_group(struct op *op, const struct json *body, struct compare_chart *c);

/* A text with p NULL is null. */
void native_write_text(struct json_out *w, struct str s);
void native_write_texts(struct json_out *w, const char *key, const struct str *p, size_t n);
/* Nothing for a column that is NULL. */
void native_write_numbers(struct json_out *w, const char *key, const double *p, size_t n);
/* A group's line tells its runs by id where it has them, else how many they are. */
void native_write_line(struct json_out *w, const struct compare_line *l, bool group);
/* E_TOO_LARGE: the answer did not fit. */
MUST_USE enum err native_finish_columns(struct op *op, struct http_req *req, struct http_res *res);

#endif
