"""Every figure that offices report, with its definition and the rows behind it."""
