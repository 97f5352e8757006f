"""Accounts, ways to sign in, and the one place that narrows every read and write to a user's areas."""
