"""Problems that people report, and their handling: from a photo by the river to a case that is closed."""
