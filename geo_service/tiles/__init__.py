"""Vector tiles: places, what of them was covered, and what each place of a map is worth."""
