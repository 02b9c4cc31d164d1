"""Events of other servers: each lie with its verdict, holes filled, forks joined, nothing lost.

SPDX-License-Identifier: Apache-2.0
"""
import threading

import pytest

from support.client import V3, Client, ok, q, refused
from support.control import control
from support.network import Network
from support.peer import Cut, Peer, Request
from support.peer_room import PeerRoom
from support.server import Server
from support.wait import until

BASE = "/_matrix/federation"
MESSAGE = "m.room.message"


class Talk:
    """alice in a room of the peer's."""

    def __init__(self, network: Network, version: str = "11"):
        self.server: Server = network.server()
        self.peer: Peer = network.peer()
        self.alice: Client = self.server.client("alice")
        self.room = PeerRoom(self.peer, version).serve()
        self.join(self.room)

    def join(self, room: PeerRoom) -> None:
        ok(self.alice.post(f"{V3}/join/{q(room.room_id)}?via={self.peer.name}"))

    def make(self, text: str, **changes) -> dict:
        return self.room.make(MESSAGE, {"msgtype": "m.text", "body": text}, **changes)

    def say(self, text: str) -> dict:
        return self.room.say(self.room.creator, text)

    def deliver(self, *events: dict) -> dict:
        return self.room.deliver(self.server, *events)

    def texts(self) -> list[str]:
        """Oldest first."""
        return [event["content"].get("body") for event in reversed(self.alice.history(self.room.room_id))
                if event["type"] == MESSAGE]

    def sees(self, event: dict) -> None:
        self.alice.timeline_until(self.room.room_id, self.room.id_of(event))

    def honest(self) -> None:
        """The room goes on, and the store is sound."""
        event = self.say("honest")
        assert self.deliver(event) == {self.room.id_of(event): {}}
        self.sees(event)
        self.server.stop()
        self.server.check()


@pytest.fixture
def talk(network: Network) -> Talk:
    return Talk(network)


# --- lies ---------------------------------------------------------------------------------------------


def test_a_bad_signature_is_dropped(talk: Talk) -> None:
    event = talk.make("forged")
    event["signatures"][talk.peer.name] = {talk.peer.key_id: "A" * 86}
    assert "error" in talk.deliver(event)[talk.room.id_of(event)]
    assert talk.texts() == []
    talk.honest()


def test_a_bad_hash_is_redacted(talk: Talk) -> None:
    event = talk.make("true", forged={"content": {"body": "false", "msgtype": "m.text"}})
    event_id = talk.room.id_of(event)
    assert talk.deliver(event) == {event_id: {}}
    talk.alice.timeline_until(talk.room.room_id, event_id)
    assert talk.texts() == [None]
    talk.honest()


def test_a_wrong_room_is_refused(talk: Talk) -> None:
    other = PeerRoom(talk.peer, "11")
    event = other.say(other.creator, "elsewhere")
    assert "not in the room" in talk.deliver(event).get(other.id_of(event), {}).get("error", "not in the room")
    mine = talk.alice.create_room(room_version="11", preset="private_chat")
    event = talk.make("smuggled", fields={"room_id": mine})
    talk.deliver(event)
    assert [one for one in talk.alice.history(mine) if one["type"] == MESSAGE] == []
    talk.honest()


def test_a_stranger_is_rejected(talk: Talk) -> None:
    event = talk.make("let me in", sender=f"@stranger:{talk.peer.name}")
    assert "error" in talk.deliver(event)[talk.room.id_of(event)]
    assert talk.texts() == []
    talk.honest()


def test_forged_auth_events_are_rejected(talk: Talk) -> None:
    create = talk.room.state[("m.room.create", "")]
    name = talk.room.send("m.room.name", {"name": "n"}, "")
    talk.deliver(name)
    for auth in ([create], [create, talk.room.id_of(name)], []):
        event = talk.make("powerless", fields={"auth_events": auth})
        assert "error" in talk.deliver(event)[talk.room.id_of(event)], auth
    assert talk.texts() == []
    talk.honest()


def test_a_future_depth_stays_at_its_place(talk: Talk) -> None:
    far = talk.room.add(talk.make("far", fields={"depth": 2**53 - 1}))
    near = talk.room.make(MESSAGE, {"msgtype": "m.text", "body": "near"}, fields={"depth": 12})
    talk.deliver(far)
    talk.sees(far)
    talk.room.add(near)
    talk.deliver(near)
    talk.sees(near)
    assert talk.texts() == ["far", "near"]


