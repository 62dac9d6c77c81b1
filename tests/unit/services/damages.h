/** What the suites of damaged stores share: what may happen to a file, and looking at what was kept. */
#ifndef TESTS_DAMAGES_H
#define TESTS_DAMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/buf.h"

enum { PAGE = 4096, N_DAMAGES = 11 };

struct damage {
    const char *name;
    void (*damage)(struct edge_buf *file);
    bool shows_anywhere; /* when core-metadata and core-keeper start, too */
};
extern const struct damage DAMAGES[N_DAMAGES];

void file_read(struct edge_buf *ret, const char *path);
void file_write(const struct edge_buf *bytes, const char *path);
bool file_has(const char *path, const struct edge_buf *bytes);
/** Overwrite with @p byte, as far as there is something. */
void junk(struct edge_buf *b, size_t from, size_t len, int byte);
/** How many files of @p folder have @p part in their name and end in @p end ("": no log, no index); the path
 * of one of them in @p ret_path. */
size_t files_kept(const char *folder, const char *part, const char *end, char *ret_path,
                  size_t size);
/** The page a table begins on, counted from 1. */
int64_t root_page(const char *path, const char *table);

#endif
