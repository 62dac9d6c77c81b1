#include "core_keeper.h"

#include "edge/service.h"

int main(int argc, char **argv)
{
    return edge_service_main(&core_keeper, argc, argv);
}
