/**
 * The rows of route tables: what a route is called, takes, answers, and who may use it. The dispatcher
 * goes by method, path, flags and size; the API pages and the OpenAPI document of a service are
 * made of the rest, and edge_routes_verify() holds every row to saying it.
 *
 *     {"GET", "/api/v3/device/name/{name}", device_get, "One device.",
 *      .answer = {EDGE_B_OBJECT, "device", &DEVICE}, .fails = "404", .roles = EDGE_FOR_READERS},
 */
#ifndef EDGE_ROUTE_H
#define EDGE_ROUTE_H

#include "edge/dto.h"

struct edge_call; /* one request and its reply */
typedef enum edge_status edge_handler(struct edge_call *call);

enum edge_route_flags {
    EDGE_ROUTE_OPEN = 1 << 0,  /* no authentication (ping only) */
    EDGE_ROUTE_WAITS = 1 << 1, /* runs on the worker pool */
    /* JSON bodies without the trailing newline; a correlation id is only echoed, never made
     * up (contract 1.1, 10.1) */
    EDGE_ROUTE_BARE = 1 << 2,
    EDGE_ROUTE_ITEM_CHAIN = 1 << 3, /* failures of a batch's items show the whole chain */
    EDGE_ROUTE_READS = 1 << 4,      /* a store: on the pool where that waits (edge_runtime_store) */
};

/**
 * A parameter of the query, or of the path where a segment in braces has its name. Tables end with
 * an empty row. Parameters of the path need none where they are texts; those of a query that have none
 * are ignored.
 */
struct edge_param {
    const char *name;
    enum { EDGE_P_TEXT, EDGE_P_INT, EDGE_P_BOOL, EDGE_P_UUID } type;
    const char *doc;
    const char *const *names; /* what a text may be, NULL-ended; NULL: anything */
    int64_t min;              /* of an integer */
};
/* What edge_call_page() reads; rows to begin a longer table with. */
#define EDGE_LIMIT_ROW                                                                             \
    {                                                                                              \
        "limit", EDGE_P_INT,                                                                       \
            "How many at most; 20 if not given, -1: as many as the service gives.", .min = -1      \
    }
#define EDGE_PAGE_ROWS                                                                             \
    {"offset", EDGE_P_INT, "How many to leave out; 0 if not given."}, EDGE_LIMIT_ROW
#define EDGE_LABELS_ROW                                                                            \
    {                                                                                              \
        "labels", EDGE_P_TEXT, "Only what has all of these labels; commas between them."           \
    }
extern const struct edge_param EDGE_PAGE_PARAMS[], EDGE_LABELLED_PARAMS[];

/** What a body is. The status is that of its form unless @p code says another. */
struct edge_body {
    enum {
        EDGE_B_UNSAID,
        EDGE_B_EMPTY,      /* none */
        EDGE_B_BASE,       /* {apiVersion, statusCode, message} */
        EDGE_B_ID,         /* and the id of what was made: 201 */
        EDGE_B_DTO,        /* the DTO and nothing around it */
        EDGE_B_OBJECT,     /* the DTO as member @p key of the envelope; without one: any JSON */
        EDGE_B_LIST,       /* a list of them as member @p key, and totalCount */
        EDGE_B_PLAIN_LIST, /* the same without totalCount; without a DTO: texts */
        EDGE_B_BATCH,      /* asked: a list of the DTO; answered: 207 and a BaseResponse each */
        EDGE_B_BATCH_IDS,  /* answered: 207 and a BaseWithIdResponse each */
        EDGE_B_PATCHES,    /* asked: a list of {apiVersion, requestId, key: a part of the DTO} */
        EDGE_B_FILE,       /* asked: a form with the file; its text is the DTO's */
        EDGE_B_ANY,        /* any JSON object */
        EDGE_B_RAW,        /* no JSON: text or bytes of type @p also */
    } form;
    const char *key;
    const struct edge_dto *dto;
    int code;
    const char *also; /* a content type it may have, beside JSON; its only one where RAW */
    const struct edge_body *other; /* or this, where what was asked is another thing */
    bool optional;                 /* asked: may be left out; answered: may be empty */
};

