/* transaction.c: what waits for a server, put into transactions, one after another.
 *
 * Spec:    Server-Server API, Transactions.
 * Callers: destination.c, whenever something waits and may be sent.
 * Threads: the sender.
 * Memory:  a transaction is process memory with a job of its own; it dies with its answer.
 * Holds:   one transaction a server at a time, so order is kept. The same content tried again has the same id.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "outbox/outbox_own.h"

#include <myelin/json_writer.h>
#include <myelin/room_event.h>
#include <myelin/user_to_device.h>

enum { LOAD_AGAIN_MS = 1000, CALL_MS = 60000, ANSWER_BYTES = 1 << 20 };

/* ---- the body ---- */

typedef struct {
    outbox_sending *sending;
    myl_text pdus, edus; /* elements without brackets */
} draft;

static void add_element(myl_text *text, myl_str json)
{
    if (text->len > 0)
        myl_text_add_byte(text, ',');
    myl_text_add(text, json);
}

static myl_rc add_item(draft *self, const outbox_item *item)
{
    myl_ctx *cx = &self->sending->cx;
    myl_stored stored;
    myl_str json;

    if (item->kind == OUTBOX_PDU) {
        MYL_TRY(myl_room_event_kept(cx, item->id, &stored));
        if (stored.number == 0)
            return MYL_OK; /* its room has been deleted meanwhile */
        add_element(&self->pdus, stored.bytes);
        self->sending->pdus++;
        return MYL_OK;
    }
    MYL_TRY(myl_outbox_write_edu(cx, item, &json));
    if (myl_str_present(json)) {
        add_element(&self->edus, json);
        self->sending->edus++;
    }
    return MYL_OK;
}

/* From the front of the queue, as many as fit. An item that cannot be read (its room was deleted) is left out. */
static void add_items(draft *self)
{
    outbox_sending *sending = self->sending;
    const outbox_destination *to = sending->to;

    for (; sending->taken < to->waiting.count; sending->taken++) {
        const outbox_item *item = myl_outbox_queue_at(&to->waiting, sending->taken);
        bool is_pdu = item->kind == OUTBOX_PDU;
        if (is_pdu ? sending->pdus >= to->most_pdus : sending->edus >= OUTBOX_EDUS)
            return;
        if (self->pdus.len + self->edus.len > MYL_LIMIT_OUTBOX_BYTES)
            return;
        if (add_item(self, item) != MYL_OK)
            myl_forgive(&sending->cx);
    }
}

static void add_to_device(draft *self)
{
    outbox_sending *sending = self->sending;
    outbox_destination *to = sending->to;
    const myl_to_device_out *edus;
    size_t count, i;

    if (!to->to_device || sending->edus >= OUTBOX_EDUS)
        return;
    if (myl_user_to_device_out(&sending->cx, to->server, to->to_device_sent, &edus, &count) !=
        MYL_OK) {
        myl_forgive(&sending->cx);
        return;
    }
    for (i = 0; i < count && sending->edus < OUTBOX_EDUS &&
                self->edus.len + self->pdus.len < MYL_LIMIT_OUTBOX_BYTES;
         i++) {
        add_element(&self->edus,
                    myl_outbox_edu_text(&sending->cx, MYL_S("m.direct_to_device"), edus[i].json));
        sending->to_device_upto = edus[i].position;
        sending->edus++;
    }
    sending->more_to_device = i < count;
    to->to_device = count > 0;
}

static void add_volatiles(draft *self)
{
    outbox_sending *sending = self->sending;

    for (outbox_volatile *one = sending->to->volatiles; one != NULL && sending->edus < OUTBOX_EDUS;
         one = one->next) {
        add_element(&self->edus, one->json);
        one->is_out = true;
        sending->edus++;
    }
}

