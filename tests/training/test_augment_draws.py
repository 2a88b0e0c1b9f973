"""Draws: the numbers of `sampling.uniform`, even, in their ranges, and fields of their own for each image."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from crossgen.training.augment.draws import Draw, Draws
from crossgen.training.sampling import keys, uniform
from draws_at import LAST, at

IMAGES = keys(pd.Series([f"image{index}" for index in range(3000)]))
WORDS = st.integers(0, 2**64 - 1)


@given(st.integers(0, 10**6), st.integers(0, 10**4), st.integers(0, 20), WORDS, st.text(max_size=8))
def test_one_image_draws_what_a_batch_draws_bit_for_bit(seed, epoch, place, key, purpose):
    drawn = Draw(seed, epoch, place, key)
    assert drawn.uniform(purpose) == uniform(seed, epoch, f"{place}/{purpose}", np.array([key], np.uint64))[0]
    several = Draws(seed, epoch, place, np.array([key], np.uint64))
    assert drawn.uniform(purpose) == several.uniform(purpose)[0]
    assert drawn.integer(purpose, -3, 11) == several.integer(purpose, -3, 11)[0]


def test_the_numbers_are_what_they_were():
    assert [Draw(7, 3, 2, key).uniform("flip") for key in (1, 2**63 + 5)] == [0.8862965574531712, 0.31003329996834406]
    assert Draw(7, 3, 2, 1).generator("field").integers(0, 256, 6).tolist() == [169, 187, 80, 99, 235, 89]


def test_whole_numbers_are_even_from_the_first_to_the_last():
    drawn = [Draw(0, 0, 0, int(key)).integer("n", -2, 4) for key in IMAGES]
    counts = np.bincount(np.array(drawn) + 2)
    assert len(counts) == 7 and stats.chisquare(counts).pvalue > 1e-4


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**9))
def test_no_rounding_leaves_the_range(low, width):
    assert at(n=0.0).integer("n", low, low + width) == low
    assert at(n=LAST).integer("n", low, low + width) == low + width
    assert low <= at(n=LAST).uniform("n", low, low + width) <= low + width


def test_choices_are_even():
    chosen = [Draw(1, 2, 3, int(key)).choice("c", "abc") for key in IMAGES]
    assert stats.chisquare([chosen.count(letter) for letter in "abc"]).pvalue > 1e-4


def test_fields_are_repeatable_and_differ_by_image_epoch_place_and_purpose():
    first = Draw(0, 0, 0, 5).generator("field").standard_normal(4000)
    assert (Draw(0, 0, 0, 5).generator("field").standard_normal(4000) == first).all()
    others = [Draw(1, 0, 0, 5), Draw(0, 1, 0, 5), Draw(0, 0, 1, 5), Draw(0, 0, 0, 6)]
    fields = [draw.generator("field").standard_normal(4000) for draw in others]
    fields.append(Draw(0, 0, 0, 5).generator("grain").standard_normal(4000))
    correlations = np.corrcoef([first, *fields]) - np.eye(6)
    assert np.abs(correlations).max() < 5 / np.sqrt(4000)
    assert stats.kstest(first, "norm").pvalue > 1e-4
