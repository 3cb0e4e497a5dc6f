"""What a pixel holds: the map's grid, and the covariates that Earth Engine computes on it."""
