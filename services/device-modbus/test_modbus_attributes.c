/* What may be said of devices and resources, and the words where it may not. */
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#include "device_modbus.h"
#include "devsdk/test.h"
#include "modbus_discover.h"
#include "modbus_fields.h"

/* A profile with one resource. */
static int load(devsdk_test *t, const char *attributes, const char *type, const char *access)
{
    char text[600];
    snprintf(text, sizeof(text),
             "name: p\ndeviceResources:\n- name: r\n  attributes: {%s}\n"
             "  properties: {valueType: %s, readWrite: %s}\n",
             attributes, type, access);
    int status = devsdk_test_profile(t, text);
    return status;
}

/* Its faults are seen when a resource of it is read. */
static void expect_fault(devsdk_test *t, const char *attributes, const char *type,
                         const char *access, const char *fault)
{
    static unsigned n;
    char profile[600], device[200], name[32];
    snprintf(name, sizeof(name), "d%u", ++n);
    snprintf(profile, sizeof(profile),
             "name: p%u\ndeviceResources:\n- name: r\n  attributes: {%s}\n"
             "  properties: {valueType: %s, readWrite: %s}\n",
             n, attributes, type, access);
    snprintf(device, sizeof(device),
             "name: %s\nprofileName: p%u\nprotocols: {modbus-tcp: {Address: 127.0.0.1, Port: 1, "
             "UnitID: 1}}\n",
             name, n);
    int status = devsdk_test_profile(t, profile);
    const char *text = devsdk_test_text(t);
    if (status == 201) {
        status = devsdk_test_device(t, device);
        text = devsdk_test_text(t);
    }
    bool told = fault ? status != 201 && strstr(text, fault) != NULL : status == 201;
    CU_ASSERT(told);
    if (!told) {
        fprintf(stderr, "%s %s: %d %s\n  wanted: %s\n", attributes, type, status, text,
                fault ? fault : "none");
    }
}

#define HOLDING "primaryTable: HOLDING_REGISTERS, startingAddress: "

