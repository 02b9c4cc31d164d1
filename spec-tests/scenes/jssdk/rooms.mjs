/* rooms.mjs: rooms found in the directory, and knocked on.
 *
 * Input: {"url"}. Output: each step with what went wrong, or null.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import { check, inRoom, person, refused, tell, until } from "./hands.mjs";

let alice, bob;
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
});
