"""Pictures and ground truth of a scene with OpenGL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import RenderError
from perception_fm.synth.painted.surface import PaintedSurface, Print
from perception_fm.synth.render.context import create_context
from perception_fm.synth.render.drawable import Drawable, Placed, Programs, set_uniform, shader
from perception_fm.synth.render.frame import RenderedFrame, Truth, View
from perception_fm.synth.render.geometry import MaterialTable, pack
from perception_fm.synth.render.hung import Hung
from perception_fm.synth.render.projection import clip_from_camera, matrix, reflection
from perception_fm.synth.render.shadow_map import ShadowMap
from perception_fm.synth.render.sky import make_sky
from perception_fm.synth.render.targets import Targets
from perception_fm.synth.scene import MAX_ENCLOSURES, TEXTURE_SIZE, Scene, Texture
from perception_fm.synth.world.config import WeatherConfig

FloatArray = NDArray[np.float64]

_DECAL_OFFSET = (-1.0, -2.0)  # polygon offset, factor and units: towards the viewer
_LOD_BIAS = -0.8  # the isotropic choice blurs a road at a grazing angle; the samples of a pixel average what is left
_MIRROR_AHEAD_M = 12.0  # where the plane of a wet road is taken: most of the road in the picture is about as far
_REFLECTION_SAMPLING = 0.75  # a wet road blurs what it mirrors
_CLIP_DISTANCE_0 = 0x3000  # GL_CLIP_DISTANCE0
_SAMPLERS = {
    "u_albedo": 0, "u_relief": 1, "u_materials": 2, "u_sky": 3, "u_shadows": 4, "u_print": 5, "u_print_depth": 6,
    "u_reflection": 7,
    "u_samples": 0,
}  # fmt: skip
_EVERYWHERE = (0.0, 0.0, 0.0, 1.0)  # a clip plane that cuts nothing


@dataclass(frozen=True, eq=False)
class _Shot:
    """A view as matrices; a reflection in a mirror is one that turns the world inside out."""

    view: View
    camera_from_world: FloatArray
    eye_m: FloatArray
    clip_plane: tuple[float, ...] = _EVERYWHERE

    @staticmethod
    def of(view: View) -> _Shot:
        return _Shot(view, matrix(view.world_from_camera.inverse()), view.world_from_camera.translation_m)

    def reflected(self, plane: FloatArray) -> _Shot:
        """The shot of what a mirror in the plane (4,) shows; it looks from its positive side."""
        mirror = reflection(plane)
        eye = (mirror @ np.append(self.eye_m, 1.0))[:3]
        return _Shot(self.view, self.camera_from_world @ mirror, eye, tuple(plane))

    @property
    def clip_from_world(self) -> FloatArray:
        return np.asarray(clip_from_camera(self.view) @ self.camera_from_world)


class Renderer:
    """Renders one scene in one weather. Use it in a `with` block; it belongs to the thread that made it.

    `surfaces` are painted surfaces, not to be seen before `show` gave each of them its print (mirrors need none).
    `supersampling`: the picture has this many samples along each side of a pixel, 1 to 4. `seed` shapes the clouds.
    Raises `RenderError` where there is no OpenGL.
    """

    def __init__(
        self,
        scene: Scene,
        weather: WeatherConfig,
        surfaces: Sequence[PaintedSurface] = (),
        *,
        seed: int = 0,
        supersampling: float = 1.5,
    ) -> None:
        if len(scene.enclosures) > MAX_ENCLOSURES:
            raise RenderError(f"a scene has at most {MAX_ENCLOSURES} enclosures, got {len(scene.enclosures)}")
        if not 1.0 <= supersampling <= 4.0:
            raise RenderError(f"supersampling lies between 1 and 4, got {supersampling}")
        self.sky = make_sky(weather, seed)
        self._weather = weather
        self._supersampling = supersampling
        self.context = create_context()
        table = MaterialTable(scene.textures, is_wet=weather.wetness > 0.0)
        still = [item for item in scene.objects if item.trajectory is None]
        self._solid = Drawable(self.context, pack([i for i in still if not i.is_decal], table, is_in_world=True))
        self._decals = Drawable(self.context, pack([i for i in still if i.is_decal], table, is_in_world=True))
        self._moving = [Placed(self.context, item, table) for item in scene.objects if item.trajectory is not None]
        self._hung = [Hung(self.context, surface, table) for surface in surfaces]
        if sum(hung.is_mirror for hung in self._hung) > 1:
            raise RenderError("a scene has at most one mirror: mirrors in mirrors are not drawn")
        self._road = scene.road
        has_water = weather.wetness > 0.0 or any(item.kind == "puddle" for item in scene.objects)
        self._is_mirroring = scene.road is not None and has_water
        self._load_textures(scene.textures, table)
        self._load_programs(scene)
        self._targets: dict[tuple[int, int], Targets] = {}
        self._mirror_targets: dict[tuple[int, int], Targets] = {}
        self._reflection_targets: dict[tuple[int, int], Targets] = {}

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the context back with everything in it."""
        self.context.release()

    def show(self, surface: int, picture: Print) -> None:
        """Print a picture on the surface of that index; from now on it is seen."""
        self._hung[surface].show(picture)

    def render(
        self, view: View, *, picture: bool = True, truth: bool = True, print_of: int | None = None
    ) -> RenderedFrame:
        """The view with all surfaces; without `picture` its radiance is black.

        `print_of`: what the surface of that index is to show: no painted surface, but what stands in that print.
        """
        shown = self._hung if print_of is None else []
        pictured = [] if print_of is None else self._hung[print_of].pictured
        solid = [*self._moving, *pictured, *(body for hung in shown if hung.is_visible for body in hung.bodies)]
        shot = _Shot.of(view)
        targets = self._targets_of(self._targets, view)
        mirrors = [hung for hung in shown if hung.is_mirror]
        if picture:
            self._render_shadows(view, solid, shown)
            if self._is_mirroring:
                self._render_wet_road(shot, solid, shown)
        for mirror in mirrors:
            self._render_mirror(mirror, shot, solid, picture=picture)
        radiance = np.zeros((view.height, view.width, 3), dtype=np.float32)
        if picture:
            self._draw_picture(shot, solid, shown, targets)
            self.context.disable(self.context.DEPTH_TEST)
            targets.resolved_buffer.use()
            targets.samples.use(_SAMPLERS["u_samples"])
            self._resolve_array.render(vertices=3)
            radiance = targets.read_radiance()
        found: Truth | None = None
        if truth:
            self._draw_truth(shot, solid, shown, targets)
            found = targets.read_truth()
        return RenderedFrame(view, radiance, found)

    def _targets_of(
        self, known: dict[tuple[int, int], Targets], view: View, supersampling: float | None = None
    ) -> Targets:
        size = (view.width, view.height)
        if size not in known:
            known[size] = Targets(self.context, *size, supersampling or self._supersampling)
        return known[size]

    def _load_textures(self, textures: dict[str, Texture], table: MaterialTable) -> None:
        layers = {name: number for number, name in enumerate(sorted(textures))}
        count = max(1, len(layers))
        albedo = np.full((count, TEXTURE_SIZE, TEXTURE_SIZE, 4), 255, dtype=np.uint8)
        relief = np.full((count, TEXTURE_SIZE, TEXTURE_SIZE, 2), 128, dtype=np.uint8)
        for name, layer in layers.items():
            albedo[layer, ..., :3], albedo[layer, ..., 3] = textures[name].albedo, textures[name].roughness
            relief[layer] = (textures[name].normal.astype(np.int16) + 128).astype(np.uint8)
        context, size = self.context, (TEXTURE_SIZE, TEXTURE_SIZE, count)
        self._albedo = context.texture_array(size, 4, albedo.tobytes())
        self._relief = context.texture_array(size, 2, relief.tobytes())
        rows = table.rows(layers)
        self._materials = context.texture((3, len(rows)), 4, rows.tobytes(), dtype="f4")
        self._materials.filter = (context.NEAREST, context.NEAREST)
        height, width = self.sky.map_rgb.shape[:2]
        self._sky = context.texture((width, height), 3, self.sky.map_rgb.tobytes(), dtype="f4")
        self._sky.repeat_y = False
        for texture in (self._albedo, self._relief, self._sky):
            texture.build_mipmaps()
            texture.filter = (context.LINEAR_MIPMAP_LINEAR, context.LINEAR)
        has_sun = bool(self.sky.sun_light.max() > 1e-4)
        self._shadows = ShadowMap(context, self.sky.sun_towards, has_sun=has_sun)

    def _load_programs(self, scene: Scene) -> None:
        boxes = scene.enclosures
        vertex, surface = shader("scene.vert"), shader("surface.glsl")
        wet = "#define WET_ROAD\n" if self._is_mirroring else ""
        light = f"{wet}#define ENCLOSURES {len(boxes)}\n" + shader("light.glsl")
        context, printed, screen = self.context, shader("print.glsl"), shader("screen.vert")
        self._picture = Programs(context, vertex, surface + light + shader("picture.frag"), has_variants=True)
        self._truth = Programs(context, vertex, surface + shader("truth.frag"))
        self._print_picture = Programs(context, vertex, surface + light + printed + shader("print_picture.frag"))
        self._print_truth = Programs(context, vertex, surface + printed + shader("print_truth.frag"))
        self._backdrop = context.program(vertex_shader=screen, fragment_shader=shader("sky.frag"))
        taps = math.ceil(2.0 * self._supersampling)
        resolve = shader("resolve.frag").replace("TAPS", str(taps))
        self._resolve = context.program(vertex_shader=screen, fragment_shader=resolve)
        self._backdrop_array = context.vertex_array(self._backdrop, [])
        self._resolve_array = context.vertex_array(self._resolve, [])
        fixed: dict[str, Any] = {
            **_SAMPLERS,
            "u_lod_bias": _LOD_BIAS,
            "u_wetness": self._weather.wetness,
            "u_irradiance": self.sky.irradiance,
            "u_horizon": self.sky.horizon,
            "u_sun_direction": self.sky.sun_towards,
            "u_sun_light": self.sky.sun_light,
            "u_extinction": 3.0 / self._weather.visibility_m,  # Koschmieder: 5% contrast = exp(-3) at the visibility
            "u_factor": float(self._supersampling),
        }
        if boxes:
            fixed["u_box_from_world"] = np.stack([matrix(box.world_from_box.inverse()) for box in boxes])
            fixed["u_box_half"] = [(*box.half_size_m, box.lamp_light) for box in boxes]
            fixed["u_box_fade"] = [box.fade_m for box in boxes]
        for name, value in fixed.items():
            for programs in (self._picture, self._truth, self._print_picture, self._print_truth):
                programs.set(name, value)
            for program in (self._backdrop, self._resolve):
                set_uniform(program, name, value)

    def _render_shadows(self, view: View, solid: Sequence[Placed], shown: Sequence[Hung]) -> None:
        eye, time_s = view.world_from_camera.translation_m, view.time_s
        faces = [hung.face for hung in shown if hung.is_visible and not hung.face.item.is_decal]

        def draw_casters(programs: Programs, clip_from_world: FloatArray, is_coarse: bool) -> None:
            programs.set("u_clip_from_object", clip_from_world)
            self._solid.draw(programs, clip_from_world, eye, is_coarse=is_coarse)
            for placed in (*solid, *faces):
                placed.draw(programs, clip_from_world, eye, time_s, is_coarse=is_coarse)

        for name, value in self._shadows.render(view, draw_casters).items():
            for programs in (self._picture, self._print_picture):
                programs.set(name, value)

    def _render_mirror(self, mirror: Hung, shot: _Shot, solid: Sequence[Placed], *, picture: bool) -> None:
        """What the mirror shows; other painted surfaces are not seen in it."""
        plane = mirror.plane(shot.view.time_s)
        if float(plane[:3] @ shot.eye_m) + plane[3] <= 0.0:
            return  # its back is plain
        reflected = shot.reflected(plane)
        targets = self._targets_of(self._mirror_targets, shot.view)
        self.context.enable_direct(_CLIP_DISTANCE_0)
        if picture:
            self._draw_picture(reflected, solid, [], targets)
        self._draw_truth(reflected, solid, [], targets)
        self.context.disable_direct(_CLIP_DISTANCE_0)
        mirror.reflects(targets)

    def _render_wet_road(self, shot: _Shot, solid: Sequence[Placed], shown: Sequence[Hung]) -> None:
        """What the road mirrors, in its plane some way ahead; where it bends away from that, it mirrors the sky."""
        assert self._road is not None
        ahead = shot.view.world_from_camera.apply(np.array([0.0, 0.0, _MIRROR_AHEAD_M]))
        station = float(self._road.nearest(ahead[None])[0][0])
        ground = self._road.pose(station)
        normal = ground.rotation[:, 2]
        plane = np.append(normal, -float(normal @ ground.translation_m))
        targets = self._targets_of(self._reflection_targets, shot.view, _REFLECTION_SAMPLING)
        self._sky.use(_SAMPLERS["u_reflection"])  # any texture but the one that is drawn into
        for programs in (self._picture, self._print_picture):
            programs.set("u_mirrors", 0.0)
        set_uniform(self._backdrop, "u_sun_light", (0.0, 0.0, 0.0))  # its glint is computed where it falls
        self.context.enable_direct(_CLIP_DISTANCE_0)
        self._draw_picture(shot.reflected(plane), solid, [hung for hung in shown if not hung.is_mirror], targets)
        self.context.disable_direct(_CLIP_DISTANCE_0)
        set_uniform(self._backdrop, "u_sun_light", self.sky.sun_light)
        targets.samples.build_mipmaps()
        targets.samples.filter = (self.context.LINEAR_MIPMAP_LINEAR, self.context.LINEAR)
        targets.samples.repeat_x = targets.samples.repeat_y = False
        targets.samples.use(_SAMPLERS["u_reflection"])
        for programs in (self._picture, self._print_picture):
            programs.set("u_mirrors", 1.0)
            programs.set("u_mirror_plane", plane)

    def _draw_picture(self, shot: _Shot, solid: Sequence[Placed], shown: Sequence[Hung], targets: Targets) -> None:
        targets.samples_buffer.use()
        targets.samples_buffer.clear(depth=1.0)
        for programs in (self._picture, self._print_picture):
            programs.set("u_mirror_size", tuple(float(side) for side in targets.fine_size))
        self._draw_world(self._picture, self._print_picture, shot, solid, shown)
        k, view = shot.view.intrinsics, shot.view
        # `at` of the screen's triangle runs from 0 to 1 over the edges of the pixels.
        ray = (view.width / k[0, 0], (-0.5 - k[0, 2]) / k[0, 0], view.height / k[1, 1], (-0.5 - k[1, 2]) / k[1, 1])
        set_uniform(self._backdrop, "u_ray", ray)
        set_uniform(self._backdrop, "u_world_from_camera", np.linalg.inv(shot.camera_from_world[:3, :3]))
        self.context.depth_func = "<="
        self._backdrop_array.render(vertices=3)

    def _draw_truth(self, shot: _Shot, solid: Sequence[Placed], shown: Sequence[Hung], targets: Targets) -> None:
        targets.truth_buffer.use()
        targets.truth_buffer.clear(depth=1.0)
        self._print_truth.set("u_mirror_size", (float(shot.view.width), float(shot.view.height)))
        self._draw_world(self._truth, self._print_truth, shot, solid, shown, targets.truth_buffer)

    def _draw_world(
        self,
        programs: Programs,
        print_programs: Programs,
        shot: _Shot,
        solid: Sequence[Placed],
        shown: Sequence[Hung],
        truth_buffer: Any = None,
    ) -> None:
        """Solid things, then decals on them; decals change colour only where there is a `truth_buffer`."""
        clip, eye, time_s = shot.clip_from_world, shot.eye_m, shot.view.time_s
        self._bind(programs, shot)
        self.context.enable_only(self.context.DEPTH_TEST)
        self.context.depth_func = "<"
        programs.set("u_world_from_object", np.eye(4))
        self._solid.draw(programs, clip, eye)
        for placed in solid:
            placed.draw(programs, clip, eye, time_s)
        visible = [hung for hung in shown if hung.is_visible]
        if visible:
            self._bind(print_programs, shot)
        for hung in visible:
            if not hung.face.item.is_decal:
                hung.draw(print_programs, clip, eye, time_s)
        self.context.polygon_offset = _DECAL_OFFSET
        self.context.depth_func = "<="
        if truth_buffer is not None:
            truth_buffer.color_mask = _COLOUR_ONLY
        programs.set("u_world_from_object", np.eye(4))
        self._decals.draw(programs, clip, eye)
        if truth_buffer is not None:
            truth_buffer.color_mask = _COLOUR_AND_PRINT
        for hung in visible:
            if hung.face.item.is_decal:
                hung.draw(print_programs, clip, eye, time_s)
        if truth_buffer is not None:
            truth_buffer.color_mask = _ALL
        self.context.polygon_offset = 0.0, 0.0

    def _bind(self, programs: Programs, shot: _Shot) -> None:
        for texture, name in (
            (self._albedo, "u_albedo"), (self._relief, "u_relief"), (self._materials, "u_materials"),
            (self._sky, "u_sky"), (self._shadows.texture, "u_shadows"),
        ):  # fmt: skip
            texture.use(_SAMPLERS[name])
        view, k = shot.view, shot.view.intrinsics
        for name, value in {
            "u_camera_from_world": shot.camera_from_world,
            "u_camera_from_world_rotation": shot.camera_from_world[:3, :3],
            "u_clip_from_camera": clip_from_camera(view),
            "u_eye": shot.eye_m,
            "u_rows": (k[1, 1], k[1, 2], 1.0 / max(1, view.height - 1), view.readout_s),
            "u_velocity": view.velocity_mps,
            "u_turn_rate": view.turn_rate_rps,
            "u_clip_plane": shot.clip_plane,
        }.items():
            programs.set(name, value)


_YES, _NO = (True, True, True, True), (False, False, False, False)
_ALL = (_YES, _YES, _YES, _YES)
# Depth, normal and identity stay those of the surface below a decal; a print also says what it pictures.
_COLOUR_ONLY = (_NO, _NO, _YES, _NO)
_COLOUR_AND_PRINT = ((False, True, False, False), _NO, _YES, (False, False, True, False))
