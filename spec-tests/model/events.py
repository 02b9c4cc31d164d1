"""events.py: what an event is: its format, its redacted form, its hashes and its id.

Server-server API, "PDUs", "Signing Events"; rooms/vN, "Event format", "Event IDs", "Redactions";
client-server API, "Size limits".

SPDX-License-Identifier: Apache-2.0
"""
import hashlib

from canonical import encode, is_strict
from identifiers import MAX_ID_BYTES, base64_standard, base64_url, is_user_id

MAX_EVENT_BYTES = 65536
MAX_AUTH_EVENTS = 10
MAX_PREV_EVENTS = 20


class BadEvent(ValueError):
    """The event is not to the format of its room version."""


def redact(raw, version):
    """The event with everything that its version does not protect taken off."""
    kept = {key: value for key, value in raw.items() if key in version.kept_top_level}
    content = raw.get("content")
    if isinstance(content, dict):
        kept["content"] = _redact_content(raw.get("type"), content, version)
    return kept


def _redact_content(kind, content, version):
    allowed = version.kept_content.get(kind, ()) if isinstance(kind, str) else ()
    if allowed is None:
        return content
    kept = {key: value for key, value in content.items() if key in allowed}
    if kind == "m.room.member" and version.number >= 11:
        invite = content.get("third_party_invite")
        if isinstance(invite, dict):
            kept["third_party_invite"] = {key: value for key, value in invite.items()
                                          if key == "signed"}
    return kept


def _sha256(value):
    return hashlib.sha256(encode(value).encode("utf-8")).digest()


def content_hash(raw):
    """Unpadded standard base64, as it stands in `hashes`."""
    return base64_standard(_sha256({key: value for key, value in raw.items()
                                    if key not in ("unsigned", "signatures", "hashes")}))


def reference_hash(raw, version):
    """Unpadded base64: the URL-safe alphabet from version 4 on, the standard one before."""
    bare = redact(raw, version)
    bare.pop("signatures", None)
    bare.pop("unsigned", None)
    digest = _sha256(bare)
    return base64_url(digest) if version.id_url_safe else base64_standard(digest)


def event_id(raw, version):
    """The id: the field in versions 1 and 2, "$" and the reference hash later."""
    if not version.id_in_event:
        return "$" + reference_hash(raw, version)
    if not _short_text(raw.get("event_id")):
        raise BadEvent("event_id is missing, not a string, or too long")
    return raw["event_id"]


def _short_text(value):
    return isinstance(value, str) and len(value.encode("utf-8")) <= MAX_ID_BYTES


def _short_name(value, version):
    """A type or a state key: the network measures those of older versions in characters."""
    return _short_text(value) or (isinstance(value, str) and not version.byte_limits and len(value) <= MAX_ID_BYTES)


def _references(raw, field, most, version):
    """The event ids in prev_events or auth_events; refuses a list of another form."""
    entries = raw.get(field)
    if not isinstance(entries, list) or len(entries) > most:
        raise BadEvent("%s is not a list of at most %d" % (field, most))
    ids = []
    for entry in entries:
        if version.pairs_of_hashes:
            if not (isinstance(entry, list) and len(entry) == 2 and isinstance(entry[1], dict)):
                raise BadEvent("%s holds an entry that is not a pair" % field)
            entry = entry[0]
        if not isinstance(entry, str):
            raise BadEvent("%s holds an id that is not a string" % field)
        ids.append(entry)
    return ids


def _check_number(raw, field, low, high):
    value = raw.get(field, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise BadEvent("%s is not an integer in range" % field)


def check_json(raw, version):
    """Refuses what no event of this version may be: not an object, or numbers out of form."""
    if not isinstance(raw, dict):
        raise BadEvent("the event is not an object")
    if version.strict_json and not is_strict(raw):
        raise BadEvent("a number is not of the canonical form")


def check_format(raw, version):
    """Refuses an event that is not to the format of its version (step 1 of the receipt checks)."""
    check_json(raw, version)
    if not _short_name(raw.get("type"), version):
        raise BadEvent("type is missing, not a string, or too long")
    if not is_user_id(raw.get("sender")):
        raise BadEvent("sender is not a user id")
    if "state_key" in raw and not _short_name(raw["state_key"], version):
        raise BadEvent("state_key is not a string, or too long")
    if not isinstance(raw.get("content"), dict):
        raise BadEvent("content is not an object")
    no_room = version.room_is_create_hash and raw["type"] == "m.room.create"
    if not (no_room and "room_id" not in raw) and not _short_text(raw.get("room_id")):
        raise BadEvent("room_id is missing, not a string, or too long")
    for field in ("hashes", "signatures"):
        if not isinstance(raw.get(field, {}), dict):
            raise BadEvent("%s is not an object" % field)
    _check_number(raw, "depth", -2**63, version.max_depth)
    _check_number(raw, "origin_server_ts", -2**63, 2**63 - 1)
    _references(raw, "prev_events", MAX_PREV_EVENTS, version)
    _references(raw, "auth_events", MAX_AUTH_EVENTS, version)
    event_id(raw, version)
    if len(encode(raw).encode("utf-8")) > MAX_EVENT_BYTES:
        raise BadEvent("the event is too large")


class Event:
    """A well-formed event, taken apart once. `key` is (type, state_key) of a state event."""

    __slots__ = ("raw", "version", "id", "type", "state_key", "key", "sender", "room_id",
                 "content", "depth", "time", "prev_ids", "auth_ids", "json", "needs", "levels")

    def __init__(self, raw, version):
        self.raw = raw
        self.version = version
        self.id = event_id(raw, version)
        self.type = raw["type"]
        self.state_key = raw.get("state_key")
        self.key = None if self.state_key is None else (self.type, self.state_key)
        self.sender = raw["sender"]
        self.room_id = raw.get("room_id")
        self.content = raw["content"]
        self.depth = raw.get("depth", 0)
        self.time = raw.get("origin_server_ts", 0)
        self.prev_ids = _references(raw, "prev_events", MAX_PREV_EVENTS, version)
        self.auth_ids = _references(raw, "auth_events", MAX_AUTH_EVENTS, version)
        self.json = None
        self.needs = None
        self.levels = None

    def text(self):
        """The event as JSON text, made once."""
        if self.json is None:
            self.json = encode(self.raw)
        return self.json

    def __repr__(self):
        return "<%s %s %s>" % (self.id, self.type, self.state_key)
