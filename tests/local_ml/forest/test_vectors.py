"""Vectors of pixels and patches give what loops in numpy give."""

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from local_ml.forest import vectors
from local_ml.forest.patches import GREATEST_RANK, LEAST_RANK, PATCHES, PIXELS

whole = hnp.arrays(np.int16, 2 * PATCHES, elements=st.integers(-(2**15), 2**15 - 1))


@numba.njit
def above(numbers, start, limit):
    return vectors.patches_above(numbers, start, limit)


@numba.njit
def having(words, start, bit):
    return vectors.words_having(words, start, bit)


@numba.njit
def count(counts, start, patches):
    vectors.count_patches(counts, start, patches)


@numba.njit
def copy(numbers, start, to, at):
    vectors.copy_patches(numbers, start, to, at)


@numba.njit
def ends(word):
    return vectors.lowest_set(word), vectors.highest_set(word)


@numba.njit
def span(values, start):
    return vectors.range_of(values, start)


@numba.njit
def rank(values, start, thresholds, first, number, shift, of_nan, ranks, at):
    vectors.rank_pixels(values, start, thresholds, first, number, shift, of_nan, ranks, at)


@numba.njit
def leaves(ranks, program, number, bits, slots, at, base):
    vectors.ask_for_leaves(ranks, program, number, bits, slots, at, base)


def bits_of(word, width):
    return [bool(int(word) >> bit & 1) for bit in range(width)]


@given(whole, st.integers(-(2**15), 2**15 - 1), st.integers(0, PATCHES))
def test_patches_above_a_limit(numbers, limit, start):
    """An unsigned comparison, or the bits in another order."""
    found = above(numbers, np.uint64(start), np.int16(limit))
    assert bits_of(found, PATCHES) == (numbers[start : start + PATCHES] > limit).tolist()


@given(hnp.arrays(np.uint32, 70), st.integers(0, 31), st.integers(0, 6))
def test_words_that_have_a_bit(words, bit, start):
    """A word of the upper half lost."""
    found = having(words, np.uint64(start), np.uint32(1 << bit))
    assert bits_of(found, 64) == (words[start : start + 64] >> bit & 1).astype(bool).tolist()


@given(whole, st.integers(0, 2**32 - 1))
def test_counting_and_copying_touch_their_patches_alone(numbers, patches):
    """One subtracted for one added, or a neighbour overwritten."""
    before = numbers // 2
    after = before.copy()
    count(after, np.uint64(PATCHES), np.uint32(patches))
    assert (after[:PATCHES] == before[:PATCHES]).all()
    assert (after - before)[PATCHES:].astype(bool).tolist() == bits_of(patches, PATCHES)
    assert (after >= before).all()
    copy(before, np.uint64(0), after, np.uint64(PATCHES))
    assert (after[PATCHES:] == before[:PATCHES]).all()


@given(st.integers(1, 2**64 - 1))
def test_the_ends_of_a_word(word):
    assert ends(np.uint64(word)) == ((word & -word).bit_length() - 1, word.bit_length() - 1)


@pytest.mark.parametrize("gaps", [0.0, 0.01, 0.9, 1.0])
def test_the_range_of_values(gaps):
    """NaN taken for the least value, or hiding it."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        values = rng.normal(size=PIXELS + 3).astype(np.float32)
        values[rng.random(PIXELS + 3) < gaps] = np.nan
        part = values[3:]
        least, most, missing = span(values, np.uint64(3))
        assert bool(missing) == np.isnan(part).any()
        if np.isnan(part).all():
            assert (least, most) == (np.inf, -np.inf)
        else:
            assert (least, most) == (np.nanmin(part), np.nanmax(part))


@pytest.mark.parametrize("number", [0, 1, 2, 3, 7, 64, 1000])
def test_ranks(number):
    """A threshold counted that equals the value, or the first or last one not looked at."""
    rng = np.random.default_rng(number)
    known = np.unique(rng.normal(size=number + 5).astype(np.float32))
    first, last = 2, 2 + number
    values = rng.choice(known, PIXELS).astype(np.float32)
    values[::3] = np.nextafter(values[::3], np.float32(np.inf))
    values[1::5] = rng.choice([-np.inf, np.inf, np.nan, 0.0], len(values[1::5]))
    ranks = np.full(PIXELS + 8, 7, np.int16)
    for of_nan in (LEAST_RANK, GREATEST_RANK):
        places = map(np.int32, (first, number, -LEAST_RANK))
        rank(values, np.uint64(0), known, *places, np.int16(of_nan), ranks, np.uint64(8))
        expected = first + np.searchsorted(known[first:last], values) + LEAST_RANK
        expected[np.isnan(values)] = of_nan
        np.testing.assert_array_equal(ranks[8:], expected)
        assert (ranks[:8] == 7).all()


@pytest.mark.parametrize("number", [0, 1, 5, 40])
def test_asking(number):
    """A question left out, its bits those of another, or a slot changed where no leaf is left."""
    rng = np.random.default_rng(number)
    ranks = rng.integers(-30, 30, 6 * PIXELS).astype(np.int16)
    read, limit = rng.integers(0, 6, number) * PIXELS, rng.integers(-30, 30, number)
    # Three bits a question, so that some pixels have none left.
    kept = 0xFFFF ^ (7 << rng.integers(0, 14, number))
    program = [
        int(at) | (int(most) & 0xFFFF) << 32 | int(word) << 48
        for at, most, word in zip(read, limit, kept, strict=True)
    ]
    bits = np.full(PIXELS, 0xFFFF)
    for at, most, word in zip(read, limit, kept, strict=True):
        bits = np.where(ranks[at : at + PIXELS] > most, bits & word, bits)
    slots = np.full(3 * PIXELS, 9, np.int16)
    program = np.array([*program, 0], np.uint64)
    leaves(ranks, program, np.uint64(number), np.int16(-1), slots, np.uint64(PIXELS), np.int16(32))
    lowest = np.array([(int(word) & -int(word)).bit_length() - 1 for word in bits])
    expected = np.where(bits == 0, 9, 32 + lowest)
    assert number < 40 or (bits == 0).any()
    np.testing.assert_array_equal(slots[PIXELS : 2 * PIXELS], expected)
    assert (slots[:PIXELS] == 9).all()
    assert (slots[2 * PIXELS :] == 9).all()
