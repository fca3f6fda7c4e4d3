"""What the names of folders, files, columns and labels mean, by the list in `words.toml`.

A name is divided into its words (`good_parts`, `OKTeile`, `i.O.`, `不良品`), each of which may say good, bad
(that is defective), mask, or a split; a negation turns good and bad about (`not_good`, `defect-free`).
Parts of words count only where they are words of their own: `abnormal`, `NOK` and `nonconforming` are not good.
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
    """role: what lies in a folder of that name; split: what it is for; neutral: the name says nothing of either,
    as `lot3`, `cam_left` or `2024-11-05`; aside: it says that what lies there is not sorted, as `misc`, or not for
    what it names, as `not_for_training`; graded: it
    says good or bad of images, also where a word for masks stands beside, as in `label_good`; plain: no word in it
    is unknown, as in `good_lot3` and unlike `good_bolts`, and it is not doubtful; both: it says good and bad;
    doubtful: it says good, but leaves it open, as `barely_ok`, `OK nicht`, `!good` and `OK?`."""

    role: Role | None = None
    split: Split | None = None
    neutral: bool = False
    aside: bool = False
    graded: Role | None = None
    plain: bool = True
    both: bool = False
    doubtful: bool = False


def _listed() -> dict[str, Any]:
    return tomllib.loads((files("psdl.datasets") / "words.toml").read_text(encoding="utf-8"))


_LISTS = _listed()
GOOD, BAD, MASK, NEGATIONS, DOUBTING, FREE, BRIDGE, NOUNS, ASIDE, KINDS_TOO = (
    frozenset(_LISTS[name].split())
    for name in (
        *("good", "bad", "mask", "negations", "doubting"),
        *("after_a_defect", "between", "nouns", "aside", "kinds_too"),
    )
)
NEUTRAL = NOUNS | frozenset(_LISTS["neutral"].split())
SPLITS: dict[str, Split] = {word: name for name in get_args(Split) for word in _LISTS[name].split()}
LAST = "品図像图片"  # nouns after signs
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
    | [?\uff1f\u274c\u2717\u2718\U0001f44e]""",
    re.IGNORECASE | re.VERBOSE,
)  # signs that take back what a name says, or ask
ALONE = {
    **dict.fromkeys("\u25cb\u25ef\u2b55\u2713\u2714\U0001f44d\U0001f7e2", " ok "),
    **dict.fromkeys("\u00d7\u2715\u2717\u2718\u274c\U0001f44e\U0001f534", " ng "),
}  # circles, ticks and crosses, where they stand alone: not in `20x30`
STANDING = re.compile(rf"(?<![^\W_])[{''.join(ALONE)}](?![^\W_])")
VALUES = {"0": "good", "1": "bad", "0.0": "good", "1.0": "bad"}  # of a column of labels, as psdl writes them


@lru_cache(maxsize=65536)
def meaning(name: str) -> Meaning:
    """What the name of a folder, or of a file without its ending, says of the pictures."""
    words = parts(name)
    roles, split, rest, open_ = _read(words)
    grades = roles - {"mask"}
    graded = next(iter(grades)) if len(grades) == 1 else None
    lone = len(words) == 1 and len(words[0]) == 1  # 0 and 1, A and B may be grades
    known = all(_neutral(w) for w in rest)
    denied = open_ or DENIED.search(name) is not None
    doubtful, kept_out = graded == "good" and denied, split is not None and denied
    return Meaning(
        role="mask" if "mask" in roles else graded,
        split=None if kept_out else split,
        neutral=not (roles or split or lone) and known,
        aside=not roles and (kept_out or any(w in ASIDE for w in rest)),
        graded=graded,
        plain=known and not doubtful and not kept_out,
        both=len(grades) > 1,
        doubtful=doubtful,
    )


def _neutral(word: str) -> bool:
    return word in NEUTRAL or len(word) == 1 or word.isdigit()


def label(value: str) -> Role | None:
    """What a value of a column of labels says: good (doubtfully too), bad, or None, when it names a kind of
    defect."""
    text = value.strip()
    if text in VALUES:
        return VALUES[text]  # type: ignore[return-value]
    found = meaning(text).role
    return found if found in ("good", "bad") else None


def split(value: str) -> Split | None:
    """What a value of a column of splits says."""
    return meaning(value.strip()).split


def plain(name: str) -> str:
    """The name in small letters without accents, blanks and signs, as columns are compared."""
    return "".join(parts(name, digits=True))


def parts(name: str, digits: bool = False) -> list[str]:
    """The words of a name in small letters without accents, divided at signs, digits and capitals inside."""
    name = {"+": "ok", "-": "ng"}.get(name.strip(), STANDING.sub(lambda sign: ALONE[sign[0]], name))
    whole = re.sub(r"n['\u2019]t\b", " not", unicodedata.normalize("NFKC", name))
    divided = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", whole)
    folded = divided.casefold().replace("ı", "i").replace("ł", "l").replace("ø", "o").replace("ä", "ae")
    bare = "".join(c for c in unicodedata.normalize("NFD", folded) if not _mark(c))
    composed = unicodedata.normalize("NFC", bare)
    composed = re.sub(r"(?<=[a-z])(?=[\u3040-\uffff])|(?<=[\u3040-\uffff])(?=[a-z])", " ", composed)
    pattern = r"[^\W_]+" if digits else r"[^\W\d_]+|\d+"
    return re.findall(pattern, composed)


def _mark(c: str) -> bool:
    """Whether it is an accent of a Latin letter; the marks of kana stay."""
    return unicodedata.combining(c) != 0 and c not in "\u3099\u309a"


def _read(words: list[str]) -> tuple[set[Role], Split | None, list[str], bool]:
    """What words say: roles, the first split, the words that say neither, and whether they leave it open.

    A negation turns the next word for good or bad about, and two make it bad. Where unknown words stand between,
    `not_quite_good` is bad, and nothing becomes good. A negation at the end leaves it open, also
    before a number, but for `no`, which means number there."""
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
            if negated:  # `no_label`: not known, but no mask
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
    """Whether a word leaves open what others say; one of signs does where such a sign is part of it."""
    return word in DOUBTING or (
        not word.isascii() and any(sign in word for sign in DOUBTING if not sign.isascii())
    )


def _longest(words: list[str], n: int) -> tuple[int, str | None]:
    """How many words from the n-th on say something together, and what; (1, None) if none do."""
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
    """What one word says, by the lists, its ending, or its signs."""
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
    """What a word of Chinese, Japanese or Korean says, and the signs in it that do."""
    found = ((what, signs) for signs, what in SIGNS if signs in word and _fits(signs, word))
    return (None, "") if word.isascii() else next(found, (None, ""))


def _remains(word: str, said: str) -> str:
    """What is left of a word of signs that says good, or what it is for, but for a noun."""
    what, signs = (None, "") if word in GOOD else _signs(word)
    return word.replace(signs, "", 1).rstrip(LAST) if what == said else ""


def _fits(signs: str, word: str) -> bool:
    """A sign that stands alone in the list must be the whole word but for a noun after it."""
    return len(signs) > 1 or word.rstrip(LAST) in (signs, "")


def _turned(role: str) -> str:
    return "bad" if role == "good" else "good"
