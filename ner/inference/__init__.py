"""Tagging: the Python API, decoding, and the backends."""
