"""Pixels on disk: covariate tiles in, map tiles out, mosaic, report; and the command line."""
