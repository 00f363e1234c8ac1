"""Pure torch: tensors in, tensors out; no files, no strings, no Lightning."""
