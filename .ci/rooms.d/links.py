"""The rule on documents: a link to a file or a heading of the repository has a target."""

import re

from rust import blank, line_at

LINK = re.compile(r"!?\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
# Fenced blocks and `code` contain no links.
NOT_PROSE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.S | re.M)


def anchors(text):
    """The anchors that GitHub gives the headings of a document."""
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.S | re.M)
    found, seen = set(), {}
    for heading in re.findall(r"^#{1,6}\s+(.*?)\s*#*$", text, re.M):
        heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{anchor}-{seen[anchor]}" if anchor in seen else anchor)
        seen[anchor] = seen.get(anchor, 0) + 1
    return found


def check_links(root, file):
    text = file.read_text()
    prose = NOT_PROSE.sub(blank, text)
    for found in LINK.finditer(prose):
        if re.match(r"[a-z][a-z0-9+.-]*:", found[1]):
            continue
        path, _, anchor = found[1].partition("#")
        target = (file.parent / path).resolve() if path else file
        place = f"{file.relative_to(root)}:{line_at(prose, found.start())}"
        if not target.is_relative_to(root) or not target.exists():
            yield f"{place}: the link `{found[1]}` leads to no file"
        elif anchor and target.suffix == ".md" and anchor not in anchors(target.read_text()):
            yield f"{place}: the link `{found[1]}` leads to no heading"
