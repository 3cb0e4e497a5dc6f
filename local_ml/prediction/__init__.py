"""What a map needs of a model: the arithmetic of a trained model, and the reader of a saved one.

Nothing here is fitted, except what a table of samples fixes by itself (means, categories). It
needs numpy and numba alone, so that a map can be predicted where no learner is installed.
"""
