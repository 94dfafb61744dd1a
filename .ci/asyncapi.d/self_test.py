"""Tests `compatible.py`: plants a breach of each kind in the real files, and fails unless each is reported.

    self_test.py ASYNCAPI SCHEMAS
"""

import copy
import json
import sys
from pathlib import Path

from compatible import check_examples, check_schemas

document, schemas = (json.loads(Path(file).read_text()) for file in sys.argv[1:])
failures = []


def expect(name, found, wanted):
    """Notes a failure unless one of the reports contains `wanted`; if it is None, unless there is none."""
    found = list(found)
    if wanted is None and found or wanted is not None and not any(wanted in one for one in found):
        failures.append(f"{name}: expected {wanted!r}, got {found}")


def between(name, wanted, edit):
    """Compares the schemas with an edited copy of them, which is the current version."""
    current = copy.deepcopy(schemas)
    edit(current["events"])
    expect(name, check_schemas(schemas, current), wanted)


def put(event_type, kind, field, schema, is_required=False):
    def edit(events):
        of_kind = events[event_type][kind]
        of_kind["properties"][field] = schema
        if is_required:
            of_kind["required"].append(field)

    return edit


def drop(event_type, field):
    def edit(events):
        written = events[event_type]["written"]
        del written["properties"][field]
        written["required"].remove(field)

    return edit


def example(name, wanted, part, field, value):
    edited = copy.deepcopy(document)
    edited["components"]["messages"]["Paid"]["examples"][0][part][field] = value
    expect(name, check_examples(edited), wanted)


between("no change", None, lambda events: None)
between("a new field", None, put("Paid", "written", "currency", {"type": "string"}, True))
between("an optional field is omitted", None, drop("Paid", "totalPrice"))
between("a new event", None, lambda events: events.update(Refused=copy.deepcopy(events["Paid"])))
between("an event is removed", "Held: this version does not read it", lambda events: events.pop("Held"))
between("an id is omitted", "Paid, written now and read by", drop("Paid", "bookingId"))
between("an id may be zero", "`id` may have a value", put("Paid", "written", "id", {"type": "integer"}))
between("an id is text", "`id` may have a value", put("Paid", "written", "id", {"type": "string"}))
between("a number is a list", "`qty` may have a value", put("Booked", "written", "qty", {"type": "array"}))
between("a time is any text", "`startsAt` may have a value", put("Booked", "written", "startsAt", {"type": "string"}))
between("a reader requires a new field", "written by 0.1.0 and read now: `currency` may be absent".replace("0.1.0", schemas["version"]),
        put("Paid", "read", "currency", {"type": "string"}, True))
between("a reader is stricter", "read now: `seat` may have a value", put("Booked", "read", "seat", {"type": "string"}))
example("no change", None, "payload", "id", 7)
example("a wrong payload", "Paid: payload: id", "payload", "id", "seven")
example("a wrong header", "Paid: headers: ce_source", "headers", "ce_source", "/book")
example("a wrong time", "Paid: headers: ce_time", "headers", "ce_time", "today")
expect("no examples", check_examples({"components": {"messages": {}}}), "no examples")

print("\n".join(failures) or "the checks of the schemas report every planted breach")
sys.exit(bool(failures))
