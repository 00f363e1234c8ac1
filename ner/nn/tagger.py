"""Encoder, linear emissions and CRF as one tagger of token sequences."""

import torch
from torch import Tensor, nn

from ner.nn.crf import CRF


class CrfTagger(nn.Module):
    """Scores and decodes the tags of texts that an encoder reads in windows.

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
        """Scores of tags for the texts' own tokens, stitched from their windows.

        Special tokens, markers and the halves of overlaps that another window reads better are never selected, so the
        CRF sees a text from its first token to its last, and padding only behind it.

        Args:
            input_ids: Tokens of W windows, (W, L).
            attention_mask: 1 on tokens, 0 on padding, (W, L).
            rows: The window of each token, (B, T).
            positions: Its position there, (B, T).

        Returns:
            Emissions, (B, T, K).
        """
        hidden: Tensor = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        scores: Tensor = self.classifier(self.dropout(hidden))
        return scores[rows, positions]

    def nll(self, emissions: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """Negative log-likelihood of each row's tags under a prefix mask, (B,)."""
        return self.crf.nll(emissions, tags, mask)

    @torch.no_grad()
    def decode(self, emissions: Tensor, mask: Tensor) -> list[list[int]]:
        """The best tag path of each row, as long as the row's prefix mask."""
        return self.crf.viterbi(emissions, mask)
