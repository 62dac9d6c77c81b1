/*
 * A stage as a shared object: readings in degrees Celsius become Fahrenheit. Settings name the resource.
 *   cc -shared -fPIC -I/usr/include -o fahrenheit.so fahrenheit.c -lcjson
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgex/stage.h"

static void *init(const char *settings, char *error, size_t error_size)
{
    if (!*settings) {
        snprintf(error, error_size, "Settings must name a resource");
        return NULL;
    }
    return strdup(settings);
}

static void convert(cJSON *reading)
{
    char text[32];
    const cJSON *value = cJSON_GetObjectItem(reading, "value");
    if (cJSON_IsString(value)) {
        snprintf(text, sizeof(text), "%e", atof(value->valuestring) * 1.8 + 32);
        cJSON_ReplaceItemInObject(reading, "value", cJSON_CreateString(text));
    }
}

static enum edgex_stage_verdict process(void *resource, const struct edgex_stage_message *m)
{
    cJSON *event = cJSON_ParseWithLength(m->data, m->size), *reading;
    cJSON_ArrayForEach(reading, cJSON_GetObjectItem(event, "readings"))
    {
        const cJSON *name = cJSON_GetObjectItem(reading, "resourceName");
        if (cJSON_IsString(name) && strcmp(name->valuestring, resource) == 0) {
            convert(reading);
        }
    }
    char *text = event ? cJSON_PrintUnformatted(event) : NULL;
    cJSON_Delete(event);
    if (!text) {
        m->error(m->run, "no event in JSON");
        return EDGEX_STAGE_FAIL;
    }
    m->out(m->run, text, strlen(text), NULL);
    free(text);
    return EDGEX_STAGE_REPLACE;
}

__attribute__((visibility("default"))) const struct edgex_stage edgex_stage_v1 = {
    EDGEX_STAGE_ABI, sizeof(struct edgex_stage), init, process, free};
