/** Paths to one value of a document: JSONPath as RFC 9535 has it, those that name one: $.a.b[0]['c d']. */
#ifndef MQTT_PATH_H
#define MQTT_PATH_H

#include "devsdk/json.h"

/** What is wrong with a path; NULL: nothing. "$" may be left out: a.b[0]. */
const char *mqtt_path_fault(const char *path);
/** The value @p path names below @p root; NONE where there is none. */
devsdk_json mqtt_path_find(devsdk_json root, const char *path);

#endif
