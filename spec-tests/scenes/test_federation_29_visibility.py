"""History visibility across servers: what a server is given of the time before its users came, and what these are shown of it.

What is hidden from a server goes out redacted, for the graph must hold together; the room's present state is for everybody in it.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, Client, ok, q, refused
from support.network import Network
from support.peer import Peer, now_ms
from support.peer_room import PeerRoom, finish, model_events, sign_event
from support.server import Server
from support.wait import until

BASE = "/_matrix/federation/v1"
EVE = "@eve:peer.test"
TIMES = ["alone", "invited", "joined"]
# from which of the times on what is said is shown
SHOWN = {"world_readable": TIMES, "shared": TIMES, "invited": ["invited", "joined"], "joined": ["joined"]}
every_visibility = pytest.mark.parametrize("visibility", SHOWN)


def visible(value: str) -> dict:
    return {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": value}}


class Told:
    """A room of Alice's that the peer's Eve is invited to, then joins; `said`: text to event id."""

    def __init__(self, network: Network, visibility: str):
        self.server: Server = network.server()
        self.peer: Peer = network.peer()
        self.peer.on("PUT", r"/_matrix/federation/v2/invite/[^/]+/[^/]+",
                     lambda request: {"event": sign_event(request.json["event"], "11", self.peer)})
        self.alice: Client = self.server.client("alice")
        self.room = self.alice.create_room(preset="private_chat", room_version="11", initial_state=[visible(visibility)])
        self.form = PeerRoom(self.peer, "11")
        self.said: dict[str, str] = {}
        self.old_topic = self.alice.set_state(self.room, "m.room.topic", {"topic": "of before"})
        self.topic = self.alice.set_state(self.room, "m.room.topic", {"topic": "now"})
        self.say("alone")
        self.invite()
        self.say("invited")
        self.join()
        self.say("joined")

    def say(self, text: str) -> None:
        self.said[text] = self.alice.say(self.room, text)

    def invite(self) -> None:
        self.alice.invite(self.room, EVE)

    def join(self) -> None:
        self.form.join_through(self.server, EVE, self.room)

    def leave(self) -> None:
        made = ok(self.peer.get(self.server, f"{BASE}/make_leave/{q(self.room)}/{q(EVE)}"))
        event = finish(made["event"] | {"origin_server_ts": now_ms()}, "11", self.peer)
        path = f"/_matrix/federation/v2/send_leave/{q(self.room)}/{q(self.form.id_of(event))}"
        ok(self.peer.put(self.server, path, event))

    # --- what the peer is given -------------------------------------------------------------------

    def by_backfill(self) -> dict[str, dict]:
        newest = list(self.said.values())[-1]
        pdus = ok(self.peer.get(self.server, f"{BASE}/backfill/{q(self.room)}?v={q(newest)}&limit=100"))["pdus"]
        return {self.form.id_of(pdu): pdu for pdu in pdus}

    def by_missing(self) -> dict[str, dict]:
        newest = self.alice.say(self.room, "behind")
        body = {"earliest_events": [], "latest_events": [newest], "limit": 50}
        pdus = ok(self.peer.post(self.server, f"{BASE}/get_missing_events/{q(self.room)}", body))["events"]
        return {self.form.id_of(pdu): pdu for pdu in pdus}

    def one_by_one(self) -> dict[str, dict]:
        given = {}
        for event in (*self.said.values(), self.topic, self.old_topic):
            (pdu,) = ok(self.peer.get(self.server, f"{BASE}/event/{q(event)}"))["pdus"]
            given[self.form.id_of(pdu)] = pdu
        return given

    def judge(self, shown: list[str], hides: bool) -> None:
        """Each way gives the same; hidden ones have the ids that they have, and nothing else."""
        for given in (self.by_backfill(), self.by_missing(), self.one_by_one()):
            for text, event in self.said.items():
                pdu = given[event]
                if text in shown:
                    assert pdu["content"]["body"] == text
                else:
                    assert pdu["content"] == {} and text not in str(pdu)
                    assert pdu == model_events.redact(pdu, self.form.row)
            assert given[self.topic]["content"] == {"topic": "now"}, "the present state is for all in the room"
            assert given[self.old_topic]["content"] == ({} if hides else {"topic": "of before"})


@every_visibility
def test_what_a_server_is_given(network: Network, visibility: str) -> None:
    told = Told(network, visibility)
    told.judge(SHOWN[visibility], hides="alone" not in SHOWN[visibility])
    # states are needed whole, whatever they hide
    state = ok(told.peer.get(told.server, f"{BASE}/state/{q(told.room)}?event_id={q(told.said['joined'])}"))
    assert {"topic": "now"} in [pdu["content"] for pdu in state["pdus"] if pdu["type"] == "m.room.topic"]
    ids = ok(told.peer.get(told.server, f"{BASE}/state_ids/{q(told.room)}?event_id={q(told.said['joined'])}"))
    assert set(ids["pdu_ids"]) == {told.form.id_of(pdu) for pdu in state["pdus"]}
    chain = ok(told.peer.get(told.server, f"{BASE}/event_auth/{q(told.room)}/{q(told.said['joined'])}"))["auth_chain"]
    assert {pdu["type"] for pdu in chain} >= {"m.room.create", "m.room.power_levels", "m.room.member"}


@every_visibility
def test_who_has_left_is_given_nothing(network: Network, visibility: str) -> None:
    told = Told(network, visibility)
    told.leave()
    told.say("gone")
    room, event = q(told.room), q(told.said["joined"])
    for path in (f"backfill/{room}?v={event}&limit=5", f"event/{event}", f"state/{room}?event_id={event}",
                 f"state_ids/{room}?event_id={event}", f"event_auth/{room}/{event}"):
        refused(told.peer.get(told.server, f"{BASE}/{path}"), 403, "M_FORBIDDEN")
    body = {"earliest_events": [], "latest_events": [told.said["gone"]], "limit": 5}
    refused(told.peer.post(told.server, f"{BASE}/get_missing_events/{room}", body), 403, "M_FORBIDDEN")
    # back again, the absence is hidden as the visibility says
    told.invite()
    told.join()
    told.say("back")
    told.judge([*SHOWN[visibility], *(["gone"] if "alone" in SHOWN[visibility] else []), "back"],
               hides="alone" not in SHOWN[visibility])


def test_a_change_of_the_visibility_does_not_change_the_past(network: Network) -> None:
    told = Told(network, "joined")
    told.alice.set_state(told.room, "m.room.history_visibility", {"history_visibility": "shared"})
    told.judge(["joined"], hides=True)
    told.alice.set_state(told.room, "m.room.history_visibility", {"history_visibility": "world_readable"})
    told.judge(["joined"], hides=True)


# --- what users of another Myelin are shown -----------------------------------------------------------


def texts(user: Client, room: str) -> list[str]:
    return [event["content"].get("body") for event in reversed(user.history(room)) if event["type"] == "m.room.message"]


@every_visibility
def test_what_a_user_is_shown(network: Network, visibility: str) -> None:
    one, two = network.server("one.test"), network.server("two.test")
    alice, bob, carol = one.client("alice"), two.client("bob"), two.client("carol")
    room = alice.create_room(preset="private_chat", initial_state=[visible(visibility)])
    alone = alice.say(room, "alone")
    alice.invite(room, bob.user_id, carol.user_id)
    bob.sync_until(lambda sync: room in sync.get("rooms", {}).get("invite", {}), "the invite")
    invited = alice.say(room, "invited")
    bob.join(room)
    bob.timeline_until(room, alice.say(room, "joined"))
    assert texts(bob, room) == SHOWN[visibility]
    # nor by any other way
    for text, event in (("alone", alone), ("invited", invited)):
        for path in (f"event/{q(event)}", f"context/{q(event)}"):
            answer = bob.get(f"{V3}/rooms/{q(room)}/{path}")
            if text in SHOWN[visibility]:
                assert text in str(ok(answer))
            else:
                refused(answer, 404, "M_NOT_FOUND")
    # who comes later to a server that has seen more is not shown that
    carol.join(room)
    until(lambda: carol.user_id in str(alice.state(room)), "carol is there")
    late = {"joined": [], "invited": ["invited", "joined"]}.get(visibility, TIMES)
    assert texts(carol, room) == late
    if visibility == "world_readable":
        assert texts(two.client("dave"), room) == TIMES
    for server in (one, two):
        server.stop()
        server.check()
