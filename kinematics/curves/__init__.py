"""Animation curves: fewer keys within an error that is stated, smoothing, angles that do not jump."""
