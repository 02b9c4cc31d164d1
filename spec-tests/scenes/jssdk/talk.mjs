/* talk.mjs: two people talk: messages, edits, reactions, receipts, threads, redactions, and their accounts.
 *
 * Input: {"url"}. Output: each step with what went wrong, or null.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { check, confirmed, inRoom, person, refused, say, sdk, seen, send, story, tell, text, until } from "./hands.mjs";

let alice, bob, roomId, first, root;
const auth = { type: "m.login.password", password: "pass-word-1" };
const relate = (rel_type, event_id, more = {}) => ({ "m.relates_to": { rel_type, event_id, ...more } });

await tell({
    register: async () => {
        [alice, bob] = [await person("alice"), await person("bob")];
        await refused(sdk.createClient({ baseUrl: story.url }).registerRequest({ username: "alice" }), "M_USER_IN_USE");
        check((await alice.whoami()).user_id === alice.getUserId(), "whoami");
    },
    versions: async () => {
        check(await alice.isVersionSupported("v1.11"), "v1.11 is told");
        const capabilities = await alice.getCapabilities();
        check(capabilities["m.change_password"].enabled, "passwords can be changed");
        check(capabilities["m.room_versions"].available["12"] === "stable", "version 12 is stable");
    },
    room: async () => {
        ({ room_id: roomId } = await alice.createRoom({ preset: "private_chat", name: "Talk", topic: "of this and that",
                                                         invite: [bob.getUserId()] }));
        await inRoom(bob, roomId, "invite");
        await bob.joinRoom(roomId);
        const room = await inRoom(bob, roomId);
        await until(() => room.name === "Talk", "the room's name");
        await until(() => room.getMember(alice.getUserId()), "alice is a member for bob");
    },
    messages: async () => {
        first = await say(alice, roomId, text("hello"));
        const event = await seen(bob, roomId, first);
        check(event.getContent().body === "hello" && event.getSender() === alice.getUserId(), "what bob reads");
        await until(() => alice.getRoom(roomId).findEventById(first)?.status === null, "the echo has come back");
    },
    receipts: async () => {
        const room = bob.getRoom(roomId);
        await until(() => room.getUnreadNotificationCount() > 0, "bob has something to read");
        await bob.sendReadReceipt(room.findEventById(first));
        await until(() => room.getUnreadNotificationCount() === 0, "bob has read all");
        await until(() => alice.getRoom(roomId).getReadReceiptForUserId(bob.getUserId(), true)?.eventId === first,
                    "alice sees it");
    },
    edits: async () => {
        const edit = await say(alice, roomId, {
            ...text("* hello, Bob"), "m.new_content": text("hello, Bob"), ...relate("m.replace", first) });
        const event = await seen(bob, roomId, first);
        await until(() => event.replacingEventId() === edit, "bob knows the edit");
        check(event.getContent().body === "hello, Bob", "the edited text");
        const fresh = await bob.fetchRoomEvent(roomId, first);
        check(fresh.unsigned["m.relations"]["m.replace"].event_id === edit, "the edit is bundled");
    },
    reactions: async () => {
        const react = (client) => send(client, roomId, "m.reaction", relate("m.annotation", first, { key: "👍" }));
        const thumb = await react(bob);
        await refused(react(bob), "M_DUPLICATE_ANNOTATION");
        const room = alice.getRoom(roomId);
        const found = () => room.relations.getChildEventsForEvent(first, "m.annotation", "m.reaction");
        await until(() => found()?.getSortedAnnotationsByKey()?.[0]?.[1].size === 1, "alice sees the thumb");
        const { events } = await alice.relations(roomId, first, "m.annotation", "m.reaction");
        check(events.length === 1 && events[0].getId() === thumb, "it is asked for too");
        await bob.redactEvent(roomId, thumb);
        await until(() => found().getRelations().length === 0, "it is taken back");
    },
    threads: async () => {
        root = await say(alice, roomId, text("a subject"));
        await seen(bob, roomId, root);
        const inThread = { rel_type: "m.thread", event_id: root, is_falling_back: true, "m.in_reply_to": { event_id: root } };
        const reply = await say(bob, roomId, { ...text("a thought"), "m.relates_to": inThread }, root);
        const more = await say(alice, roomId, { ...text("another"), "m.relates_to": inThread }, root);
        const thread = await until(() => bob.getRoom(roomId).getThread(root), "bob has the thread");
        await until(() => thread.length === 2 && thread.replyToEvent?.getId() === more, "both replies are counted");
        const { events } = await alice.relations(roomId, root, "m.thread", null, { dir: "b" });
        check(events.map((one) => one.getId()).join() === [more, reply].join(), "the thread's events, newest first");
        const page = await bob.createThreadListMessagesRequest(roomId, null, 10, "b");
        check(page.chunk.length === 1 && page.chunk[0].event_id === root, "the room's threads");
        check(page.chunk[0].unsigned["m.relations"]["m.thread"].count === 2, "their summary");
    },
    "thread receipts": async () => {
        const room = bob.getRoom(roomId), thread = room.getThread(root);
        const last = await until(() => thread.replyToEvent, "the newest reply");
        await bob.sendReadReceipt(last);
        const receipt = () => alice.getRoom(roomId).getThread(root)?.getReadReceiptForUserId(bob.getUserId(), true);
        await until(() => receipt()?.eventId === last.getId(),
                    "alice sees how far bob has read in the thread");
    },
    redactions: async () => {
        const slip = await say(alice, roomId, text("a slip"));
        const event = await seen(bob, roomId, slip);
        await refused(bob.redactEvent(roomId, slip), "M_FORBIDDEN");
        await alice.redactEvent(roomId, slip, undefined, { reason: "a slip" });
        await until(() => event.isRedacted() && event.getContent().body === undefined, "it is gone for bob");
    },
    typing: async () => {
        await bob.sendTyping(roomId, true, 20000);
        await until(() => alice.getRoom(roomId).getMember(bob.getUserId())?.typing, "bob is seen typing");
        await bob.sendTyping(roomId, false, 0);
        await until(() => !alice.getRoom(roomId).getMember(bob.getUserId()).typing, "and no more");
    },
    history: async () => {
        const carl = await person("carl");
        await alice.invite(roomId, carl.getUserId());
        await inRoom(carl, roomId, "invite");
        await carl.joinRoom(roomId);
        const room = await inRoom(carl, roomId);
        const texts = () => room.getLiveTimeline().getEvents().map((one) => one.getContent().body);
        for (let n = 0; n < 10 && !texts().includes("hello, Bob"); n++)
            await carl.paginateEventTimeline(room.getLiveTimeline(), { backwards: true, limit: 20 });
        check(texts().includes("hello, Bob"), `carl can read back: ${texts()}`);
        await carl.leave(roomId);
        await inRoom(carl, roomId, "leave");
    },
    profile: async () => {
        await bob.setDisplayName("Robert");
        await until(() => alice.getRoom(roomId).getMember(bob.getUserId())?.name === "Robert", "his new name is seen");
        const { results } = await alice.searchUserDirectory({ term: "robert" });
        check(results.map((one) => one.user_id).join() === bob.getUserId(), "he is found by it");
    },
    "account data": async () => {
        await bob.setAccountData("org.example.setting", { on: true });
        await until(() => bob.getAccountData("org.example.setting")?.getContent().on, "it comes back by sync");
    },
    account: async () => {
        const second = await sdk.createClient({ baseUrl: story.url }).loginRequest({
            ...auth, identifier: { type: "m.id.user", user: "bob" }, refresh_token: true });
        const other = sdk.createClient({ baseUrl: story.url, accessToken: second.access_token, userId: second.user_id });
        const renewed = await other.refreshToken(second.refresh_token);
        other.setAccessToken(renewed.access_token);
        check((await other.whoami()).device_id === second.device_id, "the refreshed token is the same device's");
        check((await bob.getDevices()).devices.length === 2, "two devices");
        await confirmed((given) => bob.deleteDevice(second.device_id, given), auth);
        await refused(other.whoami(), "M_UNKNOWN_TOKEN");
        const { login_token } = await confirmed((given) => bob.requestLoginToken(given), auth);
        const third = await sdk.createClient({ baseUrl: story.url }).loginRequest({ type: "m.login.token", token: login_token });
        check(third.user_id === bob.getUserId(), "a login token serves");
        check((await bob.getOpenIdToken()).matrix_server_name === "scene.test", "an OpenID token");
        await confirmed((given) => bob.setPassword(given, "new-word-22"), auth);
        await bob.whoami();
    },
    logout: async () => {
        await bob.logout(true);
        await refused(bob.whoami(), "M_UNKNOWN_TOKEN");
    },
});
