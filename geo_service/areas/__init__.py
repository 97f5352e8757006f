"""The county and its tree of townships and villages."""
