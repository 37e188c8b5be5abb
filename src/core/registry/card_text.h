/* card_text.h - a card for programs and for people, and the pieces that other answers about versions share. Nothing here
 * fails but by the buffer's maximum. */
#ifndef INGOT_CORE_REGISTRY_CARD_TEXT_H
#define INGOT_CORE_REGISTRY_CARD_TEXT_H

#include "base/json.h"
#include "core/registry/card.h"

void registry_card_json(const struct registry_card *c, struct json_out *w);
/* Headings of the owner's text become smaller ones, so that the card keeps its form. */
void registry_card_markdown(struct op *op, const struct registry_card *c, struct buf *out);

/* One change as {"id", "time", "actor", "kind", "subject", "from", "to", "action", "reason", "approval", "request_id"}. */
void registry_change_json(const struct registry_change *c, struct json_out *w);
/* "key": RFC 3339. */
void registry_time_json(struct json_out *w, const char *key, int64_t us);
/* Text as a cell of a Markdown table: '|' escaped, line ends as blanks. */
void registry_markdown_cell(struct buf *out, struct str s);

#endif
