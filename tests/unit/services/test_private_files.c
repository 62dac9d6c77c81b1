/*
 * What the services' own files say, beside what those of an official platform say: a key that is left
 * to the common configuration there must not stand in ours, where it would hide the common value as
 * soon as a provider has been told.
 */
#include <CUnit/CUnit.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_command.h"
#include "core_data.h"
#include "core_keeper.h"
#include "core_metadata.h"
#include "edge/service.h"
#include "edge/yaml.h"
#include "service_rig.h"
#include "suites.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

enum whose {
    BOTH,
    OFFICIAL, /* theirs alone: ours has a default, or no such thing */
    OURS,     /* nobody else's */
};

struct row {
    const char *key;
    enum whose whose;
};

#define SERVICE_ROWS                                                                               \
    {"Writable.LogLevel", BOTH}, {"Service.Host", BOTH}, {"Service.Port", BOTH},                   \
        {"Service.StartupMsg", BOTH}, {"MessageBus.Optional.ClientId", BOTH},                      \
    {                                                                                              \
        "Service.SecurityOptions.", OFFICIAL                                                       \
    }
#define METADATA_ROWS                                                                              \
    {"Clients.core-metadata.Protocol", BOTH}, {"Clients.core-metadata.Host", BOTH},                \
        {"Clients.core-metadata.Port", BOTH},                                                      \
    {                                                                                              \
        "Clients.core-metadata.SecurityOptions.", OFFICIAL                                         \
    }

/*
 * The private files of EdgeX 4.0 and what the services of 4.1 added (contract 4.5, 5.5, 6.3, 7.3); a
 * name that ends in a dot stands for all below it.
 */
static const struct row core_data_rows[] = {
    SERVICE_ROWS,
    METADATA_ROWS,
    {"MaxEventSize",                                 BOTH    },
    {"Writable.PersistData",                         BOTH    },
    {"Writable.EventPurge",                          BOTH    },
    {"Writable.Telemetry.Metrics.EventsPersisted",   BOTH    },
    {"Writable.Telemetry.Metrics.ReadingsPersisted", BOTH    },
    {"Database.Name",                                OFFICIAL},
    {"Retention.Interval",                           BOTH    },
    {"Retention.DefaultMaxCap",                      BOTH    },
    {"Retention.DefaultMinCap",                      BOTH    },
    {"Retention.DefaultDuration",                    BOTH    },
};
static const struct row core_metadata_rows[] = {
    SERVICE_ROWS,
    {"Writable.ProfileChange.StrictDeviceProfileChanges", BOTH    },
    {"Writable.ProfileChange.StrictDeviceProfileDeletes", BOTH    },
    {"Writable.UoM.Validation",                           BOTH    },
    {"Writable.MaxDevices",                               BOTH    },
    {"Writable.MaxResources",                             BOTH    },
    {"UoM.UoMFile",                                       BOTH    },
    {"Database.Name",                                     OFFICIAL},
};
static const struct row core_command_rows[] = {
    SERVICE_ROWS,
    METADATA_ROWS,
    {"Writable.InsecureSecrets.mqtt.",                 OFFICIAL},
    {"ExternalMQTT.Enabled",                           BOTH    },
    {"ExternalMQTT.Url",                               BOTH    },
    {"ExternalMQTT.ClientId",                          BOTH    },
    {"ExternalMQTT.ConnectTimeout",                    BOTH    },
    {"ExternalMQTT.AutoReconnect",                     BOTH    },
    {"ExternalMQTT.KeepAlive",                         BOTH    },
    {"ExternalMQTT.QoS",                               BOTH    },
    {"ExternalMQTT.Retain",                            BOTH    },
    {"ExternalMQTT.SkipCertVerify",                    BOTH    },
    {"ExternalMQTT.SecretName",                        BOTH    },
    {"ExternalMQTT.AuthMode",                          BOTH    },
    {"ExternalMQTT.Topics.CommandRequestTopic",        BOTH    },
    {"ExternalMQTT.Topics.CommandResponseTopicPrefix", BOTH    },
    {"ExternalMQTT.Topics.CommandQueryRequestTopic",   BOTH    },
    {"ExternalMQTT.Topics.CommandQueryResponseTopic",  BOTH    },
    {"ExternalCommand.MaxConcurrentRequests",          BOTH    },
};
/* It reads nothing but its own file: there everything common is repeated. */
static const struct row core_keeper_rows[] = {
    SERVICE_ROWS,
    {"MessageBus.BaseTopicPrefix", BOTH    },
    {"MessageBus.",                OFFICIAL},
    {"Service.",                   OFFICIAL},
    {"Database.",                  OFFICIAL},
    {"Clients.",                   OFFICIAL},
    {"Writable.InsecureSecrets.",  OFFICIAL},
    {"CommonConfig.File",          OURS    },
};
static const struct row device_virtual_rows[] = {
    SERVICE_ROWS,
    {"MaxEventSize",       BOTH},
    {"Device.ProfilesDir", BOTH},
    {"Device.DevicesDir",  BOTH},
};

