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


@dataclass
class Tables:
    """The exceptions of one set of documents."""
    corrections: list = field(default_factory=list)
    unlisted: list = field(default_factory=list)  # statuses answered that are not listed: (operation, status)
    unseen: list = field(default_factory=list)  # statuses listed that are not answered: (operation, status)
    unsent: list = field(default_factory=list)  # members of requests: (operation, member)
    untold: list = field(default_factory=list)  # members of answers: (service, member)
    missing: list = field(default_factory=list)  # what our documents do not have: (operation, what)

    def corrections_of(self, service):
        return [c for c in self.corrections if c.service == service]

    def is_unlisted(self, key, status):
        return needed(pick(self.unlisted, key, None, status))

    def is_unseen(self, key, status):
        return needed(pick(self.unseen, key, None, status))

    def is_unsent(self, key, member):
        return needed(pick(self.unsent, key, member))

    def is_untold(self, service, member):
        return needed(pick(self.untold, service, member))

    def is_missing(self, key, what):
        return needed(pick(self.missing, key, what))

    def idle(self):
        for table in (self.corrections, self.unlisted, self.unseen, self.unsent, self.untold, self.missing):
            yield from idle(table)


def idle(table):
    return (f"exception not needed: {e}" for e in table if not e.needed)
