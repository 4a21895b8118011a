"""Animation curves: fewer keys within an error that is stated, angles that do not jump."""
