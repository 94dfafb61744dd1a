"""Checks the schemas of the events.

    compatible.py examples ASYNCAPI            each example in the description has the described headers and payload
    compatible.py schemas RELEASED CURRENT     the last release and this version read each other's events

Consumers of the last release run while a fleet is upgraded, so they must read what is written now. Events are kept forever, and
`mypage --rebuild` reads the first one, so this version must read what was written before. A field that a reader does not know is
ignored, and so is an event of an unknown type.
"""

import functools
import json
import sys
from pathlib import Path

from jsonschema import Draft7Validator
from jsonsubschema import isSubschema

# Patterns for the formats, which jsonsubschema ignores.
FORMATS = {
    "date-time": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?(Z|(\+|-)[0-9]{2}:[0-9]{2})$",
}
# These bound numbers, but readers and writers use the same type.
IGNORED_FORMATS = {"int64"}
DESCRIPTIONS = {"title", "description", "format"}


def plain(schema):
    """The schema with patterns instead of formats, and without descriptions."""
    if isinstance(schema, list):
        return [plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: plain(field) for name, field in value.items()}
        elif key == "const":
            found["enum"] = [value]
        elif key not in DESCRIPTIONS or not isinstance(value, str):
            found[key] = plain(value)
    if "format" in schema and schema["format"] not in IGNORED_FORMATS:
        found["pattern"] = FORMATS[schema["format"]]
    return found


def unreadable(written, read):
    """What a reader cannot read: the fields of `written` whose values `read` does not always accept."""
    return problems(json.dumps(plain(written)), json.dumps(plain(read)))


@functools.cache
def problems(written, read):
    """`unreadable` for schemas as text. A comparison takes long, and many events are equal."""
    written, read = json.loads(written), json.loads(read)
    # A writer adds no fields to those of its schema.
    if isSubschema({**written, "additionalProperties": False}, read):
        return []
    missing = [f"`{name}` may be absent" for name in read["required"] if name not in written["required"]]
    wrong = [
        f"`{name}` may have a value that is not read"
        for name, field in written["properties"].items()
        if not isSubschema(field, read["properties"].get(name, {}))
    ]
    return missing + wrong or ["the event is not read"]


def check_schemas(released, current):
    """The breaches between two versions of all schemas."""
    for event_type, before in released["events"].items():
        now = current["events"].get(event_type)
        if now is None:
            yield f"{event_type}: this version does not read it, but {released['version']} wrote it"
            continue
        for problem in unreadable(now["written"], before["read"]):
            yield f"{event_type}, written now and read by {released['version']}: {problem}"
        for problem in unreadable(before["written"], now["read"]):
            yield f"{event_type}, written by {released['version']} and read now: {problem}"
    for event_type, now in current["events"].items():
        for problem in unreadable(now["written"], now["read"]):
            yield f"{event_type}, written and read now: {problem}"


def check_examples(document):
    """The breaches in the examples of a description."""
    count = 0
    for name, message in document["components"]["messages"].items():
        for example in message.get("examples", []):
            for part in ("headers", "payload"):
                count += 1
                for error in Draft7Validator(plain(message[part])).iter_errors(example[part]):
                    yield f"{name}: {part}: {'.'.join(map(str, error.absolute_path))}: {error.message}"
    if not count:
        yield "there are no examples"


def main():
    kind, *files = sys.argv[1:]
    found = list({"examples": check_examples, "schemas": check_schemas}[kind](*[json.loads(Path(file).read_text()) for file in files]))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
