"""Atomic files, journals and downloads."""
