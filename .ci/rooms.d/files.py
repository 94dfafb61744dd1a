"""Rules on the files of one crate: no circles between them, and a maximum size of shared crates."""

from rust import code_of, imports, line_at, module_of, without_unit_tests, written_paths

SHARED_LINES = 2_000


def sources(source):
    """Module → (file, code without unit tests, its number of lines)."""
    found = {}
    for file in sorted(source.rglob("*.rs")):
        if file.name == "tests.rs" or "tests" in file.relative_to(source).parts or file == source / "main.rs":
            continue
        text = file.read_text()
        code, tests = without_unit_tests(code_of(text))
        found[module_of(file, source)] = file, code, len(text.splitlines()) - tests
    return found


class Uses:
    """The uses between the units of a crate. A unit is a file of `src` with the directory of its name.

    A re-export does not count as a use: code that names a re-exported item uses the unit that defines it.
    """

    def __init__(self, modules):
        self.modules = modules
        self.imported = {}  # (module, name) → the path in the crate to which the name refers
        for module, (_, code, _) in modules.items():
            for _, path, _ in imports(code, module):
                path, _, renamed = path.partition(" as ")
                names = self.inside(path, module)
                if names:
                    self.imported[module, renamed.strip() or names[-1]] = names

    def inside(self, path, module):
        """The names of a path below the crate's root; empty for a path into another crate."""
        names = tuple(path.split("::"))
        if names[0] == "crate":
            return names[1:]
        return (*module, *names) if (*module, names[0]) in self.modules else ()

    def unit(self, names, hops=5):
        """The unit that defines the item at a path, after following re-exports."""
        home = max((names[:n] for n in range(len(names) + 1) if names[:n] in self.modules), key=len, default=())
        rest = names[len(home) :]
        behind = self.imported.get((home, rest[0])) if rest else None
        if behind and hops and behind != names[: len(home) + 1]:
            return self.unit((*behind, *rest[1:]), hops - 1)
        return home[:1]

    def edges(self):
        """(unit, used unit) → (file, line) of the first use."""
        edges = {}
        for module, (file, code, _) in self.modules.items():
            named = [(at, path.partition(" as ")[0]) for at, path, public in imports(code, module) if not public]
            for at, path in [*named, *written_paths(code, module)]:
                names = self.inside(path, module)
                if not names:
                    first, *rest = path.split("::")
                    names = (*self.imported[module, first], *rest) if (module, first) in self.imported else ()
                if names and (used := self.unit(names)) != module[:1]:
                    edges.setdefault((module[:1], used), (file, line_at(code, at)))
        return edges


def circles(edges):
    """Groups of units in which each unit reaches all others."""
    after = {}
    for user, used in edges:
        after.setdefault(user, set()).add(used)

    def reach(start):
        seen, ahead = set(), list(after.get(start, ()))
        while ahead:
            unit = ahead.pop()
            if unit not in seen:
                seen.add(unit)
                ahead += after.get(unit, ())
        return seen

    reached = {unit: reach(unit) for unit in after}
    return {frozenset(b for b in reached[a] if a in reached.get(b, ())) for a in reached if a in reached[a]}


def check_circles(root, crate, modules, is_shared):
    edges = Uses(modules).edges()
    if not is_shared:
        # `lib.rs` of a service has its state and its router, so it uses the other files and they use it.
        edges = {edge: place for edge, place in edges.items() if () not in edge}
    for circle in sorted(circles(edges), key=sorted):
        shown = ", ".join(unit[0] if unit else "lib" for unit in sorted(circle))
        places = sorted({place for (user, used), place in edges.items() if {user, used} <= circle})
        uses = ", ".join(f"{file.relative_to(root)}:{line}" for file, line in places)
        yield f"{crate.relative_to(root)}/src: a circle of files: {shown}: {uses}"


def check_size(root, crate, modules):
    lines = sum(lines for _, _, lines in modules.values())
    if lines > SHARED_LINES:
        yield f"{crate.relative_to(root)}/src: {lines} lines without unit tests, more than {SHARED_LINES:,}: that is two crates"
