/**
 * The device SDK: everything a driver author needs, and all of it in this header.
 *
 * A driver is a const table (struct devsdk_driver) of parameters and a few callbacks; main()
 * returns devsdk_main(argc, argv, &driver). Parsing, validation, type conversion, transforms,
 * limits, scheduling, retries, up and down, discovery matching, metrics and the wire are the SDK's.
 *
 * Ownership, in ten lines:
 *  1. What a handler receives is valid until its request is done (return, or devsdk_done()).
 *  2. Pointers from devsdk_addr/attr/config/name live as long as the device they came from; the one of
 *     added() lives until the next updated() or removed() has returned.
 *  3. Setters copy. The SDK keeps nothing of yours by reference and frees nothing of yours.
 *  4. devsdk_data() is the device's: zeroed before added(), freed after removed().
 *  5. A pending request holds its device, so removed() always comes last.
 *  6. devsdk_find() and devsdk_find_by() give you a reference to drop: devsdk_put().
 *  7. After devsdk_done() the request is gone.
 *  8. Handlers of one lane never overlap; those of different lanes may.
 *  9. Answer before devsdk_deadline_ms(); the caller waits no longer, a late answer is dropped.
 * 10. Callbacks run on the SDK's workers; a blocking driver may block there, one lane each.
 */
#ifndef DEVSDK_H
#define DEVSDK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Tables of drivers made for 1 (they end before scan_profile), 2 (before validate) and 3 (before check_attr) are
 * taken too: members behind are never looked at. */
enum { DEVSDK_ABI = 4 };

/** Outcomes; the comment is the HTTP status a client sees. */
typedef enum devsdk_result {
    DEVSDK_OK = 0,
    DEVSDK_PENDING = 1,      /* I will call devsdk_done() */
    DEVSDK_INVALID = -1,     /* 400 bad address, attribute or value */
    DEVSDK_NO_OBJECT = -2,   /* 404 the device has no such object */
    DEVSDK_DENIED = -3,      /* 405 not readable or not writable */
    DEVSDK_BUSY = -4,        /* 503 */
    DEVSDK_TIMEOUT = -5,     /* 500, counts as a failure of the device */
    DEVSDK_LINK = -6,        /* 500, counts as a failure of the device */
    DEVSDK_DEVICE = -7,      /* 500 the device answered with an error */
    DEVSDK_RANGE = -8,       /* 500 the value does not fit the declared type */
    DEVSDK_UNSUPPORTED = -9, /* 501 */
    DEVSDK_LOCKED = -10      /* 423 people have taken it out of use */
} devsdk_result;

typedef enum devsdk_type {
    DEVSDK_NULL,
    DEVSDK_BOOL,
    DEVSDK_I8,
    DEVSDK_I16,
    DEVSDK_I32,
    DEVSDK_I64,
    DEVSDK_U8,
    DEVSDK_U16,
    DEVSDK_U32,
    DEVSDK_U64,
    DEVSDK_F32,
    DEVSDK_F64,
    DEVSDK_STRING, /* const char *, n bytes, NUL-terminated too */
    DEVSDK_BINARY, /* bytes, n of them */
    DEVSDK_OBJECT, /* JSON text, n bytes; also arrays of objects */
    DEVSDK_ARRAY   /* n of type elem: int64_t[], uint64_t[], double[], bool[], const char *[] */
} devsdk_type;

/** Plain, by value. Narrow integers travel as int64_t or uint64_t, floats as double. */
typedef struct devsdk_value {
    devsdk_type type, elem;
    size_t n;
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double f;
        const void *p;
    };
} devsdk_value;

