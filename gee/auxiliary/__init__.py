"""Layers that describe a pixel but are never learned from: water and glaciers."""
