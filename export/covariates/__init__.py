"""Covariates from a user's rasters: on the study's grid, at the sites, and as tiles."""
