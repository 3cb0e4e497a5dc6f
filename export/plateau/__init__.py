"""A synthetic region whose true moisture is known, as a study's files.

It proves that the software recovers what can be recovered; it proves nothing about
permafrost. `docs/example-plateau.md` says what is invented, and by which formula.
"""

from export.plateau.write import PlateauExample, write_plateau

__all__ = ["PlateauExample", "write_plateau"]
