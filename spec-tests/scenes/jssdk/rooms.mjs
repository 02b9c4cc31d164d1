/* rooms.mjs: rooms found, knocked on, joined through a space, upgraded, searched.
 *
 * Input: {"url"}. Output: each step with what went wrong, or null.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { check, inRoom, person, refused, say, story, tell, text, until } from "./hands.mjs";

let alice, bob, space, child;
const state = (type, content, state_key = "") => ({ type, state_key, content });

await tell({
    people: async () => {
        [alice, bob] = [await person("anna"), await person("bert")];
    },
    "public rooms": async () => {
        const { room_id } = await alice.createRoom({ preset: "public_chat", visibility: "public", name: "Agora",
                                                     room_alias_name: "agora" });
        const { chunk } = await bob.publicRooms({ filter: { generic_search_term: "agora" } });
        check(chunk.length === 1 && chunk[0].room_id === room_id, "bob finds the room");
        check((await bob.getRoomIdForAlias("#agora:scene.test")).room_id === room_id, "and by its alias");
        await bob.joinRoom("#agora:scene.test");
        await inRoom(bob, room_id);
        await refused(bob.joinRoom("#nowhere:scene.test"), "M_NOT_FOUND");
    },
    knock: async () => {
        const { room_id } = await alice.createRoom({ initial_state: [state("m.room.join_rules", { join_rule: "knock" })] });
        await refused(bob.joinRoom(room_id), "M_FORBIDDEN");
        await bob.knockRoom(room_id, { reason: "let me in" });
        await inRoom(bob, room_id, "knock");
        const member = await until(() => alice.getRoom(room_id)?.getMember(bob.getUserId()), "alice hears the knock");
        await until(() => member.membership === "knock", "as a knock");
        await alice.invite(room_id, bob.getUserId());
        await inRoom(bob, room_id, "invite");
        await bob.joinRoom(room_id);
        await inRoom(bob, room_id);
    },
    spaces: async () => {
        ({ room_id: space } = await alice.createRoom({ preset: "public_chat", name: "Space",
                                                       creation_content: { type: "m.space" } }));
        ({ room_id: child } = await alice.createRoom({ name: "Inner room", initial_state: [
            state("m.room.join_rules", { join_rule: "restricted",
                                         allow: [{ type: "m.room_membership", room_id: space }] })] }));
        await alice.sendStateEvent(space, "m.space.child", { via: ["scene.test"] }, child);
        const { rooms } = await alice.getRoomHierarchy(space);
        check(rooms.map((one) => one.room_id).join() === [space, child].join(), "the space and its room");
        check(rooms[0].children_state.length === 1, "the link between them");
    },
    "restricted rooms": async () => {
        await refused(bob.joinRoom(child), "M_FORBIDDEN");
        await bob.joinRoom(space);
        await inRoom(bob, space);
        await bob.joinRoom(child);
        await inRoom(bob, child);
    },
    upgrade: async () => {
        const { room_id: old } = await alice.createRoom({ preset: "public_chat", name: "Old", room_version: "11" });
        await bob.joinRoom(old);
        await inRoom(bob, old);
        await refused(bob.upgradeRoom(old, "12"), "M_FORBIDDEN");
        const { replacement_room } = await alice.upgradeRoom(old, "12");
        const room = bob.getRoom(old);
        const tombstone = () => room.currentState.getStateEvents("m.room.tombstone", "");
        await until(() => tombstone()?.getContent().replacement_room === replacement_room, "bob sees the tombstone");
        await bob.joinRoom(replacement_room);
        const next = await inRoom(bob, replacement_room);
        await until(() => next.name === "Old" && next.getVersion() === "12", "the new room is like the old one");
        check(next.findPredecessor()?.roomId === old, "and knows it");
    },
    search: async () => {
        const { room_id } = await alice.createRoom({ preset: "public_chat" });
        const said = await say(alice, room_id, text("the quick brown fox"));
        await say(alice, room_id, text("something else"));
        const found = await until(async () => {
            const { results } = await alice.searchRoomEvents({ term: "brown", filter: { rooms: [room_id] } });
            return results.length > 0 && results;
        }, "the message is found");
        check(found.length === 1 && found[0].context.getEvent().getId() === said, "alone");
        const { results } = await bob.searchRoomEvents({ term: "brown" });
        check(results.length === 0, "not by who is not there");
    },
});
