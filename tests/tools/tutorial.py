"""The blocks of a tutorial, as files of a folder: NNN.kind (file, sh, until), NNN.name, NNN.shown.

A fenced block whose info string is a language and a path is a file; "sh" is run; "sh until" is run until it
shows what it should; "text" is what the block before it shows.  With --match: does an output look like that?
"""
import pathlib
import re
import sys


def blocks(page):
    """Info string and content of each fenced block."""
    info, lines = None, []
    for line in page.splitlines():
        if info is None and line.startswith("```"):
            info, lines = line[3:].split(), []
        elif info is not None and line == "```":
            yield info, "\n".join(lines) + "\n"
            info = None
        elif info is not None:
            lines.append(line)


def extract(page, folder):
    number = 0
    for info, content in blocks(page.read_text()):
        if info == ["text"]:
            (folder / f"{number:03}.shown").write_text(content)
            continue
        number += 1
        kind = "file" if info[0] != "sh" else "until" if info[1:] == ["until"] else "sh"
        (folder / f"{number:03}.{kind}").write_text(content)
        if kind == "file":
            (folder / f"{number:03}.name").write_text(info[1] + "\n")


def matches(shown, output):
    """Line by line; "..." in a line is any text, alone it is any lines."""
    pattern = ""
    for line in shown.splitlines():
        pattern += r"(?:.*\n)*" if line == "..." else "[^\n]*".join(map(re.escape, line.split("..."))) + r"\n"
    return re.fullmatch(pattern, output) is not None


def main():
    if sys.argv[1] == "--match":
        shown, output = (pathlib.Path(name).read_text() for name in sys.argv[2:])
        sys.exit(0 if matches(shown, output) else 1)
    extract(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))


main()