static myl_str body_of(draft *self)
{
    myl_text body = myl_text_start(&self->sending->cx, self->pdus.len + self->edus.len + 256);

    myl_text_add_byte(&body, '{');
    if (self->edus.len > 0) {
        myl_text_add(&body, MYL_S("\"edus\":["));
        myl_text_add(&body, myl_text_str(&self->edus));
        myl_text_add(&body, MYL_S("],"));
    }
    myl_text_add(&body, MYL_S("\"origin\":"));
    myl_json_write_str(&body, myl_fed_server()->config->server_name);
    myl_text_addf(&body, ",\"origin_server_ts\":%lld,\"pdus\":[", (long long)myl_now_ms());
    myl_text_add(&body, myl_text_str(&self->pdus));
    myl_text_add(&body, MYL_S("]}"));
    return myl_text_str(&body);
}

/* By content, so that a server which had taken it, but could not say so, knows it again. */
static myl_str path_of(draft *self)
{
    myl_ctx *cx = &self->sending->cx;
    myl_text text = myl_text_start(cx, self->pdus.len + self->edus.len + 1);

    myl_text_add(&text, myl_text_str(&self->pdus));
    myl_text_add_byte(&text, '\n');
    myl_text_add(&text, myl_text_str(&self->edus));
    myl_sha256 hash = myl_crypto_sha256(myl_text_str(&text));
    myl_str name = myl_crypto_base64(cx, MYL_BASE64_URL, (myl_str){(const char *)hash.bytes, 15});
    return myl_strf(cx, "/_matrix/federation/v1/send/%.*s.%llx", MYL_FMT(name),
                    (unsigned long long)self->sending->to->sequence);
}

/* ---- answers ---- */

static void drop_volatiles(outbox_destination *to, bool all)
{
    outbox_volatile **link = &to->volatiles;

    while (*link != NULL) {
        outbox_volatile *one = *link;
        if (!all && !one->is_out) {
            link = &one->next;
            continue;
        }
        *link = one->next;
        to->volatile_count--;
        myl_process_free((void *)(uintptr_t)one->json.at);
        myl_process_free(one);
    }
}

static void was_taken(outbox_sending *sending)
{
    outbox_destination *to = sending->to;

    myl_metric_add(MYL_METRIC_OUTBOX_PDUS, (int64_t)sending->pdus);
    myl_metric_add(MYL_METRIC_OUTBOX_EDUS, (int64_t)sending->edus);
    if (sending->taken > 0)
        to->upto = myl_outbox_queue_at(&to->waiting, sending->taken - 1)->position;
    myl_outbox_queue_drop(&to->waiting, sending->taken);
    drop_volatiles(to, false);
    to->sequence++;
    if (sending->to_device_upto > 0) {
        to->to_device_sent = sending->to_device_upto;
        to->to_device_done = true;
        myl_outbox_destination_changed(to);
    }
}

/* A server that refuses the whole for one of its parts gets smaller ones, until the part is found: that is given up. */
static bool makes_smaller(outbox_sending *sending)
{
    outbox_destination *to = sending->to;

    if ((sending->send.status != 400 && sending->send.status != 413) || sending->taken == 0)
        return false;
    if (to->most_pdus > 1) {
        to->most_pdus /= 4;
        to->most_pdus = to->most_pdus == 0 ? 1 : to->most_pdus;
        return false; /* after a pause */
    }
    const outbox_item *first = myl_outbox_queue_at(&to->waiting, 0);
    myl_log(NULL, MYL_LOG_WARNING, "outbox", "a server will not take this; it is given up",
            MYL_LOG_STR("server", to->name), MYL_LOG_INT("position", first->position),
            MYL_LOG_INT("status", sending->send.status));
    to->upto = first->position;
    myl_outbox_queue_drop(&to->waiting, 1);
    return true;
}

