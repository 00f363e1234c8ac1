"""Callbacks of the trainer: seeding, ensembling, progress, reports, predictions."""
