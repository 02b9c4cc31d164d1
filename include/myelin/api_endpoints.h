/* api_endpoints.h: the endpoint array that main.c hands to http/.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_API_ENDPOINTS_H
#define MYELIN_API_ENDPOINTS_H

#include <myelin/config_file.h>
#include <myelin/http_request.h>

/* Once at start: the configuration that handlers ask. Process lifetime. */
void myl_api_start(const myl_config *config);

/* Rows of src/api/endpoints.def; constants. */
const myl_endpoint *myl_api_endpoints(size_t *count);

/* What of the configuration only api/ understands; MYL_BAD_CONFIG. */
myl_rc myl_api_check_config(myl_ctx *cx, const myl_config *given);

#endif
