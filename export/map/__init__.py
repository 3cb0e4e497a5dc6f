"""Covariate tiles → map tiles → the map."""
