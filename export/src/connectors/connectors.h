/** The functions that hand on, a row each; functions.c lists them. */
#ifndef CONNECTORS_H
#define CONNECTORS_H

#include "export/connector.h"

extern const struct export_function export_aws, export_azure, export_batch, export_bus, export_file,
    export_google, export_http, export_influx, export_mqtt, export_sap, export_watson;

#endif
