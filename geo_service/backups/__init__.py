"""Everything in one sealed archive, and back again without whom asked to be forgotten."""
