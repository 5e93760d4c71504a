"""What the notebooks of *Latent Space and Control* keep out of sight: the world, models, measures and figures.

The floors, from the ground up, are `critters`, `models`, `diffusion`, `measure`, `show`, `demos`, `grading` and
`train`; each imports only from those below it. Importing the package itself loads nothing else.
"""

__version__ = "0.1.0"
