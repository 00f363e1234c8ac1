"""More texts to train on than a corpus has."""
