"""Name patterns: `*`, `?`, `[ab]`, `[a-z]` and `[!ab]`; nothing else in a name means anything but itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from jobmon_server.db.search.query import InvalidQuery

LONGEST = 255
#: A run of `*` is one wildcard.
MOST_WILDCARDS = 8
#: A class needs its end, and may have `]` as its first member; else `[` is a character like any other.
_TOKENS = re.compile(
    r"(?P<any>\*+)|(?P<one>\?)|\[(?P<not>!?)(?P<members>.[^\]]*)\]|(?P<literal>.)", re.DOTALL
)
_EVERY = r"[\s\S]"
#: Where the text ends, to PCRE; `$` would also match before a last line break.
AT_END = rf"(?!{_EVERY})"


@dataclass(frozen=True, slots=True)
class RegexSpelling:
    """A regular expression as SQLite is given it, for RE2, and as MariaDB reads it, which is PCRE."""

    re2: str
    pcre: str


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern in the words of each database; `glob` and `like` are None if it has a class, which only `regex` can tell.

    `like` has the escape `!`.
    """

    glob: str | None
    like: str | None
    regex: RegexSpelling


def is_pattern(text: str) -> bool:
    """Tell whether a name is meant as a pattern."""
    return any(match["literal"] is None for match in _TOKENS.finditer(text))


def read_pattern(text: str) -> Pattern:
    """Read a pattern; raises `InvalidQuery` for one that is too long, has many wildcards or an impossible range."""
    if len(text) > LONGEST or "\x00" in text:
        raise InvalidQuery(f"must have at most {LONGEST} characters, none of them U+0000")
    glob, like, pieces = "", "", [""]
    has_class = False
    tokens = list(_TOKENS.finditer(text))
    if sum(match["literal"] is None for match in tokens) > MOST_WILDCARDS:
        raise InvalidQuery(f"may have at most {MOST_WILDCARDS} wildcards (*, ?, [ ])")
    for match in tokens:
        if match["members"] is not None:
            has_class = True
            pieces[-1] += _class(match["members"], negated=bool(match["not"]))
        elif match["any"]:
            glob, like = f"{glob}*", f"{like}%"
            pieces.append("")
        elif match["one"]:
            glob, like = f"{glob}?", f"{like}_"
            pieces[-1] += _EVERY
        else:
            letter = match["literal"]
            glob += "[[]" if letter == "[" else letter
            like += f"!{letter}" if letter in "!%_" else letter
            pieces[-1] += literal(letter)
    regex = _joined(pieces)
    return Pattern(None, None, regex) if has_class else Pattern(glob, like, regex)


def _joined(pieces: list[str]) -> RegexSpelling:
    """Join what stands between stars; to PCRE each but the last is settled where it is first found: nothing is tried twice."""
    re2 = f"^{f'{_EVERY}*'.join(pieces)}\\z"
    first, *rest = pieces
    if not rest:
        return RegexSpelling(re2, f"^{first}{AT_END}")
    *middle, last = rest
    settled = "".join(f"(?>{_EVERY}*?{piece})" for piece in middle if piece)
    return RegexSpelling(re2, f"^{first}{settled}{_EVERY}*{last}{AT_END}")


def _class(members: str, *, negated: bool) -> str:
    """Return the class of these members."""
    parts: list[str] = []
    for match in re.finditer(r"(.)-(.)|(.)", members, re.DOTALL):
        first, last, single = match.groups()
        if single is None and last < first:
            raise InvalidQuery(f"the range {first}-{last} goes backwards")
        parts.append(literal(single) if single else f"{literal(first)}-{literal(last)}")
    return f"[{'^' if negated else ''}{''.join(parts)}]"


def literal(letter: str) -> str:
    """Return the regular expression of one character."""
    is_sign = letter.isascii() and letter.isprintable() and not letter.isalnum()
    return f"\\{letter}" if is_sign else letter
