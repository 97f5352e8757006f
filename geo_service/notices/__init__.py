"""Care for who is on the way: calls for help, stillness, not being back; and warnings to volunteers."""
