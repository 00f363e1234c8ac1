"""Checkpoints, ensembles of them, pretrained encoders, and exported folders."""