/** A row of declarative parameters: of protocols, resource attributes, driver configuration. */
typedef struct devsdk_field {
    const char *key;  /* "startingAddress"; "Writable.Interval": Interval of the member Writable */
    devsdk_type type; /* of the member: bool, int8_t.. uint64_t, float, double, const char * */
    size_t offset;
    bool required;
    const char *def;           /* default as text */
    const char *help;          /* one line */
    double min, max;           /* both 0: no limit */
    const char *const *one_of; /* NULL-ended; the member is a uint8_t..uint64_t index */
    /* "ms", "s": also takes "500ms", "0.5s"; the member counts this unit. Of a text, ".2": a number without quotes
     * that has a fraction is taken with so many decimals */
    const char *unit;
} devsdk_field;
#define DEVSDK_FIELD(S, member, name, kind, ...)                                                   \
    {                                                                                              \
        .key = (name), .type = (kind), .offset = offsetof(S, member), __VA_ARGS__                  \
    }

typedef struct devsdk_service devsdk_service;
typedef struct devsdk_device devsdk_device;   /* immutable snapshot, reference counted by the SDK */
typedef struct devsdk_request devsdk_request; /* a read or write of 1..n resources */
typedef struct devsdk_scan devsdk_scan;       /* one discovery, or one scan of a device */

typedef struct devsdk_protocol {
    const char *name; /* "modbus-tcp"; NULL in the only row: any protocol, nothing parsed */
    const devsdk_field *fields; /* {0}-ended; may be NULL */
} devsdk_protocol;

/** A resource of a device's profile. */
typedef struct devsdk_point {
    const char *name, *units, *media_type; /* "" where it has none */
    devsdk_type type, elem;
    bool readable, writable;
    const void *attr; /* your attribute struct; NULL: faulty, and no request of it comes */
} devsdk_point;

/** A request to a route of yours; valid until its handler returns. */
typedef struct devsdk_call devsdk_call;
typedef enum devsdk_who { /* may call it, where the platform asks for that */
                          DEVSDK_FOR_DEVICES = 1, /* who brings data: devices, gateways, services */
                          DEVSDK_FOR_READERS,
                          DEVSDK_FOR_OPERATORS,
                          DEVSDK_FOR_INSTALLERS
} devsdk_who;
/** A route of your own. On a worker, beside anything else; may block while a client waits. */
typedef struct devsdk_route {
    const char *method, *path; /* "POST", "/api/v3/resource/{device}/{resource}" */
    /** Not OK: the platform's error body with that result's status and devsdk_call_fail()'s words. */
    devsdk_result (*handler)(devsdk_service *, devsdk_call *);
    const char *doc; /* one line for the API page */
    devsdk_who who;
    const char *type; /* content type of bodies that are no JSON; NULL: any JSON object */
} devsdk_route;

