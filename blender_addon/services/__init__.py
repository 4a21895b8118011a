"""What the operators ask for: one module a noun, each of whose jobs waits, then changes the scene."""
