from itertools import product

from ner.runtime import mixed_seed


def test_runs_whose_seeds_and_epochs_have_equal_sums_draw_differently() -> None:
    seeds = {mixed_seed(seed, epoch, rank) for seed, epoch, rank in product(range(50), range(20), range(4))}
    assert len(seeds) == 50 * 20 * 4


def test_a_seed_is_always_the_same_and_fits_every_generator() -> None:
    assert mixed_seed(42, 0) == mixed_seed(42, 0) < 2**32