def test_malformed_events_harm_nobody(talk: Talk) -> None:
    good = talk.say("good")
    bad = [{"room_id": talk.room.room_id}, {"room_id": 5}, {}, talk.make("x", fields={"depth": "deep"}),
           talk.make("y", fields={"prev_events": "none"}), talk.make("z", forged={"sender": "nobody"})]
    answer = talk.peer.send(talk.server, bad + [good])
    assert answer.status_code == 200 and answer.json()["pdus"][talk.room.id_of(good)] == {}
    talk.sees(good)
    talk.honest()


def test_a_replay_changes_nothing(talk: Talk) -> None:
    event = talk.say("once")
    for transaction in ("same", "same", "other"):
        answer = talk.peer.send(talk.server, [event], transaction=transaction)
        assert ok(answer) == {"pdus": {talk.room.id_of(event): {}}}
    assert talk.texts() == ["once"]
    talk.honest()


def test_a_transaction_is_its_servers(talk: Talk) -> None:
    path = f"{BASE}/v1/send/t"
    body = {"origin": "other.test", "origin_server_ts": 1, "pdus": []}
    assert talk.peer.put(talk.server, path, body).status_code == 403
    body = {"origin": talk.peer.name, "origin_server_ts": 1, "pdus": [{}] * 51}
    assert talk.peer.put(talk.server, path, body).status_code == 400


def test_a_banned_user_on_an_old_branch_is_soft_failed(talk: Talk) -> None:
    user = f"@bad:{talk.peer.name}"
    talk.deliver(talk.room.send("m.room.member", {"membership": "join"}, user, user))
    late = talk.make("late", sender=user)
    talk.deliver(talk.room.send("m.room.member", {"membership": "ban"}, user))
    assert talk.deliver(late) == {talk.room.id_of(late): {}}
    assert talk.texts() == []
    # what follows it may come
    after = talk.room.make(MESSAGE, {"msgtype": "m.text", "body": "after"},
                           fields={"prev_events": [talk.room.id_of(late), *talk.room.heads], "depth": 50})
    talk.room.events[talk.room.id_of(late)] = late
    talk.room.add(after)
    talk.deliver(after)
    talk.sees(after)
    talk.honest()


# --- holes --------------------------------------------------------------------------------------------


def test_missing_events_are_fetched(talk: Talk) -> None:
    talk.say("one"), talk.say("two")
    three = talk.say("three")
    assert talk.deliver(three) == {talk.room.id_of(three): {}}
    talk.sees(three)
    assert talk.texts() == ["one", "two", "three"]
    assert talk.peer.asked(f"{BASE}/v1/get_missing_events")
    talk.honest()


def test_what_cannot_be_fetched_is_jumped_over(talk: Talk) -> None:
    since = talk.alice.sync()["next_batch"]
    talk.say("one"), talk.say("two")
    talk.room.send("m.room.topic", {"topic": "unseen"}, "")
    three = talk.say("three")
    talk.peer.on("POST", f"{BASE}/v1/get_missing_events/.*", {"events": []})
    backfill = talk.room._backfill
    talk.peer.on("GET", f"{BASE}/v1/backfill/.*", (404, {"errcode": "M_NOT_FOUND", "error": "not now"}))
    talk.deliver(three)
    talk.sees(three)
    assert talk.peer.asked(f"{BASE}/v1/state_ids")
    topic = ok(talk.alice.get(f"{V3}/rooms/{q(talk.room.room_id)}/state/m.room.topic"))
    assert topic == {"topic": "unseen"}
    assert talk.texts() == ["three"]
    timeline = talk.alice.sync(since=since)["rooms"]["join"][talk.room.room_id]["timeline"]
    # what it stands on came too, alone
    assert [event["content"].get("body") for event in timeline["events"]] == [None, "three"]
    assert timeline["limited"] is True
    # scrolling back fetches what lies between
    talk.peer.on("GET", f"{BASE}/v1/backfill/.*", backfill)
    assert talk.texts() == ["one", "two", "three"]
    talk.honest()


