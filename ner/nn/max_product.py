"""The best tag path of a linear chain on a GPU: in few operations, each over many tokens at once."""

from dataclasses import replace
from math import isqrt

import torch
from torch import Tensor

from ner.nn.linear_chain import Scores

# Partial paths that are compared at once, of which each takes four bytes.
MOST_PATHS = 2**28


def best_paths(scores: Scores[Tensor]) -> Tensor:
    """Return the tags of the best path of each chain, 0 after its last token, (T, B); of equal paths, Viterbi's.

    The tokens lie in about as many blocks as a block has tokens. First come the best paths through a block from each
    tag that may precede it, in all blocks at once; then the scores at the blocks' borders, block after block; then
    those of all tokens; and then the tag before each tag, which is followed back over 1, 2, 4 and more tokens at once.

    Source: Viterbi (1967); Hillis & Steele (1986) for the way back.
    """
    count, height, tags = scores.emissions.shape
    size = max(MOST_PATHS // ((isqrt(count) + 1) * tags**3), 1)
    starts = range(0, height, size)
    parts = [
        replace(scores, emissions=scores.emissions[:, start : start + size], mask=scores.mask[:, start : start + size])
        for start in starts
    ]
    return torch.cat([_best_paths(part) for part in parts], 1)


def _best_paths(scores: Scores[Tensor]) -> Tensor:
    emissions, transitions, mask = scores.emissions, scores.transitions, scores.mask
    states = _states(scores.start + emissions[0], emissions[1:], transitions)
    last = mask.sum(0) - 1
    at_last = states.take_along_dim(last[None, :, None], 0)[0]
    tags = (at_last + scores.end).argmax(1)
    before = (states[:-1, :, :, None] + transitions).argmax(2)
    # After a chain's last token its last tag stays, so that it is there where the chain begins.
    before = torch.where(mask[1:, :, None], before, torch.arange(len(transitions), device=tags.device))
    distance = 1
    while distance < len(before):
        further = before[:-distance].gather(2, before[distance:])
        before = torch.cat([further, before[-distance:]])
        distance *= 2
    paths = torch.cat([before.take_along_dim(tags[None, :, None], 2)[:, :, 0], tags[None]])
    return paths * mask


def _states(first: Tensor, emissions: Tensor, transitions: Tensor) -> Tensor:
    """Return the scores of the best paths up to each token and tag, but for what all tags of a token share.

    Args:
        first: Those of the first tokens, (B, K).
        emissions: Scores of tags of the following ones, (T - 1, B, K).
        transitions: ``[i, j]`` scores tag ``j`` after tag ``i``, (K, K).

    Returns:
        Those of all tokens, (T, B, K).
    """
    count, height, tags = emissions.shape
    if not count:
        return first[None]
    size = isqrt(count - 1) + 1
    blocks = -(-count // size)
    padding = emissions.new_zeros((blocks * size - count, height, tags))
    tokens = torch.cat([emissions, padding]).view(blocks, size, height, 1, tags).transpose(0, 1)
    # Of all paths from a tag before the block to a tag in it: token of the block, block, row, tag, tag.
    through = emissions.new_empty((size, blocks, height, tags, tags))
    torch.add(tokens[0], transitions, out=through[0])
    for before, token, current in zip(through[:-1], tokens[1:], through[1:], strict=True):
        torch.amax(before[..., None] + transitions, 3, out=current)
        current.add_(token)
    borders = [first]
    for whole in through[-1, :-1]:
        reached = (borders[-1][..., None] + whole).amax(1)
        # Scores that grew with the text would no longer tell neighbouring paths apart.
        borders.append(reached - reached.amax(1, keepdim=True))
    found = (torch.stack(borders)[..., None] + through).amax(3)
    return torch.cat([first[None], found.transpose(0, 1).flatten(0, 1)[:count]])