static int64_t asked_wait_ms(outbox_sending *sending)
{
    const myl_json *json;
    int64_t wait = 0;

    if (sending->send.status != 429 ||
        myl_json_parse(&sending->cx, sending->send.body, &json) != MYL_OK ||
        !myl_json_int(json, MYL_S("retry_after_ms"), &wait) || wait < 0)
        return 0;
    return wait < MYL_LIMIT_OUTBOX_ASKED_MS ? wait : MYL_LIMIT_OUTBOX_ASKED_MS;
}

static void was_not_taken(outbox_sending *sending)
{
    outbox_destination *to = sending->to;
    bool goes_on = makes_smaller(sending);

    myl_log(NULL, MYL_LOG_DEBUG, "outbox", "a transaction was not taken",
            MYL_LOG_STR("server", to->name), MYL_LOG_INT("status", sending->send.status),
            MYL_LOG_STR("reason", sending->send.failure));
    drop_volatiles(to, true);
    if (goes_on)
        myl_outbox_destination_answered(to);
    else
        myl_outbox_destination_failed(to, asked_wait_ms(sending));
}

static void answered(myl_fed_send *send)
{
    outbox_sending *sending = MYL_OF(send, outbox_sending, send);
    outbox_destination *to = sending->to;
    bool good = send->rc == MYL_OK && send->status == 200;

    to->sending = NULL;
    if (good)
        was_taken(sending);
    if (to->overflowed)
        myl_outbox_destination_overflow(to);
    if (good)
        myl_outbox_destination_answered(to);
    else if (send->rc != MYL_STOPPING)
        was_not_taken(sending);
    myl_ctx_end(&sending->cx);
    myl_process_free(sending);
}

/* ---- sending ---- */

/* In a snapshot. */
static void fill(outbox_sending *sending, draft *self)
{
    add_items(self);
    add_to_device(self);
    add_volatiles(self);
    sending->send.request.path = path_of(self);
    sending->send.request.ready_body = body_of(self);
}

static myl_rc prepare(outbox_sending *sending)
{
    myl_ctx *cx = &sending->cx;
    draft self = {.sending = sending, .pdus = MYL_TEXT(cx), .edus = MYL_TEXT(cx)};
    myl_rc rc = MYL_OK;

    MYL_TRY(myl_snapshot_open(cx, myl_outbox.store));
    if (sending->to->must_load)
        rc = myl_outbox_load(cx, sending->to);
    if (rc == MYL_OK)
        fill(sending, &self);
    myl_snapshot_close(cx);
    return rc;
}

static void give_up(outbox_sending *sending)
{
    myl_ctx_end(&sending->cx);
    myl_process_free(sending);
}

/* What was in the way has gone: nothing to send is left. */
static void nothing_left(outbox_destination *to, size_t taken)
{
    if (taken > 0)
        to->upto = myl_outbox_queue_at(&to->waiting, taken - 1)->position;
    myl_outbox_queue_drop(&to->waiting, taken);
    if (to->has_row && to->waiting.count == 0)
        myl_outbox_destination_changed(to);
}

void myl_outbox_send(outbox_destination *to)
{
    if (to->sending != NULL || to->retry.place != 0 || to->is_refused || myl_outbox.is_stopping ||
        !myl_outbox_destination_waits(to))
        return;
    outbox_sending *sending = myl_process_alloc(sizeof(*sending));
    sending->to = to;
    myl_ctx_begin(&sending->cx);
    sending->send = (myl_fed_send){.cx = &sending->cx,
                                   .request = {.destination = to->name,
                                               .method = "PUT",
                                               .timeout_ms = CALL_MS,
                                               .reply_limit = ANSWER_BYTES},
                                   .done = answered};
    if (prepare(sending) != MYL_OK) {
        give_up(sending);
        myl_outbox_destination_wait(to, LOAD_AGAIN_MS);
    } else if (sending->pdus + sending->edus == 0) {
        nothing_left(to, sending->taken);
        give_up(sending);
    } else {
        to->sending = sending;
        myl_fed_send_start(&sending->send);
    }
}
