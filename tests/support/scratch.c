#include "scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

void scratch_make(struct scratch *s)
{
    snprintf(s->path, sizeof(s->path), "/tmp/edgex-test-XXXXXX");
    if (!mkdtemp(s->path)) {
        perror("mkdtemp");
        abort();
    }
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st, (void)flag, (void)ftw;
    return remove(path);
}

void scratch_done(struct scratch *s)
{
    nftw(s->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
