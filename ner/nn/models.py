"""Encoder, linear emissions and CRF as one model of tag sequences, and several of them as one."""

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain

import torch
from torch import Tensor, nn
from torch.func import functional_call

from ner.nn.crf import CRF, merge_crfs
from ner.nn.viterbi import Integers

# Of texts of many windows, an evaluation has the encoder read no more tokens at once.
MOST_TOKENS = 16_384


class Model(nn.Module, ABC):
    """Scores and decodes the tags of texts that an encoder reads in windows.

    Attributes:
        crf: Scores tag paths over the emissions.
    """

    crf: CRF

    @abstractmethod
    def emissions(self, input_ids: Tensor, attention_mask: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Return scores of tags for the texts' own units, stitched from their windows.

        Special tokens, markers and the halves of overlaps that another window reads better are never selected, so the
        CRF sees a text from its first unit to its last, and padding only after it.

        Args:
            input_ids: Tokens of W windows, (W, L).
            attention_mask: 1 on tokens, 0 on padding, (W, L).
            rows: The window of each unit, (B, T).
            positions: The position of its first token there, (B, T).

        Returns:
            Emissions, (B, T, K).
        """

    def forward(self, input_ids: Tensor, attention_mask: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        """Return the emissions."""
        return self.emissions(input_ids, attention_mask, rows, positions)

    def nll(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Return the negative log-likelihood of each row's tags under a prefix mask, (B,)."""
        return self.crf.nll(emissions, tags, mask)

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a digest of the weights after the encoder, which tells this model from others."""

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor) -> Integers:
        """Return the best tag path of each row, 0 after its prefix mask, (B, T) in main memory."""
        return self.crf.viterbi(emissions, mask)


class EncoderCRF(Model):
    """One encoder with linear emissions and a CRF.

    Args:
        encoder: Maps ``input_ids`` and ``attention_mask``, both (W, L), to an object whose ``last_hidden_state`` is
            (W, L, H).
        hidden_size: H.
        num_tags: K.
        dropout: Rate before the emissions.
    """

    def __init__(self, encoder: nn.Module, hidden_size: int, num_tags: int, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(hidden_size, num_tags)
        self.crf = CRF(num_tags)

    def emissions(self, input_ids: Tensor, attention_mask: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        if self.training:
            return self.emission_samples(input_ids, attention_mask, rows, positions)[0]
        # The windows of one long text may be more than fit in memory at once.
        at_once = max(MOST_TOKENS // input_ids.shape[1], len(rows))
        parts = zip(torch.split(input_ids, at_once), torch.split(attention_mask, at_once), strict=True)
        return torch.cat([self.classifier(self._hidden(*part)) for part in parts])[rows, positions]

    def emission_samples(
        self, input_ids: Tensor, attention_mask: Tensor, rows: Tensor, positions: Tensor, count: int = 1
    ) -> list[Tensor]:
        """Return emissions under several draws of the dropout before them; the encoder runs once.

        Source: Inoue (2019), "Multi-sample dropout for accelerated training and better generalization".
        """
        hidden = self._hidden(input_ids, attention_mask)
        return [self.classifier(self.dropout(hidden))[rows, positions] for _ in range(count)]

    def _hidden(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        hidden: Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return hidden

    def fingerprint(self) -> str:
        parts = [*self.classifier.parameters(), *self.crf.parameters()]
        values = torch.cat([part.detach().flatten().cpu() for part in parts])
        return blake2b(values.numpy().tobytes(), digest_size=16).hexdigest()


def layers_of(encoder: nn.Module) -> list[tuple[str, int, list[nn.Parameter]]]:
    """Return the parameters of an encoder by layer, from the embeddings up, each with its depth below the top one.

    What belongs to no layer, such as a last norm, is counted to the top one.
    """
    layers: dict[int, list[nn.Parameter]] = {}
    rest: list[nn.Parameter] = []
    for name, parameter in encoder.named_parameters():
        number = re.search(r"\.(\d+)\.", name)
        if number is None and "embed" not in name:
            rest.append(parameter)
        else:
            layers.setdefault(int(number[1]) if number else -1, []).append(parameter)
    top = max(layers)
    layers[top] += rest
    return [
        (f"layer.{number}" if number >= 0 else "embeddings", top - number, layers[number]) for number in sorted(layers)
    ]


class CRFEnsemble(Model):
    """The mean of several models: of their emissions, and of their transitions, start and end scores.

    It scores every path as the mean of its members' scores, so it decodes the path that they find best together; see
    :func:`ner.nn.crf.merge_crfs`. Encoders may differ, as long as they read the same tokens.

    Args:
        members: At least one, over the same tags.
        one_at_a_time: Leave the members where they are, in main memory or in a mapped file, and bring each to the
            batch's device for its turn; otherwise all move there together.

    Raises:
        ValueError: if there are no members, or they disagree on the tags.
    """

    def __init__(self, members: Sequence[EncoderCRF], one_at_a_time: bool = False) -> None:
        super().__init__()
        self.crf = merge_crfs([member.crf for member in members])
        self.one_at_a_time = one_at_a_time
        self.members = tuple(members)
        if not one_at_a_time:
            # Unlike a plain tuple it moves along with the module.
            self.moving = nn.ModuleList(members)

    def emissions(self, input_ids: Tensor, attention_mask: Tensor, rows: Tensor, positions: Tensor) -> Tensor:
        total = torch.zeros((), device=input_ids.device)
        for member in self.members:
            state = {}
            if self.one_at_a_time:
                # Not its `state_dict`, which leaves out an encoder's numbers of positions and types.
                tensors = chain(member.named_parameters(), member.named_buffers())
                state = {name: tensor.to(input_ids.device) for name, tensor in tensors}
            scores = functional_call(member, state, (input_ids, attention_mask, rows, positions))
            # The members' precision may be lower than that of their sum.
            total = total + scores.float()
        return total / len(self.members)

    def fingerprint(self) -> str:
        return " ".join(member.fingerprint() for member in self.members)

    def train(self, mode: bool = True) -> "CRFEnsemble":
        """Switch dropout on or off, in the members too wherever they are."""
        for member in self.members:
            member.train(mode)
        return super().train(mode)
