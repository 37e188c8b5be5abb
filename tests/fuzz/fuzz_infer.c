/* Bodies of inference requests, against an endpoint with a feature view and one without. */
#include <stdlib.h>

#include "api/v2/infer.h"
#include "base/limits.h"
#include "core/feature/view.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char yaml[] = "name: v\nsource: {path: x, timestamp_field: date, id: flight, available_at: date, label: delay >= 15}\n"
                           "entities: [{name: origin, join_keys: [origin]}]\naggregations: [{windows: [1h], functions: [count, rate]}]\n"
                           "request: [{name: distance, expression: distance}]\nttl: 1d\nonline: true\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct str names[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};
    static struct feature_view *view;
    static struct arena *volatile kept; /* the view lives in it; volatile: read by the leak checker only */
    if (!view) {
        struct op op;
        kept = arena_create(LIMIT_MIB(16));
        op_init(&op, kept);
        if (feature_view_parse(&op, str_from(yaml), &view) != OK)
            abort();
    }
    for (int i = 0; i < 2; i++) {
        const struct serve_info info = {.name = STR("e"), .features = 3, .outputs = 1, .feature_names = names, .ready = true,
                                        .view = i ? view : NULL, .id_field = i ? STR("flight") : STR("")};
        struct arena *a = arena_create(LIMIT_MIB(64));
        struct op op;
        struct infer_request r;
        op_init(&op, a);
        if (infer_parse(&op, (struct str){(const char *)data, size}, &info, &r) == OK) {
            const struct serve_request *s = &r.serve;
            if (!s->rows || s->rows > LIMIT_SERVE_ROWS || (!s->features == !s->entities))
                abort();
            volatile float sum = 0; /* every value that was promised can be read */
            for (size_t k = 0; s->features && k < s->rows * 3; k++)
                sum += s->features[k];
            for (size_t k = 0; s->entities && k < s->rows; k++)
                sum += (float)s->entities[k].numbers[0] + (float)s->entities[k].keys[0].len + (float)s->event_us[k];
        } else if (!op.msg) {
            abort();
        }
        arena_destroy(a);
    }
    return 0;
}
