/* crypto.mjs: two people with two devices each: verified, encrypted, backed up, restored on a new device.
 *
 * Input: {"url", "users": [{"user_id", "password"}, …]}. Output: what each device read, and who trusts whom.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { readFileSync } from "node:fs";
import * as sdk from "matrix-js-sdk";
import { CryptoEvent, VerificationPhase, VerifierEvent } from "matrix-js-sdk/lib/crypto-api/index.js";
import { logger } from "matrix-js-sdk/lib/logger.js";

logger.setLevel?.("error");
const story = JSON.parse(readFileSync(0, "utf8"));
const [alice, bob] = story.users;

/* ---- waiting for facts ---- */

async function until(fact, what, seconds = 30) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const value = await fact();
        if (value) return value;
        if (Date.now() > end) throw new Error(`after ${seconds} s still not: ${what}`);
        await new Promise((go) => setTimeout(go, 50));
    }
}

/* ---- devices ---- */

const secrets = new Map(); // user id -> the secret storage key, as the person has written it down

async function device(user, name) {
    const login = await sdk.createClient({ baseUrl: story.url }).loginRequest({
        type: "m.login.password", identifier: { type: "m.id.user", user: user.user_id }, password: user.password,
        initial_device_display_name: name });
    const client = sdk.createClient({
        baseUrl: story.url, accessToken: login.access_token, userId: login.user_id, deviceId: login.device_id,
        cryptoCallbacks: { getSecretStorageKey: async ({ keys }) => [Object.keys(keys)[0], secrets.get(user.user_id)] } });
    client.requests = [];
    client.on(CryptoEvent.VerificationRequestReceived, (request) => client.requests.push(request));
    await client.initRustCrypto({ useIndexedDB: false });
    client.user = user;
    client.name = name;
    await client.startClient({ initialSyncLimit: 50 });
    await until(() => client.isInitialSyncComplete(), `${name} has synced`);
    return client;
}

async function first(user, name) {
    const client = await device(user, name), crypto = client.getCrypto();
    await crypto.bootstrapCrossSigning({
        authUploadDeviceSigningKeys: (upload) => upload(null) });
    await crypto.bootstrapSecretStorage({
        createSecretStorageKey: async () => {
            const key = await crypto.createRecoveryKeyFromPassphrase();
            secrets.set(user.user_id, key.privateKey);
            return key;
        },
        setupNewKeyBackup: true });
    await until(() => crypto.isCrossSigningReady(), `${name}'s cross-signing`);
    await until(async () => (await crypto.getActiveSessionBackupVersion()) !== null, `${name}'s backup`);
    return client;
}

/* ---- verification by emoji, over to-device messages or in a room ---- */

function show(verifier) {
    return new Promise((done, fail) => {
        verifier.on(VerifierEvent.ShowSas, (sas) => done(sas));
        verifier.on(VerifierEvent.Cancel, fail);
        verifier.verify().catch(fail);
    });
}

async function verify(asker, request, answerer) {
    const answer = await until(() => answerer.requests.find((one) => one.transactionId === request.transactionId),
        `${answerer.name} is asked`);
    await answer.accept();
    await until(() => request.phase === VerificationPhase.Ready, `${asker.name} may start`);
    const mine = show(await request.startVerification("m.sas.v1"));
    const theirs = show(await until(() => answer.verifier, `${answerer.name} has started`));
    const [a, b] = await Promise.all([mine, theirs]);
    const same = JSON.stringify(a.sas.emoji) === JSON.stringify(b.sas.emoji);
    await Promise.all([a.confirm(), b.confirm()]);
    await until(() => request.phase === VerificationPhase.Done && answer.phase === VerificationPhase.Done,
        `${asker.name} and ${answerer.name} are done`);
    return same;
}

/* ---- messages ---- */

async function texts(client, room) {
    const events = client.getRoom(room)?.getLiveTimeline().getEvents() ?? [];
    const found = [];
    for (const event of events) {
        await client.decryptEventIfNeeded(event);
        if (event.isEncrypted() && !event.isDecryptionFailure() && event.getContent().body)
            found.push(event.getContent().body);
    }
    return found;
}

const reads = (client, room, text) =>
    until(async () => (await texts(client, room)).includes(text), `${client.name} reads "${text}"`);

/* ---- the story ---- */

const a1 = await first(alice, "alice's phone"), b1 = await first(bob, "bob's phone");
const a2 = await device(alice, "alice's laptop"), b2 = await device(bob, "bob's laptop");
const result = { emoji: [], read: {} };

result.emoji.push(await verify(a2, await a2.getCrypto().requestOwnUserVerification(), a1));
result.emoji.push(await verify(b2, await b2.getCrypto().requestOwnUserVerification(), b1));
for (const client of [a2, b2])
    await until(async () => (await client.getCrypto().getDeviceVerificationStatus(client.getUserId(), client.getDeviceId()))
        ?.crossSigningVerified, `${client.name} is cross-signed`);

const { room_id: room } = await a1.createRoom({
    invite: [bob.user_id], preset: "private_chat",
    initial_state: [{ type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } }] });
await until(() => b1.getRoom(room)?.getMyMembership() === "invite", "bob is invited");
await b1.joinRoom(room);
await until(() => a1.getRoom(room)?.getMember(bob.user_id)?.membership === "join", "bob is there");
for (const client of [a1, a2, b1, b2])
    await until(() => client.getRoom(room)?.hasEncryptionStateEvent(), `${client.name} knows that it is encrypted`);

const request = await a1.getCrypto().requestVerificationDM(bob.user_id, room);
result.emoji.push(await verify(a1, request, b1));
await until(async () => (await a1.getCrypto().getUserVerificationStatus(bob.user_id)).isCrossSigningVerified(),
    "alice trusts bob");
await until(async () => (await a2.getCrypto().getUserVerificationStatus(bob.user_id)).isCrossSigningVerified(),
    "alice's laptop trusts bob too");

await a1.sendTextMessage(room, "from alice's phone");
for (const client of [a1, a2, b1, b2]) await reads(client, room, "from alice's phone");
await b2.sendTextMessage(room, "from bob's laptop");
for (const client of [a1, a2, b1, b2]) await reads(client, room, "from bob's laptop");
await a2.sendTextMessage(room, "from alice's laptop");
for (const client of [a1, a2, b1, b2]) {
    await reads(client, room, "from alice's laptop");
    result.read[client.name] = await texts(client, room);
}

const backup = () => a1.http.authedRequest(sdk.Method.Get, "/room_keys/version", undefined, undefined, { prefix: "/_matrix/client/v3" });
await until(async () => (await backup()).count >= 3, "the keys are backed up");
const a3 = await device(alice, "alice's new phone");
result.before = await texts(a3, room);
await a3.getCrypto().loadSessionBackupPrivateKeyFromSecretStorage();
result.restored = (await a3.getCrypto().restoreKeyBackup()).imported;
await reads(a3, room, "from alice's phone");
await reads(a3, room, "from bob's laptop");
result.read[a3.name] = await texts(a3, room);
for (const client of [a1, a2, a3, b1, b2]) client.stopClient();
console.log(JSON.stringify(result));
process.exit(0);
