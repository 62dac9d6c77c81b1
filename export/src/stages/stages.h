/** The functions of this folder, a row each; functions.c lists them. */
#ifndef STAGES_H
#define STAGES_H

#include "export/stage.h"

extern const struct export_function export_filter_by_profile, export_filter_by_device,
    export_filter_by_source, export_filter_by_resource, export_transform, export_compress,
    export_encrypt, export_add_tags, export_json_logic, export_wrap_into_event,
    export_set_response_data, export_to_line_protocol, export_script, export_plugin,
    export_v1_filter, export_v1_format, export_v1_encrypt;

/** Fails with what the function wants instead of what came. */
enum export_verdict stage_wants(struct export_flow *flow, const char *what);
/** A text or bytes in the place of what came. */
void stage_put(struct export_flow *flow, const void *bytes, size_t n, const char *content_type);

/** The same in base64, as a text. */
void stage_put_base64(struct export_flow *flow, const void *bytes, size_t n);
/** An element with a text, escaped as Go does; with a number. */
void stage_xml_text(struct edge_buf *b, const char *name, const char *text);
void stage_xml_number(struct edge_buf *b, const char *name, int64_t n);

/** "name:value, ..." as pairs. */
enum edge_status stage_tags(struct edge_ctx *ctx, struct edge_arena *a, const char *text,
                            struct edge_named_text **ret, size_t *ret_n);
/** A rule of JSONLogic on data; INVALID where it cannot be evaluated. *ret may be NULL: null. */
enum edge_status export_logic_apply(struct edge_ctx *ctx, const cJSON *rule, const cJSON *data,
                                    const cJSON **ret);
/** @p iv: NULL, a random one; tests have their own. */
enum edge_status export_encrypt_with(struct edge_ctx *ctx, const char *secret,
                                     const unsigned char *iv, struct edge_bytes in,
                                     struct edge_bytes *ret);

#endif
