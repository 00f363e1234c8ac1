"""The two Lightning classes, the sampler and the callbacks."""
