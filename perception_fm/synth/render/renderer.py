"""Pictures and ground truth of a scene with OpenGL."""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib import resources
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perception_fm.errors import RenderError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.labels import SKY
from perception_fm.synth.render.context import create_context
from perception_fm.synth.render.frame import RenderedFrame, Truth, View
from perception_fm.synth.render.geometry import (
    VERTEX_FORMAT,
    VERTEX_NAMES,
    Geometry,
    MaterialTable,
    chunks_in_view,
    pack,
)
from perception_fm.synth.render.projection import clip_from_camera, matrix, shadow_box, sphere_round
from perception_fm.synth.render.sky import make_sky
from perception_fm.synth.scene import TEXTURE_SIZE, Scene, SceneObject
from perception_fm.synth.world.config import WeatherConfig

FloatArray = NDArray[np.float64]

_SHADOW_TEXELS = 1024
_CASCADE_ENDS_M = (14.0, 50.0, 320.0)  # beyond the last no shadow is drawn; a road is some 4 px high there
_CASTER_REACH_M = 120.0  # what stands farther towards the sun casts no shadow into the view
_ZENITH_RADIUS_M = 60.0
_ZENITH_AHEAD_M = 45.0
_DECAL_OFFSET = (-1.0, -2.0)  # polygon offset: factor and units, towards the viewer
_LOD_BIAS = -0.8  # sharper than the isotropic choice, which blurs a road at a grazing angle; the samples average it
_MAX_ENCLOSURES = 4
_SAMPLERS = {"u_albedo": 0, "u_relief": 1, "u_materials": 2, "u_sky": 3, "u_shadows": 4}


class _Drawable:
    """Buffers of one geometry with a vertex array per program."""

    def __init__(self, context: Any, geometry: Geometry) -> None:
        self.geometry = geometry
        self.is_empty = not geometry.chunks
        if self.is_empty:
            return
        self._context = context
        self._vertices = context.buffer(geometry.vertices.tobytes())
        self._indices = context.buffer(geometry.indices.tobytes())
        self._arrays: dict[int, Any] = {}

    def draw(self, program: Any, clip_from_mesh: FloatArray, eye_m: FloatArray) -> None:
        """All chunks that may be seen, nearest first."""
        if self.is_empty:
            return
        array = self._arrays.get(program.glo)
        if array is None:
            content = [(self._vertices, *_layout(program))]
            array = self._arrays[program.glo] = self._context.vertex_array(program, content, self._indices)
        for first, count in chunks_in_view(self.geometry, clip_from_mesh, eye_m):
            array.render(vertices=count, first=first)


def _layout(program: Any) -> tuple[Any, ...]:
    """Format with padding for what the program does not read."""
    sizes = {"3f": 12, "2f": 8, "4f1": 4, "4u2": 8}
    pieces, names = [], []
    for piece, name in zip(VERTEX_FORMAT.split(), VERTEX_NAMES):
        is_used = name in program
        pieces.append(piece if is_used else f"{sizes[piece]}x")
        if is_used:
            names.append(name)
    return (" ".join(pieces), *names)


