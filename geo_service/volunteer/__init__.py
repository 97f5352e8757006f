"""What a volunteer's phone shows: the page itself, his places, his companions, his records."""
