"""The format that an ending stands for; runs are tried in tests/integrations/ray."""

from collections import Counter

from ner.cli.verbs.bulk import USUAL
from ner.formats import FORMATS


def test_each_ending_of_several_formats_stands_for_one_that_has_it() -> None:
    readable = [kind for kind in FORMATS.values() if kind.can_read]
    count = Counter(suffix for kind in readable for suffix in kind.suffixes)
    assert {suffix for suffix, number in count.items() if number > 1} == USUAL.keys()
    assert all(suffix in FORMATS[name].suffixes for suffix, name in USUAL.items())
