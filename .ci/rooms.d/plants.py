"""Small trees that break a rule, and small trees that do not, for each rule."""

import re
import tempfile
from pathlib import Path

from crates import NEVER, ONLY, ORDER, WITHOUT_SQLX
from files import SHARED_LINES
from rooms import MAIN_LINES, NO_ROOM, READERS, ROOMS


def plants():
    """(path → text, the expected text of the breach; empty if there must be none)"""
    for plant in (rooms, readers, crates, circles, sizes, links):
        yield from plant()


def home(room):
    """A file in the room, or beside the rooms for a flow."""
    return "services/book/src/refunder.rs" if room == "flows" else f"services/book/src/{room}/planted.rs"


def rooms():
    for room, (_, bans, words) in ROOMS.items():
        for ban in bans:
            path = ban.replace("*", "_any")
            up = "super::" + path.removeprefix("crate::") if path.startswith("crate::") else path
            up = up if room == "flows" else up.replace("super::", "super::super::")
            above, _, last = path.rpartition("::")
            nested = f"{above}::{{fmt, {last} as other}}" if above else f"{{std::fmt, {path}::{{A, B}}}}"
            uses = (f"use {path}::Thing;", f"pub(crate) use {up}\n::*;", f"use {nested};")
            for code in (*uses, f"fn f() {{ {path}::g(); }}"):
                yield {home(room): code}, f"{room} never uses `{ban}`"
            for code in (f"mod tests {{ use super::*; use {above}::*; }}", f"use {above} as other;") if above else ():
                yield {home(room): code}, f"{room} never uses `{ban}`"
        for code in ("async fn f()", "SystemTime::now()", "Timestamp::now()", "now_v7()", "sleep(a).await", "loop {"):
            if any(re.match(word, code) for word in words):
                yield {f"gateway/src/{room}.rs": f"// a comment\n{code}"}, f"{room} never uses `"
        innocent = "fn f<'a>(loops: &'a str) -> A<'a> { my_axum::f(asynchronous) }"
        for ban in bans:
            innocent += f"// {ban}::A\n/* use {ban}::A; */ const A: &str = r#\"{ban}::\"A\"#; const B: char = '\"';"
        yield {home(room): innocent}, ""
    for name in (*NO_ROOM, "routes"):
        yield {f"{'gateway' if name == 'routes' else 'services/book'}/src/{name}.rs": "use axum::Router;"}, ""
    yield {"services/book/src/main.rs": "\n" * MAIN_LINES}, ""
    yield {"services/book/src/main.rs": "\n" * (MAIN_LINES + 1)}, f"more than {MAIN_LINES}"


def readers():
    reads = (
        ("use crate::store;", "store::bookings::find(c)"),
        ("use crate::store::bookings;", "bookings::find(c)"),
        ("use crate::store::{bookings::find as look};", "look(c)"),
        ("", "crate::store::bookings::find(c)"),
    )
    for room in READERS:
        for use, call in reads:
            alone = f"{use} fn read(c: [u8; 1]) {{ {call} }} fn write(tx: &mut Tx) {{ app::open(tx) }}"
            yield {home(room): alone}, ""
            for code in (f"fn f(tx: &mut Tx) {{ {call} }}", f"fn f() {{ let tx = db.begin().await; {call} }}"):
                yield {home(room): f"{use} {code}"}, f"{room} only reads by `crate::store`"
        yield {home(room): "use crate::store::bookings::*;"}, "never with a glob"
        yield {home(room): "fn f(tx: &mut Tx) { self.store; app::f(Store { store: 1 }) }"}, ""


def manifest(*names, table="dependencies"):
    return f"[{table}]\n" + "".join(f'{name} = "1"\n' for name in names)