/** Built-in roles, and sets of them. A row says whom it is for unless an installation says otherwise. */
enum edge_role {
    EDGE_ROLE_ADMIN_IT = 1 << 0,
    EDGE_ROLE_ADMIN_OT = 1 << 1,
    EDGE_ROLE_INSTALLER = 1 << 2, /* brings devices in */
    EDGE_ROLE_TECHNICIAN = 1 << 3,
    EDGE_ROLE_OPERATOR = 1 << 4, /* reads, and gives commands */
    EDGE_ROLE_VIEWER = 1 << 5,
    EDGE_ROLE_CONSOLE = 1 << 6, /* monitoring by others: health and metrics */
    EDGE_ROLE_SVC_CORE = 1 << 7,
    EDGE_ROLE_SVC_DEVICE = 1 << 8,
    EDGE_ROLE_SVC_APP = 1 << 9,
    EDGE_ROLE_SVC_SECURITY = 1 << 10,
    EDGE_ROLE_DEVICE = 1 << 11,
    EDGE_ROLE_END = 1 << 12,

    EDGE_FOR_ALL = EDGE_ROLE_END - 1,
    EDGE_FOR_SERVICES =
        EDGE_ROLE_SVC_CORE | EDGE_ROLE_SVC_DEVICE | EDGE_ROLE_SVC_APP | EDGE_ROLE_SVC_SECURITY,
    /* what the plant is, says and said */
    EDGE_FOR_READERS = EDGE_ROLE_ADMIN_IT | EDGE_ROLE_ADMIN_OT | EDGE_ROLE_INSTALLER |
                       EDGE_ROLE_TECHNICIAN | EDGE_ROLE_OPERATOR | EDGE_ROLE_VIEWER |
                       EDGE_FOR_SERVICES,
    EDGE_FOR_MONITORS = EDGE_FOR_READERS | EDGE_ROLE_CONSOLE,
    /* commands to devices */
    EDGE_FOR_OPERATORS =
        EDGE_ROLE_ADMIN_OT | EDGE_ROLE_OPERATOR | EDGE_ROLE_SVC_CORE | EDGE_ROLE_SVC_APP,
    /* what devices there are */
    EDGE_FOR_INSTALLERS =
        EDGE_ROLE_ADMIN_OT | EDGE_ROLE_INSTALLER | EDGE_ROLE_SVC_CORE | EDGE_ROLE_SVC_DEVICE,
    /* how services are set up */
    EDGE_FOR_KEEPERS = EDGE_ROLE_ADMIN_IT | EDGE_FOR_SERVICES,
    EDGE_FOR_SHOWN_CONFIG = EDGE_FOR_KEEPERS | EDGE_ROLE_ADMIN_OT | EDGE_ROLE_TECHNICIAN,
    EDGE_FOR_SECRETS = EDGE_ROLE_ADMIN_IT | EDGE_ROLE_SVC_SECURITY,
    /* what devices said */
    EDGE_FOR_SOURCES =
        EDGE_ROLE_SVC_CORE | EDGE_ROLE_SVC_DEVICE | EDGE_ROLE_SVC_APP | EDGE_ROLE_DEVICE,
    EDGE_FOR_PURGING = EDGE_ROLE_ADMIN_OT | EDGE_ROLE_SVC_CORE,
};
/** "viewer" of EDGE_ROLE_VIEWER; NULL where @p role is none. */
const char *edge_role_name(unsigned role);

/**
 * A row of a route table. Path segments in braces are parameters; the last one swallows slashes
 * where no longer route of the table continues behind it; static segments win, with backtracking.
 * Rows outlive the server.
 */
struct edge_route {
    const char *method, *path;
    edge_handler *handler;
    const char *doc; /* one line */
    unsigned flags;
    size_t max_body; /* bytes, if the server allows as much; 0: its limit */
    struct edge_body request, answer;
    const struct edge_param *params; /* NULL: none */
    const char *fails; /* statuses of failures that not every route like it has: "404 409" */
    unsigned roles;    /* of enum edge_role */
};

struct edge_routes {
    const struct edge_route *rows;
    size_t n;
};
#define EDGE_TABLE(rows)                                                                           \
    {                                                                                              \
        (rows), sizeof(rows) / sizeof((rows)[0])                                                   \
    }

/** The row of the parameter @p name; NULL if there is none. */
const struct edge_param *edge_route_param(const struct edge_route *route, const char *name);
/** NULL if each row says all there is to say of it, else what is wrong where, in @p a. For unit tests. */
const char *edge_routes_verify(const struct edge_routes *routes, struct edge_arena *a);
/**
 * Them as an OpenAPI 3.1 document, in the context's arena. INTERNAL where two tables of data have
 * one name.
 */
enum edge_status edge_routes_describe(struct edge_ctx *ctx, const char *title, const char *doc,
                                      const struct edge_routes *tables, size_t n,
                                      const cJSON **ret);
/** The status of success. */
int edge_body_code(const struct edge_body *answer);
/** Whether the route may answer with the failure @p code: by its row, or as every route like it. */
bool edge_route_may_fail(const struct edge_route *route, int code);

#endif
