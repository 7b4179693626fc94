"""Materials of roads and of the land around them; their textures carry the reflectance."""

from __future__ import annotations

from perception_fm.synth.scene import Material

ASPHALT = Material((1.0, 1.0, 1.0), roughness=1.0, texture="asphalt", tile_m=4.0)
SIDE_ASPHALT = Material((1.0, 1.0, 1.0), roughness=1.0, texture="old_asphalt", tile_m=4.0)
SLABS = Material((1.0, 1.0, 1.0), roughness=1.0, texture="slabs", tile_m=2.0)
PAVERS = Material((1.0, 1.0, 1.0), roughness=1.0, texture="pavers", tile_m=1.6)
KERB_STONE = Material((1.0, 1.0, 1.0), roughness=1.0, texture="kerb_stone", tile_m=2.0)
GRASS = Material((1.0, 1.0, 1.0), roughness=1.0, texture="grass", tile_m=3.0)
MEADOW = Material((1.0, 1.0, 1.0), roughness=1.0, texture="meadow", tile_m=4.0)
WHEAT = Material((0.74, 0.57, 0.27), roughness=1.0, texture="crop", tile_m=3.0)
BARLEY = Material((0.62, 0.6, 0.3), roughness=1.0, texture="crop", tile_m=3.0)
RAPE = Material((0.78, 0.66, 0.05), roughness=1.0, texture="crop", tile_m=3.0)
MAIZE = Material((0.15, 0.3, 0.06), roughness=1.0, texture="crop", tile_m=3.0)
STUBBLE = Material((0.52, 0.43, 0.27), roughness=1.0, texture="crop", tile_m=3.0)
GRAVEL = Material((1.0, 1.0, 1.0), roughness=1.0, texture="gravel", tile_m=1.5)
SOIL = Material((1.0, 1.0, 1.0), roughness=1.0, texture="soil", tile_m=3.0)
CONCRETE = Material((1.0, 1.0, 1.0), roughness=1.0, texture="concrete", tile_m=3.0)
TUNNEL_WALL = Material((1.0, 1.0, 1.0), roughness=1.0, texture="tunnel_tiles", tile_m=3.0)
ROAD_PAINT = Material((1.0, 1.0, 1.0), roughness=1.0, texture="road_paint", tile_m=2.0)
FRESH_ASPHALT = Material((0.6, 0.6, 0.61), roughness=1.0, texture="asphalt", tile_m=4.0)
CRACK_FILL = Material((0.025, 0.025, 0.027), roughness=0.6)
TYRE_RUBBER = Material((0.66, 0.66, 0.67), roughness=1.0, texture="asphalt", tile_m=4.0)
CAST_IRON = Material((0.07, 0.065, 0.06), roughness=0.5, metallic=0.0)
WATER = Material((0.022, 0.022, 0.023), roughness=0.04)
LAMP = Material((0.9, 0.88, 0.8), roughness=0.6, emission=2.0)


def verge_material(style: str) -> Material:
    """What lies between the pavement and the houses or fields."""
    return GRAVEL if style == "town" else GRASS
