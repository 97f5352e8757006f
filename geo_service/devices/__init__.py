"""Cards and phones of volunteers: the personal link on a card, and the phones that it opened."""
