"""The trained avatar: a rigged character's skin and expressions, and the texture fitted to its views."""
