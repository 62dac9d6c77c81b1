/* Reads files of a data folder for tests; prints why where it cannot. */
#include "data.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *data_dir(struct edge_arena *a, const char *name)
{
    const char *base = getenv("EDGE_DATA_DIR");
    const char *source = getenv("EDGE_SOURCE_DIR");
    const char *dir = base ? edge_printf(a, "%s/%s", base, name)
                           : edge_printf(a, "%s/../shared/data/%s", source ? source : ".", name);
    struct stat st;
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        printf("SKIPPED: %s is absent (set EDGE_DATA_DIR)\n", dir);
        return NULL;
    }
    return dir;
}

const char *data_read(struct edge_arena *a, const char *path, size_t *ret_len)
{
    FILE *f = fopen(path, "rb");
    struct stat st;
    if (!f || fstat(fileno(f), &st) != 0) {
        printf("cannot read %s\n", path);
        if (f) {
            fclose(f);
        }
        return NULL;
    }
    char *text = edge_alloc(a, (size_t)st.st_size + 1, 1);
    *ret_len = fread(text, 1, (size_t)st.st_size, f);
    fclose(f);
    return text;
}

int data_each(struct edge_arena *a, const char *dir,
              void (*fn)(const char *path, const char *name, const char *text, size_t len))
{
    DIR *d = opendir(dir);
    int n = 0;
    for (const struct dirent *e; d && (e = readdir(d));) {
        const char *path = edge_printf(a, "%s/%s", dir, e->d_name);
        struct stat st;
        size_t len = 0;
        if (e->d_name[0] == '.' || stat(path, &st) != 0) {
            continue;
        }
        if (S_ISDIR(st.st_mode)) {
            n += data_each(a, path, fn);
            continue;
        }
        const char *text = data_read(a, path, &len);
        if (text) {
            fn(path, edge_strdup(a, e->d_name), text, len);
            n++;
        }
    }
    if (d) {
        closedir(d);
    }
    return n;
}
