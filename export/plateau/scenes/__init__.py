"""What satellites and models saw of the example plateau: scenes for the local Earth Engine.

One file a sensor. All of them look at one world, free of noise, and each adds what disturbs its
kind: orbits, clouds, snow, frozen mornings, stripes, edges. `docs/example-plateau.md` lists what
each scene is there for.
"""

from export.plateau.scenes.write import SCENES_FOLDER, scene_settings, write_scenes

__all__ = ["SCENES_FOLDER", "scene_settings", "write_scenes"]
