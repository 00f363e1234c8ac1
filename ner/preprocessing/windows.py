"""A text longer than the encoder's limit as overlapping windows, and the place from which each token is read."""

from math import ceil


def split(length: int, capacity: int, overlap: int) -> list[tuple[int, int]]:
    """Windows ``[start, end)`` over ``length`` tokens: as few as can be, equally long, overlapping by at least
    ``overlap``.

    Args:
        length: Number of tokens, at least 1.
        capacity: Most tokens a window can hold.
        overlap: Fewest tokens that neighbours share.

    Raises:
        ValueError: if there is nothing to split, or windows could not advance.
    """
    if length < 1 or not 0 <= overlap < capacity:
        raise ValueError(f"cannot split {length} tokens into windows of {capacity} that overlap by {overlap}")
    if length <= capacity:
        return [(0, length)]
    count = ceil((length - overlap) / (capacity - overlap))
    width = ceil((length + (count - 1) * overlap) / count)
    last = length - width
    return [(start, start + width) for start in (last * window // (count - 1) for window in range(count))]


def places(windows: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """For each token the window it is read from, and its position there.

    Neighbours share out their overlap in its middle, so that a token is read where it has most context on both sides.
    Stitching is then a selection: emissions of an encoder that ignores context come back as they were, bit for bit.
    """
    found = []
    begin = 0
    for window, (start, end) in enumerate(windows):
        until = end if window == len(windows) - 1 else (windows[window + 1][0] + end + 1) // 2
        found += [(window, token - start) for token in range(begin, until)]
        begin = until
    return found
