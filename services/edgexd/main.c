/*
 * The platform in one process: every service on its own port, an in-process bus between them. Optional ones are part
 * of it where EDGEX_WITH names them.
 */
#include <stdlib.h>
#include <string.h>

#include "edge/arena.h"
#include "edge_services.h"

/* Is @p name in a list with commas or blanks between? */
static bool is_in(const char *list, const char *name)
{
    while (*list) {
        list += strspn(list, ", ");
        size_t len = strcspn(list, ", ");
        if (len == strlen(name) && strncmp(list, name, len) == 0) {
            return true;
        }
        list += len;
    }
    return false;
}

static bool is_optional(const char *name)
{
    for (const char *const *o = EDGE_OPTIONAL_SERVICES; *o; o++) {
        if (strcmp(*o, name) == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    size_t n, n_wanted = 0;
    const char *with = getenv("EDGEX_WITH");
    const struct edge_service *const *services = edge_services(&n);
    const struct edge_service **wanted = edge_xalloc(n, sizeof(struct edge_service *));
    for (size_t i = 0; i < n; i++) {
        if (!is_optional(services[i]->name) || is_in(with ? with : "", services[i]->name)) {
            wanted[n_wanted++] = services[i];
        }
    }
    int code = edge_host_main(wanted, n_wanted, argc, argv);
    free(wanted);
    return code;
}
