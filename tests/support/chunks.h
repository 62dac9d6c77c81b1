/** Bodies in chunks, as answers bring them. */
#ifndef TESTS_CHUNKS_H
#define TESTS_CHUNKS_H

#include <stdbool.h>
#include <stddef.h>

/** Does the head, up to its empty line, say that the body comes in chunks? */
bool chunks_announced(const char *head);
/** Joins the @p len bytes of @p body in place; the joined length, or -1 where it is not well-formed
 * or does not end. */
long chunks_join(char *body, size_t len);

#endif
