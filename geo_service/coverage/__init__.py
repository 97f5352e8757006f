"""What was covered in a window, and what was not."""
