"""Rivers, roads, grids and compounds: imports, versions, answers about one place."""
