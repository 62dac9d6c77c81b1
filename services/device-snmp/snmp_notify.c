/* A notification becomes an event of those resources whose trapOid it is. */
#include "snmp_notify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "snmp_values.h"

static bool is_oid(const char *text, const struct snmp_oid *oid)
{
    struct snmp_oid parsed;
    const char *why;
    return text && snmp_oid_parse(text, &parsed, &why) && snmp_oid_compare(&parsed, oid) == 0;
}

/* The object of a resource in the notification: itself, or an instance of it. */
static bool find(const struct snmp_pdu *pdu, const char *text, struct snmp_value *ret)
{
    struct snmp_view list = pdu->bindings;
    struct snmp_binding binding;
    struct snmp_oid wanted, oid;
    const char *why;
    if (!snmp_oid_parse(text, &wanted, &why)) {
        return false;
    }
    while (snmp_take_binding(&list, &binding)) {
        if (snmp_oid_of(binding.oid, &oid) && snmp_oid_below(&oid, &wanted)) {
            *ret = binding.value;
            return true;
        }
    }
    return false;
}

/* {"trapOid": "1.3...", "variables": {"1.3...": 2, ...}} and, of v1, "uptime" and "agent". */
static void set_all(devsdk_request *r, unsigned i, const struct snmp_attribute *attr,
                    const char *trap, const struct snmp_pdu *pdu)
{
    char *text = NULL, oid_text[SNMP_OID_TEXT];
    size_t size = 0, n = 0;
    struct snmp_view list = pdu->bindings;
    struct snmp_binding binding;
    struct snmp_oid oid;
    FILE *json = open_memstream(&text, &size);
    if (!json) {
        return;
    }
    fprintf(json, "{\"trapOid\":\"%s\",", trap);
    if (pdu->type == SNMP_TRAP_V1) {
        struct snmp_value agent = {.tag = SNMP_IP, .bytes = pdu->v1.agent};
        fprintf(json, "\"uptime\":%" PRIu64 ",\"agent\":", pdu->v1.uptime);
        snmp_value_json(json, SNMP_FORMAT_AUTO, &agent);
        fputc(',', json);
    }
    fputs("\"variables\":{", json);
    while (snmp_take_binding(&list, &binding)) {
        if (snmp_oid_of(binding.oid, &oid)) {
            snmp_oid_print(&oid, oid_text, sizeof(oid_text));
            fprintf(json, "%s\"%s\":", n++ > 0 ? "," : "", oid_text);
            snmp_value_json(json, attr->format, &binding.value);
        }
    }
    fputs("}}", json);
    if (fclose(json) == 0) {
        (void)devsdk_set(r, i, (devsdk_value){.type = DEVSDK_OBJECT, .p = text, .n = size});
    }
    free(text);
}

static void set_one(devsdk_request *r, unsigned i, const char *trap, const struct snmp_pdu *pdu)
{
    const struct snmp_attribute *attr = devsdk_attr(r, i);
    devsdk_type type = devsdk_wanted(r, i).type;
    struct snmp_value value;
    if (attr->oid) {
        if (!find(pdu, attr->oid, &value) ||
            snmp_reading_set(r, i, type, attr->format, &value) != NULL) {
            (void)devsdk_set_null(r, i); /* it came, without that object */
        }
    } else if (type == DEVSDK_BOOL) {
        (void)devsdk_set_bool(r, i, true);
    } else if (type == DEVSDK_STRING) {
        (void)devsdk_set_string(r, i, trap, strlen(trap));
    } else {
        set_all(r, i, attr, trap, pdu);
    }
}

/* The resources of this trap; how many, and @p ret_points where that is not NULL. */
static unsigned points_of(devsdk_device *dev, const struct snmp_oid *trap, unsigned *ret_points,
                          const char **ret_first)
{
    const devsdk_point *p;
    unsigned n = 0;
    for (unsigned i = 0; (p = devsdk_point_at(dev, i)); i++) {
        const struct snmp_attribute *attr = p->attr;
        if (!attr || !p->readable || !is_oid(attr->trap_oid, trap)) {
            continue;
        }
        if (n == 0) {
            *ret_first = p->name;
        }
        if (ret_points) {
            ret_points[n] = i;
        }
        n++;
    }
    return n;
}

int snmp_notify(devsdk_device *dev, const struct snmp_oid *trap, const struct snmp_pdu *pdu)
{
    const char *source = NULL;
    char text[SNMP_OID_TEXT];
    unsigned n = points_of(dev, trap, NULL, &source);
    if (n == 0) {
        return 0;
    }
    unsigned *points = malloc(n * sizeof(*points));
    devsdk_request *r = NULL;
    if (points) {
        (void)points_of(dev, trap, points, &source);
        r = devsdk_push_set(dev, source, points, n);
        free(points);
    }
    if (!r) {
        return -1;
    }
    snmp_oid_print(trap, text, sizeof(text));
    for (unsigned i = 0; i < n; i++) {
        set_one(r, i, text, pdu);
    }
    devsdk_done(r, DEVSDK_OK);
    return (int)n;
}
