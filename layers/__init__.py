"""The domain: geometry in, numbers out. No web, no SQL, no clock, no settings."""
