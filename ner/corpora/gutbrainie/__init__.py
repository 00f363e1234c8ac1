"""GutBrainIE: the corpus and its submissions."""