def test_no_state_is_taken_by_half(talk: Talk) -> None:
    """A state of which an event cannot be asked for is none: what stands on it waits for what comes later."""
    topic = talk.room.id_of(talk.room.send("m.room.topic", {"topic": "unseen"}, ""))
    talk.say("two")
    three = talk.say("three")

    def cut(request: Request):
        if q(topic) in request.path:
            raise Cut
        return talk.room._event(request)

    talk.peer.on("POST", f"{BASE}/v1/get_missing_events/.*", {"events": []})
    talk.peer.on("GET", f"{BASE}/v1/event/(?P<event>[^/]+)", cut)
    talk.deliver(three)
    until(lambda: talk.server.log_text().count("did not give all events") >= 2, "nobody gives the topic", 30)
    assert talk.texts() == []
    talk.peer.on("GET", f"{BASE}/v1/event/(?P<event>[^/]+)", talk.room._event)
    four = talk.say("four")
    talk.deliver(four)
    talk.sees(four)
    assert ok(talk.alice.get(f"{V3}/rooms/{q(talk.room.room_id)}/state/m.room.topic")) == {"topic": "unseen"}
    talk.honest()


def test_kept_events_outlive_a_kill(talk: Talk) -> None:
    hold = threading.Event()
    missing = talk.room._missing

    def wait(request):
        hold.wait(20)
        return missing(request)

    talk.peer.on("POST", f"{BASE}/v1/get_missing_events/.*", wait)
    talk.say("one")
    two = talk.say("two")
    talk.deliver(two)
    talk.peer.until_asked(f"{BASE}/v1/get_missing_events")
    talk.server.kill9()
    hold.set()
    talk.server.start()
    talk.sees(two)
    assert talk.texts() == ["one", "two"]


def test_who_is_down_when_a_hole_is_seen_is_asked_later(talk: Talk) -> None:
    talk.say("one")
    two = talk.say("two")

    def cut(_: Request) -> None:
        raise Cut

    for path in ("get_missing_events", "state_ids", "state", "event", "backfill"):
        talk.peer.on("POST" if path == "get_missing_events" else "GET", f"{BASE}/v1/{path}/.*", cut)
    talk.deliver(two)
    until(lambda: "nobody could be asked" in talk.server.log.read_text(), "it is put off", 30)
    # what comes behind it does not wait
    free = talk.make("free", fields={"prev_events": [talk.room.state[("m.room.member", talk.alice.user_id)]]})
    talk.deliver(free)
    talk.sees(free)
    assert talk.texts() == ["free"]
    talk.server.restart()
    for path in ("get_missing_events", "state_ids", "state", "event", "backfill"):
        talk.peer.no_more_on(f"{BASE}/v1/{path}/.*")
    control(talk.server, "clock advance 3600000")
    talk.sees(two)
    assert sorted(talk.texts()) == ["free", "one", "two"]
    talk.server.stop()
    talk.server.check()


def test_one_room_with_holes_slows_no_other(talk: Talk) -> None:
    hold = threading.Event()
    rooms = [PeerRoom(talk.peer, "11").serve() for _ in range(6)]
    for room in rooms:
        talk.join(room)
        talk.peer.on("POST", f"{BASE}/v1/get_missing_events/{q(room.room_id)}".replace(".", r"\."),
                     lambda request: hold.wait(20) and (404, {}))
        room.say(room.creator, "hidden")
        room.deliver(talk.server, room.say(room.creator, "waits"))
    event = talk.say("quick")
    talk.deliver(event)
    talk.sees(event)
    hold.set()


def test_a_redaction_may_come_first(talk: Talk) -> None:
    bad = talk.say("bad")
    fields = {"prev_events": bad["prev_events"], "depth": bad["depth"]}
    redaction = talk.room.make("m.room.redaction", {"redacts": talk.room.id_of(bad)}, fields=fields)
    talk.room.add(redaction)
    talk.deliver(redaction)
    said = talk.room.add(talk.make("good", fields={"prev_events": [talk.room.id_of(redaction)], "depth": bad["depth"] + 1}))
    talk.deliver(said)
    talk.sees(said)
    assert not any(one["type"] == "m.room.redaction" for one in talk.alice.history(talk.room.room_id))  # nobody is told of it yet
    talk.deliver(bad)
    talk.sees(redaction)  # with what it redacts
    assert sorted(talk.texts(), key=str) == [None, "good"]
    talk.honest()


