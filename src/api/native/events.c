/* The event stream: what changed, so that a page asks again for that and nothing else. */
#include "api/native/listen.h"

#include "api/native/native.h"
#include "api/services.h"
#include "core/event/kind.h"

/* ?kinds=run,model: those only. */
static enum err kinds_read(struct op *op, struct http_req *req, uint32_t *ret)
{
    struct str list, part;
    *ret = (1u << EVENT_KINDS) - 1;
    if (!http_query_get(op, req, "kinds", &list) || !list.len)
        return OK;
    *ret = 0;
    while (str_split(&list, ',', &part)) {
        enum event_kind k;
        if (!event_kind_parse(str_trim(part), &k))
            return op_fail_field(op, "kinds", "query parameter 'kinds': there are no events of kind '%.*s'", STR_FMT(str_sub(part, 0, 100)));
        *ret |= 1u << k;
    }
    return OK;
}

enum err native_events(struct op *op, struct services *s, struct http_req *req, struct http_res *res)
{
    uint32_t kinds;
    struct str place = http_header_get(req, "last-event-id");
    enum err e = kinds_read(op, req, &kinds);
    if (e)
        return e;
    if (!place.p)
        http_query_get(op, req, "last_event_id", &place);
    http_set_type(res, "text/event-stream");
    http_set_header(res, "X-Accel-Buffering", STR("no")); /* nginx would keep events until they fill a page */
    if (req->method == HTTP_HEAD)
        return OK;
    return listen_begin(op, s->listeners, req, res, kinds, place.p ? place : STR(""));
}
