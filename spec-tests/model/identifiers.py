"""identifiers.py: user ids, server names, domains, base64 (appendices).

SPDX-License-Identifier: Apache-2.0
"""
import base64
import binascii
import re

MAX_ID_BYTES = 255

_SERVER_NAME = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[0-9A-Za-z.-]{1,255})(?::[0-9]{1,5})?")


def is_server_name(text):
    """The grammar of appendices, "Server Name"."""
    return _SERVER_NAME.fullmatch(text) is not None


def is_user_id(value):
    """A user id as events may carry it: the historical localparts count (any, even empty)."""
    if not isinstance(value, str) or not value.startswith("@") or ":" not in value:
        return False
    if len(value.encode("utf-8", "surrogatepass")) > MAX_ID_BYTES:
        return False
    localpart, _, domain = value[1:].partition(":")
    return "\0" not in localpart and is_server_name(domain)


def domain_of(identifier):
    """What follows the first colon; None when there is none."""
    _, colon, domain = identifier.partition(":")
    return domain if colon else None


def base64_standard(data):
    return base64.b64encode(data).decode("ascii").rstrip("=")


def base64_url(data):
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def base64_decode(text):
    """Either alphabet, with or without padding; None when it is not base64."""
    if not isinstance(text, str):
        return None
    body = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(body + "=" * (-len(body) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
