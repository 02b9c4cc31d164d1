"""The schemas themselves: well-formed, and the compiler refuses what it cannot turn into a decoder.

SPDX-License-Identifier: Apache-2.0
"""

import json
import pathlib
import subprocess
import sys

import jsonschema
import pytest

from support.schema_check import FORMATS, ROOT, SCHEMAS, Schemas, table

COMPILER = ROOT / "tools/schema-compiler"


def compiled(folder: pathlib.Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [
            sys.executable,
            str(COMPILER),
            "--schemas",
            str(folder / "schemas"),
            "--out",
            str(folder / "out"),
        ],
        stdin=subprocess.DEVNULL,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
    )


def with_body(folder: pathlib.Path, schema: dict, name: str = "one") -> subprocess.CompletedProcess:
    place = folder / "schemas/client"
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.json").write_text(json.dumps(schema))
    return compiled(folder)


def test_every_file_is_a_schema():
    schemas = Schemas()
    for path in sorted(SCHEMAS.rglob("*.json")):
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text(encoding="utf-8")))
        name = str(path.relative_to(SCHEMAS).with_suffix(""))
        assert isinstance(
            schemas.complaints(name, {}), list
        ), name  # every reference leads somewhere


def test_rows_name_schemas_and_areas_that_exist():
    schemas = Schemas()
    areas = {row["area"] for row in table(SCHEMAS / "areas.tsv")}
    assert len({row.key for row in schemas.rows}) == len(schemas.rows)
    for row in schemas.rows:
        assert row.area in areas, row
        assert row.body == "-" or schemas.body(row), row
        reply = schemas.reply(row)
        assert reply is None or (SCHEMAS / f"{reply}.json").exists(), row


@pytest.mark.parametrize(
    "schema, words",
    [
        ({"type": "object", "oneOf": []}, "the word oneOf is not supported here"),
        (
            {"type": "object", "properties": {"a": {"type": "string", "pattern": "^x"}}},
            "/properties/a: the word pattern",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "text"}}},
            "/properties/a: unknown type text",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string", "format": "uri"}}},
            "unknown format uri",
        ),
        (
            {"type": "object", "required": ["a"], "properties": {"b": {"type": "string"}}},
            "no property",
        ),
        (
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {"a": {"type": "string"}},
            },
            "never refused",
        ),
        ({"type": "object", "properties": {"int": {"type": "string"}}}, "x-name"),
        (
            {
                "type": "object",
                "properties": {"a.b": {"type": "string"}, "a_b": {"type": "string"}},
            },
            "/properties/a_b: two members",
        ),
        (
            {"type": "object", "properties": {"a": {"type": "string", "default": 1}}},
            "a default belongs",
        ),
        ({"type": "object", "properties": {"a": {"$ref": "../parts/none.json"}}}, "none.json"),
        ({"type": "array", "items": {"type": "string"}}, "a body is an object"),
        ({"type": "object", "x-errors": {"other": "BAD_JSON"}}, "x-errors knows"),
    ],
)
def test_the_compiler_refuses(tmp_path, schema, words):
    done = with_body(tmp_path, schema)
    assert done.returncode != 0
    assert "one.json" in done.stdout and words in done.stdout, done.stdout


def test_the_compiler_refuses_circles(tmp_path):
    parts = tmp_path / "schemas/parts"
    parts.mkdir(parents=True)
    (parts / "again.json").write_text(
        json.dumps({"type": "object", "properties": {"a": {"$ref": "again.json"}}})
    )
    done = with_body(
        tmp_path, {"type": "object", "properties": {"a": {"$ref": "../parts/again.json"}}}
    )
    assert done.returncode != 0 and "holds itself" in done.stdout, done.stdout


def test_a_second_run_leaves_the_files_alone(tmp_path):
    """Nothing is built again when nothing changed."""
    assert (
        with_body(tmp_path, {"type": "object", "properties": {"a": {"type": "string"}}}).returncode
        == 0
    )
    header = tmp_path / "out/myelin/body_decoders.h"
    before = header.stat().st_mtime_ns
    assert "myl_str a;" in header.read_text()
    assert compiled(tmp_path).returncode == 0
    assert header.stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "name, good, bad",
    [
        ("user_id", ["@a:b", "@:b.c:1", "@ä:[::1]:8448"], ["a:b", "@a", "@a:", "@a:b c", "@a\0:b"]),
        ("room_id", ["!a:b", "!" + "A" * 43], ["!", "!a", "!" + "A" * 42, "#a:b"]),
        ("event_id", ["$a:b", "$" + "A" * 43, "$" + "+" * 43], ["$", "a", "$short"]),
        ("room_alias", ["#a:b", "#ä b:c"], ["#a", "a:b"]),
        ("server_name", ["a", "a.b:1", "1.2.3.4", "[::1]:2"], ["", "a:b", "[::1", "a b"]),
        ("mxc", ["mxc://a/b-_9"], ["mxc://a", "mxc:///b", "http://a/b", "mxc://a/b.c"]),
    ],
)
def test_formats(name, good, bad):
    assert [text for text in good if not FORMATS[name](text)] == []
    assert [text for text in bad if FORMATS[name](text)] == []
