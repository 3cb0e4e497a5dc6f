"""Soil properties, weighted by thickness over a depth."""