typedef struct devsdk_driver {
    unsigned abi;               /* DEVSDK_ABI */
    const char *name, *version; /* service key, "device-foo" */
    const char *doc;            /* one line for --help */
    uint16_t port;
    const devsdk_protocol *protocols;        /* {0}-ended; NULL: any protocol, nothing parsed */
    const devsdk_field *attributes, *config; /* {0}-ended; may be NULL */
    /* Memory of yours, allocated, zeroed and freed by the SDK */
    size_t addr_size, attr_size, config_size, device_size, service_size;
    bool blocking;            /* handlers may block: each lane has a worker of its own meanwhile */
    unsigned max_per_request; /* larger reads are split; 0: no limit */

    devsdk_result (*start)(devsdk_service *); /* configuration parsed, no device yet */
    void (*stop)(devsdk_service *);           /* after the last removed() */
    /** What the device shares with others (a line, a host): same key, never at once. */
    const char *(*lane)(const devsdk_device *);
    devsdk_result (*added)(devsdk_device *); /* before its first request */
    void (*removed)(devsdk_device *);        /* after its last request */
    devsdk_result (*read)(devsdk_device *, devsdk_request *);
    devsdk_result (*write)(devsdk_device *, devsdk_request *);
    devsdk_result (*discover)(devsdk_service *, devsdk_scan *); /* NULL: 501 */
    /** Find out what the device has: devsdk_offer() each resource. After added(), beside reads and
     * writes of its lane. NULL: 501. */
    devsdk_result (*scan_profile)(devsdk_device *, devsdk_scan *);

    /* Since 3; each may be NULL */
    /** Would you take a device like this? Asked before it is stored, when its fields are sound; no added() has
     * been, its data is NULL: ask of it what it has, and keep nothing. Not OK: it is refused, because of
     * @p why (at most @p size bytes). On a worker, beside anything else; may block while a client waits. */
    devsdk_result (*validate)(const devsdk_device *, char *why, size_t size);
    /** Its profile changed, or properties of other protocol blocks than yours did (of any, where your
     * protocols are free): data stays. What added() or the last updated() kept of the device (resources,
     * attributes, texts) is gone once this returns: take it anew. In its lane, before the next request.
     * NULL: such a change is removed() and added(). */
    void (*updated)(devsdk_device *);
    /** A secret came or changed: ask devsdk_secret() again. On a thread of the service, never two at once, beside
     * anything else; must not block. */
    void (*secrets_changed)(devsdk_service *);
    const devsdk_route *routes; /* {0}-ended; paths none of the SDK's has */

    /* Since 4; each may be NULL. What tables cannot say of the attributes of a resource, or of an address: members
     * that belong together, texts with a form of their own. Called when a row has refused none; may fill in members
     * no row names. They know nothing but what they are given, must not block, and run on any thread, before start()
     * too. Not OK: as if a row had refused it, because of @p why (at most @p size bytes), which should name the key. */
    devsdk_result (*check_attr)(const devsdk_point *point, void *attr, char *why, size_t size);
    devsdk_result (*check_addr)(const char *protocol, void *addr, char *why, size_t size);
    /** The section of the configuration .config is of, at its top: for files that are there already. NULL: "Driver". */
    const char *config_section;
} devsdk_driver;

int devsdk_main(int argc, char **argv, const devsdk_driver *driver);

/* ---- service and device ---- */
const void *devsdk_config(const devsdk_service *); /* parsed into your config struct */
void *devsdk_service_data(devsdk_service *);       /* your service_size bytes */
/** A value of a secret of the service, copied to @p ret (at most @p size bytes with its NUL). NO_OBJECT: there
 * is none, now: it may come (secrets_changed). RANGE: it is longer. Any thread. Not to be logged. */
devsdk_result devsdk_secret(const devsdk_service *, const char *name, const char *key, char *ret,
                            size_t size);
devsdk_service *devsdk_of(const devsdk_device *);
const char *devsdk_name(const devsdk_device *);
const char *devsdk_profile(const devsdk_device *);
/** Which protocol block it used; "" where any will do. */
const char *devsdk_protocol_name(const devsdk_device *);
const void *devsdk_addr(const devsdk_device *); /* parsed into your address struct */
void *devsdk_data(devsdk_device *);             /* your device_size bytes */
devsdk_device *devsdk_find(devsdk_service *, const char *name); /* +1 reference, or NULL */
void devsdk_put(devsdk_device *);
/** fn for each device; false stops. */
void devsdk_each(devsdk_service *, bool (*fn)(devsdk_device *, void *arg), void *arg);
/** The operating state, where you know it yourself. */
void devsdk_link(devsdk_device *, bool up, const char *why);

/* ---- what a device has; any thread, in lane() and added() too. Texts live as long as the device. ---- */
/** The i-th; NULL behind the last one. For subscriptions and plans of bulk reads. */
const devsdk_point *devsdk_point_at(const devsdk_device *, unsigned i);
/* Any key as it was written, in your tables or not, numbers and the like as their JSON text; NULL:
 * there is none. @p protocol NULL: the block the device uses. */
const char *devsdk_attribute(const devsdk_device *, unsigned i, const char *key);
const char *devsdk_property(const devsdk_device *, const char *protocol, const char *key);
/** The i-th key of a block, the i-th block; NULL behind the last one. */
const char *devsdk_property_at(const devsdk_device *, const char *protocol, unsigned i);
const char *devsdk_block_at(const devsdk_device *, unsigned i);
/** Whose property is @p value, or NULL; +1 reference. Looks at each device: for now and then. */
devsdk_device *devsdk_find_by(devsdk_service *, const char *protocol, const char *key,
                              const char *value);

