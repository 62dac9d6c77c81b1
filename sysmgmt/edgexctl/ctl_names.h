/** Names a platform can have of texts people write, each once. */
#ifndef CTL_NAMES_H
#define CTL_NAMES_H

#include "edge/arena.h"
#include "edge/map.h"

/** @p text as a name: letters, digits, - and _. "" where nothing of it is left. */
const char *ctl_name_of(struct edge_arena *a, const char *text);

struct ctl_names {
    struct edge_map taken;
    struct edge_map numbers; /* the last one put behind a name */
};
void ctl_names_done(struct ctl_names *names);
/** @p base, or that with a number where it is taken; it is taken from now on. */
const char *ctl_names_take(struct ctl_names *names, struct edge_arena *a, const char *base);

#endif
