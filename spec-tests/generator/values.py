"""Values made from a schema: good ones, and good ones with one thing wrong and its path known.

A path is written as the server names it in a refusal: "invite[2]", "device_keys.@a:b[0]"; "" is the
body itself.

SPDX-License-Identifier: Apache-2.0
"""

import json
import pathlib
import random
import string
from typing import Any, Callable, Iterator

SCHEMAS = pathlib.Path(__file__).resolve().parents[2] / "schemas"
FULL_DEPTH = 6  # below it only what is required is made

LETTERS = string.ascii_lowercase + string.digits
ODD_TEXT = [
    "",
    " ",
    "a" * 300,
    "ä€😀",
    "\u0000",
    "\u202e",
    "\ufffd",
    "null",
    "0",
    "-1",
    "{}",
    "'\"`;--",
    "../../etc",
    "%00",
    "\n\r\t",
    "<script>",
    "a\u0301" * 20,
    "@:",
    "!",
    "$",
    "#a:b:c",
]
ODD_NUMBERS = [
    0,
    -0.0,
    1,
    -1,
    2**31,
    2**53 - 1,
    2**53,
    2**63 - 1,
    -(2**63),
    1e308,
    1e-300,
    0.1,
    1.0,
    -1.5,
]


class Schema:
    """A schema file with its references followed. Files are read once."""

    _files: dict[pathlib.Path, Any] = {}

    @classmethod
    def load(cls, path: pathlib.Path) -> Any:
        path = path.resolve()
        if path not in cls._files:
            cls._files[path] = cls._follow(json.loads(path.read_text(encoding="utf-8")), path)
        return cls._files[path]

    @classmethod
    def _follow(cls, node: Any, path: pathlib.Path) -> Any:
        if isinstance(node, list):
            return [cls._follow(item, path) for item in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            return cls.load(path.parent / node["$ref"])
        return {key: cls._follow(value, path) for key, value in node.items()}


def types_of(schema: dict) -> list[str]:
    listed = schema.get("type", "object")
    return listed if isinstance(listed, list) else [listed]


def errors_of(schema: dict, above: dict) -> dict:
    return {**above, **schema.get("x-errors", {})}


class Maker:
    """Makes values. `known` gives real ids: known("user_id") and so on for every format."""

    def __init__(self, dice: random.Random, known: Callable[[str], str]):
        self.dice = dice
        self.known = known

    # --- good -------------------------------------------------------------------------------------

    def good(self, schema: dict, depth: int = 0) -> Any:
        kinds = types_of(schema)
        kind = self.dice.choice([name for name in kinds if name != "null"])
        if "null" in kinds and self.dice.random() < 0.1:
            return None
        return getattr(self, f"_{kind}")(schema, depth)

    def word(self, low: int = 1, high: int = 12) -> str:
        return "".join(self.dice.choices(LETTERS, k=self.dice.randint(low, high)))

    def _string(self, schema: dict, depth: int) -> str:
        if "enum" in schema:
            return self.dice.choice([choice for choice in schema["enum"] if choice is not None])
        if schema.get("format", "text") != "text":
            return self.known(schema["format"])
        low = schema.get("minLength", 0)
        high = min(schema.get("maxLength", 40), schema.get("x-maxBytes", 40))
        if low == 0 and high >= 40 and self.dice.random() < 0.1:
            return self.dice.choice(ODD_TEXT[1:2] + ["ä€😀", "two words", "\n"])
        return self.word(max(low, 1), max(low, min(high, 14)))

    def _integer(self, schema: dict, depth: int) -> int:
        low, high = schema.get("minimum", -1000), schema.get("maximum", 100000)
        return self.dice.choice([low, min(high, max(low, 1)), self.dice.randint(low, high)])

    def _number(self, schema: dict, depth: int) -> float | int:
        return self.dice.choice([0, 1, 0.25, self.dice.random()])

    def _boolean(self, schema: dict, depth: int) -> bool:
        return self.dice.random() < 0.5

    def _array(self, schema: dict, depth: int) -> list:
        low = schema.get("minItems", 0)
        high = min(schema.get("maxItems", 3), max(low, 3))
        items = schema.get("items")
        return [
            self.good(items, depth + 1) if items else self.free(depth + 1)
            for _ in range(self.dice.randint(low, high))
        ]

    def _object(self, schema: dict, depth: int) -> dict:
        # cut events fit no schema; test_sync_04_sections has them
        properties = {k: v for k, v in schema.get("properties", {}).items() if k != "event_fields"}
        required = set(schema.get("required", []))
        share = 0.0 if depth > FULL_DEPTH else 0.4
        made = {
            name: self.good(below, depth + 1)
            for name, below in properties.items()
            if name in required or self.dice.random() < share
        }
        others = schema.get("additionalProperties")
        low = schema.get("minProperties", 0)
        if isinstance(others, dict) and (low or depth <= FULL_DEPTH):
            high = min(schema.get("maxProperties", 3), 3)
            for _ in range(self.dice.randint(low, max(low, high))):
                made[self._member_name(schema)] = self.good(others, depth + 1)
        elif not properties and not others:
            made |= {self.word(): self.free(depth + 1) for _ in range(self.dice.randint(0, 3))}
        if "maxProperties" not in schema and properties and self.dice.random() < 0.1:
            made.setdefault("x." + self.word(), self.free(depth + 1))
        return made

    def _member_name(self, schema: dict) -> str:
        names = schema.get("propertyNames")
        return self.known(names["format"]) if names else self.word(2, 12)

    def free(self, depth: int = 0) -> Any:
        """Any JSON of the canonical kind: integers only."""
        roll = self.dice.random()
        if depth < 4 and roll < 0.15:
            return {self.word(): self.free(depth + 1) for _ in range(self.dice.randint(0, 3))}
        if depth < 4 and roll < 0.3:
            return [self.free(depth + 1) for _ in range(self.dice.randint(0, 3))]
        return self.dice.choice(
            [None, True, False, self.dice.randint(-5, 10**6), self.word(), "two words ä"]
        )

    def odd(self, depth: int = 0) -> Any:
        """Any JSON at all."""
        roll = self.dice.random()
        if depth < 5 and roll < 0.2:
            return {
                self.dice.choice(ODD_TEXT + [self.word()]): self.odd(depth + 1)
                for _ in range(self.dice.randint(0, 4))
            }
        if depth < 5 and roll < 0.4:
            return [self.odd(depth + 1) for _ in range(self.dice.randint(0, 4))]
        return self.dice.choice(
            [
                None,
                True,
                False,
                self.dice.choice(ODD_NUMBERS),
                self.dice.choice(ODD_TEXT),
                self.word(),
            ]
        )

    # --- one thing wrong --------------------------------------------------------------------------

    def broken(self, schema: dict, value: Any) -> tuple[str, Any] | None:
        """A good value with one thing wrong, and that thing's path; None: nothing can be."""
        chances = list(self._chances(schema, value, ""))
        if not chances:
            return None
        path, change = self.dice.choice(chances)
        return path, change()

    def _chances(self, schema: dict, value: Any, path: str) -> Iterator[tuple[str, Callable]]:
        """(path, a function that makes the whole of `value` with a mistake there)."""
        wrong = self._wrong_kinds(schema)
        if wrong:
            yield path, lambda: self.dice.choice(wrong)
        if isinstance(value, str) and "string" in types_of(schema):
            for bad in self._wrong_text(schema):
                yield path, lambda bad=bad: bad
        if isinstance(value, int) and not isinstance(value, bool):
            for word, step in (("minimum", -1), ("maximum", 1)):
                if word in schema:
                    yield path, lambda bad=schema[word] + step: bad
        if isinstance(value, list):
            yield from self._in_list(schema, value, path)
        if isinstance(value, dict):
            yield from self._in_object(schema, value, path)

    def _wrong_kinds(self, schema: dict) -> list:
        kinds = types_of(schema)
        samples = {
            "string": "wrong",
            "integer": 7,
            "number": 1.5,
            "boolean": True,
            "array": ["wrong"],
            "object": {"wrong": 1},
            "null": None,
        }
        allowed = set(kinds) | ({"integer"} if "number" in kinds else set())
        allowed |= {"null"} if schema.get("x-optional") else set()
        return [sample for kind, sample in samples.items() if kind not in allowed]

    def _wrong_text(self, schema: dict) -> list[str]:
        bad = []
        if "enum" in schema:
            bad.append("x" + self.word())
        if schema.get("format") == "text":
            bad.append(self.word() + "\0")
        elif "format" in schema:
            bad += ["", "x" + self.word() + "/", "no id"]
        if schema.get("minLength", 0) > 0:
            bad.append("")
        if "maxLength" in schema:
            bad.append("ä" * (schema["maxLength"] + 1))
        if "x-maxBytes" in schema:
            bad.append("b" * (schema["x-maxBytes"] + 1))
        return bad

    def _in_list(self, schema: dict, value: list, path: str) -> Iterator[tuple[str, Callable]]:
        items = schema.get("items")
        if "maxItems" in schema and schema["maxItems"] <= 200:
            filler = self.good(items) if items else 0
            yield path, lambda: value + [filler] * (schema["maxItems"] + 1 - len(value))
        if "minItems" in schema:
            yield path, lambda: value[: schema["minItems"] - 1]
        for index, item in enumerate(value if items else []):
            for place, change in self._chances(items, item, f"{path}[{index}]"):
                yield place, lambda index=index, change=change: (
                    value[:index] + [change()] + value[index + 1 :]
                )

    def _in_object(self, schema: dict, value: dict, path: str) -> Iterator[tuple[str, Callable]]:
        properties = schema.get("properties", {})
        dot = f"{path}." if path else ""
        for name in schema.get("required", []):
            yield dot + name, lambda name=name: {k: v for k, v in value.items() if k != name}
        others = schema.get("additionalProperties")
        for name, item in value.items():
            below = properties.get(name, others if isinstance(others, dict) else None)
            for place, change in self._chances(below, item, dot + name) if below else ():
                yield place, lambda name=name, change=change: {**value, name: change()}
        if "propertyNames" in schema:
            filler = self.good(others) if isinstance(others, dict) else {}
            yield dot + "no id", lambda: {**value, "no id": filler}

    def free_object(self) -> dict:
        return {self.word(): self.free(1) for _ in range(self.dice.randint(0, 4))}
