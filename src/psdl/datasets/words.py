"""Decides what the names of folders, files, columns and labels mean, by the words listed in `words.toml`.

A name is divided into its words (`good_parts`, `OKTeile`, `i.O.`, `不良品`). Each word may say good, bad (which
means defective), mask, or a split. A negation turns good into bad and bad into good (`not_good`, `defect-free`).
Words count as a whole, apart from a negation or a noun that is attached to them: `abnormal`, `NOK` and
`nonconforming` are not good.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, NamedTuple, get_args

Role = Literal["good", "bad", "mask"]
Split = Literal["train", "test", "val"]


class Meaning(NamedTuple):
    """What a name means.

    - `role` says what lies in a folder of this name: good images, defective ones ("bad"), or masks. None: it says
      nothing of these, or both good and bad.
    - `split` is the split that it names, unless that is taken back.
    - `neutral`: all words are known and say nothing, as in `lot3`, `cam_left` or `2024-11-05`. A single letter or
      digit alone is not neutral, since it may be a grade.
    - `aside`: it says that the images are not sorted, as `misc`, takes a split back, as `not_for_training`, or
      says that they are not to be used.
    - `graded` is the "good" or "bad" that it says, also beside a word for masks, as in `label_good`.
    - `plain`: no other word is unknown, as in `good_lot3` and unlike `good_bolts`, and nothing is doubtful or
      taken back.
    - `both`: it says good and bad.
    - `doubtful`: it says good, but takes that back or leaves it open, as `barely_ok`, `OK nicht`, `!good` and
      `OK?`.
    """

    role: Role | None = None
    split: Split | None = None
    neutral: bool = False
    aside: bool = False
    graded: Role | None = None
    plain: bool = True
    both: bool = False
    doubtful: bool = False


def _listed() -> dict[str, Any]:
    """Returns the content of `words.toml`: texts of words by the name of their list, and the lists of `signs`."""
    return tomllib.loads((files("psdl.datasets") / "words.toml").read_text(encoding="utf-8"))


_LISTS = _listed()
GOOD, BAD, MASK, NEGATIONS, DOUBTING, FREE, BRIDGE, NOUNS, ASIDE, TAKEN_OUT, USING, DERIVED, KINDS_TOO = (
    frozenset(_LISTS[name].split())
    for name in (
        *("good", "bad", "mask", "negations", "doubting"),
        *("after_a_defect", "between", "nouns", "aside", "taken_out", "using", "derived", "kinds_too"),
    )
)
NEUTRAL = NOUNS | frozenset(_LISTS["neutral"].split())
SPLITS: dict[str, Split] = {word: name for name in get_args(Split) for word in _LISTS[name].split()}
LAST = "品図像图片"  # signs for goods and pictures, which say nothing after other signs
# Chinese, Japanese and Korean signs, each with what it says.
SIGNS = tuple(
    (word, "good" if what == "flawless" else what)
    for what, some in _LISTS["signs"].items()
    for word in some.split()
)
DENIED = re.compile(
    r"""^\s*([!~\u00ac\u2260\u00d7]|x[\W_])  # `!good`, `x_ok`
    | ([-\u2212\u00d7]|\([-\u2212]\))\s*$  # `OK-`
    | =\s*(0|no|false|nein)\b  # `good=0`
    | \bb\.\s?i\.\s?o\b  # `b. i. O.`
    | ^\s*\(.*\)\s*$|\*\s*$  # `(OK)`, `gut*`
    | [?\uff1f\u274c\u2717\u2718\U0001f44e]""",
    re.IGNORECASE | re.VERBOSE,
)  # what takes back or questions what a name says
ALONE = {
    **dict.fromkeys("\u25cb\u25ef\u2b55\u2713\u2714\U0001f44d\U0001f7e2", " ok "),
    **dict.fromkeys("\u00d7\u2715\u2717\u2718\u274c\U0001f44e\U0001f534", " ng "),
}  # circles, ticks and crosses; they count only where they stand alone, not in `20×30`
STANDING = re.compile(rf"(?<![^\W_])[{''.join(ALONE)}](?![^\W_])")
ACCENTS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")  # of Latin letters; й and が are letters of their own
VALUES = {"0": "good", "1": "bad", "0.0": "good", "1.0": "bad"}  # labels that are numbers, as psdl writes them


@lru_cache(maxsize=65536)
def meaning(name: str) -> Meaning:
    """Returns what the name of a folder, or of a file without its extension, says about the images."""
    words = parts(name)
    roles, split, rest, open_ = _read(words)
    grades = roles - {"mask"}
    graded = next(iter(grades)) if len(grades) == 1 else None
    lone = len(words) == 1 and len(words[0]) == 1  # 0 and 1, or A and B, may be grades
    known = all(_neutral(w) for w in rest)
    denied = open_ or DENIED.search(name) is not None
    doubtful, kept_out = graded == "good" and denied, split is not None and denied
    return Meaning(
        role="mask" if "mask" in roles else graded,
        split=None if kept_out else split,
        neutral=not (roles or split or lone) and known,
        aside=not roles and (kept_out or any(w in ASIDE for w in rest) or _unused(words)),
        graded=graded,
        plain=known and not doubtful and not kept_out,
        both=len(grades) > 1,
        doubtful=doubtful,
    )


def _unused(words: list[str]) -> bool:
    """Returns whether words say that something is not to be used."""
    return any(w in USING for w in words) and any(w in NEGATIONS for w in words)


def _neutral(word: str) -> bool:
    """Returns whether a word says nothing: it is listed as neutral, or is a number or a single character."""
    return word in NEUTRAL or len(word) == 1 or word.isdigit()


def label(value: str) -> Role | None:
    """Returns what a value in a column of labels says: "good" (also if doubtful) or "bad"; None if it says
    neither, as the name of a kind of defect."""
    text = value.strip()
    if text in VALUES:
        return VALUES[text]  # type: ignore[return-value]
    found = meaning(text).role
    return found if found in ("good", "bad") else None


def split(value: str) -> Split | None:
    """Returns the split that a value in a column of splits names; None if it names none."""
    return meaning(value.strip()).split


def plain(name: str) -> str:
    """Returns a name as it is compared with others: in small letters without accents, spaces and punctuation."""
    return "".join(parts(name, digits=True))


def parts(name: str, digits: bool = False) -> list[str]:
    """Returns the words of a name, in small letters, those of Latin script without accents.

    The name is divided at spaces and punctuation, before capitals inside a word, between Latin letters and
    Chinese, Japanese or Korean signs, and, unless `digits`, between letters and digits. Circles, ticks and crosses
    that stand alone become `ok` or `ng`, and so do `+` and `-` if they are the whole name.
    """
    name = {"+": "ok", "-": "ng"}.get(name.strip(), STANDING.sub(lambda sign: ALONE[sign[0]], name))
    whole = re.sub(r"n['\u2019]t\b", " not", unicodedata.normalize("NFKC", name))
    divided = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", whole)
    folded = divided.casefold().replace("ı", "i").replace("ł", "l").replace("ø", "o").replace("ä", "ae")
    bare = ACCENTS.sub("", unicodedata.normalize("NFD", folded))
    composed = unicodedata.normalize("NFC", bare)
    composed = re.sub(r"(?<=[a-z])(?=[\u3040-\uffff])|(?<=[\u3040-\uffff])(?=[a-z])", " ", composed)
    pattern = r"[^\W_]+" if digits else r"[^\W\d_]+|\d+"
    return re.findall(pattern, composed)


def _read(words: list[str]) -> tuple[set[Role], Split | None, list[str], bool]:
    """Returns what words say together: the roles, the first split, the words that say neither, and whether a
    negation or a doubting word leaves all that open.

    A negation reverses the next word for good or bad; two negations make it bad. If unknown words stand between,
    as in `not_quite_good`, it is bad in any case; a neutral word between ends the negation. A negation at the end
    or before a number leaves the name open; but `no` before a number means number.
    """
    roles: set[Role] = set()
    found: Split | None = None
    rest: list[str] = []
    negated, far, twice, open_, turning, n = False, False, False, False, "", 0
    while n < len(words):
        length, what = _longest(words, n)
        after = words[n + length : n + length + 1]
        if what in ("good", "bad"):
            if what == "bad" and after and after[0] in FREE:
                what, length = "good", length + 1
            roles.add("bad" if twice else _turned(what) if negated else "bad" if far else what)  # type: ignore[arg-type]
            if negated or far:
                rest.remove(turning)
            rest += filter(None, [_remains("".join(words[n : n + length]), "good")])
            negated = far = twice = False
        elif what == "mask":
            if negated:  # `no_label` does not say mask
                rest.append(words[n])
            else:
                roles.add("mask")
            negated = False
        elif what:
            if negated or far:
                rest.append(words[n])  # `not_for_training`
                open_ = True
            found = found or what  # type: ignore[assignment]
            rest += filter(None, [_remains("".join(words[n : n + length]), what)])
            negated = far = False
        elif words[n] in NEGATIONS or (words[n] == "free" and after):
            negated, twice, turning = True, negated, words[n]
            rest.append(turning)
        elif words[n] not in BRIDGE:
            open_ |= negated and turning != "no" and words[n].isdigit()
            negated, far = False, (negated or far) and not _neutral(words[n])
            rest.append(words[n])
        n += length
    return roles, found, rest, open_ or negated or any(_doubts(word) for word in rest)


def _doubts(word: str) -> bool:
    """Returns whether a word leaves open what other words say. A word that is not ASCII does so if it contains a
    doubting sign."""
    return word in DOUBTING or (
        not word.isascii() and any(sign in word for sign in DOUBTING if not sign.isascii())
    )


def _longest(words: list[str], n: int) -> tuple[int, str | None]:
    """Returns how many words from the n-th on, up to four, say something together, and what; (1, None) if none
    do."""
    for length in (4, 3, 2, 1):
        chosen = words[n : n + length]
        if len(chosen) < length or (length > 1 and any(w.isdigit() for w in chosen)):
            continue
        joined = "".join(chosen)
        if length > 1 and chosen[0] in NEGATIONS and joined not in GOOD | BAD:
            continue
        what = _known(joined) if length == 1 or max(map(len, chosen)) < 8 else None
        if what:
            return length, what
    return 1, None


def _known(word: str) -> str | None:
    """Returns what one word says: "good", "bad", "mask" or a split; None if nothing. The lists decide, then a
    negation or noun attached to a listed word, then Chinese, Japanese or Korean signs in the word."""
    for known, what in ((GOOD, "good"), (BAD, "bad"), (MASK, "mask")):
        if word in known:
            return what
    if word in SPLITS:
        return SPLITS[word]
    for start in ("non", "not", "un", "no", "nicht", "kein"):
        inner = word.removeprefix(start)
        if inner != word and len(inner) > (2 if start == "no" else 1) and (inner in GOOD or inner in BAD):
            return "bad" if inner in GOOD else "good"
    for end in ("free", "less", "frei", "los"):
        if word.removesuffix(end) != word and word.removesuffix(end) in BAD:
            return "good"
    for noun in NOUNS:
        inner = word.removesuffix(noun)
        if (
            inner != word
            and len(inner) > 1
            and (inner in GOOD or inner in BAD or inner in SPLITS or inner in MASK)
        ):
            return _known(inner)
    said, signs = _signs(word)
    return "bad" if said == "good" and word.replace(signs, "", 1) in NEGATIONS else said


def _signs(word: str) -> tuple[str | None, str]:
    """Returns what a word says by Chinese, Japanese or Korean signs, and the signs that say it; None and an empty
    text if none do."""
    found = ((what, signs) for signs, what in SIGNS if signs in word and _fits(signs, word))
    return (None, "") if word.isascii() else next(found, (None, ""))


def _remains(word: str, said: str) -> str:
    """Returns what is left of a word of Chinese, Japanese or Korean signs without those that say `said` and
    without a noun at the end; empty if none says that."""
    what, signs = (None, "") if word in GOOD else _signs(word)
    return word.replace(signs, "", 1).rstrip(LAST) if what == said else ""


def _fits(signs: str, word: str) -> bool:
    """Returns whether signs count in a word that contains them. Two or more always do; a single one does if it is
    the whole word apart from a noun after it."""
    return len(signs) > 1 or word.rstrip(LAST) in (signs, "")


def _turned(role: str) -> str:
    """Returns the opposite of good or bad."""
    return "bad" if role == "good" else "good"
