"""ed25519.py: Ed25519 (RFC 8032) in plain Python, for the few signatures that rules look at.

Slow and not constant in time: for tests only. Answers are remembered, as the same few keys,
tokens and users come back in every history.

SPDX-License-Identifier: Apache-2.0
"""
import functools
import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)
ZERO = (0, 1, 1, 0)


def _add(a, b):
    """Sum of two points in extended coordinates (x/z, y/z, z, xy/z)."""
    left = (a[1] - a[0]) * (b[1] - b[0]) % P
    right = (a[1] + a[0]) * (b[1] + b[0]) % P
    c = 2 * a[3] * b[3] * D % P
    d = 2 * a[2] * b[2] % P
    e, f, g, h = right - left, d - c, d + c, right + left
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar, point):
    result = ZERO
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point = _add(point, point)
        scalar >>= 1
    return result


def _same(a, b):
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def _x_of(y, sign):
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    if square == 0:
        return None if sign else 0
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * SQRT_M1 % P
    if (x * x - square) % P:
        return None
    return P - x if (x & 1) != sign else x


def _pack(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _unpack(data):
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    x = _x_of(y, sign)
    return None if x is None else (x, y, 1, x * y % P)


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _x_of(_BASE_Y, 0)
BASE = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)


def _hash(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little") % ORDER


@functools.lru_cache(maxsize=None)
def _expand(seed):
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    return scalar, digest[32:]


@functools.lru_cache(maxsize=None)
def public_key(seed):
    """The 32 bytes that belong to a 32-byte seed."""
    return _pack(_multiply(_expand(seed)[0], BASE))


@functools.lru_cache(maxsize=None)
def sign(seed, message):
    """The 64-byte signature of a message."""
    scalar, prefix = _expand(seed)
    nonce = _hash(prefix, message)
    point = _pack(_multiply(nonce, BASE))
    challenge = _hash(point, public_key(seed), message)
    return point + ((nonce + challenge * scalar) % ORDER).to_bytes(32, "little")


@functools.lru_cache(maxsize=65536)
def verify(public, message, signature):
    """True when the signature is good; any bytes may be given."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, point = _unpack(public), _unpack(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if key is None or point is None or scalar >= ORDER:
        return False
    challenge = _hash(signature[:32], public, message)
    return _same(_multiply(scalar, BASE), _add(point, _multiply(challenge, key)))
