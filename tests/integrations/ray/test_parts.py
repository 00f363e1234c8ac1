from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ner.integrations.ray.output import joined
from ner.integrations.ray.parts import Part, Ranges

END = 30
RANGES = st.lists(st.tuples(st.integers(0, END - 1), st.integers(1, 6)), max_size=8)


def _disjoint(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    taken: set[int] = set()
    kept = []
    for start, length in pairs:
        stop = min(start + length, END)
        if not taken & set(range(start, stop)):
            taken |= set(range(start, stop))
            kept.append((start, stop))
    return kept


@given(RANGES, st.integers(0, END), st.integers(0, END))
def test_ranges_are_a_set_of_numbers(pairs: list[tuple[int, int]], first: int, second: int) -> None:
    kept = _disjoint(pairs)
    numbers = {number for start, stop in kept for number in range(start, stop)}
    ranges = Ranges()
    for start, stop in kept:
        ranges.add(start, stop)
    start, stop = sorted((first, second))
    assert [number in ranges for number in range(END)] == [number in numbers for number in range(END)]
    assert len(ranges) == len(numbers)
    assert ranges.overlaps(start, stop) == bool(numbers & set(range(start, stop)))
    ranges.remove(start, stop)
    assert {number for a, b in ranges for number in range(a, b)} == numbers - set(range(start, stop))


@given(RANGES)
def test_ranges_that_meet_become_one(pairs: list[tuple[int, int]]) -> None:
    ranges = list(Ranges(_disjoint(pairs)))
    assert all(stop < start for (_, stop), (start, _) in pairwise(ranges))


def test_a_part_is_told_by_its_name() -> None:
    key = "0a" * 10
    for part in (Part(key, 17, 0, 100), Part(key, 0, 0, 0, True), Part(key, 9, 3, 2_000_000_000, True)):
        assert Part.parse(str(part)) == part


def test_other_names_are_no_parts() -> None:
    for name in ("", "tagged-12", f"{Part('0a' * 10, 17, 0, 100)}.tmp", "summary"):
        assert Part.parse(name) is None


def test_the_halves_of_the_last_part_end_with_it() -> None:
    assert Part("f", 1, 10, 13, True).halves() == (Part("f", 1, 10, 11), Part("f", 1, 11, 13, True))


def test_parts_that_follow_each_other_are_named_as_one() -> None:
    parts = [Part("f", 1, 0, 5), Part("f", 1, 5, 9, True), Part("g", 1, 0, 5), Part("g", 1, 6, 9)]
    assert list(joined(parts)) == [Part("f", 1, 0, 9, True), Part("g", 1, 0, 5), Part("g", 1, 6, 9)]
