"""The default actor's skin: a sculpture in fields, meshed, coloured and bound to the skeleton by rule."""
