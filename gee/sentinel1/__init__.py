"""Backscatter of thawed and frozen ground, from Sentinel-1."""
