"""What an exception is: a correction of a file, or an excuse for what was answered."""
import re
from dataclasses import dataclass, field


def like(pattern, text):
    """Whether the text has the pattern; * stands for anything."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None


@dataclass
class Correction:
    """Laid over the file of a service as a merge patch: None removes, values replace."""
    service: str
    place: str  # keys from the top, separated by blanks
    patch: object
    why: str
    needed: bool = field(default=False)

    def apply(self, document):
        if callable(self.patch):
            self.patch(document)
            return
        node = document
        for key in self.place.split(" ")[:-1]:
            node = node[key]
        key = self.place.split(" ")[-1]
        node[key] = merged(node.get(key), self.patch)


def merged(old, patch):
    if not isinstance(patch, dict) or not isinstance(old, dict):
        return patch
    new = {k: v for k, v in old.items() if k not in patch}
    new.update({k: merged(old.get(k), v) for k, v in patch.items() if v is not None})
    return new


@dataclass
class Excuse:
    """One exception: what it is about (patterns), and why."""
    what: str
    title: str = ""
    status: int = 0
    why: str = ""
    needed: bool = field(default=False)


def pick(table, what, title=None, status=None):
    for excuse in table:
        if like(excuse.what, what) and (title is None or like(excuse.title, title)) and \
                (status is None or excuse.status == status):
            return excuse
    return None


def needed(excuse):
    if excuse:
        excuse.needed = True
    return excuse is not None
