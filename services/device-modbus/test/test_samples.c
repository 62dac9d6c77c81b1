/* The files that come with the service: a start with them talks to nobody, and the samples are ones it takes. */
#include <devsdk/test.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device_modbus.h"

/* A file's text; NULL: it is not there. */
static char *text_of(const char *path)
{
    enum { SIZE = 65536 };
    FILE *file = fopen(path, "re");
    char *text = file ? calloc(1, SIZE) : NULL;
    size_t n = text ? fread(text, 1, SIZE - 1, file) : 0;
    if (file) {
        fclose(file);
    }
    if (n == 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* With another address: nothing is to be asked of what may be there. */
static void take(devsdk_test *t, const char *path, const char *address, const char *other)
{
    char *text = text_of(path);
    for (char *at = text; at && (at = strstr(at, address));) {
        memcpy(at, other, strlen(other));
    }
    DEVSDK_EXPECT(t, text != NULL);
    DEVSDK_EXPECT(t, text && devsdk_test_device(t, text) == 201);
    free(text);
}

int main(void)
{
    devsdk_test *t = devsdk_test_start_in(&device_modbus, RES);
    DEVSDK_EXPECT(t, devsdk_test_status(t) == 200);
    DEVSDK_EXPECT(t, devsdk_test_read(t, "pump-1", "Speed", NULL)->status == 404);
    take(t, RES "/devices/tcp.yaml.example", "192.168.1.50", "127.0.0.1   ");
    take(t, RES "/devices/rtu.yaml.example", "/dev/ttyUSB0", "/dev/nothing");
    const devsdk_test_result *r = devsdk_test_read(t, "meter-2", "Values", NULL);
    DEVSDK_EXPECT(t, r->status == 500);
    DEVSDK_EXPECT(t, strstr(r->text, "/dev/nothing: cannot be opened: ") != NULL);
    return devsdk_test_stop(t) == 0 ? 0 : 1;
}