static void test_faults_of_attributes_name_the_key(void)
{
    static const struct {
        const char *attributes, *type, *access, *fault;
    } cases[] = {
        {HOLDING "'10'",                                              "Int16",        "RW", NULL                                                 },
        {HOLDING "10",                                                "Int16",        "RW", NULL                                                 },
        {HOLDING "0x0A",                                              "Int16",        "RW", NULL                                                 },
        {HOLDING "65535",                                             "Int16",        "RW", NULL                                                 },
        {HOLDING "65536",                                             "Int16",        "RW", "startingAddress: 65536 is above 65535"              },
        {HOLDING "65535",                                             "Int32",        "RW", "startingAddress: 2 from 65535 on reach behind 65535"},
        {HOLDING "65533",                                             "Float64",      "RW", "startingAddress: 4 from 65533"                      },
        {HOLDING "-1",                                                "Int16",        "RW", "startingAddress: '-1' is neither"                   },
        {HOLDING "ten",                                               "Int16",        "RW", "startingAddress: 'ten' is neither"                  },
        {HOLDING "'10.'",                                             "Bool",         "RW", "startingAddress: '10.' is neither"                  },
        {HOLDING "'10.001'",                                          "Bool",         "RW", "startingAddress: '10.001' is neither"               },
        {HOLDING "'10.3'",                                            "Bool",         "RW", NULL                                                 },
        {HOLDING "'10.15'",                                           "Bool",         "RW", NULL                                                 },
        {HOLDING "'10.16'",                                           "Bool",         "RW", "startingAddress: bit 16 is above 15"                },
        {HOLDING "10.3",                                              "Bool",         "RW", "startingAddress: bit 30 is above 15"                },
        {HOLDING "10.10",                                             "Bool",         "RW", NULL                                                 },
        {"startingAddress: 1",                                        "Int16",        "RW", "primaryTable: is missing"                           },
        {"primaryTable: HOLDING_REGISTERS",                           "Int16",        "RW", "startingAddress: is missing"                        },
        {"primaryTable: HOLDING, startingAddress: 1",                 "Int16",        "RW",
         "primaryTable: 'HOLDING' is not one of COILS"                                                                                           },
        {"primaryTable: holding_registers, startingAddress: 1",       "Int16",        "RW", NULL                                                 },
        {"primaryTable: DISCRETES_INPUT, startingAddress: 1",         "Bool",         "R",  NULL                                                 },
        {"primaryTable: DISCRETE_INPUTS, startingAddress: 1",         "Bool",         "R",  NULL                                                 },
        {"primaryTable: DISCRETE_INPUTS, startingAddress: 1",         "Bool",         "RW",
         "primaryTable: DISCRETE_INPUTS cannot be written"                                                                                       },
        {"primaryTable: INPUT_REGISTERS, startingAddress: 1",         "Int16",        "W",
         "primaryTable: INPUT_REGISTERS cannot be written"                                                                                       },
        {"primaryTable: COILS, startingAddress: 1",                   "Float32",      "RW",
         "primaryTable: COILS has Bool only"                                                                                                     },
        {"primaryTable: COILS, startingAddress: '1.3'",               "Bool",         "RW",
         "startingAddress: only numbers and Bool in registers"                                                                                   },
        {"primaryTable: COILS, startingAddress: 1, isByteSwap: true", "Bool",         "RW",
         "isByteSwap: coils and inputs have no bytes"                                                                                            },
        {HOLDING "1, isByteSwap: true",                               "Int16",        "RW", NULL                                                 },
        {HOLDING "1, isWordSwap: true",                               "Int16",        "RW",
         "isWordSwap: this is not a number of several registers"                                                                                 },
        {HOLDING "1, isWordSwap: 'True'",                             "Int64",        "RW", NULL                                                 },
        {HOLDING "1, isWordSwap: true, rawType: INT16",               "Float32",      "RW", "isWordSwap: this is not"                            },
        {HOLDING "1, rawType: int16",                                 "Float32",      "RW", NULL                                                 },
        {HOLDING "1, rawType: INT8",                                  "Float32",      "RW", "rawType: 'INT8' is not one of"                      },
        {HOLDING "1, rawType: FLOAT32",                               "Int32",        "RW",
         "rawType: FLOAT32 needs a Float32 or Float64"                                                                                           },
        {HOLDING "1, rawType: INT16",                                 "Bool",         "RW", "rawType: a Bool has none"                           },
        {HOLDING "1",                                                 "String",       "RW", "stringRegisterSize: a String needs 1 to 123, not 0" },
        {HOLDING "1, stringRegisterSize: 124",                        "String",       "RW",
         "stringRegisterSize: a String needs 1 to 123, not 124"                                                                                  },
        {HOLDING "1, stringRegisterSize: 123",                        "String",       "RW", NULL                                                 },
        {HOLDING "65500, stringRegisterSize: 100",                    "String",       "RW",
         "startingAddress: 100 from 65500"                                                                                                       },
        {HOLDING "1, stringRegisterSize: 5, isWordSwap: true",        "String",       "RW",
         "isWordSwap: this is not"                                                                                                               },
        {HOLDING "1",                                                 "Binary",       "R",  "valueType: registers and coils have no such values" },
        {HOLDING "1",                                                 "Object",       "RW", "valueType: registers and coils have no such values" },
        {HOLDING "1",                                                 "Int16Array",   "RW", "arraySize: an array of these needs 1 to 123, not 0" },
        {HOLDING "1, arraySize: 31",                                  "Float64Array", "RW",
         "arraySize: an array of these needs 1 to 30, not 31"                                                                                    },
        {HOLDING "1, arraySize: 30",                                  "Float64Array", "RW", NULL                                                 },
        {HOLDING "1, arraySize: 2",                                   "Int16",        "RW", "arraySize: this is no array"                        },
        {HOLDING "1, arraySize: 2",                                   "StringArray",  "RW", "valueType: there are no arrays of texts"            },
        {HOLDING "'1.4', bits: 4",                                    "Uint8",        "RW", NULL                                                 },
        {HOLDING "'1.13', bits: 4",                                   "Uint8",        "RW",
         "bits: 4 from bit 13 on are more than a register has"                                                                                   },
        {HOLDING "1, bits: 2",                                        "Bool",         "RW", "bits: a Bool is one"                                },
        {HOLDING "1, bits: 2, rawType: INT32",                        "Int32",        "RW", "rawType: of bits of a register"                     },
        {HOLDING "1, bits: 2, stringRegisterSize: 4",                 "String",       "RW",
         "bits: only numbers and Bool in registers"                                                                                              },
        {HOLDING "1, unitId: 256",                                    "Int16",        "RW", "unitId: 256 is above 255"                           },
        {HOLDING "1, maxRegisters: 126",                              "Int16",        "RW", "maxRegisters: 126 is above 125"                     },
    };
    devsdk_test *t = devsdk_test_start(&device_modbus, NULL);
    CU_ASSERT_EQUAL(devsdk_test_status(t), 200);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expect_fault(t, cases[i].attributes, cases[i].type, cases[i].access, cases[i].fault);
    }
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void test_faults_of_addresses_name_the_key(void)
{
    static const struct {
        const char *protocols, *fault;
    } cases[] = {
        {"modbus-tcp: {Address: 127.0.0.1, Port: '1502', UnitID: '1', Timeout: '5', IdleTimeout: -1}",
         NULL                                                                                                                                                                          },
        {"modbus-tcp: {Address: 127.0.0.1, Timeout: 500ms, IdleTimeout: 0, ProtocolRecoveryTimeout: 1, LinkRecoveryTimeout: 1, ConnectDelay: 0.1}",
         NULL                                                                                                                                                                          },
        {"modbus-tcp: {Port: 502}",                                                                                                                 "Address: is missing"              },
        {"modbus-tcp: {Address: a, UnitID: 256}",                                                                                                   "UnitID: 256 is above 255"         },
        {"modbus-tcp: {Address: a, Port: 0}",                                                                                                       "Port: 0 is below 1"               },
        {"modbus-tcp: {Address: a, Timeout: 0}",                                                                                                    "Timeout: 0 is below 0.001"        },
        {"modbus-tcp: {Address: a, MaxInFlight: 33}",                                                                                               "MaxInFlight: 33 is above 32"      },
        {"modbus-rtu: {Address: /dev/null, UnitID: 1, BaudRate: 9600, DataBits: 8, StopBits: 1, Parity: n, Timeout: 1, IdleTimeout: 5}",
         NULL                                                                                                                                                                          },
        {"modbus-rtu: {Address: /dev/null, BaudRate: 9601}",                                                                                        "BaudRate: 9601 is none"           },
        {"modbus-rtu: {Address: /dev/null, DataBits: 7}",                                                                                           "DataBits: RTU has 8"              },
        {"modbus-rtu: {Address: /dev/null, Parity: X}",                                                                                             "Parity: 'X' is not one of N, O, E"},
        {"modbus-rtu: {Address: /dev/null, UnitID: 248}",                                                                                           "UnitID: 248 is above 247"         },
        {"modbus-ascii: {Address: /dev/nothing, DataBits: 7, Parity: E}",                                                                           NULL                               },
        {"modbus-rtu-tcp: {Address: 127.0.0.1, Port: 4001, UnitID: 7}",                                                                             NULL                               },
    };
    devsdk_test *t = devsdk_test_start(&device_modbus, NULL);
    CU_ASSERT_EQUAL(load(t, HOLDING "1", "Int16", "RW"), 201);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char device[400];
        snprintf(device, sizeof(device), "name: d%zu\nprofileName: p\nprotocols: {%s}\n", i,
                 cases[i].protocols);
        int status = devsdk_test_device(t, device);
        const char *fault = cases[i].fault, *text = devsdk_test_text(t);
        bool told = fault ? status != 201 && strstr(text, fault) : status == 201;
        CU_ASSERT(told);
        if (!told) {
            fprintf(stderr, "%s: %d %s\n", cases[i].protocols, status, text);
        }
    }
    CU_ASSERT_EQUAL(devsdk_test_stop(t), 0);
}

static void test_units(void)
{
    bool units[256];
    const char *at;
    CU_ASSERT(modbus_units_parse("1-3, 255", units, &at));
    CU_ASSERT(units[1] && units[2] && units[3] && units[255] && !units[0] && !units[4]);
    CU_ASSERT_FALSE(modbus_units_parse("", units, &at));
    CU_ASSERT_FALSE(modbus_units_parse("256", units, &at));
    CU_ASSERT_FALSE(modbus_units_parse("3-1", units, &at));
    CU_ASSERT_FALSE(modbus_units_parse("1;2", units, &at));
}

CU_TestInfo modbus_attributes_tests[] = {
    {"faults of attributes name the key", test_faults_of_attributes_name_the_key},
    {"faults of addresses name the key",  test_faults_of_addresses_name_the_key },
    {"units",                             test_units                            },
    CU_TEST_INFO_NULL,
};
