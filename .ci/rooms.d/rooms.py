"""Rules on the rooms of a service: the paths that each must not use, and the reasons."""

import re

from rust import code_of, functions, imports, line_at, module_of, named_paths

MAIN_LINES = 60
SQL = ["sqlx", "storage::query*", "storage::Query*", "storage::Row"]

# Room → (reason, forbidden paths, forbidden words). A path forbids everything below it; a final `*` matches the rest of a name.
ROOMS = {
    "http": ("http parses, begins, calls app and responds; SQL is store's",
        [*SQL, "rdkafka"], []),
    "consumers": ("a consumer holds a transaction, and nothing that holds one awaits another service",
        ["crate::clients"], []),
    "app": ("a use case is called by HTTP and by events alike, inside a transaction",
        ["axum", "reqwest", "crate::clients", "crate::http"], []),
    "domain": ("domain is pure: the same input gives the same output",
        ["axum", "sqlx", "rdkafka", "reqwest", "tokio", "storage", "event_log", "kafka_log", "messaging"],
        [r"async\b", r"SystemTime\b", r"now_v7\b", r"(?:Instant|Timestamp|Zoned)\s*::\s*now\b"]),
    "store": ("store is SQL; the use case above it decides which events are published",
        ["axum", "event_log", "kafka_log", "messaging", "crate::http", "crate::app", "crate::clients"], []),
    "clients": ("a client is one call; `upstream` retries it, within its deadline and budget",
        ["sqlx", "storage", "crate::store"], [r"sleep\b", r"loop\s*\{"]),
    "flows": ("a flow is a sequence of use cases and calls; SQL is store's, and responses are http's",
        [*SQL, "axum", "rdkafka", "crate::http"], []),
}
# The other files beside the rooms: the crate's root, and the steps of its start. Any further file is a flow.
NO_ROOM = {"lib", "main", "boot", "config", "demo_data", "upgrade"}
# These rooms may read with `crate::store`, on their own connection. Writing is the job of a use case.
READERS = ("http", "flows")
WRITES = re.compile(r"\bTx\b|\bbegin(?:_\w+)?\s*\(")


def room_of(file, source):
    name = file.relative_to(source).parts[0].removesuffix(".rs")
    if name in ROOMS:
        return name
    is_flow = source.parent.parent.name == "services" and name not in NO_ROOM
    return "flows" if is_flow else None


def breaks(path, ban):
    path, _, renamed = path.partition(" as ")
    if path == ban or path.startswith(ban + "::") or (ban.endswith("*") and path.startswith(ban[:-1])):
        return True
    # A glob or a renamed parent would hide the forbidden path.
    return (renamed or path.endswith("::*")) and ban.startswith(path.removesuffix("*").removesuffix("::") + "::")


def check_room(root, source, file, room):
    why, paths, words = ROOMS[room]
    code, module = code_of(file.read_text()), module_of(file, source)
    breaches = {(at, f"`{ban}`") for at, path in named_paths(code, module) for ban in paths if breaks(path, ban)}
    breaches |= {(found.start(), f"`{found[0]}`") for word in words for found in re.finditer(rf"\b{word}", code)}
    for offset, what in sorted(breaches):
        yield f"{file.relative_to(root)}:{line_at(code, offset)}: {room} never uses {what}: {why}"
    if room in READERS:
        yield from check_reads(root, file, room, code, module)


def check_reads(root, file, room, code, module):
    """Checks that a function that uses `crate::store` neither begins a transaction nor takes one."""
    names = {"store"}
    for at, path, _ in imports(code, module):
        path, _, renamed = path.partition(" as ")
        if path.startswith("crate::store"):
            names.add(renamed.strip() or path.split("::")[-1])
            if path.endswith("*"):
                yield f"{file.relative_to(root)}:{line_at(code, at)}: {room} imports from `crate::store` by name, never with a glob"
    reads = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, sorted(names)))})\b(?!\s*:[^:])")
    for start, end in functions(code):
        body = code[start:end]
        if (found := WRITES.search(body)) and reads.search(body):
            line = line_at(code, start + found.start())
            yield f"{file.relative_to(root)}:{line}: {room} only reads by `crate::store`: what has a transaction calls app"


def check_main(root, main):
    lines = len(main.read_text().splitlines())
    if lines > MAIN_LINES:
        yield f"{main.relative_to(root)}:{MAIN_LINES + 1}: main.rs has {lines} lines, more than {MAIN_LINES}"
