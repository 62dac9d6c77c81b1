#include "device_modbus.h"

int main(int argc, char **argv)
{
    return devsdk_main(argc, argv, &device_modbus);
}
