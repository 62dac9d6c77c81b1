/* The daemon core-data. */
#include "core_data.h"

int main(int argc, char **argv)
{
    return edge_service_main(&core_data, argc, argv);
}
