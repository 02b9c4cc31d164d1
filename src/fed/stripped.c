/* stripped.c: the state events that come with an invite or a knock, to say which room it is.
 *
 * Spec:    Server-Server API, Inviting to a room; Knocking: they are PDUs of the room. Older servers send what clients see of
 *          them, so only rooms whose version came with that rule are held to it.
 * Callers: api/server for invites, leave.c for knocks.
 * Threads: lanes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fed/rooms_own.h"

/* NULL: it is no PDU of the room. */
static const myl_event *read_one(myl_ctx *cx, const myl_fed_stripped *in, const myl_json *json)
{
    myl_incoming *read = myl_new(cx, myl_incoming);

    if (json->kind != MYL_JSON_OBJECT || MYL_JSON_AT(json, "signatures") == NULL ||
        myl_incoming_read(cx, in->version, json, read) != MYL_OK) {
        myl_forgive(cx);
        return NULL;
    }
    return !read->hash_failed && myl_str_equal(read->event.room_id, in->room_id) &&
                   myl_str_present(read->event.state_key)
               ? &read->event
               : NULL;
}

bool myl_fed_stripped_is_held(const myl_room_version *version)
{
    return version->room_id_is_create;
}

myl_rc myl_fed_stripped_check(myl_ctx *cx, myl_fed_stripped *in)
{
    uint32_t count = in->events == NULL ? 0 : in->events->count;
    myl_list pdus = MYL_LIST(cx, const myl_event *), places = MYL_LIST(cx, uint32_t);
    bool *good;

    in->good = myl_new_array(cx, bool, count + 1);
    in->has_create = false;
    for (uint32_t i = 0; i < count && i < MYL_LIMIT_STRIPPED_EVENTS; i++) {
        const myl_event *event = read_one(cx, in, &in->events->items[i]);

        if (event == NULL)
            continue;
        myl_list_push(&pdus, const myl_event *, event);
        myl_list_push(&places, uint32_t, i);
    }
    good = myl_new_array(cx, bool, pdus.count + 1);
    MYL_TRY(myl_fed_verify_events(cx, pdus.at, pdus.count, good));
    for (size_t i = 0; i < pdus.count; i++) {
        const myl_event *event = myl_list_get(&pdus, const myl_event *, i);

        in->good[myl_list_get(&places, uint32_t, i)] = good[i];
        in->has_create |= good[i] && myl_event_is(event, "m.room.create", MYL_S(""));
        in->good_count += good[i];
    }
    return MYL_OK;
}

const myl_json *myl_fed_stripped_good(myl_ctx *cx, const myl_fed_stripped *in)
{
    myl_list kept = MYL_LIST(cx, myl_json);

    for (uint32_t i = 0; in->events != NULL && i < in->events->count; i++)
        if (in->good[i])
            myl_list_push(&kept, myl_json, in->events->items[i]);
    return myl_json_of_items(cx, kept.at, kept.count);
}
