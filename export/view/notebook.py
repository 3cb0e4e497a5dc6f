"""A study on a geemap map, for a notebook or as a page."""
