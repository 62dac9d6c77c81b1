#include "app_service_configurable.h"

#include "edge/service.h"

int main(int argc, char **argv)
{
    return edge_service_main(&app_service_configurable, argc, argv);
}
