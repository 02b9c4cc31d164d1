/* cmd_own.h: what the commands over JSON lines share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef MYELIN_CMD_OWN_H
#define MYELIN_CMD_OWN_H

#include <myelin/rules_state.h>

/* Lines of a file descriptor, of bounded length and unbounded number. */
typedef struct {
    int fd;
    size_t limit; /* bytes of a line without its end */
    char *at;     /* process memory */
    size_t room, from, to, seen;
    bool skipping; /* the rest of a line that was too long */
    bool ended;
    int error; /* errno of a read that failed; it ends the input */
} myl_lines;

typedef enum { MYL_LINE, MYL_LINE_TOO_LONG, MYL_LINES_END } myl_line_kind;

myl_lines myl_lines_start(int fd, size_t limit);
void myl_lines_end(myl_lines *lines);
/* Would the next line be there without reading? When not, write out what is waiting. */
bool myl_lines_ready(myl_lines *lines);
/* The next line, without its end; valid until the next call. A last line may lack its end. */
myl_line_kind myl_lines_next(myl_lines *lines, myl_str *line);

/* A request's line taken apart. MYL_NOT_JSON, MYL_BAD_REQUEST. */
typedef struct {
    const myl_json *json;
    myl_str op;
} myl_rules_request;
myl_rc myl_rules_request_read(myl_ctx *cx, myl_str line, myl_rules_request *out);
/* The member room_version. */
myl_rc myl_rules_request_version(myl_ctx *cx, const myl_json *request,
                                 const myl_room_version **out);
/* The PDUs of the list `field`, decoded; those that the request's `rejected` names are marked. */
myl_rc myl_rules_request_events(myl_ctx *cx, const myl_json *request, const char *field,
                                const myl_event *const **out, size_t *count);
/* A whole request of op "resolve". */
myl_rc myl_rules_request_resolve(myl_ctx *cx, const myl_json *request, myl_resolve_input *out);
/* {"error": "…"} with the job's failure, which is taken back. */
myl_str myl_rules_refusal(myl_ctx *cx);

#endif
