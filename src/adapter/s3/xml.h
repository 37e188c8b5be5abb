/* xml.h - just enough XML to read what S3 answers: elements by name, their text, no nesting of equal names. The bytes are
 * a server's and are not trusted: whatever they are, a function finds an element or does not. Views point into the input
 * unless an entity had to be decoded. */
#ifndef INGOT_ADAPTER_S3_XML_H
#define INGOT_ADAPTER_S3_XML_H

#include "base/op.h"

/* Takes the next <name>...</name> from the front of *rest; false when none is left. `ret` is what lies between, raw. */
bool xml_next(struct str *rest, const char *name, struct str *ret);
/* The decoded text of the first element of that name; "" when there is none. */
struct str xml_text(struct op *op, struct str doc, const char *name);

#endif
