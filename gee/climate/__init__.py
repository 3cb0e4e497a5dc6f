"""Precipitation, air temperature and snow cover."""
