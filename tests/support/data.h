/** Test data that is not part of the project; its place is EDGE_DATA_DIR. */
#ifndef TESTS_DATA_H
#define TESTS_DATA_H

#include "edge/arena.h"

/** The folder @p name of the data in @p a; NULL, with a loud line, where it is absent. */
const char *data_dir(struct edge_arena *a, const char *name);

/** The whole file, NUL-terminated, in @p a; NULL where it cannot be read. */
const char *data_read(struct edge_arena *a, const char *path, size_t *ret_len);

/** Call fn for every file below @p dir; returns how many there were. */
int data_each(struct edge_arena *a, const char *dir,
              void (*fn)(const char *path, const char *name, const char *text, size_t len));

#endif