static const struct file {
    const char *service;
    const struct edge_service *built_in; /* may be NULL */
    const struct row *rows;
    size_t n_rows;
} files[] = {
    {"core-data",      &core_data,     core_data_rows,      N(core_data_rows)     },
    {"core-metadata",  &core_metadata, core_metadata_rows,  N(core_metadata_rows) },
    {"core-command",   &core_command,  core_command_rows,   N(core_command_rows)  },
    {"core-keeper",    &core_keeper,   core_keeper_rows,    N(core_keeper_rows)   },
    {"device-virtual", NULL,           device_virtual_rows, N(device_virtual_rows)},
};

static const char *resource(struct edge_arena *a, const char *service, const char *name)
{
    const char *source = getenv("EDGE_SOURCE_DIR");
    return edge_printf(a, "%s/services/%s/res/%s", source ? source : ".", service, name);
}

static const cJSON *yaml(struct edge_ctx *ctx, const char *text, size_t len)
{
    const cJSON *tree = NULL;
    CU_ASSERT_EQUAL_FATAL(edge_yaml_parse(ctx, text, len, NULL, &tree), EDGE_OK);
    return tree;
}

static const cJSON *yaml_file(struct edge_ctx *ctx, const char *path)
{
    const char *text = NULL;
    size_t len = 0;
    CU_ASSERT_EQUAL_FATAL(edge_config_read(ctx, NULL, ".", path, &text, &len), EDGE_OK);
    return yaml(ctx, text, len);
}

static bool has_leaf(const cJSON *tree, const char *key)
{
    size_t len = strcspn(key, ".");
    const cJSON *member;
    cJSON_ArrayForEach(member, tree)
    {
        if (strncmp(member->string, key, len) == 0 && member->string[len] == '\0') {
            return key[len] == '\0' ? !cJSON_IsObject(member) : has_leaf(member, key + len + 1);
        }
    }
    return false;
}

static bool is_listed(const struct file *f, const char *key)
{
    for (size_t i = 0; i < f->n_rows; i++) {
        const char *row = f->rows[i].key;
        size_t len = strlen(row);
        if (strcmp(row, key) == 0 || (row[len - 1] == '.' && strncmp(row, key, len) == 0)) {
            return true;
        }
    }
    return false;
}

static void leaves_are_listed(struct edge_arena *a, const struct file *f, const cJSON *tree,
                              const char *above)
{
    const cJSON *member;
    cJSON_ArrayForEach(member, tree)
    {
        const char *key = edge_printf(a, "%s%s", above, member->string);
        if (cJSON_IsObject(member)) {
            leaves_are_listed(a, f, member, edge_printf(a, "%s.", key));
            continue;
        }
        CU_ASSERT_TRUE(is_listed(f, key));
        if (!is_listed(f, key)) {
            printf("\n    %s: %s is left to the common configuration", f->service, key);
        }
    }
}

static void test_files_have_the_official_keys(void)
{
    for (size_t i = 0; i < N(files); i++) {
        EDGE_CTX_SCOPE(ctx);
        const struct file *f = &files[i];
        const cJSON *own = yaml_file(&ctx, resource(&ctx.arena, f->service, "configuration.yaml"));
        leaves_are_listed(&ctx.arena, f, own, "");
        for (size_t k = 0; k < f->n_rows; k++) {
            bool there = has_leaf(own, f->rows[k].key);
            CU_ASSERT_EQUAL(there, f->rows[k].whose != OFFICIAL);
            if (there != (f->rows[k].whose != OFFICIAL)) {
                printf("\n    %s: %s", f->service, f->rows[k].key);
            }
        }
        if (f->built_in) {
            const char *text = f->built_in->default_config;
            leaves_are_listed(&ctx.arena, f, yaml(&ctx, text, strlen(text)), "");
        }
    }
}

/* Of all that is common only what official files repeat on purpose. */
static void common_is_common(struct edge_arena *a, const cJSON *common, const cJSON *own,
                             const char *above)
{
    static const char *const repeated[] = {"MaxEventSize", "Device.ProfilesDir",
                                           "Device.DevicesDir"};
    const cJSON *member;
    cJSON_ArrayForEach(member, common)
    {
        const char *key = edge_printf(a, "%s%s", above, member->string);
        if (cJSON_IsObject(member)) {
            common_is_common(a, member, own, edge_printf(a, "%s.", key));
            continue;
        }
        bool may = false;
        for (size_t i = 0; i < N(repeated); i++) {
            may = may || strcmp(repeated[i], key) == 0;
        }
        CU_ASSERT_TRUE(may || !has_leaf(own, key));
    }
}