@pytest.mark.parametrize("version", ["3", "11"])
def test_a_redaction_that_may_not_redact_is_not_shown(network: Network, version: str) -> None:
    """Not one's own, and no power for others'; of another room; of nothing: it is in the room, and no client hears of it."""
    talk = Talk(network, version)
    own = talk.alice.say(talk.room.room_id, "hers")
    talk.peer.until_pdu(lambda pdu: pdu["content"].get("body") == "hers", "her words")
    elsewhere = PeerRoom(talk.peer, version).serve()
    talk.join(elsewhere)
    foreign = elsewhere.say(elsewhere.creator, "elsewhere")
    elsewhere.deliver(talk.server, foreign)
    eve = f"@eve:{talk.peer.name}"
    joined = talk.room.send("m.room.member", {"membership": "join"}, eve, eve)
    lies = []
    for target in (own, elsewhere.id_of(foreign), "$" + "x" * 43):
        given = {"content": {"redacts": target}} if version == "11" else {"content": {}, "fields": {"redacts": target}}
        lies.append(talk.room.send("m.room.redaction", given.pop("content"), None, eve, **given))
    said = talk.room.say(eve, "after it")
    talk.room.deliver(talk.server, joined, *lies, said)
    talk.sees(said)
    shown = [one["event_id"] for one in talk.alice.history(talk.room.room_id)]
    assert talk.room.id_of(said) in shown and not set(talk.room.ids(*lies)) & set(shown)
    assert ok(talk.alice.get(f"{V3}/rooms/{q(talk.room.room_id)}/event/{q(own)}"))["content"]["body"] == "hers"
    seen = elsewhere.id_of(foreign)
    assert ok(talk.alice.get(f"{V3}/rooms/{q(elsewhere.room_id)}/event/{q(seen)}"))["content"]["body"] == "elsewhere"
    talk.honest()


# --- forks --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["1", "10", "12"])
def test_a_fork_heals(network: Network, version: str) -> None:
    talk = Talk(network, version)
    room = talk.room
    heads = list(room.heads)
    one = room.send("m.room.topic", {"topic": "one"}, "")
    references = room.references(heads)
    state = {key: event for key, event in room.state.items() if key != ("m.room.topic", "")}
    draft = {"type": "m.room.name", "content": {"name": "two"}, "state_key": "", "sender": room.creator}
    two = room.make("m.room.name", {"name": "two"}, "",
                    fields={"prev_events": references,
                            "auth_events": room.references(room.auth_ids(draft, state))})
    room.add(two)
    talk.deliver(one, two)
    talk.sees(two)
    keys = {one["type"]: one["content"] for one in talk.alice.state(room.room_id) if one["state_key"] == ""}
    assert keys["m.room.topic"] == {"topic": "one"} and keys["m.room.name"] == {"name": "two"}
    assert len(room.heads) == 2
    talk.honest()


def test_a_first_timeline_is_in_the_order_of_reading(talk: Talk) -> None:
    """What arrives late on an older branch is news to who was there, and stands at its depth for who comes anew."""
    before = talk.room.references(list(talk.room.heads))
    one, two = talk.say("one"), talk.say("two")
    talk.deliver(one, two)
    talk.sees(two)
    late = talk.room.add(talk.make("late", fields={"prev_events": before, "depth": one["depth"]}))
    talk.deliver(late)
    talk.sees(late)
    versions = ok(talk.alice.get("/_matrix/client/versions"))["unstable_features"]
    assert versions["org.matrix.msc4445.initial_sync_timeline_topological_ordering"] is True
    talk.alice.since = None
    timeline = talk.alice.sync()["rooms"]["join"][talk.room.room_id]["timeline"]["events"]
    assert [event["content"]["body"] for event in timeline if event["type"] == MESSAGE] == ["one", "late", "two"]


# --- what passes --------------------------------------------------------------------------------------


