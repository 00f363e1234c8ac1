"""Unicode texts that offsets go wrong on, as many as are asked for; the same ones for the same seed."""

from collections.abc import Callable, Iterator
from random import Random

SPACES = [" ", "\t", "\n", "\r\n", "\r", "\v", "\f", "\x1c", "\x85", "\xa0", "\u1680", "\u2003", "\u2028", "\u3000"]
WORDS = [
    "mice",
    "Lactobacillus",
    "IL-6",
    "GABA",
    "anxiety",
    "probiotics.",
    "(TNF-α),",
    "kimchi",
    "5-HT/SERT",
    "CO2",
    "A",
]
PIECES = {
    "words": WORDS,
    "spaces": SPACES,
    "special tokens": [
        "[SEP]",
        "[CLS]",
        "[PAD]",
        "[TITLE]",
        "[ABSTRACT]",
        "[UNK]",
        "##ing",
        "</s>",
        "<i>",
        "&amp;",
        "Ġ",
    ],
    "combining marks": [
        "e\u0301",
        "\u0301",
        "a\u0302\u0303\u0334",
        "Z\u0351\u036b\u0343",
        "\u0345",
        "\u0e33",
        "\u094d",
    ],
    "zero width": ["\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\ufe0f", "\xad", "\u180e", "\u034f"],
    "direction": ["\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2069", "\u200f", "עכברים", "الفئران"],
    "control characters": [chr(code) for code in (*range(32), *range(127, 160))],
    "half pairs": ["\ud800", "\udbff", "\udc00", "\udfff", "\udcff", "\ude00\ud83d"],
    "emoji": ["👩🏽‍🔬", "👨‍👩‍👧‍👦", "🇫🇷", "🇺", "1️⃣", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "❤️", "🏽", "🧬", "🐁"],
    # Characters that become several, or fewer, when they are normalised or put in lower case.
    "normalised": [
        "İ",
        "ß",
        "ẞ",
        "ﬁ",
        "ﷺ",
        "½",
        "㎏",
        "Å",
        "Å",
        "ſ",
        "ΐ",
        "각",
        "\u1100\u1161\u11a8",
        "が",
        "か\u3099",
    ],
    "scripts": ["小鼠", "マウス", "생쥐", "หนู", "चूहा", "мышь", "μῦς", "𝛼𝛽", "𐎀𒀀", "𠀀", "𞤀"],
}
PLANES = 17
LONGEST = 40


def texts(count: int, seed: int = 0) -> Iterator[str]:
    """Yield texts of pieces of one or of all kinds, of white space alone, of one long word, and of any characters."""
    random = Random(seed)
    kinds: list[Callable[[Random], str]] = [_mixed, _mixed, _mixed, _alike, _blank, _long_word, _any_characters]
    for _ in range(count):
        text = random.choice(kinds)(random)
        yield f"\ufeff{text}" if random.random() < 0.05 else text


def _mixed(random: Random) -> str:
    pieces = (random.choice(random.choice([*PIECES.values(), WORDS, SPACES])) for _ in range(random.randrange(LONGEST)))
    return "".join(pieces)


def _alike(random: Random) -> str:
    kind = random.choice(list(PIECES.values()))
    return random.choice(["", " "]).join(random.choices(kind, k=random.randrange(LONGEST)))


def _blank(random: Random) -> str:
    return "".join(random.choices(SPACES + PIECES["zero width"] * random.randrange(2), k=random.randrange(LONGEST)))


def _long_word(random: Random) -> str:
    return random.choice([*WORDS, "ACGT", "é", "🧬", "\u0301"]) * random.randrange(1, 200)


def _any_characters(random: Random) -> str:
    return "".join(_character(random) for _ in range(random.randrange(LONGEST)))


def _character(random: Random) -> str:
    """Return a character of any plane, assigned or not."""
    return chr(random.randrange(PLANES) * 0x10000 + random.randrange(0x10000))
