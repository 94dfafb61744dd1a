"""Rules on the crates: their order, their dependencies, and the crates without a database."""

import tomllib

# A crate depends only on crates of earlier rows. Crates in the same row do not depend on each other.
ORDER = [
    ["events"], ["circuit-breaker"], ["telemetry"], ["storage"],
    ["process"], ["http-api"], ["http-connections"], ["http-server"], ["http-pool"], ["upstream"],
    ["event-log"], ["kafka-log"], ["messaging"],
    ["service"], ["identity"],
    ["audit"], ["desync"], ["test-kit"],
    ["book", "payment", "processor", "ticket", "point", "mypage", "member"],
    ["audit-databases"],  # behind the services: its repairs compute what mypage must show with mypage's own domain code
    ["gateway"], ["marquee"], ["bench", "chaos", "fuzz"],
]
# These crates and their dependencies do not link sqlx: a crate that serves or calls HTTP has no database.
WITHOUT_SQLX = ["telemetry", "process", "http-api", "http-connections", "http-server", "http-pool", "upstream", "gateway"]
# Crate → its only allowed dependencies, or its forbidden ones.
ONLY = {"events": {"serde", "serde_json", "jiff", "thiserror", "icu_casemap", "icu_normalizer", "icu_properties"}}
NEVER = {"storage": {"axum", "reqwest"}, "event-log": {"axum", "reqwest"}, "kafka-log": {"axum", "reqwest"}, "messaging": {"axum", "reqwest"}}


def dependencies(crate):
    """The packages that a crate links, including optional ones, without dev-dependencies."""
    package = tomllib.loads((crate / "Cargo.toml").read_text())
    found = set()
    for table in [package, *package.get("target", {}).values()]:
        for kind in ("dependencies", "build-dependencies"):
            for name, entry in table.get(kind, {}).items():
                found.add(entry.get("package", name) if isinstance(entry, dict) else name)
    return found


def check_crates(root, crates):
    """The breaches of the rules on crates."""
    rank = {name: at for at, row in enumerate(ORDER) for name in row}
    links = {crate.name: dependencies(crate) for crate in crates}
    for crate in crates:
        manifest, name = (crate / "Cargo.toml").relative_to(root), crate.name
        if name not in rank:
            yield f"{manifest}: `{name}` has no place in the order of the crates"
            continue
        for other in sorted(links[name]):
            if other in NEVER.get(name, ()) or other not in ONLY.get(name, {other}):
                yield f"{manifest}: the crate {name} never depends on `{other}`"
            if rank.get(other, -1) >= rank[name]:
                yield f"{manifest}: `{name}` comes before `{other}` in the order of the crates, so it never depends on it"
        if name in WITHOUT_SQLX and (way := way_to("sqlx", name, links)):
            yield f"{manifest}: `{name}` links sqlx: {' → '.join(way)}"


def way_to(wanted, name, links, seen=()):
    """The first chain of dependencies from one crate to a package."""
    for other in sorted(links.get(name, ())):
        if other == wanted:
            return [name, wanted]
        if other not in seen and other in links and (way := way_to(wanted, other, links, (*seen, name))):
            return [name, *way]
    return []
