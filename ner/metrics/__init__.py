"""Scores of predicted mentions and tags. Nothing is imported here: the official score must be had without torch."""
