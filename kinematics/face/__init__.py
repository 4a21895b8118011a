"""A face on other meshes: known shapes, their names, and the solve for their weights."""
