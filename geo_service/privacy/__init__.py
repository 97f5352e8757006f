"""What is kept of people: for how long, what they can see of it, and how it is forgotten."""
