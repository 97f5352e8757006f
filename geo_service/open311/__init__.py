"""Open311 GeoReport v2: other systems read a county's cases, tell of problems and say how they go on."""
