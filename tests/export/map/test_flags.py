"""Flags: bits that add up, a name and a colour for every code."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from export.map.flags import MEANINGS, NO_TILE, flag_codes, flag_colours, flag_tags


@given(st.sets(st.sampled_from(sorted(MEANINGS))))
def test_each_bit_can_be_read_back(bits):
    held = {bit: np.array([[bit in bits, False]]) for bit in MEANINGS}
    codes = flag_codes(held)
    assert codes.dtype == np.uint8
    assert {bit for bit in MEANINGS if codes[0, 0] & bit} == bits
    assert codes[0, 1] == 0


def test_bits_are_single_and_leave_room_for_nodata():
    assert all(bit & (bit - 1) == 0 for bit in MEANINGS)
    assert sum(MEANINGS) < NO_TILE


def test_every_code_has_a_colour_and_every_bit_a_name():
    assert set(flag_colours()) == {*range(sum(MEANINGS) + 1), NO_TILE}
    tags = flag_tags()
    assert len(tags["flag_masks"].split()) == len(tags["flag_meanings"].split()) == len(MEANINGS)
