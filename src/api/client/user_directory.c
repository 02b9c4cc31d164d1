/* user_directory.c: finding users.
 *
 * Spec:    Client-Server API, User Directory.
 * Threads: a read worker.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "api/client/client_own.h"

#include <myelin/room_people.h>

enum { MOST_RESULTS = 50, TERM_BYTES = 512 };

static void write_person(myl_writer *w, const myl_person *person)
{
    myl_write_open(w, '{');
    myl_write_str(w, "avatar_url", person->avatar_url);
    myl_write_str(w, "display_name", person->display_name);
    myl_write_str(w, "user_id", person->user_id);
    myl_write_close(w, '}');
}

myl_rc myl_client_search_users(myl_req *req, const myl_body_user_search *in)
{
    myl_people_ask ask = {.term = in->search_term,
                          .limit = in->limit > MOST_RESULTS ? MOST_RESULTS : (size_t)in->limit,
                          .all_local = myl_api_config()->user_directory_all_users};
    myl_writer w = myl_write_start(&req->cx, 1024);
    myl_people found;

    if (ask.term.len > TERM_BYTES)
        return myl_fail(&req->cx, MYL_INVALID_PARAM, "search_term: longer than %d bytes",
                        TERM_BYTES);
    MYL_TRY(myl_room_find_people(&req->cx, &req->caller, &ask, &found));
    myl_write_open(&w, '{');
    myl_write_bool(&w, "limited", found.limited);
    myl_write_open_key(&w, "results", '[');
    for (size_t i = 0; i < found.count; i++)
        write_person(&w, &found.people[i]);
    myl_write_close(&w, ']');
    myl_write_close(&w, '}');
    return myl_reply_written(req, &w);
}
