/** What this process writes to standard error, as the log does. Captures do not nest. */
#ifndef TESTS_CAPTURE_H
#define TESTS_CAPTURE_H

void capture_start(void);
/** Everything written since the start, so far; to be freed. */
char *capture_text(void);
/** The same, and standard error is the real one again. */
char *capture_end(void);

/** How often @p what stands in @p text. */
unsigned capture_count(const char *text, const char *what);

#endif
