/* fuzz_event.c: any bytes through the PDU decoder of every room version.
 *
 * Holds:   what decodes has an id that its redacted form and its stored bytes have too; redacting twice is
 *          redacting once; what the version writes parses and decodes to the same event.
 * The first byte chooses the version.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include <myelin/matrix_event.h>

static void demand(bool condition, const char *what, myl_str detail)
{
    if (condition)
        return;
    fprintf(stderr, "%s: %.*s\n", what, MYL_FMT(detail));
    abort();
}

static bool same(myl_str a, myl_str b)
{
    return myl_str_present(a) == myl_str_present(b) && myl_str_equal(a, b);
}

static void redacted(myl_ctx *cx, const myl_event *event)
{
    myl_event again;
    const myl_json *once = myl_event_redact(cx, event->version, event->json);
    demand(myl_json_equal(once, myl_event_redact(cx, event->version, once)), "redacted twice",
           event->event_id);
    demand(myl_event_decode(cx, event->version, once, &again) == MYL_OK, "redacted",
           cx->error.detail);
    demand(same(event->event_id, again.event_id), "another id when redacted", again.event_id);
    demand(same(event->room_id, again.room_id), "another room when redacted", again.room_id);
}

static void stored(myl_ctx *cx, const myl_event *event)
{
    myl_text text = MYL_TEXT(cx);
    myl_event again;
    myl_json_write(&text, event->json);
    myl_str bytes = myl_text_str(&text);
    demand(myl_event_reopen(cx, event->version, event->event_id, bytes, &again) == MYL_OK, "stored",
           bytes);
    demand(same(event->room_id, again.room_id) && same(event->sender, again.sender) &&
               same(event->type, again.type) && same(event->state_key, again.state_key) &&
               same(event->redacts, again.redacts) && event->depth == again.depth &&
               event->prev_event_count == again.prev_event_count &&
               event->auth_event_count == again.auth_event_count,
           "another event when stored", bytes);
    demand(myl_event_decode(cx, event->version, again.json, &again) == MYL_OK, "decoded again",
           cx->error.detail);
    demand(same(event->event_id, again.event_id), "another id when stored", bytes);
}

static void questions(myl_ctx *cx, const myl_event *event)
{
    const myl_str *servers;
    size_t count;
    if (myl_event_signers(cx, event, &servers, &count) == MYL_OK) {
        for (size_t i = 0; i < count; i++)
            (void)myl_event_verify(cx, event, servers[i], MYL_S("ed25519:1"),
                                   MYL_S("01234567890123456789012345678901"));
    }
    myl_forgive(cx);
    (void)myl_event_hash_matches(cx, event->version, event->json);
    demand(cx->error.rc == MYL_OK, "questions leave an error", cx->error.detail);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    myl_ctx cx;
    myl_event event;
    const myl_json *json;
    myl_crypto_start();
    myl_ctx_begin(&cx);
    const myl_room_version *version = myl_room_version_at(data[0] % myl_room_version_count());
    if (myl_json_parse(&cx, (myl_str){(const char *)data + 1, size - 1}, &json) == MYL_OK &&
        myl_event_decode(&cx, version, json, &event) == MYL_OK) {
        redacted(&cx, &event);
        stored(&cx, &event);
        questions(&cx, &event);
    } else {
        demand(cx.error.detail.len > 0, "refused without a reason", MYL_S(""));
    }
    myl_ctx_end(&cx);
    return 0;
}
