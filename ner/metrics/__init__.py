"""Scores of predicted mentions and tags. This module imports nothing, so that the official score needs no torch."""
