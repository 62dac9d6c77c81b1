/* What an address and an attribute may say, and what of it does not go together. */
#include <stdio.h>
#include <string.h>

#include "codec/snmp_text.h"
#include "snmp_driver.h"

const char *const SNMP_VERSION_NAMES[] = {"1", "2c", "3", NULL};
const char *const SNMP_LEVEL_NAMES[] = {"noAuthNoPriv", "authNoPriv", "authPriv", NULL};
/* Other spellings stand behind the first six; snmp_device.c has the same order. */
const char *const SNMP_AUTH_NAMES[] = {"MD5",     "SHA",    "SHA-224", "SHA-256", "SHA-384",
                                       "SHA-512", "SHA1",   "SHA-1",   "SHA224",  "SHA256",
                                       "SHA384",  "SHA512", NULL};
const char *const SNMP_PRIV_NAMES[] = {"DES",       "AES",       "AES-192", "AES-256",
                                       "AES-192-C", "AES-256-C", "AES128",  "AES-128",
                                       "AES192",    "AES256",    NULL};

/* clang-format off */
#define A(member, key, type, ...) DEVSDK_FIELD(struct snmp_address, member, key, type, __VA_ARGS__)
const devsdk_field snmp_address_fields[] = {
    A(host, "Address", DEVSDK_STRING, .required = true, .help = "IPv4, IPv6 or name of the agent"),
    A(port, "Port", DEVSDK_U16, .def = "161", .min = 1, .max = 65535, .help = "of UDP"),
    A(version, "Version", DEVSDK_U8, .def = "2c", .one_of = SNMP_VERSION_NAMES, .help = "of SNMP"),
    A(community, "Community", DEVSDK_STRING, .def = "public", .help = "v1, v2c: for reads and writes"),
    A(read_community, "ReadCommunity", DEVSDK_STRING, .help = "another one for reads"),
    A(write_community, "WriteCommunity", DEVSDK_STRING, .help = "another one for writes"),
    A(trap_community, "TrapCommunity", DEVSDK_STRING, .help = "take traps of v1 and v2c with this one only"),
    A(security_name, "SecurityName", DEVSDK_STRING, .help = "v3: the user"),
    A(level, "SecurityLevel", DEVSDK_U8, .def = "authPriv", .one_of = SNMP_LEVEL_NAMES, .help = "v3: what is signed and encrypted"),
    A(auth, "AuthProtocol", DEVSDK_U8, .def = "SHA", .one_of = SNMP_AUTH_NAMES, .help = "v3: how it is signed"),
    A(priv, "PrivProtocol", DEVSDK_U8, .def = "AES", .one_of = SNMP_PRIV_NAMES, .help = "v3: how it is encrypted"),
    A(secret_name, "SecretName", DEVSDK_STRING, .help = "secret with authPassword and privPassword, or communities"),
    A(context, "ContextName", DEVSDK_STRING, .help = "v3: of several in one agent"),
    A(timeout_ms, "Timeout", DEVSDK_U32, .def = "1s", .unit = "ms", .min = 50, .max = 60000, .help = "until it is asked again; half as long more each time"),
    A(retries, "Retries", DEVSDK_U8, .def = "2", .max = 10, .help = "how often it is asked again"),
    A(repetitions, "MaxRepetitions", DEVSDK_U16, .def = "20", .min = 1, .max = 1000, .help = "rows a GETBULK of a walk asks for"),
    A(max_oids, "MaxOids", DEVSDK_U16, .def = "25", .min = 1, .max = 128, .help = "objects a GET asks for"),
    A(sys_object_id, "SysObjectID", DEVSDK_STRING, .help = "what discovery found, for provision watchers"),
    A(sys_name, "SysName", DEVSDK_STRING, .help = "the same"),
    A(sys_descr, "SysDescr", DEVSDK_STRING, .help = "the same"),
    {0},
};
/* The official block; snmp_check_addr() sets the rest. */
const devsdk_field snmp_tcp_fields[] = {
    A(host, "Address", DEVSDK_STRING, .required = true, .help = "IPv4, IPv6 or name of the agent"),
    A(port, "Port", DEVSDK_U16, .def = "161", .min = 1, .max = 65535, .help = "of UDP, whatever the block's name"),
    {0},
};
#undef A
/* clang-format on */

/* ---- addresses ----------------------------------------------------------------------------- */

static bool is_set(const char *text)
{
    return text && text[0];
}

