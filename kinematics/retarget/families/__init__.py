"""Bone names of the rigs that people use, one file a family; `kinematics.retarget.maps` reads them."""