def test_typing_and_receipts(talk: Talk) -> None:
    event = talk.say("read me")
    talk.deliver(event)
    talk.sees(event)
    room, creator = talk.room.room_id, talk.room.creator
    talk.peer.send(talk.server, edus=[
        {"edu_type": "m.typing", "content": {"room_id": room, "user_id": creator, "typing": True}},
        {"edu_type": "m.typing", "content": {"room_id": room, "user_id": "@alice:one.test", "typing": True}},
        {"edu_type": "m.unknown", "content": {}}, {"edu_type": "m.typing", "content": {"room_id": 5}}])
    part = talk.alice.sync_until(
        lambda sync: [one for one in sync["rooms"]["join"][room]["ephemeral"]["events"] if one["type"] == "m.typing"]
        if room in sync.get("rooms", {}).get("join", {}) else None, "typing")
    assert part[0]["content"]["user_ids"] == [creator]
    receipt = {room: {"m.read": {creator: {"data": {"ts": 5}, "event_ids": [talk.room.id_of(event)]},
                                 "@alice:one.test": {"data": {"ts": 5}, "event_ids": [talk.room.id_of(event)]}}}}
    talk.peer.send(talk.server, edus=[{"edu_type": "m.receipt", "content": receipt}])
    found = talk.alice.sync_until(
        lambda sync: [one for one in sync["rooms"]["join"][room]["ephemeral"]["events"] if one["type"] == "m.receipt"]
        if room in sync.get("rooms", {}).get("join", {}) else None, "the receipt")
    assert found[0]["content"] == {talk.room.id_of(event): {"m.read": {creator: {"ts": 5}}}}


def receipts(talk: Talk) -> dict[str, str]:
    """Who has read up to where, as Alice is shown it from the beginning."""
    joined = ok(talk.alice.get(f"{V3}/sync"))["rooms"]["join"][talk.room.room_id]
    return {reader: event for one in joined["ephemeral"]["events"] if one["type"] == "m.receipt"
            for event, kinds in one["content"].items() for reader in kinds["m.read"]}


def test_receipts_of_what_has_not_come(talk: Talk) -> None:
    """What was read may be of a third server and on its way; which receipt is the newer one, its user's server says."""
    creator, known = talk.room.creator, [talk.say("one"), talk.say("two")]
    talk.deliver(*known)
    other = talk.room.id_of(talk.room.make("m.room.message", {"body": "not sent"}))

    def tell(user: str, event: object) -> None:
        content = {talk.room.room_id: {"m.read": {user: {"data": {"ts": 5}, "event_ids": [event]}}}}
        ok(talk.peer.send(talk.server, edus=[{"edu_type": "m.receipt", "content": content}]))

    for event in (other, talk.room.id_of(known[1]), talk.room.id_of(known[0])):
        tell(creator, event)
        assert receipts(talk) == {creator: event}
    for user, event in (("@nobody:peer.test", other), (creator, "no event"), (creator, 5), (talk.alice.user_id, other)):
        tell(user, event)
    assert receipts(talk) == {creator: talk.room.id_of(known[0])}


def test_who_leaves_types_no_more(talk: Talk) -> None:
    creator, room = talk.room.creator, talk.room.room_id
    talk.peer.send(talk.server, edus=[
        {"edu_type": "m.typing", "content": {"room_id": room, "user_id": creator, "typing": True}}])

    def typing() -> list[str]:
        joined = ok(talk.alice.get(f"{V3}/sync"))["rooms"]["join"][room]
        return [user for one in joined["ephemeral"]["events"] if one["type"] == "m.typing" for user in one["content"]["user_ids"]]

    assert typing() == [creator]
    talk.deliver(talk.room.send("m.room.member", {"membership": "leave"}, creator))
    assert typing() == []


def test_presence(talk: Talk) -> None:
    creator = talk.room.creator
    talk.alice.sync()
    talk.peer.send(talk.server, edus=[{"edu_type": "m.presence", "content": {"push": [
        {"user_id": "@alice:one.test", "presence": "unavailable", "status_msg": "forged"},
        {"user_id": "@nobody:peer.test", "presence": "online"}, {"user_id": creator, "presence": "asleep"}, 5,
        {"user_id": creator, "presence": "unavailable", "status_msg": "at lunch", "last_active_ago": 5}]}}])
    told = talk.alice.sync_until(
        lambda sync: [one for one in sync.get("presence", {}).get("events", []) if one["sender"] == creator], "presence")
    assert told[0]["content"]["presence"] == "unavailable" and told[0]["content"]["status_msg"] == "at lunch"
    assert ok(talk.alice.get(f"{V3}/presence/{q(talk.alice.user_id)}/status")).get("status_msg") is None


