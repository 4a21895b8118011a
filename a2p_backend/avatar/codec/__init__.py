"""The released codec avatars: a pose and a face code to a photograph of one person.

Bagautdinov et al., "Driving-Signal Aware Full-Body Avatars" (2021); Ng et al., "From Audio to Photoreal
Embodiment" (2024). `model` is the renderer as it was trained, and reads like the papers; `render` gives the
same pictures several times faster.
"""