def crates():
    for crate in (*ONLY, *NEVER):
        for table in ("dependencies", "target.'cfg(unix)'.dependencies"):
            text = f'[{table}]\nserde = "1"\nweb = {{ package = "axum", version = "0" }}'
            yield {f"crates/{crate}/Cargo.toml": text}, f"the crate {crate} never depends on `axum`"
    yield {"crates/surprise/Cargo.toml": ""}, "`surprise` has no place in the order"
    for earlier, later in zip(ORDER, ORDER[1:]):
        at = {name: f"{'services' if 'book' in row else 'crates'}/{name}/Cargo.toml" for row in (earlier, later) for name in row}
        early, late = earlier[-1], later[-1]
        wrong = f"`{early}` comes before `{late}` in the order"
        if early not in ONLY:
            yield {at[early]: manifest(late), at[late]: ""}, wrong
            yield {at[early]: manifest(late, table="build-dependencies"), at[late]: ""}, wrong
        yield {at[early]: manifest(late, table="dev-dependencies"), at[late]: manifest(early)}, ""
    yield {"services/book/Cargo.toml": manifest("payment"), "services/payment/Cargo.toml": ""}, "in the order"
    for crate in WITHOUT_SQLX:
        at = f"{crate if crate == 'gateway' else f'crates/{crate}'}/Cargo.toml"
        yield {at: manifest("sqlx")}, f"`{crate}` links sqlx"
        yield {at: manifest("sqlx", table="dev-dependencies")}, ""
    deep = {"gateway/Cargo.toml": manifest("audit"), "crates/audit/Cargo.toml": manifest("storage")}
    yield {**deep, "crates/storage/Cargo.toml": manifest("sqlx")}, "gateway → audit → storage → sqlx"
    yield {**deep, "crates/storage/Cargo.toml": manifest("jiff")}, ""


def circles():
    a, b, c = "crates/storage/src/a.rs", "crates/storage/src/b.rs", "crates/storage/src/c/deep.rs"
    lib, both = "crates/storage/src/lib.rs", "a circle of files: a, b"
    yield {a: "use crate::b::B;", b: ""}, ""
    yield {a: "use crate::b::B;", b: "use super::a::{self, A};"}, both
    yield {a: "use crate::b::B;", b: "fn f() { crate::a::g() }"}, both
    yield {a: "use crate::b::B;", b: "// crate::a\n#[cfg(test)]\nmod tests { use crate::a::A; }"}, ""
    yield {a: "use crate::b::B;", b: "pub use crate::a::A;"}, ""
    yield {a: "use crate::b::B;", c: "use crate::a::A;", b: "use crate::c::deep::D;"}, "a circle of files: a, b, c"
    yield {c: "use super::X;", "crates/storage/src/c/mod.rs": "use self::deep::D;"}, ""
    # Through a re-export: `crate::A` is a use of the file that defines `A`.
    yield {lib: "pub use a::A;", a: "use crate::b::B;", b: "use crate::A;"}, both
    yield {lib: "fn f() { a::g() }", a: "use crate::f;"}, "a circle of files: lib, a"
    yield {"services/book/src/lib.rs": "fn f() { boot::g() }", "services/book/src/boot.rs": "use crate::f;"}, ""
    yield {"gateway/src/docs.rs": "use crate::routes::R;", "gateway/src/routes.rs": "use crate::docs::D;"}, "docs, routes"


def sizes():
    line = "fn f() {}\n"
    tests = "#[cfg(test)]\nmod tests {\n" + line * 500 + "}\n"
    yield {"crates/storage/src/a.rs": line * SHARED_LINES + tests, "crates/storage/src/a/tests.rs": line}, ""
    yield {"crates/storage/src/a.rs": line * SHARED_LINES, "crates/storage/src/b.rs": line}, f"{SHARED_LINES + 1} lines"
    yield {"crates/marquee/src/a.rs": line * (SHARED_LINES + 1)}, ""


def links():
    target = {"docs/GLOSSARY.md": "# A: `word`, *twice*\n```\n# no heading\n```\n", "crates/storage/src/db.rs": ""}
    for name, link in (("README.md", "crates/storage/src/db.rs"), ("docs/adr/0001-a.md", "../GLOSSARY.md#a-word-twice")):
        yield {**target, name: f"See [`x`]({link} 'title') and [it](https://x.test/#y)."}, ""
        yield {**target, name: f"See [`x`](missing/{link})."}, "leads to no file"
    yield {**target, "docs/A.md": "[a](GLOSSARY.md#no-heading)"}, "leads to no heading"
    yield {**target, "docs/A.md": "[a](../../outside.md)"}, "leads to no file"
    yield {**target, "docs/A.md": "`[a](none.md)`\n```\n[a](none.md)\n```\n"}, ""


def self_test(check):
    missed, count = [], 0
    for count, (files, expected) in enumerate(plants(), 1):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                file = Path(root) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            found = list(check(Path(root).resolve()))
            places = {":".join(line.split(":")[:2]) for line in found}
            if len(places) != bool(expected) or expected and not any(expected in line for line in found):
                missed.append(f"{files}\n  must give {expected or 'nothing'}, gives {found}")
    print("\n".join(missed) or f"{count} plants, each reported as it must be")
    return 1 if missed else 0
