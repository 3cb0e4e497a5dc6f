"""One compiled form for the trees of all four members: numpy arrays, evaluated by numba."""
