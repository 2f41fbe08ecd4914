"""Regular expressions, read before they reach SQL: what RE2 and PCRE understand alike, and what cannot run away.

Repetitions are few, of one character or class, and never of one another; so the work grows with a small power of a
name's length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from jobmon_server.db.search.globs import AT_END, LONGEST, RegexSpelling, literal
from jobmon_server.db.search.query import InvalidQuery

MOST_REPETITIONS = 3
MOST_CHOICES = 5
MOST_COPIES = 255

_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\n\r\f\v"}
_COUNT = re.compile(r"\{(\d{1,3})(,(\d{0,3}))?\}", re.ASCII)


def read_regex(text: str) -> RegexSpelling:
    """Return a regular expression as both databases take it; raises `InvalidQuery` for one that may not be."""
    if not 0 < len(text) <= LONGEST or "\x00" in text:
        raise InvalidQuery(f"must have 1 to {LONGEST} characters, none of them U+0000")
    reading = _Reading(text)
    while not reading.at_end:
        _read_piece(reading)
    if reading.depth:
        raise InvalidQuery("a group is not closed")
    # From every place of a name it may begin again: that is one repetition more.
    most = MOST_REPETITIONS - (not text.startswith("^") or "|" in text)
    if reading.repetitions > most:
        raise InvalidQuery(f"may have at most {most} repetitions ({MOST_REPETITIONS} if it begins with ^)")
    if reading.choices > MOST_CHOICES:
        raise InvalidQuery(f"may have at most {MOST_CHOICES} optional parts and alternatives")
    pcre = "".join(reading.out)
    return RegexSpelling(pcre.replace(AT_END, r"\z"), pcre)


@dataclass(slots=True)
class _Reading:
    """How far it was read, and what was made of it."""

    text: str
    position: int = 0
    out: list[str] = field(default_factory=list)
    depth: int = 0
    repetitions: int = 0
    choices: int = 0
    #: What a quantifier would stand behind: one character or class, a group, or nothing that can be repeated.
    before: str = "nothing"

    @property
    def at_end(self) -> bool:
        """Whether all was read."""
        return self.position >= len(self.text)

    def comes(self, text: str) -> bool:
        """Tell whether this comes next."""
        return self.text.startswith(text, self.position)

    def next(self) -> str:
        """Read one character."""
        if self.at_end:
            raise InvalidQuery("ends too early")
        self.position += 1
        return self.text[self.position - 1]


def _read_piece(reading: _Reading) -> None:
    letter = reading.next()
    if letter in "*+?{":
        _read_quantifier(reading, letter)
    elif letter in "()|^$":
        _read_structure(reading, letter)
    else:
        reading.out.append(_read_one(reading, letter))
        reading.before = "one"


def _read_one(reading: _Reading, letter: str) -> str:
    """Read one character or class."""
    if letter == "[":
        return _read_class(reading)
    if letter == ".":
        return r"[^\n]"
    if letter != "\\":
        return literal(letter)
    escaped = reading.next()
    members = _CLASSES.get(escaped.lower())
    if members is not None:
        return f"[{'^' if escaped.isupper() else ''}{members}]"
    return literal(_sign(escaped))


def _sign(escaped: str) -> str:
    if escaped.isascii() and escaped.isprintable() and not escaped.isalnum():
        return escaped
    raise InvalidQuery(rf"\{escaped} is not known here; what is: \d, \w, \s, and any sign, as in \.")


def _read_structure(reading: _Reading, letter: str) -> None:
    """Read a group's beginning or end, an alternative, or an anchor."""
    reading.before = "group" if letter == ")" else "nothing"
    reading.depth += (letter == "(") - (letter == ")")
    reading.choices += letter == "|"
    if reading.depth < 0:
        raise InvalidQuery("a group is closed that was not begun")
    if letter == "(":
        reading.position += 2 * reading.comes("?:")
        if reading.comes("?") or reading.comes("*"):
            raise InvalidQuery("a group is written ( ) or (?: )")
    reading.out.append({"(": "(?:", "$": AT_END}.get(letter, letter))


def _read_quantifier(reading: _Reading, letter: str) -> None:
    if reading.before == "nothing":
        raise InvalidQuery(f"there is nothing that {letter} could repeat")
    if letter == "{":
        letter = _read_count(reading)
    reading.choices += letter == "?"
    if letter != "?" and reading.before == "group":
        raise InvalidQuery("a group may be optional (?), not repeated")
    reading.repetitions += letter in "*+" or "," in letter
    reading.out.append(letter)
    reading.before = "nothing"


def _read_count(reading: _Reading) -> str:
    match = _COUNT.match(reading.text, reading.position - 1)
    if match is None:
        raise InvalidQuery(r"a count is written {3}, {3,} or {3,5}; the sign itself is \{")
    reading.position = match.end()
    low, high = int(match[1]), int(match[3] or match[1])
    if not low <= high <= MOST_COPIES:
        raise InvalidQuery(f"a count is at most {MOST_COPIES}, the smaller number first")
    return match[0]


def _read_class(reading: _Reading) -> str:
    """Read a class behind its `[`."""
    negated = reading.comes("^")
    reading.position += negated
    parts: list[str] = []
    while not (parts and reading.comes("]")):
        first = _read_member(reading)
        if len(first) > 1 or not reading.comes("-") or reading.comes("-]"):
            parts.append(first if len(first) > 1 else literal(first))
            continue
        reading.next()
        last = _read_member(reading)
        if len(last) > 1 or last < first:
            raise InvalidQuery("a range goes from a character to a later one")
        parts.append(f"{literal(first)}-{literal(last)}")
    reading.next()
    return f"[{'^' if negated else ''}{''.join(parts)}]"


def _read_member(reading: _Reading) -> str:
    r"""Read one member of a class: a character, or the members of \d, \w or \s."""
    letter = reading.next()
    if letter != "\\":
        return letter
    escaped = reading.next()
    return _CLASSES.get(escaped) or _sign(escaped)
