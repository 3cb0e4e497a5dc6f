"""Greenness and wetness indices, from Landsat and Sentinel-2."""
