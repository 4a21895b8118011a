"""Skeletons, parameters, poses, skinning and BVH: what a body does, computed with numpy alone."""
