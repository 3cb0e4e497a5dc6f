"""Elevation and what follows from it, from SRTM."""
