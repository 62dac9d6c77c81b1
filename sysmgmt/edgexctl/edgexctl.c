#include "ctl.h"

int main(int argc, char **argv)
{
    return (int)ctl_main(argv + (argc > 0 ? 1 : 0));
}
