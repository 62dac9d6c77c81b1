#include "export_client.h"

#include "edge/service.h"

int main(int argc, char **argv)
{
    return edge_service_main(&export_client, argc, argv);
}
