"""What is expected, as data: norms, exemptions, what is due."""