def test_an_unknown_event_is_redacted(talk: Talk) -> None:
    path = f"{V3}/rooms/{q(talk.room.room_id)}/redact/{q('$' + 'n' * 43)}/n"
    refused(talk.alice.put(path, json={}), 404, "M_NOT_FOUND")
    levels = talk.room.send("m.room.power_levels", {"redact": 0, "users": {talk.room.creator: 100}}, "")
    talk.deliver(levels)
    talk.sees(levels)
    sent = ok(talk.alice.put(path, json={}))["event_id"]
    talk.peer.until_pdu(lambda pdu: pdu["type"] == "m.room.redaction", "the redaction")
    assert sent.startswith("$")
    talk.honest()


# --- server ACLs --------------------------------------------------------------------------------------


def test_a_shut_out_server_is_not_heard(network: Network) -> None:
    talk = Talk(network)
    stranger = network.peer("bad.test")
    user = "@x:bad.test"
    joined = PeerRoom(stranger, "11")
    room_id = talk.alice.create_room(preset="public_chat", room_version="11")
    joined.join_through(talk.server, user, room_id)
    talk.alice.set_state(room_id, "m.room.server_acl", {"allow": ["*"], "deny": ["bad.*"]})
    path = f"{BASE}/v1/make_join/{q(room_id)}/{q('@y:bad.test')}?ver=11"
    assert stranger.get(talk.server, path).status_code == 403
    for path in ("state_ids", "backfill", "event_auth"):
        event_id = q("$" + "x" * 43)
        tail = f"/{event_id}" if path == "event_auth" else f"?v={event_id}&event_id={event_id}"
        assert stranger.get(talk.server, f"{BASE}/v1/{path}/{q(room_id)}{tail}").status_code == 403
    event = joined.make(MESSAGE, {"body": "x"}, fields={"room_id": room_id}, sender=user)
    answer = ok(stranger.send(talk.server, [event]))
    assert "ACL" in str(answer)


def test_history_for_servers_in_the_room_only(network: Network) -> None:
    talk = Talk(network)
    outsider = network.peer("out.test")
    room = q(talk.room.room_id)
    event = talk.say("secret")
    talk.deliver(event)
    talk.sees(event)
    event_id = q(talk.room.id_of(event))
    paths = [f"event/{event_id}", f"state/{room}?event_id={event_id}", f"state_ids/{room}?event_id={event_id}",
             f"backfill/{room}?v={event_id}&limit=5", f"event_auth/{room}/{event_id}"]
    for path in paths:
        assert outsider.get(talk.server, f"{BASE}/v1/{path}").status_code == 403, path
        ok(talk.peer.get(talk.server, f"{BASE}/v1/{path}"))
    ids = ok(talk.peer.get(talk.server, f"{BASE}/v1/{paths[2]}"))
    whole = ok(talk.peer.get(talk.server, f"{BASE}/v1/{paths[1]}"))
    assert sorted(ids["pdu_ids"]) == sorted(talk.room.ids(*whole["pdus"]))
    assert sorted(ids["pdu_ids"]) == sorted(talk.room.state_before[talk.room.id_of(event)].values())
    got = ok(talk.peer.get(talk.server, f"{BASE}/v1/{paths[0]}"))["pdus"]
    assert talk.room.ids(*got) == [talk.room.id_of(event)]
    body = {"earliest_events": [], "latest_events": [talk.room.id_of(event)], "limit": 10}
    found = ok(talk.peer.post(talk.server, f"{BASE}/v1/get_missing_events/{room}", body))["events"]
    assert talk.room.state[("m.room.member", "@alice:one.test")] in talk.room.ids(*found)
    assert outsider.post(talk.server, f"{BASE}/v1/get_missing_events/{room}", body).status_code == 403
    assert talk.peer.get(talk.server, f"{BASE}/v1/event/{q('$' + 'x' * 43)}").status_code == 404


def test_all_events_arrive_in_a_storm(talk: Talk) -> None:
    """Transactions out of order and all at once: nothing is lost, the order is the room's."""
    events = [talk.say(str(number)) for number in range(40)]
    threads = [threading.Thread(target=talk.deliver, args=events[at:at + 10]) for at in (30, 10, 20, 0)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    until(lambda: talk.texts() == [str(number) for number in range(40)], "all in order", 30)
    talk.honest()