class Renderer:
    """Renders one scene in one weather. Use it in a `with` block; it belongs to the thread that made it.

    `supersampling`: the picture has this many samples along each side of a pixel. Raises `RenderError` where there is
    no OpenGL.
    """

    def __init__(self, scene: Scene, weather: WeatherConfig, *, seed: int = 0, supersampling: int = 2) -> None:
        if len(scene.enclosures) > _MAX_ENCLOSURES:
            raise RenderError(f"a scene has at most {_MAX_ENCLOSURES} enclosures, got {len(scene.enclosures)}")
        self.context = create_context()
        self._supersampling = supersampling
        self._weather = weather
        self.sky = make_sky(weather, seed)
        table = MaterialTable()
        still = [item for item in scene.objects if item.trajectory is None]
        self._solid = _Drawable(self.context, pack([i for i in still if not i.is_decal], table, is_in_world=True))
        self._decals = _Drawable(self.context, pack([i for i in still if i.is_decal], table, is_in_world=True))
        self._moving = [
            (item, _Drawable(self.context, pack([item], table, is_in_world=False)))
            for item in scene.objects
            if item.trajectory is not None
        ]
        self._load_textures(scene, table)
        self._load_programs(scene)
        self._targets: dict[tuple[int, int], _Targets] = {}

    def __enter__(self) -> Renderer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the context back with everything in it."""
        self.context.release()

    def render(self, view: View, *, truth: bool = True, picture: bool = True) -> RenderedFrame:
        """The view; without `picture` its radiance is black."""
        targets = self._targets.get((view.width, view.height))
        if targets is None:
            targets = self._targets[view.width, view.height] = _Targets(self.context, view, self._supersampling)
        poses = [item.pose(view.time_s) for item, _ in self._moving]
        radiance = np.zeros((view.height, view.width, 3), dtype=np.float32)
        if picture:
            self._render_shadows(view, poses)
            radiance = self._render_picture(view, poses, targets)
        return RenderedFrame(view, radiance, self._render_truth(view, poses, targets) if truth else None)

    def _load_textures(self, scene: Scene, table: MaterialTable) -> None:
        layers = {name: number for number, name in enumerate(sorted(scene.textures))}
        shape = (TEXTURE_SIZE, TEXTURE_SIZE, max(1, len(layers)))
        albedo = np.full((shape[2], TEXTURE_SIZE, TEXTURE_SIZE, 3), 255, dtype=np.uint8)
        relief = np.full((shape[2], TEXTURE_SIZE, TEXTURE_SIZE, 3), (128, 128, 255), dtype=np.uint8)
        for name, layer in layers.items():
            texture = scene.textures[name]
            albedo[layer] = texture.albedo
            relief[layer, ..., :2] = (texture.normal.astype(np.int16) + 128).astype(np.uint8)
            relief[layer, ..., 2] = texture.roughness
        self._albedo = self.context.texture_array(shape, 3, albedo.tobytes(), alignment=1)
        self._relief = self.context.texture_array(shape, 3, relief.tobytes(), alignment=1)
        for array in (self._albedo, self._relief):
            array.build_mipmaps()
            array.filter = (self.context.LINEAR_MIPMAP_LINEAR, self.context.LINEAR)
        rows = table.rows(layers)
        self._materials = self.context.texture((3, len(rows)), 4, rows.tobytes(), dtype="f4")
        self._materials.filter = (self.context.NEAREST, self.context.NEAREST)
        height, width = self.sky.map_rgb.shape[:2]
        self._sky = self.context.texture((width, height), 3, self.sky.map_rgb.tobytes(), dtype="f4")
        self._sky.build_mipmaps()
        self._sky.filter = (self.context.LINEAR_MIPMAP_LINEAR, self.context.LINEAR)
        self._sky.repeat_y = False
        self._shadow_map = self.context.depth_texture((4 * _SHADOW_TEXELS, _SHADOW_TEXELS))
        self._shadow_map.compare_func = "<="
        self._shadow_map.filter = (self.context.LINEAR, self.context.LINEAR)
        self._shadow_buffer = self.context.framebuffer(depth_attachment=self._shadow_map)

    def _load_programs(self, scene: Scene) -> None:
        surface, light = _shader("surface.glsl"), _shader("light.glsl")
        version = "#version 330\n"
        self._picture = self.context.program(
            vertex_shader=_shader("scene.vert"), fragment_shader=version + surface + light + _shader("picture.frag")
        )
        self._truth = self.context.program(
            vertex_shader=_shader("scene.vert"), fragment_shader=version + surface + _shader("truth.frag")
        )
        self._shadow = self.context.program(
            vertex_shader=_shader("shadow.vert"), fragment_shader=_shader("shadow.frag")
        )
        screen = _shader("screen.vert")
        self._backdrop = self.context.program(vertex_shader=screen, fragment_shader=_shader("sky.frag"))
        self._resolve = self.context.program(vertex_shader=screen, fragment_shader=_shader("resolve.frag"))
        self._backdrop_array = self.context.vertex_array(self._backdrop, [])
        self._resolve_array = self.context.vertex_array(self._resolve, [])
        extinction = 3.0 / self._weather.visibility_m  # Koschmieder: contrast 5% = exp(-3) at the visibility
        boxes = scene.enclosures
        fixed = {
            **_SAMPLERS,
            "u_lod_bias": _LOD_BIAS,
            "u_wetness": self._weather.wetness,
            "u_irradiance": np.ascontiguousarray(self.sky.irradiance, dtype="f4"),
            "u_sun_direction": self.sky.sun_towards,
            "u_sun_light": self.sky.sun_light,
            "u_extinction": extinction,
            "u_enclosures": len(boxes),
            "u_box_from_world": _padded([matrix(box.world_from_box.inverse()).T for box in boxes], (4, 4)),
            "u_box_half": _padded([(*box.half_size_m, box.lamp_light) for box in boxes], (4,)),
            "u_box_fade": _padded([box.fade_m for box in boxes], ()),
        }
        for program in (self._picture, self._truth, self._backdrop, self._resolve):
            for name, value in fixed.items():
                _set(program, name, value)
        _set(self._resolve, "u_samples", 0)
        _set(self._resolve, "u_factor", self._supersampling)

    def _render_shadows(self, view: View, poses: Sequence[RigidTransform]) -> None:
        eye = view.world_from_camera.translation_m
        sun = self.sky.sun_towards
        starts = (0.0, *_CASCADE_ENDS_M[:-1])
        boxes, texels = [], []
        for start, end in zip(starts, _CASCADE_ENDS_M):
            centre, radius = sphere_round(view, start, end)
            boxes.append(shadow_box(sun, centre, radius, _CASTER_REACH_M, _SHADOW_TEXELS))
            texels.append(2.0 * radius / _SHADOW_TEXELS)
        ahead = view.world_from_camera.rotation[:, 2] * np.array([1.0, 1.0, 0.0])
        centre = eye + ahead / max(float(np.linalg.norm(ahead)), 1e-6) * _ZENITH_AHEAD_M
        zenith = np.array([0.0, 0.0, 1.0])
        boxes.append(shadow_box(zenith, centre, _ZENITH_RADIUS_M, _CASTER_REACH_M, _SHADOW_TEXELS))
        texels.append(2.0 * _ZENITH_RADIUS_M / _SHADOW_TEXELS)
        self._shadow_buffer.use()
        self._shadow_buffer.viewport = (0, 0, 4 * _SHADOW_TEXELS, _SHADOW_TEXELS)
        self._shadow_buffer.clear(depth=1.0)
        self.context.enable_only(self.context.DEPTH_TEST)
        is_lit = self.sky.sun_light.max() > 1e-4
        for tile, clip_from_world in enumerate(boxes):
            if tile < 3 and not is_lit:
                continue
            self._shadow_buffer.viewport = (tile * _SHADOW_TEXELS, 0, _SHADOW_TEXELS, _SHADOW_TEXELS)
            self._draw_casters(clip_from_world, eye, poses)
        unit = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1.0]])
        matrices = np.stack([(unit @ box).T for box in boxes]).astype("f4")
        _set(self._picture, "u_shadow_from_world", matrices)
        _set(self._picture, "u_cascade_reach", (*_CASCADE_ENDS_M, 0.0))
        _set(self._picture, "u_cascade_texel", texels)

    def _draw_casters(self, clip_from_world: FloatArray, eye: FloatArray, poses: Sequence[RigidTransform]) -> None:
        _set(self._shadow, "u_clip_from_object", clip_from_world.T.astype("f4"))
        self._solid.draw(self._shadow, clip_from_world, eye)
        for (_, drawable), pose in zip(self._moving, poses):
            clip_from_object = clip_from_world @ matrix(pose)
            _set(self._shadow, "u_clip_from_object", clip_from_object.T.astype("f4"))
            drawable.draw(self._shadow, clip_from_object, pose.inverse().apply(eye))

    def _render_picture(self, view: View, poses: Sequence[RigidTransform], targets: _Targets) -> NDArray[np.float32]:
        targets.samples_buffer.use()
        targets.samples_buffer.clear(depth=1.0)
        self._draw_world(self._picture, view, poses)
        self._draw_sky(view)
        self.context.disable(self.context.DEPTH_TEST)
        targets.resolved_buffer.use()
        targets.samples.use(0)
        self._resolve_array.render(vertices=3)
        half = np.frombuffer(targets.resolved.read(), dtype=np.float16).reshape(view.height, view.width, 4)
        return np.ascontiguousarray(half[..., :3], dtype=np.float32)

    def _draw_sky(self, view: View) -> None:
        k = view.intrinsics
        # The screen triangle's `at` runs 0..1 over pixel edges.
        ray = (view.width / k[0, 0], (-0.5 - k[0, 2]) / k[0, 0], view.height / k[1, 1], (-0.5 - k[1, 2]) / k[1, 1])
        _set(self._backdrop, "u_ray", ray)
        _set(self._backdrop, "u_world_from_camera", view.world_from_camera.rotation.T.astype("f4"))
        self._sky.use(_SAMPLERS["u_sky"])
        self.context.enable_only(self.context.DEPTH_TEST)
        self.context.depth_func = "<="
        self._backdrop_array.render(vertices=3)
        self.context.depth_func = "<"

    def _draw_world(self, program: Any, view: View, poses: Sequence[RigidTransform]) -> None:
        """Solid things, then decals on them."""
        eye = view.world_from_camera.translation_m
        clip, camera = clip_from_camera(view), matrix(view.world_from_camera.inverse())
        for texture, name in (
            (self._albedo, "u_albedo"), (self._relief, "u_relief"), (self._materials, "u_materials"),
            (self._sky, "u_sky"), (self._shadow_map, "u_shadows"),
        ):  # fmt: skip
            texture.use(_SAMPLERS[name])
        readout = (view.intrinsics[1, 1], view.intrinsics[1, 2], 1.0 / max(1, view.height - 1), view.readout_s)
        for name, value in {
            "u_camera_from_world": camera.T.astype("f4"),
            "u_camera_from_world_rotation": view.world_from_camera.rotation.astype("f4"),
            "u_clip_from_camera": clip.T.astype("f4"),
            "u_eye": eye,
            "u_rows": readout,
            "u_velocity": view.velocity_mps,
            "u_turn_rate": view.turn_rate_rps,
            "u_world_from_object": np.eye(4, dtype="f4"),
        }.items():
            _set(program, name, value)
        self.context.enable_only(self.context.DEPTH_TEST)
        self.context.depth_func = "<"
        self._solid.draw(program, clip @ camera, eye)
        for (item, drawable), pose in zip(self._moving, poses):
            if not item.is_decal:
                _set(program, "u_world_from_object", matrix(pose).T.astype("f4"))
                drawable.draw(program, clip @ camera @ matrix(pose), pose.inverse().apply(eye))
        _set(program, "u_world_from_object", np.eye(4, dtype="f4"))
        self.context.polygon_offset = _DECAL_OFFSET
        self.context.depth_func = "<="
        self._decals.draw(program, clip @ camera, eye)
        self.context.polygon_offset = 0.0, 0.0
        self.context.depth_func = "<"

    def _render_truth(self, view: View, poses: Sequence[RigidTransform], targets: _Targets) -> Truth:
        targets.truth_buffer.use()
        targets.truth_buffer.clear(depth=1.0)
        self._draw_world(self._truth, view, poses)
        return targets.read_truth()


class _Targets:
    """Buffers for one size of picture."""

    def __init__(self, context: Any, view: View, supersampling: int) -> None:
        size = (view.width, view.height)
        fine = (view.width * supersampling, view.height * supersampling)
        if max(fine) > context.info["GL_MAX_TEXTURE_SIZE"] if "GL_MAX_TEXTURE_SIZE" in context.info else False:
            raise RenderError(f"{fine[0]}x{fine[1]} samples are more than this OpenGL can draw")
        self._shape = (view.height, view.width)
        self.samples = context.texture(fine, 4, dtype="f2")
        self.samples_buffer = context.framebuffer([self.samples], context.depth_renderbuffer(fine))
        self.resolved = context.texture(size, 4, dtype="f2")
        self.resolved_buffer = context.framebuffer([self.resolved])
        self._channels = [
            context.texture(size, 4, dtype="f4"),
            context.texture(size, 4, dtype="f2"),
            context.texture(size, 4, dtype="f1"),
            context.texture(size, 4, dtype="u2"),
        ]
        self.truth_buffer = context.framebuffer(self._channels, context.depth_renderbuffer(size))

    def read_truth(self) -> Truth:
        """What the truth pass drew; where nothing was drawn is sky."""
        depth, normal, albedo, ids = (
            np.frombuffer(channel.read(), dtype=dtype).reshape(*self._shape, 4)
            for channel, dtype in zip(self._channels, (np.float32, np.float16, np.uint8, np.uint16))
        )
        is_sky = depth[..., 0] == 0.0
        metric = np.where(is_sky, np.float32(math.inf), depth[..., 0])
        pictured = np.where(is_sky, np.float32(math.inf), depth[..., 1])
        label = np.where(is_sky, np.uint8(SKY), ids[..., 0].astype(np.uint8))
        return Truth(
            metric,
            pictured,
            label,
            np.ascontiguousarray(ids[..., 1]),
            np.ascontiguousarray(normal[..., :3], dtype=np.float32),
            np.ascontiguousarray(albedo[..., :3]),
            np.ascontiguousarray(albedo[..., 3]),
            ids[..., 2] != 0,
        )


def _shader(name: str) -> str:
    return resources.files("perception_fm.synth.render").joinpath("shaders", name).read_text(encoding="utf-8")


def _set(program: Any, name: str, value: Any) -> None:
    """Set a uniform if the program has it: the compiler drops those that nothing reads."""
    if name not in program:
        return
    if isinstance(value, np.ndarray) and value.dtype == np.float32:
        program[name].write(value.tobytes())
    else:
        program[name].value = tuple(value) if isinstance(value, (np.ndarray, list)) else value


def _padded(rows: Sequence[Any], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Uniform arrays have a fixed length."""
    result = np.zeros((_MAX_ENCLOSURES, *shape), dtype="f4")
    for index, row in enumerate(rows):
        result[index] = row
    return result
