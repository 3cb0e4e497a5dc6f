"""Land surface temperature and degree-days, from MODIS."""
