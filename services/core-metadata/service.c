/* core-metadata: device services, profiles, devices and provision watchers. Validates, stores, and
 * announces every change as a system event, the only way device services learn of it. */
#include "core_metadata.h"

#include "metadata.h"

/* clang-format off */
static const struct edge_field profile_change_fields[] = {
    EDGE_FIELD(struct profile_change_rules, strict_changes, "StrictDeviceProfileChanges", "Refuse PUT of profiles and deletion of their parts.", .flags = EDGE_EMIT_EMPTY),
    EDGE_FIELD(struct profile_change_rules, strict_deletes, "StrictDeviceProfileDeletes", "Refuse deletion of profiles.", .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto PROFILE_CHANGE = EDGE_DTO(struct profile_change_rules, "ProfileChange", profile_change_fields);

static const struct edge_field uom_rules_fields[] = {
    EDGE_FIELD(struct uom_rules, validation, "Validation", "Refuse resources whose units are not in the list of units.", .flags = EDGE_EMIT_EMPTY),
};
static const struct edge_dto UOM_RULES = EDGE_DTO(struct uom_rules, "UoM", uom_rules_fields);

static const struct edge_field writable_fields[] = {
    EDGE_OBJECT(struct metadata_writable, base, NULL, "What every service has.", &EDGE_WRITABLE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct metadata_writable, profile_change, "ProfileChange", "What may happen to profiles.", &PROFILE_CHANGE),
    EDGE_OBJECT(struct metadata_writable, uom, "UoM", "Units of measure.", &UOM_RULES),
    EDGE_FIELD(struct metadata_writable, max_devices, "MaxDevices", "Most devices that may exist; 0: no limit.", .flags = EDGE_EMIT_EMPTY, .check = edge_check_count),
    EDGE_FIELD(struct metadata_writable, max_resources, "MaxResources", "Most resources over all devices; 0: no limit.", .flags = EDGE_EMIT_EMPTY, .check = edge_check_count),
};
static const struct edge_dto METADATA_WRITABLE = EDGE_DTO(struct metadata_writable, "Writable", writable_fields);

static const struct edge_field uom_source_fields[] = {
    EDGE_FIELD(struct uom_source, file, "UoMFile", "YAML file of the units of measure.", .def = "./res/uom.yaml"),
};
static const struct edge_dto UOM_SOURCE = EDGE_DTO(struct uom_source, "UoM", uom_source_fields);

static const struct edge_field config_fields[] = {
    EDGE_OBJECT(struct metadata_config, writable, "Writable", "Switches, limits, secrets, metrics.", &METADATA_WRITABLE, .flags = EDGE_WRITABLE),
    EDGE_OBJECT(struct metadata_config, base, NULL, "What every service has.", &EDGE_BASE_CONFIG, .flags = EDGE_INLINE),
    EDGE_OBJECT(struct metadata_config, uom, "UoM", "Units of measure.", &UOM_SOURCE),
};
const struct edge_dto METADATA_CONFIG = EDGE_DTO(struct metadata_config, "Configuration", config_fields);

enum { UPLOAD = 16 * 1024 * 1024 };

#define API "/api/v3"
#define UNASKED {"bypassValidation", EDGE_P_BOOL, "true: the device service is not asked what it thinks."}
static const struct edge_param ADD_DEVICE_PARAMS[] = {
    UNASKED, {"force", EDGE_P_BOOL, "true: a device that is there is replaced."}, {NULL},
};
static const struct edge_param PATCH_DEVICE_PARAMS[] = {UNASKED, {NULL}};
static const struct edge_param ID_PARAMS[] = {{"id", EDGE_P_UUID, "Of the device."}, {NULL}};
static const struct edge_param DEVICE_TREE_PARAMS[] = {
    EDGE_PAGE_ROWS, EDGE_LABELS_ROW,
    {"descendantsOf", EDGE_P_TEXT, "Only what stands below this device."},
    {"maxLevels", EDGE_P_INT, "How many levels below it; 0 or -1: all.", .min = -1},
    {NULL},
};

/* What rows of one kind have in common. */
#define SHOWS(key, table)         EDGE_ROUTE_READS, .answer = {EDGE_B_OBJECT, (key), &(table)}, .fails = "404", .roles = EDGE_FOR_READERS
#define LISTS(key, table, which)  EDGE_ROUTE_READS, .answer = {EDGE_B_LIST, (key), &(table)}, .params = (which), .roles = EDGE_FOR_READERS
#define ADDS(table)               .request = {EDGE_B_BATCH, .dto = &(table)}, .answer = {EDGE_B_BATCH_IDS}, .roles = EDGE_FOR_INSTALLERS
#define TAKES(table)              .request = {EDGE_B_BATCH, .dto = &(table)}, .answer = {EDGE_B_BATCH}, .roles = EDGE_FOR_INSTALLERS
#define CHANGES(key, table)       .request = {EDGE_B_PATCHES, (key), &(table)}, .answer = {EDGE_B_BATCH}, .roles = EDGE_FOR_INSTALLERS
#define REMOVES(refused)          EDGE_ROUTE_WAITS, .answer = {EDGE_B_BASE}, .fails = (refused), .roles = EDGE_FOR_INSTALLERS
#define FROM_FILE                 .request = {EDGE_B_FILE, .dto = &DEVICE_PROFILE}, .roles = EDGE_FOR_INSTALLERS

static const struct edge_route routes[] = {
    {"POST",   API "/deviceprofile", profiles_add, "Add profiles; one status per item.", EDGE_ROUTE_WAITS, UPLOAD, ADDS(PROFILE_REQUEST)},
    {"PUT",    API "/deviceprofile", profiles_put, "Replace profiles by name.", EDGE_ROUTE_WAITS, UPLOAD, TAKES(PROFILE_REQUEST), .fails = "423"},
    {"POST",   API "/deviceprofile/uploadfile", profile_upload, "Add a profile from a YAML file.", EDGE_ROUTE_WAITS, UPLOAD, FROM_FILE, .answer = {EDGE_B_ID}, .fails = "409"},
    {"PUT",    API "/deviceprofile/uploadfile", profile_reupload, "Replace a profile from a YAML file.", EDGE_ROUTE_WAITS, UPLOAD, FROM_FILE, .answer = {EDGE_B_BASE}, .fails = "404 423"},
    {"GET",    API "/deviceprofile/all", profiles_all, "Profiles, a page of them.", LISTS("profiles", DEVICE_PROFILE, EDGE_LABELLED_PARAMS)},
    {"GET",    API "/deviceprofile/name/{name}", profile_get, "One profile.", SHOWS("profile", DEVICE_PROFILE)},
    {"DELETE", API "/deviceprofile/name/{name}", profile_delete, "Remove a profile nobody uses.", REMOVES("404 409 423")},
    {"GET",    API "/deviceprofile/model/{model}", profiles_by_model, "Profiles of a model.", LISTS("profiles", DEVICE_PROFILE, EDGE_PAGE_PARAMS)},
    {"GET",    API "/deviceprofile/manufacturer/{manufacturer}", profiles_by_manufacturer, "Profiles of a manufacturer.", LISTS("profiles", DEVICE_PROFILE, EDGE_PAGE_PARAMS)},
    {"GET",    API "/deviceprofile/manufacturer/{manufacturer}/model/{model}", profiles_by_manufacturer_and_model, "Profiles of a manufacturer's model.", LISTS("profiles", DEVICE_PROFILE, EDGE_PAGE_PARAMS)},
    {"PATCH",  API "/deviceprofile/basicinfo", profiles_basic_patch, "Change what describes profiles.", EDGE_ROUTE_WAITS, CHANGES("basicinfo", PROFILE_BASIC_INFO)},
    {"GET",    API "/deviceprofile/basicinfo/all", profiles_basic_all, "Profiles without their resources.", LISTS("profiles", PROFILE_BASIC_INFO, EDGE_LABELLED_PARAMS)},
    {"PATCH",  API "/deviceprofile/name/{name}/tags", profile_tags_patch, "Merge tags into resources and commands.", EDGE_ROUTE_WAITS, .request = {EDGE_B_DTO, .dto = &TAGS_REQUEST}, .answer = {EDGE_B_BASE}, .fails = "404", .roles = EDGE_FOR_INSTALLERS},
    {"GET",    API "/deviceresource/profile/{profileName}/resource/{resourceName}", resource_get, "One resource of a profile.", SHOWS("resource", DEVICE_RESOURCE)},
    {"POST",   API "/deviceprofile/resource", resources_add, "Add resources to profiles.", EDGE_ROUTE_WAITS, TAKES(RESOURCE_REQUEST)},
    {"PATCH",  API "/deviceprofile/resource", resources_patch, "Change description and visibility of resources.", EDGE_ROUTE_WAITS, TAKES(RESOURCE_CHANGE_REQUEST)},
    {"DELETE", API "/deviceprofile/name/{name}/resource/{resourceName}", resource_delete, "Remove a resource.", REMOVES("404 409 423")},
    {"POST",   API "/deviceprofile/deviceCommand", commands_add, "Add commands to profiles.", EDGE_ROUTE_WAITS, TAKES(COMMAND_REQUEST)},
    {"PATCH",  API "/deviceprofile/deviceCommand", commands_patch, "Change visibility of commands.", EDGE_ROUTE_WAITS, TAKES(COMMAND_CHANGE_REQUEST)},
    {"DELETE", API "/deviceprofile/name/{name}/deviceCommand/{commandName}", command_delete, "Remove a command.", REMOVES("404 409 423")},

    {"POST",   API "/deviceservice", services_add, "Add device services; one status per item.", EDGE_ROUTE_WAITS | EDGE_ROUTE_ITEM_CHAIN, ADDS(DEVICE_SERVICE_REQUEST)},
    {"PATCH",  API "/deviceservice", services_patch, "Change device services named by id or name.", EDGE_ROUTE_WAITS, CHANGES("service", DEVICE_SERVICE)},
    {"GET",    API "/deviceservice/all", services_all, "Device services, a page of them.", LISTS("services", DEVICE_SERVICE, EDGE_LABELLED_PARAMS)},
    {"GET",    API "/deviceservice/name/{name}", service_get, "One device service.", SHOWS("service", DEVICE_SERVICE)},
    {"DELETE", API "/deviceservice/name/{name}", service_delete, "Remove a device service nobody uses.", REMOVES("404 409")},

    {"POST",   API "/device", devices_add, "Add devices; one status per item.", EDGE_ROUTE_WAITS, UPLOAD, .params = ADD_DEVICE_PARAMS, ADDS(DEVICE_REQUEST)},
    {"PATCH",  API "/device", devices_patch, "Change devices named by id or name.", EDGE_ROUTE_WAITS, UPLOAD, .params = PATCH_DEVICE_PARAMS, CHANGES("device", DEVICE)},
    {"GET",    API "/device/all", devices_all, "Devices, a page of them; descendantsOf gives a tree's.", LISTS("devices", DEVICE, DEVICE_TREE_PARAMS)},
    {"GET",    API "/device/name/{name}", device_get, "One device.", SHOWS("device", DEVICE)},
    {"DELETE", API "/device/name/{name}", device_delete, "Remove a device.", REMOVES("404 409")},
    {"GET",    API "/device/id/{id}", device_get_by_id, "One device, by its id.", SHOWS("device", DEVICE), .params = ID_PARAMS},
    {"GET",    API "/device/check/name/{name}", device_check_name, "200 if the device exists, else 404.", EDGE_ROUTE_READS, .answer = {EDGE_B_BASE}, .fails = "404", .roles = EDGE_FOR_READERS},
    {"GET",    API "/device/service/name/{name}", devices_by_service, "Devices of a device service.", LISTS("devices", DEVICE, EDGE_PAGE_PARAMS)},
    {"GET",    API "/device/profile/name/{name}", devices_by_profile, "Devices of a profile.", LISTS("devices", DEVICE, EDGE_PAGE_PARAMS)},

    {"POST",   API "/provisionwatcher", watchers_add, "Add provision watchers; one status per item.", EDGE_ROUTE_WAITS | EDGE_ROUTE_ITEM_CHAIN, ADDS(PROVISION_WATCHER_REQUEST)},
    {"PATCH",  API "/provisionwatcher", watchers_patch, "Change watchers named by id or name.", EDGE_ROUTE_WAITS, CHANGES("provisionWatcher", PROVISION_WATCHER)},
    {"GET",    API "/provisionwatcher/all", watchers_all, "Provision watchers, a page of them.", LISTS("provisionWatchers", PROVISION_WATCHER, EDGE_LABELLED_PARAMS)},
    {"GET",    API "/provisionwatcher/name/{name}", watcher_get, "One provision watcher.", SHOWS("provisionWatcher", PROVISION_WATCHER)},
    {"DELETE", API "/provisionwatcher/name/{name}", watcher_delete, "Remove a provision watcher.", REMOVES("404")},
    {"GET",    API "/provisionwatcher/service/name/{name}", watchers_by_service, "Watchers of a device service.", LISTS("provisionWatchers", PROVISION_WATCHER, EDGE_PAGE_PARAMS)},
    {"GET",    API "/provisionwatcher/profile/name/{name}", watchers_by_profile, "Watchers that give a profile.", LISTS("provisionWatchers", PROVISION_WATCHER, EDGE_PAGE_PARAMS)},

    {"GET",    API "/uom", uom_get, "Units of measure; as the file has them for Accept: application/x-yaml.", .answer = {EDGE_B_OBJECT, "uom", .also = "application/x-yaml"}, .roles = EDGE_FOR_READERS},
};
/* clang-format on */

static const struct edge_collection *const collections[] = {&SERVICES, &PROFILES, &DEVICES,
                                                            &WATCHERS};

static enum edge_status metadata_start(struct edge_ctx *ctx, const struct edge_runtime *rt)
{
    struct metadata *meta = rt->state;
    meta->rt = rt;
    EDGE_TRY(uom_open(ctx, rt, &meta->uom));
    return edge_runtime_store(ctx, rt, "metadata.db", collections,
                              sizeof(collections) / sizeof(collections[0]), &meta->store);
}

static void metadata_stop(const struct edge_runtime *rt)
{
    struct metadata *meta = rt->state;
    edge_store_close(meta->store);
    uom_close(meta->uom);
}

static const char default_config[] = "Service:\n"
                                     "  Port: 59881\n"
                                     "  StartupMsg: core-metadata is up\n"
                                     "MessageBus:\n"
                                     "  Optional:\n"
                                     "    ClientId: core-metadata\n";

const struct edge_service core_metadata = {
    .name = "core-metadata",
    .doc = "keeps device services, profiles, devices and provision watchers",
    .port = 59881,
    .state_size = sizeof(struct metadata),
    .config = &METADATA_CONFIG,
    .writable_offset = offsetof(struct metadata_config, writable),
    .default_config = default_config,
    .routes = EDGE_TABLE(routes),
    .start = metadata_start,
    .stop = metadata_stop,
};
