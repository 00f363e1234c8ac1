"""Texts to tensors: chunking, tokens, windows, batches."""
