/* hands.mjs: what stories share: people who register and sync, waiting for facts, steps that are told one by one.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import * as sdk from "matrix-js-sdk";
import { logger } from "matrix-js-sdk/lib/logger.js";

logger.setLevel?.("error");
export const story = JSON.parse(readFileSync(0, "utf8"));
export { sdk };

export async function until(fact, what, seconds = 20) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const value = await fact();
        if (value) return value;
        if (Date.now() > end) throw new Error(`after ${seconds} s still not: ${what}`);
        await new Promise((go) => setTimeout(go, 20));
    }
}

export function check(fact, what) {
    if (!fact) throw new Error(`not so: ${what}`);
}

/* The request must be refused with this errcode. */
export async function refused(asking, errcode) {
    try {
        await asking;
    } catch (error) {
        check(error.errcode === errcode, `${error.errcode ?? error} instead of ${errcode}`);
        return error;
    }
    throw new Error(`not refused with ${errcode}`);
}

/* Asks, then once more with the session of the 401 and this auth. */
export async function confirmed(ask, auth) {
    try {
        return await ask(undefined);
    } catch (error) {
        if (error.httpStatus !== 401 || !error.data?.session) throw error;
        return await ask({ ...auth, session: error.data.session });
    }
}

const people = [];

/* A new user whose client has had its first sync. */
export async function person(username) {
    const data = { username, password: "pass-word-1", initial_device_display_name: `${username}'s SDK` };
    const given = await confirmed((auth) => sdk.createClient({ baseUrl: story.url }).registerRequest({ ...data, auth }),
                                  { type: "m.login.dummy" });
    const client = sdk.createClient({ baseUrl: story.url, accessToken: given.access_token, userId: given.user_id,
                                      deviceId: given.device_id, timelineSupport: true });
    await client.startClient({ initialSyncLimit: 20, threadSupport: true, lazyLoadMembers: true, pollTimeout: 5000 });
    await until(() => client.isInitialSyncComplete(), `${username} has synced`);
    people.push(client);
    return client;
}

/* The room as this client knows it, with this membership. */
export const inRoom = (client, roomId, membership = "join") => until(
    () => client.getRoom(roomId)?.getMyMembership() === membership && client.getRoom(roomId),
    `${client.getUserId()} has ${membership} in ${roomId}`);

/* An event that has come by sync; in the timeline or in a thread. */
export const seen = (client, roomId, eventId) => until(
    () => client.getRoom(roomId)?.findEventById(eventId), `${client.getUserId()} sees ${eventId}`);

/* Sends and gives the event's id. The SDK fails when its own event comes by /sync before the answer of the request; then the
 * request is sent once more under its transaction id, which gives the same event. */
export async function send(client, roomId, type, content, threadId = null) {
    const transaction = client.makeTxnId();
    try {
        return (await client.sendEvent(roomId, threadId, type, content, transaction)).event_id;
    } catch (error) {
        if (!`${error.message}`.includes("not a local echo")) throw error;
        const path = `/rooms/${encodeURIComponent(roomId)}/send/${type}/${transaction}`;
        return (await client.http.authedRequest("PUT", path, undefined, content)).event_id;
    }
}

export const say = (client, roomId, content, threadId = null) => send(client, roomId, "m.room.message", content, threadId);

export const text = (body) => ({ msgtype: "m.text", body });

/* Runs the steps in order; each is told by its name, with what went wrong or null. */
export async function tell(steps) {
    const told = {};
    for (const [name, step] of Object.entries(steps)) {
        try {
            await step();
            told[name] = null;
        } catch (error) {
            told[name] = `${error.stack ?? error}`.slice(0, 1000);
        }
    }
    for (const client of people) client.stopClient();
    console.log(JSON.stringify(told));
    process.exit(0);
}