static void test_common_values_are_not_hidden(void)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *common = yaml_file(&ctx, resource(&ctx.arena, "core-keeper", "common.yaml"));
    for (size_t i = 0; i < N(files); i++) {
        const char *service = files[i].service;
        if (strcmp(service, "core-keeper") == 0) {
            continue;
        }
        const cJSON *own = yaml_file(&ctx, resource(&ctx.arena, service, "configuration.yaml"));
        common_is_common(&ctx.arena, edge_json_member(common, "all-services", true), own, "");
        if (strncmp(service, "device-", 7) == 0) {
            common_is_common(&ctx.arena, edge_json_member(common, "device-services", true), own,
                             "");
        }
    }
}

/* Official core-command calls the section so, and has nothing in it (seen); the others have Database. */
static void test_databases_are_called_as_official_ones(void)
{
    EDGE_CTX_SCOPE(ctx);
    SERVICE_RIG(command, &core_command, "Clients: {core-metadata: {Port: 1}}\n");
    const cJSON *config = edge_json_member(
        service_rig_ask(&ctx, &command, "GET", "/api/v3/config", NULL, 200), "config", true);
    CU_ASSERT_TRUE(cJSON_IsNull(edge_json_member(config, "Databases", true)));
    CU_ASSERT_PTR_NULL(edge_json_member(config, "Database", true));
    SERVICE_RIG(metadata, &core_metadata, "");
    config = edge_json_member(service_rig_ask(&ctx, &metadata, "GET", "/api/v3/config", NULL, 200),
                              "config", true);
    CU_ASSERT_TRUE(cJSON_IsObject(edge_json_member(config, "Database", true)));
    CU_ASSERT_PTR_NULL(edge_json_member(config, "Databases", true));
}

/* ---- units of measure, profiles ------------------------------------------------------------- */

static bool lists_unit(const cJSON *file, const char *unit)
{
    const cJSON *group, *value;
    cJSON_ArrayForEach(group, edge_json_member(file, "Units", true))
    {
        cJSON_ArrayForEach(value, edge_json_member(group, "Values", true))
        {
            if (value->valuestring && strcmp(value->valuestring, unit) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void test_units_are_the_official_ones(void)
{
    static const char *const official[] = {"C", "F", "K", "lbs", "ounces", "kilos", "grams"};
    static const char *const others[] = {"%", "kg", "V", "m3/h"};
    EDGE_CTX_SCOPE(ctx);
    const cJSON *uom = yaml_file(&ctx, resource(&ctx.arena, "core-metadata", "uom.yaml"));
    const cJSON *more = yaml_file(&ctx, resource(&ctx.arena, "core-metadata", "uom-extended.yaml"));
    for (size_t i = 0; i < N(official); i++) {
        CU_ASSERT_TRUE(lists_unit(uom, official[i]));
        CU_ASSERT_TRUE(lists_unit(more, official[i]));
    }
    for (size_t i = 0; i < N(others); i++) {
        CU_ASSERT_FALSE(lists_unit(uom, others[i]));
        CU_ASSERT_TRUE(lists_unit(more, others[i]));
    }
}

static void test_profiles_have_devices(void)
{
    EDGE_CTX_SCOPE(ctx);
    const cJSON *devices = edge_json_member(
        yaml_file(&ctx, resource(&ctx.arena, "device-virtual", "devices/devices.yaml")),
        "deviceList", true);
    DIR *dir = opendir(resource(&ctx.arena, "device-virtual", "profiles"));
    CU_ASSERT_PTR_NOT_NULL_FATAL(dir);
    size_t n = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.') {
            continue;
        }
        const char *name = edge_printf(&ctx.arena, "profiles/%s", e->d_name);
        const cJSON *profile = yaml_file(&ctx, resource(&ctx.arena, "device-virtual", name)),
                    *device;
        bool used = false;
        cJSON_ArrayForEach(device, devices)
        {
            used = used || strcmp(edge_json_member(device, "profileName", true)->valuestring,
                                  edge_json_member(profile, "name", true)->valuestring) == 0;
        }
        CU_ASSERT_TRUE(used);
        n++;
    }
    closedir(dir);
    CU_ASSERT_EQUAL(n, (size_t)cJSON_GetArraySize(devices));
}

CU_TestInfo private_files_tests[] = {
    {"files have the official keys",          test_files_have_the_official_keys         },
    {"common values are not hidden",          test_common_values_are_not_hidden         },
    {"databases are called as official ones", test_databases_are_called_as_official_ones},
    {"units are the official ones",           test_units_are_the_official_ones          },
    {"profiles have devices",                 test_profiles_have_devices                },
    CU_TEST_INFO_NULL,
};
