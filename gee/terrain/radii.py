"""Within which radii topographic position is taken, and on lattices of which pixels."""

LATTICE_ARC_SECONDS = {300: 2, 900: 6, 2700: 18}
"""By radius in metres: a fifth of it, in whole arc-seconds of latitude."""
RADII_M = tuple(LATTICE_ARC_SECONDS)
