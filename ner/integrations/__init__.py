"""Other people's engines around the tagger, each in a folder or file of its own, each an extra."""
