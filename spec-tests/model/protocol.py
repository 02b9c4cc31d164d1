"""protocol.py: one request of the `rules` command, answered from the model.

SPDX-License-Identifier: Apache-2.0
"""
import auth
import resolve
from canonical import BadJson, canonical, encode, parse
from events import BadEvent, Event, check_format, check_json, content_hash, event_id, redact
from events import reference_hash
from versions import TABLE


class BadRequest(ValueError):
    """The request cannot be answered; the text says why."""


def _version(request):
    name = request.get("room_version")
    if not isinstance(name, str) or name not in TABLE:
        raise BadRequest("room_version is missing or unknown")
    return TABLE[name]


def _event(raw, version):
    check_format(raw, version)
    return Event(raw, version)


def _events(request, field, version):
    entries = request.get(field)
    if not isinstance(entries, list):
        raise BadRequest("%s is not a list" % field)
    return [_event(raw, version) for raw in entries]


def _ids(value, name):
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadRequest("%s is not a list of ids" % name)
    return value


def answer_event_id(request):
    version, raw = _version(request), request.get("event")
    check_json(raw, version)
    return {"event_id": event_id(raw, version), "content_hash": content_hash(raw),
            "reference_hash": reference_hash(raw, version)}


def answer_redact(request):
    version, raw = _version(request), request.get("event")
    check_json(raw, version)
    return {"event": redact(raw, version)}


def answer_canonical(request):
    if not isinstance(request.get("json"), str):
        raise BadRequest("json is not a string")
    return {"canonical": canonical(request["json"])}


def answer_auth(request):
    version = _version(request)
    event = _event(request.get("event"), version)
    given = _events(request, "auth_events", version)
    rejected = frozenset(_ids(request.get("rejected", []), "rejected"))
    try:
        allowed, rule = auth.check(event, given, rejected)
    except KeyError as missing:
        raise BadRequest("auth event %s is not given" % missing) from None
    return {"allowed": allowed, "rule": rule.number, "reason": rule.name.replace("_", " ")}


def _states(request, events):
    """The state sets as maps; refuses unknown ids, non-state events, and two of one key."""
    sets = request.get("state_sets")
    if not isinstance(sets, list):
        raise BadRequest("state_sets is not a list")
    by_id = {event.id: event for event in events}
    states = []
    for ids in sets:
        state = {}
        for name in _ids(ids, "state_sets"):
            event = by_id.get(name)
            if event is None or event.key is None or event.key in state:
                raise BadRequest("%s is not one state event of the events" % name)
            state[event.key] = event
        states.append(state)
    return states


def answer_resolve(request):
    version = _version(request)
    events = _events(request, "events", version)
    states = _states(request, events)
    rejected = frozenset(_ids(request.get("rejected", []), "rejected"))
    state = resolve.resolve(resolve.Graph(events), states, rejected, version)
    return {"state": sorted(event.id for event in state.values())}


OPS = {"event_id": answer_event_id, "redact": answer_redact, "canonical": answer_canonical,
       "auth": answer_auth, "resolve": answer_resolve}


def answer(request):
    """The answer to a request (an object), an error among them."""
    try:
        if not isinstance(request, dict) or not isinstance(request.get("op"), str):
            raise BadRequest("op is missing")
        if request["op"] not in OPS:
            raise BadRequest("op is unknown")
        return OPS[request["op"]](request)
    except (BadRequest, BadEvent, BadJson, resolve.Cycle) as error:
        return {"error": str(error)}


def answer_line(line):
    """One line of input to one line of output, without the line's end."""
    try:
        request = parse(line)
    except BadJson as error:
        return encode({"error": str(error)})
    return encode(answer(request))
