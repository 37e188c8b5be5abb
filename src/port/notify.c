#include "port/notify.h"

#include <assert.h>

enum err notify_check(struct op *op, struct notify *n, struct str url)
{
    return n->ops->check(n->self, op, url);
}

enum err notify_send(struct op *op, struct notify *n, const struct notify_message *m, struct notify_answer *ret)
{
    assert(m->header_count <= NOTIFY_HEADERS && m->timeout_ms > 0);
    return n->ops->send(n->self, op, m, ret);
}

void notify_close(struct notify *n)
{
    if (n)
        n->ops->close(n->self);
}