static devsdk_result check_v3(const struct snmp_address *a, char *why, size_t size)
{
    if (!is_set(a->security_name)) {
        snprintf(why, size, "SecurityName: is missing, Version 3 needs one");
        return DEVSDK_INVALID;
    }
    if (strlen(a->security_name) > SNMP_USER_MAX) {
        snprintf(why, size, "SecurityName: is longer than %d bytes", SNMP_USER_MAX);
        return DEVSDK_INVALID;
    }
    if (a->level != SNMP_NO_AUTH_NO_PRIV && !is_set(a->secret_name)) {
        snprintf(why, size, "SecretName: is missing, SecurityLevel %s needs passwords",
                 SNMP_LEVEL_NAMES[a->level]);
        return DEVSDK_INVALID;
    }
    return DEVSDK_OK;
}

devsdk_result snmp_check_addr(const char *protocol, void *addr, char *why, size_t size)
{
    struct snmp_address *a = addr;
    if (strcmp(protocol, "TCP") == 0) {
        a->version = 1; /* 2c */
        a->community = "private";
        a->timeout_ms = 1000;
        a->retries = 2;
        a->repetitions = 20;
        a->max_oids = 25;
        return DEVSDK_OK;
    }
    if (!is_set(a->host)) {
        snprintf(why, size, "Address: is empty");
        return DEVSDK_INVALID;
    }
    return strcmp(SNMP_VERSION_NAMES[a->version], "3") == 0 ? check_v3(a, why, size) : DEVSDK_OK;
}

/* ---- attributes ---------------------------------------------------------------------------- */

static bool is_whole(devsdk_type type)
{
    return type >= DEVSDK_I8 && type <= DEVSDK_U64;
}

static bool check_oid(const char *key, const char *text, char *why, size_t size)
{
    struct snmp_oid oid;
    const char *fault;
    if (!text || snmp_oid_parse(text, &oid, &fault)) {
        return true;
    }
    snprintf(why, size, "%s: '%.60s' %s", key, text, fault);
    return false;
}

static bool check_letter(const struct snmp_attribute *a, devsdk_type type, char *why, size_t size)
{
    bool fits = false;
    switch (a->type) {
    case SNMP_LETTER_AUTO:
        return true;
    case SNMP_LETTER_I:
    case SNMP_LETTER_U:
    case SNMP_LETTER_C:
    case SNMP_LETTER_T:
        fits = is_whole(type) || (type == DEVSDK_BOOL && a->type == SNMP_LETTER_I);
        break;
    default:
        fits = type == DEVSDK_STRING;
    }
    if (!fits) {
        snprintf(
            why, size,
            "type: does not fit this valueType: i, u, c and t are of whole numbers (i of Bool, too), "
            "o, s, x and a of String");
    }
    return fits;
}

static bool check_kind(const devsdk_point *p, const struct snmp_attribute *a, char *why,
                       size_t size)
{
    const char *fault = NULL;
    bool is_object = p->type == DEVSDK_OBJECT, whole_trap = a->trap_oid && !a->oid;
    if (p->type == DEVSDK_ARRAY) {
        fault =
            "oid: no object of SNMP is an array; walk: true with valueType Object reads a table";
    } else if (a->walk && (!is_object || !a->oid)) {
        fault = "walk: needs an oid and valueType Object";
    } else if (a->walk && p->writable) {
        fault = "walk: a table cannot be written";
    } else if (is_object && !a->walk && !whole_trap) {
        fault = "walk: valueType Object needs walk: true, or a trapOid and no oid";
    } else if (whole_trap && !is_object && p->type != DEVSDK_BOOL && p->type != DEVSDK_STRING) {
        fault = "trapOid: without an oid needs valueType Object, String or Bool";
    } else if (whole_trap && p->writable) {
        fault = "trapOid: without an oid there is nothing to write";
    } else if (p->writable && (p->type == DEVSDK_F32 || p->type == DEVSDK_F64)) {
        fault = "type: a Float cannot be written, SNMP has none";
    } else if (a->format != SNMP_FORMAT_AUTO && p->type != DEVSDK_STRING && !is_object) {
        fault = "format: needs valueType String, or Object of a table";
    }
    if (fault) {
        snprintf(why, size, "%s", fault);
    }
    return !fault;
}

devsdk_result snmp_check_attr(const devsdk_point *point, void *attr, char *why, size_t size)
{
    struct snmp_attribute *a = attr;
    a->oid = is_set(a->oid) ? a->oid : NULL;
    a->trap_oid = is_set(a->trap_oid) ? a->trap_oid : NULL;
    if (!a->oid && !a->trap_oid) {
        snprintf(why, size, "oid: is missing");
        return DEVSDK_INVALID;
    }
    bool sound = check_oid("oid", a->oid, why, size) &&
                 check_oid("trapOid", a->trap_oid, why, size) &&
                 check_letter(a, point->type, why, size) && check_kind(point, a, why, size);
    return sound ? DEVSDK_OK : DEVSDK_INVALID;
}
