"""Finds the paths that Rust source names."""

import re

NOT_CODE = re.compile(
    r"""//[^\n]* | /\*.*?\*/ | \b(?:b|c)?r(\#*)".*?"\1 | "(?:[^"\\]|\\.)*" | '(?:\\(?:u\{[^}]*\}|x..|.)|[^'\\])'""", re.S | re.X)
USE = re.compile(r"(?P<public>\bpub(?:\([^)]*\))?\s+)?\buse\s+(?P<tree>[^;]+);")
PATH = re.compile(r"(?<![\w:])(?:::\s*)?[A-Za-z_]\w*(?:\s*::\s*[A-Za-z_]\w*)+")
UNIT_TEST = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?(?:mod|fn|impl|use)\b[^{;]*[{;]")


def blank(found):
    return re.sub(r"[^\n]", " ", found[0])


def code_of(text):
    """The text with spaces instead of comments and strings. Offsets and lines are unchanged."""
    return NOT_CODE.sub(blank, text)


def line_at(code, offset):
    return code.count("\n", 0, offset) + 1


def block_end(code, start):
    """The offset after the closing brace of the block whose content begins at `start`."""
    depth, end = 1, start
    while depth and end < len(code):
        depth += (code[end] == "{") - (code[end] == "}")
        end += 1
    return end


def without_unit_tests(code):
    """The code with spaces instead of unit tests, and the number of lines of the unit tests."""
    lines = 0
    for found in UNIT_TEST.finditer(code):
        end = block_end(code, found.end()) if found[0].endswith("{") else found.end()
        lines += code.count("\n", found.start(), end) + 1
        code = code[: found.start()] + re.sub(r"[^\n]", " ", code[found.start() : end]) + code[end:]
    return code, lines


def module_of(file, source):
    """The names of a file's module, from the crate's root."""
    names = file.relative_to(source).with_suffix("").parts
    return names[:-1] if names[-1] in ("mod", "lib", "main") else names


def inline_modules(code):
    """(start, end, name) of each `mod name { … }`."""
    for found in re.finditer(r"\bmod\s+(\w+)\s*\{", code):
        yield found.start(), block_end(code, found.end()), found[1]


def functions(code):
    """(start, end) of each function with a body. A nested function belongs to the outer one."""
    end = 0
    for found in re.finditer(r"\bfn\s+\w+", code):
        if found.start() < end:
            continue
        # The `;` of an array type does not end the signature.
        depth, at = 0, found.end()
        while at < len(code) and (depth or code[at] not in "{;"):
            depth += (code[at] in "([") - (code[at] in ")]")
            at += 1
        if at < len(code) and code[at] == "{":
            end = block_end(code, at + 1)
            yield found.start(), end


def use_paths(tree, prefix=""):
    """Each path of a use tree: `a::{self, b as d, c::*}` gives `a`, `a::b as d` and `a::c::*`."""
    head, brace, inner = tree.partition("{")
    if not brace:
        yield re.sub(r"::self\b", "", prefix + re.sub(r"\s*::\s*", "::", tree.strip()))
        return
    depth, branch = 0, ""
    for letter in inner[: inner.rindex("}")] + ",":
        depth += (letter == "{") - (letter == "}")
        if letter == "," and depth == 0:
            yield from use_paths(branch, prefix + re.sub(r"\s", "", head)) if branch.strip() else ()
            branch = ""
        else:
            branch += letter


def absolute(path, module):
    """The path from the crate's root of a path in `module`."""
    names, module = path.removeprefix("::").split("::"), list(module)
    if names[0] not in ("self", "super"):
        return "::".join(names)
    while names and names[0] in ("self", "super"):
        module = module[:-1] if names.pop(0) == "super" else module
    return "::".join(["crate", *module, *names])


def imports(code, module):
    """(offset, path, whether it is a re-export) of each `use`."""
    inline = list(inline_modules(code))
    for found in USE.finditer(code):
        place = (*module, *(name for start, end, name in inline if start < found.start() < end))
        for path in use_paths(found["tree"]):
            yield found.start("tree"), absolute(path, place), bool(found["public"])


def written_paths(code, module):
    """(offset, path) of each path outside of `use` lines."""
    inline = list(inline_modules(code))
    for found in PATH.finditer(USE.sub(blank, code)):
        place = (*module, *(name for start, end, name in inline if start < found.start() < end))
        yield found.start(), absolute(re.sub(r"\s", "", found[0]), place)


def named_paths(code, module):
    """(offset, path) of everything that the code names: imports with their globs and renames, and other paths."""
    yield from ((at, path) for at, path, _ in imports(code, module))
    yield from written_paths(code, module)
