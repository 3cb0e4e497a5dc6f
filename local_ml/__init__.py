"""What the sites say: selection, ensemble, fusion, honest scores, prediction from a saved model.

Knows no Earth Engine and no raster file: tables and arrays in, tables and arrays out.
"""