/* ---- requests ---- */
unsigned devsdk_count(const devsdk_request *);
const char *devsdk_resource(const devsdk_request *, unsigned i);
const void *devsdk_attr(const devsdk_request *, unsigned i); /* parsed into your attribute struct */
/** Write: the value. Read: its type, no value. */
devsdk_value devsdk_wanted(const devsdk_request *, unsigned i);
/** The resource's minimum and maximum from the profile, or the type's range. */
void devsdk_range(const devsdk_request *, unsigned i, double *ret_min, double *ret_max);
/** defaultValue of the profile, or NULL. */
const char *devsdk_default(const devsdk_request *, unsigned i);
const char *devsdk_media_type(const devsdk_request *, unsigned i);
int64_t devsdk_deadline_ms(const devsdk_request *);                 /* CLOCK_MONOTONIC */
const char *devsdk_option(const devsdk_request *, const char *key); /* query parameter, or NULL */
/** The i-th parameter's key, and its value, both decoded; NULL behind the last. */
const char *devsdk_option_at(const devsdk_request *, unsigned i, const char **ret_value);

/* Results of a read; what is not set is left out of the event. Numbers and texts are converted to
 * the declared type. RANGE where one does not fit: its reading says "overflow", others stand. */
devsdk_result devsdk_set_int(devsdk_request *, unsigned i, int64_t);
devsdk_result devsdk_set_uint(devsdk_request *, unsigned i, uint64_t);
devsdk_result devsdk_set_float(devsdk_request *, unsigned i, double);
devsdk_result devsdk_set_bool(devsdk_request *, unsigned i, bool);
devsdk_result devsdk_set_string(devsdk_request *, unsigned i, const char *, size_t n);
devsdk_result devsdk_set(devsdk_request *, unsigned i, devsdk_value); /* anything; copied */
devsdk_result devsdk_set_null(devsdk_request *, unsigned i);
void devsdk_origin(devsdk_request *, unsigned i, int64_t unix_ns); /* the device's own timestamp */
#define DEVSDK_EVENT 0xffffffffu /* in place of i: the whole event */
/** A tag of the i-th reading, or of the event, over those of profile and device; copied. Where nothing is set
 * there is no reading to carry it: see devsdk_set_null(). */
