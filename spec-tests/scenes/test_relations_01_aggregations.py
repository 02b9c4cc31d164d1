"""What belongs to an event: edits, reactions, references, threads; shown with it, listed, and gone when redacted.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, Client, ok, q, refused
from support.server import Server

V1 = "/_matrix/client/v1"


def related(kind: str, parent: str, **more: object) -> dict:
    return {"msgtype": "m.text", "body": kind, "m.relates_to": {"rel_type": kind, "event_id": parent, **more}}


def edit_of(parent: str, text: str) -> dict:
    return related("m.replace", parent) | {"body": f"* {text}", "m.new_content": {"msgtype": "m.text", "body": text}}


def react(client: Client, room: str, parent: str, key: str) -> str:
    return client.send(room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": parent, "key": key}})


def event(client: Client, room: str, event_id: str) -> dict:
    return ok(client.get(f"{V3}/rooms/{q(room)}/event/{q(event_id)}"))


def aggregated(client: Client, room: str, event_id: str) -> dict:
    return event(client, room, event_id)["unsigned"].get("m.relations", {})


def relations(client: Client, room: str, parent: str, *kinds: str, **params: object) -> dict:
    path = "/".join(q(part) for part in (parent, *kinds))
    return ok(client.get(f"{V1}/rooms/{q(room)}/relations/{path}", params=params))


def ids(answer: dict) -> list[str]:
    return [event["event_id"] for event in answer["chunk"]]


def two_in_a_room(server: Server) -> tuple[Client, Client, str]:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    return alice, bob, room


def test_the_newest_valid_edit_is_shown(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    root = alice.say(room, "first")
    assert aggregated(alice, room, root) == {}
    edit = alice.send(room, "m.room.message", edit_of(root, "second"))
    assert aggregated(bob, room, root)["m.replace"]["event_id"] == edit
    assert event(bob, room, root)["content"]["body"] == "first"
    # somebody else's, one of another type, one without new content
    bob.send(room, "m.room.message", edit_of(root, "by bob"))
    alice.send(room, "other.type", edit_of(root, "other"))
    alice.send(room, "m.room.message", related("m.replace", root))
    assert aggregated(bob, room, root)["m.replace"]["event_id"] == edit
    newer = alice.send(room, "m.room.message", edit_of(root, "third"))
    shown = aggregated(bob, room, root)["m.replace"]
    assert (shown["event_id"], shown["content"]["m.new_content"]["body"]) == (newer, "third")
    # an edit of an edit counts for nothing
    alice.send(room, "m.room.message", edit_of(newer, "fourth"))
    assert aggregated(bob, room, newer) == {}
    alice.redact(room, newer)
    assert aggregated(bob, room, root)["m.replace"]["event_id"] == edit
    assert next(event for event in bob.history(room) if event["event_id"] == root)["unsigned"]["m.relations"]
    alice.redact(room, root)
    assert "m.replace" not in aggregated(bob, room, root)


def test_annotations_once_a_sender(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    root = alice.say(room, "like me")
    first = react(bob, room, root, "👍")
    body = {"m.relates_to": {"rel_type": "m.annotation", "event_id": root, "key": "👍"}}
    path = f"{V3}/rooms/{q(room)}/send/m.reaction"
    refused(bob.put(f"{path}/{bob.transaction()}", json=body), 400, "M_DUPLICATE_ANNOTATION")
    react(alice, room, root, "👍")
    react(bob, room, root, "👎")
    bob.redact(room, first)
    again = react(bob, room, root, "👍")
    answer = relations(alice, room, root, "m.annotation", "m.reaction")
    assert again in ids(answer) and first not in ids(answer) and len(ids(answer)) == 3
    body["m.relates_to"]["key"] = "x" * 501
    refused(bob.put(f"{path}/{bob.transaction()}", json=body), 400, "M_INVALID_PARAM", "m.relates_to.key")
    assert "m.annotation" not in aggregated(alice, room, root)


def test_relations_are_listed_page_by_page(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    root = alice.say(room, "root")
    thread = [bob.send(room, "m.room.message", related("m.thread", root)) for _ in range(4)]
    other = bob.send(room, "m.other", related("m.thread", root))
    reference = alice.send(room, "m.room.message", related("m.reference", root))
    everything = [reference, other, *reversed(thread)]
    first = relations(alice, room, root, limit=4)
    assert ids(first) == everything[:4] and "prev_batch" not in first
    second = relations(alice, room, root, limit=4, **{"from": first["next_batch"]})
    assert ids(second) == everything[4:] and "next_batch" not in second and "prev_batch" in second
    assert ids(relations(alice, room, root, dir="f", limit=50)) == everything[::-1]
    assert ids(relations(alice, room, root, "m.thread", limit=50)) == everything[1:]
    assert ids(relations(alice, room, root, "m.thread", "m.other", limit=50)) == [other]
    assert ids(relations(alice, room, root, "m.never", limit=50)) == []
    assert ids(relations(alice, room, root, limit=50, to=first["next_batch"])) == everything[:4]
    old = f"/_matrix/client/unstable/rooms/{q(room)}/relations/{q(root)}"
    assert ids(ok(alice.get(f"{old}/m.thread/m.other"))) == [other]
    path = f"{V1}/rooms/{q(room)}/relations/{q(root)}"
    refused(alice.get(path, params={"from": "nonsense"}), 400, "M_INVALID_PARAM", "from")
    refused(alice.get(path, params={"dir": "x"}), 400, "M_INVALID_PARAM", "dir")
    refused(alice.get(path, params={"recurse": "x"}), 400, "M_INVALID_PARAM", "recurse")
    refused(alice.get(f"{V1}/rooms/{q(room)}/relations/${'A' * 43}"), 404, "M_NOT_FOUND")
    refused(shared_server.client("eve").get(path), 403, "M_FORBIDDEN")


def test_relations_of_relations(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    root = alice.say(room, "root")
    answer = bob.send(room, "m.room.message", related("m.thread", root))
    reaction = react(alice, room, answer, "🎉")
    edit = bob.send(room, "m.room.message", edit_of(answer, "better"))
    deep = alice.send(room, "m.room.message", related("m.reference", edit))
    plain = relations(alice, room, root)
    assert ids(plain) == [answer] and "recursion_depth" not in plain
    whole = relations(alice, room, root, recurse="true", limit=50)
    assert ids(whole) == [deep, edit, reaction, answer] and whole["recursion_depth"] >= 3
    assert ids(relations(alice, room, root, "m.annotation", recurse="true")) == [reaction]
    first = relations(alice, room, root, recurse="true", limit=3)
    assert ids(first) == [deep, edit, reaction]
    rest = relations(alice, room, root, recurse="true", limit=3, **{"from": first["next_batch"]})
    assert ids(rest) == [answer] and "next_batch" not in rest


def test_threads(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    carol = shared_server.client("carol")
    carol.join(room)
    one, two = alice.say(room, "one"), alice.say(room, "two")
    bob.send(room, "m.room.message", related("m.thread", one))
    in_two = bob.send(room, "m.room.message", related("m.thread", two))
    last = bob.send(room, "m.room.message", related("m.thread", one))
    summary = aggregated(bob, room, one)["m.thread"]
    assert (summary["count"], summary["current_user_participated"]) == (2, True)
    assert summary["latest_event"]["event_id"] == last
    assert aggregated(alice, room, one)["m.thread"]["current_user_participated"] is True
    assert aggregated(carol, room, one)["m.thread"]["current_user_participated"] is False
    edit = bob.send(room, "m.room.message", edit_of(last, "edited"))
    latest = aggregated(carol, room, one)["m.thread"]["latest_event"]
    assert latest["unsigned"]["m.relations"]["m.replace"]["event_id"] == edit
    threads = f"{V1}/rooms/{q(room)}/threads"
    assert ids(ok(carol.get(threads))) == [one, two]
    assert ids(ok(carol.get(threads, params={"include": "participated"}))) == []
    carol.send(room, "m.room.message", related("m.thread", two))
    assert ids(ok(carol.get(threads))) == [two, one]
    assert ids(ok(carol.get(threads, params={"include": "participated"}))) == [two]
    first = ok(carol.get(threads, params={"limit": 1}))
    assert ids(first) == [two]
    rest = ok(carol.get(threads, params={"limit": 1, "from": first["next_batch"]}))
    assert ids(rest) == [one] and "next_batch" not in rest
    # what is redacted leaves the thread
    bob.redact(room, last)
    assert aggregated(carol, room, one)["m.thread"]["count"] == 1
    bob.redact(room, in_two)
    assert ids(ok(carol.get("/_matrix/client/unstable/org.matrix.msc3856/rooms/" + q(room) + "/threads"))) == [two, one]
    refused(carol.get(threads, params={"include": "some"}), 400, "M_INVALID_PARAM", "include")
    refused(carol.get(threads, params={"limit": 0}), 400, "M_INVALID_PARAM", "limit")
    refused(carol.get(threads, params={"from": "x"}), 400, "M_INVALID_PARAM", "from")
    refused(shared_server.client("eve").get(threads), 403, "M_FORBIDDEN")


def test_no_thread_at_a_relation_and_no_foreign_parent(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    root = alice.say(room, "root")
    answer = bob.send(room, "m.room.message", related("m.thread", root))
    elsewhere = alice.say(alice.create_room(), "elsewhere")
    path = f"{V3}/rooms/{q(room)}/send/m.room.message"
    for parent in (answer, elsewhere, "$never:seen"):
        refused(alice.put(f"{path}/{alice.transaction()}", json=related("m.thread", parent)), 400, "M_UNKNOWN",
                "m.relates_to.event_id")
    assert ids(relations(alice, room, root)) == [answer]


def test_polls_are_references(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    poll = alice.send(room, "org.matrix.msc3381.poll.start", {"org.matrix.msc3381.poll.start": {"question": {"body": "?"}}})
    vote = bob.send(room, "org.matrix.msc3381.poll.response",
                    {"m.relates_to": {"rel_type": "m.reference", "event_id": poll}})
    end = alice.send(room, "org.matrix.msc3381.poll.end", {"m.relates_to": {"rel_type": "m.reference", "event_id": poll}})
    assert aggregated(bob, room, poll)["m.reference"] == {"chunk": [{"event_id": vote}, {"event_id": end}]}
    assert ids(relations(alice, room, poll, "m.reference", "org.matrix.msc3381.poll.response")) == [vote]


def test_filters_by_relation(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    one, two = alice.say(room, "one"), alice.say(room, "two")
    bob.send(room, "m.room.message", related("m.thread", one))
    react(alice, room, two, "x")

    def filtered(**fields: object) -> list[str]:
        import json
        return ids(alice.messages(room, filter=json.dumps(fields), limit=100))

    assert filtered(related_by_rel_types=["m.thread"]) == [one]
    assert filtered(related_by_senders=[alice.user_id]) == [two]
    assert filtered(related_by_senders=[bob.user_id], related_by_rel_types=["m.annotation"]) == []
    refused(alice.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b", "filter": '{"related_by_senders":["x"]}'}),
            400, "M_BAD_JSON", "related_by_senders")


def test_who_left_sees_no_later_children(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    root = alice.say(room, "root")
    seen = alice.send(room, "m.room.message", related("m.thread", root))
    bob.leave(room)
    later = alice.send(room, "m.room.message", related("m.thread", root))
    alice.send(room, "m.room.message", edit_of(root, "later"))
    shown = aggregated(bob, room, root)
    assert shown["m.thread"]["latest_event"]["event_id"] == seen and shown["m.thread"]["count"] == 1
    assert "m.replace" not in shown
    assert ids(relations(bob, room, root)) == [seen]
    assert ids(relations(alice, room, root, "m.thread")) == [later, seen]


def test_ignored_users_are_left_out(shared_server: Server) -> None:
    alice, bob, room = two_in_a_room(shared_server)
    carol = shared_server.client("carol")
    carol.join(room)
    root = alice.say(room, "root")
    heard = alice.send(room, "m.room.message", related("m.thread", root))
    noise = bob.send(room, "m.room.message", related("m.thread", root))
    bobs = bob.say(room, "bob's root")
    alice.send(room, "m.room.message", related("m.thread", bobs))
    data = f"{V3}/user/{q(carol.user_id)}/account_data/m.ignored_user_list"
    ok(carol.put(data, json={"ignored_users": {bob.user_id: {}, carol.user_id: {}}}))
    shown = aggregated(carol, room, root)["m.thread"]
    assert (shown["count"], shown["latest_event"]["event_id"]) == (1, heard)
    assert ids(relations(carol, room, root)) == [heard]
    assert noise not in ids({"chunk": carol.history(room)}) and bobs not in ids({"chunk": carol.history(room)})
    roots = ok(carol.get(f"{V1}/rooms/{q(room)}/threads"))["chunk"]
    assert [(event["event_id"], event["content"] == {}) for event in roots] == [(bobs, True), (root, False)]
    context = ok(carol.get(f"{V3}/rooms/{q(room)}/context/{q(heard)}"))
    assert noise not in ids({"chunk": context["events_after"]})
    for path in (f"{V3}/rooms/{q(room)}/event", f"{V3}/rooms/{q(room)}/context", f"{V3}/events"):
        refused(carol.get(f"{path}/{q(bobs)}"), 404, "M_NOT_FOUND")
        ok(alice.get(f"{path}/{q(bobs)}"))
    # their state is still to be seen
    assert any(event["sender"] == bob.user_id for event in carol.history(room))
    ok(carol.put(data, json={"ignored_users": {}}))
    assert aggregated(carol, room, root)["m.thread"]["count"] == 2


def test_the_store_stays_whole(server: Server) -> None:
    alice, bob, room = two_in_a_room(server)
    root = alice.say(room, "root")
    gone = bob.send(room, "m.room.message", related("m.thread", root))
    bob.send(room, "m.room.message", related("m.thread", root))
    react(bob, room, root, "x")
    alice.send(room, "m.room.message", edit_of(root, "edit"))
    bob.redact(room, gone)
    server.restart()
    assert aggregated(alice, room, root)["m.thread"]["count"] == 1
    assert relations(alice, room, root, limit=50)["chunk"]
    server.stop()
    server.check()
