/* The platform in one process: every service on its own port, an in-process bus between them. */
#include "edge_services.h"

int main(int argc, char **argv)
{
    size_t n;
    const struct edge_service *const *services = edge_services(&n);
    return edge_host_main(services, n, argc, argv);
}