void devsdk_tag(devsdk_request *, unsigned i, const char *key, const char *value);
devsdk_result devsdk_fail(devsdk_request *, devsdk_result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void devsdk_done(devsdk_request *, devsdk_result); /* after DEVSDK_PENDING; any thread */

/** Unsolicited data: fill like a read, then devsdk_done(). NULL: no such source, locked, full. */
devsdk_request *devsdk_push(devsdk_device *, const char *source);
/** The same of any resources, at these places of devsdk_point_at(), as one event of @p source, which may be a name
 * of yours ("coldStart"). NULL also where one of them cannot be read. */
devsdk_request *devsdk_push_set(devsdk_device *, const char *source, const unsigned *points,
                                unsigned n);
/** What devsdk_push() would come to: OK; NO_OBJECT, DENIED: no such source, not to be read; LOCKED; BUSY: full,
 * stopping, or told not to take any. */
devsdk_result devsdk_push_check(devsdk_device *, const char *source);
/** In place of devsdk_done(): it is nothing after all, no event and no line in the log. Pushed ones only. */
void devsdk_drop(devsdk_request *);

/* ---- a request to a route of yours; texts live as long as it ---- */
const char *devsdk_call_param(const devsdk_call *, const char *name);  /* of the path; never NULL */
const char *devsdk_call_query(const devsdk_call *, const char *name);  /* or NULL */
const char *devsdk_call_header(const devsdk_call *, const char *name); /* or NULL */
const void *devsdk_call_body(const devsdk_call *, size_t *ret_n);      /* a NUL stands behind it */
/** The answer; copied. Without it: 200 and no body. */
void devsdk_reply(devsdk_call *, int code, const char *type, const void *body, size_t n);
devsdk_result devsdk_call_fail(devsdk_call *, devsdk_result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- sockets, lines and moments: on one thread of the service, never two at once, beside handlers ---- */
typedef struct devsdk_watch devsdk_watch;
enum { DEVSDK_READABLE = 1, DEVSDK_WRITABLE = 2, DEVSDK_HANGUP = 4 };
/** Must not block. @p fd -1 and @p events 0: the moment has come. */
typedef void devsdk_ready(void *arg, int fd, unsigned events);
/** Call fn as long as @p fd, which stays yours, is ready for @p events (HANGUP is always told). NULL and errno:
 * the system refuses. Any thread. */
devsdk_watch *devsdk_watch_fd(devsdk_service *, int fd, unsigned events, devsdk_ready *fn,
                              void *arg);
/** Call fn once, in @p ms. Any thread. */
devsdk_watch *devsdk_after(devsdk_service *, int64_t ms, devsdk_ready *fn, void *arg);
/** The end of either, and of its memory: fn does not run any more, nor will it. Once for each, a moment that has
 * come too; before the descriptor is closed; those that use a device's data in removed() at the latest. Any thread,
 * fn's own too, but not while holding a lock fn takes. What stop() leaves is ended behind it, with a warning. */
void devsdk_unwatch(devsdk_watch *);

/* ---- discovery and profile scans: as long as they take, but look at devsdk_cancelled() ---- */
typedef struct devsdk_found {
    const char *name, *parent, *description, *protocol;
    const void *addr;          /* your address struct; written back through the field table */
    const char *const *labels; /* NULL-ended; may be NULL */
} devsdk_found;
devsdk_result devsdk_report(devsdk_scan *, const devsdk_found *);

/** A resource of the profile to be. Texts may be NULL. */
typedef struct devsdk_offered {
    const char *name, *description, *units, *media_type, *def;
    devsdk_type type, elem; /* an ARRAY of OBJECT is an array of objects */
    bool readable, writable;
    double min, max;  /* both 0: no limit */
    const void *attr; /* your attribute struct; written back through the field table */
} devsdk_offered;
/** INVALID: no name, one of that name is there, or no such type. BUSY: more than 10,000. */
devsdk_result devsdk_offer(devsdk_scan *, const devsdk_offered *);
/** What the device says of itself; texts may be NULL. */
void devsdk_describe(devsdk_scan *, const char *manufacturer, const char *model,
                     const char *description);
/** An option of who asked for the scan, as text (JSON where it is no single value), or NULL. */
const char *devsdk_scan_option(devsdk_scan *, const char *key);

void devsdk_progress(devsdk_scan *, unsigned percent, const char *message);
bool devsdk_cancelled(const devsdk_scan *);
devsdk_result devsdk_scan_fail(devsdk_scan *, devsdk_result, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- devices and profiles while running: what a hub or gateway tells of. JSON as core-metadata's REST API has it;
 * "name" must be in it. It may take a request's time: on a thread that may wait. INVALID: refused, and @p why (at most
 * @p size bytes) says what for; LINK: core-metadata does not answer, try again. What follows is as if somebody else had
 * done it: added(), updated(), ... in the device's lane, soon. ---- */
/** Add the device, its service and states being ours where they are left out; or lay the members over the one we
 * have. validate() is not asked. */
devsdk_result devsdk_put_device(devsdk_service *, const char *json, char *why, size_t size);
/** Add the profile, or have the one of its name be this. */
devsdk_result devsdk_put_profile(devsdk_service *, const char *json, char *why, size_t size);

/* ---- helpers ---- */
int64_t devsdk_now_ms(void); /* CLOCK_MONOTONIC */
typedef enum devsdk_level { DEVSDK_ERROR, DEVSDK_WARN, DEVSDK_INFO, DEVSDK_DEBUG } devsdk_level;
void devsdk_log(const devsdk_service *, devsdk_level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void devsdk_metric(devsdk_service *, const char *name, uint64_t delta);

#ifdef __cplusplus
}
#endif
#endif
