/* The table of functions: a row each, in the order the documentation shows them. */
#include <string.h>
#include <strings.h>

#include "connectors/connectors.h"
#include "export/engine.h"
#include "stages/stages.h"

const struct export_function *const EXPORT_FUNCTIONS[] = {
    &export_filter_by_profile,
    &export_filter_by_device,
    &export_filter_by_source,
    &export_filter_by_resource,
    &export_add_tags,
    &export_json_logic,
    &export_transform,
    &export_to_line_protocol,
    &export_wrap_into_event,
    &export_compress,
    &export_encrypt,
    &export_v1_filter,
    &export_v1_format,
    &export_v1_encrypt,
    &export_script,
    &export_plugin,
    &export_set_response_data,
    &export_batch,
    &export_http,
    &export_mqtt,
    &export_file,
    &export_azure,
    &export_influx,
    &export_aws,
    &export_google,
    &export_watson,
    &export_sap,
    &export_bus,
};
const size_t EXPORT_N_FUNCTIONS = sizeof(EXPORT_FUNCTIONS) / sizeof(EXPORT_FUNCTIONS[0]);

const struct export_function *export_function_find(const char *instance)
{
    const struct export_function *found = NULL;
    size_t longest = 0;
    for (size_t i = 0; i < EXPORT_N_FUNCTIONS; i++) {
        size_t len = strlen(EXPORT_FUNCTIONS[i]->name);
        if (len > longest && strncasecmp(EXPORT_FUNCTIONS[i]->name, instance, len) == 0) {
            found = EXPORT_FUNCTIONS[i];
            longest = len;
        }
    }
    return found;
}
