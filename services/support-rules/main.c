#include "support_rules.h"

#include "edge/service.h"

int main(int argc, char **argv)
{
    return edge_service_main(&support_rules, argc, argv);
}
