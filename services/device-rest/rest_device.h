/** The inside of device-rest: what an address and a resource are, and what both directions share. */
#ifndef REST_DEVICE_H
#define REST_DEVICE_H

#include <stdatomic.h>

#include "codec/rest_template.h"
#include "codec/rest_value.h"
#include "devsdk/devsdk.h"
#include "devsdk/http.h"

enum { REST_AT_ONCE = 128 }; /* resources of one read */

enum rest_lane { REST_LANE_HOST, REST_LANE_DEVICE };

/** protocols: {REST: {...}} */
struct rest_address {
    const char *host, *path;
    uint16_t port;
    uint8_t scheme, lane, auth;
    uint32_t timeout_ms; /* 0: as long as the request has */
    const char *secret_name, *headers;
    const char *ca_file, *cert_file, *key_file, *server_name;
    bool skip_verify;
};

struct rest_attribute {
    const char *path, *write_path, *method, *pointer, *body; /* NULL: not given */
};

struct rest_service {
    atomic_uint secrets; /* how often they have changed */
};

/** A device's data; touched in its lane only. */
struct rest_device {
    devsdk_http *http; /* NULL: not spoken to yet */
    unsigned secrets;  /* of the service when it was opened */
};

extern const devsdk_field rest_address_fields[], rest_attribute_fields[];

/** devsdk_driver.check_addr and check_attr */
devsdk_result rest_check_addr(const char *protocol, void *addr, char *why, size_t size);
devsdk_result rest_check_attr(const devsdk_point *point, void *attr, char *why, size_t size);

/** Does it serve, or does it only send? */
bool rest_serves(const devsdk_device *dev);

/** rest_link.c: have the device's handle open, with the secrets of now; in its lane. Not OK: the request has been told why. */
devsdk_result rest_link(devsdk_device *dev, devsdk_request *r);

/** The media type of what is sent: of the value alone text/plain; else the profile's, or what it looks like. */
const char *rest_body_type(const char *media_type, const devsdk_value *v, const char *body);

/** "Int32", "Float64Array" */
const char *rest_type_name(const devsdk_value *wanted, char ret[24]);

/** Set the i-th from a payload, the attribute's jsonPointer being @p pointer; not OK: @p why says it. */
devsdk_result rest_take(devsdk_request *r, unsigned i, const char *pointer, const char *payload,
                        size_t n, char *why, size_t size);
/** The same from a value of a JSON document. */
devsdk_result rest_take_node(devsdk_request *r, unsigned i, devsdk_json node, char *why,
                             size_t size);

/** rest_out.c */
devsdk_result rest_read(devsdk_device *dev, devsdk_request *r);
devsdk_result rest_write(devsdk_device *dev, devsdk_request *r);

/** rest_in.c: the route's handler */
devsdk_result rest_receive(devsdk_service *svc, devsdk_call *call);

#endif
