/* predict.h - the bodies of :predict, :classify and :regress, and their answers. See frame.h for types. */
#ifndef INGOT_API_V1_PREDICT_H
#define INGOT_API_V1_PREDICT_H

#include "api/frame.h"
#include "net/http.h"

enum v1_method { V1_PREDICT, V1_CLASSIFY, V1_REGRESS };
enum v1_form { V1_ROWS, V1_COLUMNS };
struct v1_request {
    enum v1_method method;
    enum v1_form form;
    size_t rows;             /* of V1_ROWS */
    struct frame_tensors inputs;
};
/* E_INVALID says what is wrong. `want` needs info and sig. */
MUST_USE enum err v1_request_read(struct op *op, struct str body, enum v1_method method, const struct frame_want *want, struct v1_request *ret);
/* E_INVALID: outputs that have no place in the form that was asked for. `labels` are those of the first output's last axis; NULL: none. */
MUST_USE enum err v1_answer_write(struct op *op, const struct v1_request *r, const struct infer_answer *a, const struct str *labels, size_t label_count,
                                  struct http_res *res);

#endif
