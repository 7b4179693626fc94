"""Geometry against Embree and against closed forms; light against what it must do."""

import dataclasses
import math

import numpy as np
import pytest
from render_blocks import GREY, RED, WHITE, block, camera, ground, street
from render_oracle import agreement, ask

from perception_fm.errors import RenderError
from perception_fm.geometry.transform import RigidTransform
from perception_fm.synth.labels import IGNORED, KINDS, SKY
from perception_fm.synth.render.renderer import Renderer
from perception_fm.synth.scene import Enclosure, Material, Scene, SceneObject
from perception_fm.synth.world.config import WeatherConfig
from perception_fm.synth.world.shapes import grid

pytestmark = pytest.mark.usefixtures("opengl")
CLEAR = WeatherConfig(sun_elevation_deg=45.0, sun_azimuth_deg=90.0, cloud=0.0, visibility_m=100000.0)


class Shuttle:
    """Moves along x at a speed."""

    def __init__(self, speed_mps, at):
        self._speed, self._at = speed_mps, np.array(at, dtype=float)

    def pose(self, time_s):
        return RigidTransform(np.eye(3), self._at + np.array([self._speed * time_s, 0.0, 0.0]))


def render(scene, view, weather=CLEAR, **more):
    with Renderer(scene, weather) as renderer:
        return renderer.render(view, **more)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_geometry_agrees_with_embree(seed):
    scene, view = street(seed), camera(640, 384, 500.0, x=3.0 * seed, pitch=0.03)
    found = agreement(render(scene, view, picture=False).truth, ask(scene.objects, view))
    assert found["median_relative_depth"] < 1e-4
    assert min(found[name] for name in ("depth", "label", "instance", "normal")) >= 0.999, found


def test_plane_at_ten_metres_is_at_ten_metres():
    scene = Scene((block((0.5, 30.0, 20.0), (10.25, 0.0)),))
    truth = render(scene, camera(pitch=0.0), picture=False).truth
    np.testing.assert_allclose(truth.depth_m[:60], 10.0, rtol=2e-6)  # float32; the rows above the wall's foot
    np.testing.assert_allclose(truth.normal[:60], np.broadcast_to([0.0, 0.0, -1.0], (60, 160, 3)), atol=1e-3)


def test_road_depth_is_height_over_slope():
    view = camera(pitch=0.0)
    truth = render(Scene((ground(),)), view, picture=False).truth
    rows = np.arange(60, 96)
    expected = 1.4 * 125.0 / (rows - view.intrinsics[1, 2])
    np.testing.assert_allclose(truth.depth_m[rows, 80], expected, rtol=1e-4)  # 24 bits of depth decide, not the value
    assert (truth.label[rows] == KINDS["road"]).all()


def test_sky_is_infinitely_far():
    truth = render(Scene((ground(),)), camera(), picture=False).truth
    sky = truth.label == SKY
    assert sky[0].all()
    assert not sky[-1].any()
    assert (np.isinf(truth.depth_m) == sky).all()
    assert np.isinf(truth.depth_pictured_m[sky]).all()
    assert not truth.normal[sky].any()
    assert not truth.instance[sky].any()


def test_pixel_centres_are_integers():
    # The left edge of the block projects to column cx - f * y / z = 79.5 - 125 * 0.5 / 10 = 73.25: pixel 74 is inside.
    scene = Scene((block((1.0, 1.0, 8.0), (10.5, 0.0)),))
    label = render(scene, camera(pitch=0.0), picture=False).truth.label
    assert label[40, 73] == SKY
    assert label[40, 74] == KINDS["building"]


def test_moving_object_is_where_its_trajectory_says():
    item = dataclasses.replace(
        block((1.0, 2.0, 1.5), (0.0, 0.0), kind="car", instance=7), trajectory=Shuttle(10.0, (12.0, 0.0, 0.0))
    )
    for time_s in (0.0, 1.5):
        truth = render(Scene((ground(), item)), camera(pitch=0.0, time_s=time_s), picture=False).truth
        seen = truth.instance == 7
        assert seen.any()
        assert (truth.label[seen] == KINDS["car"]).all()
        assert truth.depth_m[seen].min() == pytest.approx(11.5 + 10.0 * time_s, rel=1e-5)


def test_decal_changes_colour_but_no_geometry():
    x, y = np.meshgrid(np.linspace(5.0, 20.0, 4), np.linspace(1.0, -1.0, 3), indexing="ij")
    paint = SceneObject("marking", grid(np.stack([x, y, np.zeros_like(x)], axis=-1), WHITE), is_decal=True)
    view = camera(pitch=0.1)
    bare, marked = render(Scene((ground(),)), view), render(Scene((ground(), paint)), view)
    for name in ("depth_m", "label", "instance", "normal"):
        np.testing.assert_array_equal(getattr(bare.truth, name), getattr(marked.truth, name))
    row, column = 62, 80
    assert marked.truth.albedo[row, column].min() > 220 > 140 > bare.truth.albedo[row, column].max()
    assert (marked.radiance[row, column] > 2.0 * bare.radiance[row, column]).all()


def test_albedo_is_stored_in_srgb_and_bgr():
    scene = Scene((block((0.5, 30.0, 20.0), (10.25, 0.0), Material((0.5, 0.2, 0.05), 0.25)),))
    truth = render(scene, camera(pitch=0.0), picture=False).truth
    # IEC 61966-2-1: 1.055 x^(1/2.4) - 0.055
    expected = [255.0 * (1.055 * value ** (1 / 2.4) - 0.055) for value in (0.05, 0.2, 0.5)]
    np.testing.assert_allclose(truth.albedo[48, 80], expected, atol=1.0)
    assert truth.roughness[48, 80] == pytest.approx(0.25 * 255.0, abs=1.0)


def test_shadow_falls_away_from_the_sun_and_nowhere_without_it():
    # Sun at 45 degrees on the left: a block 4 m high, with its right side at y = 3, shades the road to y = -1.
    scene, view = Scene((ground(), block((40.0, 2.0, 4.0), (30.0, 4.0), WHITE))), camera(pitch=0.1, height_m=6.0)
    lit, overcast = render(scene, view), render(scene, view, dataclasses.replace(CLEAR, cloud=1.0))
    row = 60
    y = -(np.arange(160) - 79.5) / 125.0 * lit.truth.depth_m[row]
    brightness = lit.radiance[row].mean(axis=1)
    on_road = lit.truth.label[row] == KINDS["road"]
    shaded, sunny = on_road & (y > -0.3) & (y < 2.0), on_road & (y < -1.7) & (y > -12.0)
    assert shaded.sum() > 5
    assert sunny.sum() > 20
    assert brightness[shaded].max() < 0.6 * brightness[sunny].min()
    flat = overcast.radiance[row].mean(axis=1)
    assert flat[on_road & (y > -1.0) & (y < 1.0)].min() > 0.7 * flat[sunny].min()  # no edge, only less sky


def test_shadows_hold_over_the_whole_visible_road():
    items = [ground()] + [block((10.0, 2.0, 4.0), (x, 4.0), WHITE) for x in (10.0, 40.0, 90.0, 150.0)]
    view = camera(640, 384, 500.0, pitch=0.15, height_m=12.0)
    frame = render(Scene(tuple(items)), view)
    for x in (40.0, 90.0, 150.0):
        points = np.array([[x, 1.0, 0.0], [x + 15.0, 1.0, 0.0]])  # in the shadow, and beside it
        camera_m = view.world_from_camera.inverse().apply(points)
        pixels = np.rint((camera_m @ view.intrinsics.T)[:, :2] / camera_m[:, 2:]).astype(int)
        shaded, sunny = (frame.radiance[v, u].mean() for u, v in pixels)
        assert shaded < 0.75 * sunny, x


def test_white_wall_in_full_daylight_is_one():
    # The unit of radiance; sun, sky and the ground's light come from different models, so a third is good agreement.
    weather = dataclasses.replace(CLEAR, sun_azimuth_deg=180.0, sun_elevation_deg=50.0)
    scene = Scene((block((0.5, 30.0, 20.0), (10.25, 0.0), Material((1.0, 1.0, 1.0), 1.0)),))
    radiance = render(scene, camera(pitch=0.0), weather, truth=False).radiance
    assert radiance[48, 80].mean() == pytest.approx(1.0, rel=0.35)


def test_dusk_is_darker_and_haze_takes_contrast():
    scene, view = street(), camera()
    noon = render(scene, view, truth=False).radiance.mean()
    dusk = render(scene, view, dataclasses.replace(CLEAR, sun_elevation_deg=-4.0), truth=False).radiance.mean()
    assert dusk < 0.05 * noon
    wall = Scene((block((0.5, 60.0, 30.0), (50.25, 0.0), Material((0.0, 0.0, 0.0), 1.0)),))
    black, hazy = (
        render(wall, camera(pitch=0.0), dataclasses.replace(CLEAR, visibility_m=v), truth=False).radiance[40, 80].mean()
        for v in (100000.0, 50.0)
    )
    sky = (
        render(Scene(()), camera(pitch=0.0), dataclasses.replace(CLEAR, visibility_m=50.0), truth=False)
        .radiance[40, 80]
        .mean()
    )
    # Koschmieder: at the visibility 5% of the contrast is left; what a black wall mirrors lies within the tolerance.
    assert hazy == pytest.approx(0.95 * sky, rel=0.15)
    assert black < 0.2 * hazy


def test_inside_of_an_enclosure_is_dark():
    roof = SceneObject(
        "tunnel",
        grid(
            np.stack(
                [
                    *np.meshgrid(np.linspace(20.0, 80.0, 13), np.linspace(6.0, -6.0, 7), indexing="ij"),
                    np.full((13, 7), 5.0),
                ],
                axis=-1,
            ),
            GREY,
        ),
    )
    box_ = Enclosure(RigidTransform(np.eye(3), np.array([50.0, 0.0, 2.5])), (30.0, 6.0, 2.6), lamp_light=0.01)
    view = camera(x=45.0)
    inside = render(Scene((ground(), roof), enclosures=(box_,)), view, truth=False).radiance[80, 80].mean()
    outside = render(Scene((ground(),)), view, truth=False).radiance[80, 80].mean()
    assert inside < 0.15 * outside


def test_same_scene_same_picture():
    first, second = (render(street(), camera()) for _ in range(2))
    np.testing.assert_array_equal(first.radiance, second.radiance)
    np.testing.assert_array_equal(first.truth.depth_m, second.truth.depth_m)


def test_rolling_shutter_leans_upright_edges():
    # The camera turns right at w: a row read t later sees things shifted left by f w t.
    rate, readout = 0.5, 0.03
    scene = Scene((block((0.5, 4.0, 60.0), (30.25, 0.0)),))
    still = render(scene, camera(pitch=0.0), picture=False).truth.instance.shape
    view = camera(pitch=0.0, readout_s=readout, turn_rate_rps=(0.0, rate, 0.0))
    label = render(scene, view, picture=False).truth.label
    assert label.shape == still
    edges = [np.flatnonzero(label[row] != SKY)[0] for row in (5, 45)]
    expected = 125.0 * rate * readout * (45 - 5) / 95.0
    assert edges[0] - edges[1] == pytest.approx(expected, abs=1.0)


def test_labels_of_ignored_kinds_are_255():
    scene = Scene((block((0.5, 30.0, 20.0), (10.25, 0.0), kind="guard_rail"),))
    assert (render(scene, camera(pitch=0.0), picture=False).truth.label[:60] == IGNORED).all()


def test_wet_ground_is_darker_to_the_side_and_shines_against_the_light():
    against = dataclasses.replace(CLEAR, sun_azimuth_deg=0.0, sun_elevation_deg=12.0)
    view, scene = camera(pitch=0.1), Scene((ground(),))
    dry, wet = (render(scene, view, dataclasses.replace(against, wetness=w), truth=False).radiance for w in (0.0, 1.0))
    assert wet.max() > 1.5 * dry[50:].max()
    dry, wet = (render(scene, view, dataclasses.replace(CLEAR, wetness=w), truth=False).radiance for w in (0.0, 1.0))
    assert wet[90, 80].mean() < 0.9 * dry[90, 80].mean()


def test_too_many_enclosures_are_refused():
    box_ = Enclosure(RigidTransform.identity(), (1.0, 1.0, 1.0))
    with pytest.raises(RenderError, match="at most 4 enclosures"):
        Renderer(Scene((), enclosures=(box_,) * 5), CLEAR)


def test_too_big_a_picture_is_refused():
    with pytest.raises(RenderError, match="more than OpenGL draws"):
        render(Scene((ground(),)), camera(12000, 96), picture=False)


def test_missing_opengl_is_told_in_one_line(monkeypatch):
    import moderngl

    def no_egl(**_):
        raise Exception("libEGL.so not loaded")

    monkeypatch.setattr(moderngl, "create_context", no_egl)
    with pytest.raises(RenderError, match=r"apt-get install libegl1 .*libgl1-mesa-dri$") as caught:
        Renderer(Scene(()), CLEAR)
    assert "\n" not in str(caught.value)


def test_horizontal_surface_facing_up_sees_more_sky_than_one_facing_down():
    floor, ceiling = (
        ground(WHITE),
        SceneObject(
            "bridge", ground(WHITE).mesh.moved(RigidTransform(np.diag([1.0, -1.0, -1.0]), np.array([0.0, 0.0, 3.0])))
        ),
    )
    view = camera(pitch=0.0)
    up = render(Scene((floor,)), view, dataclasses.replace(CLEAR, cloud=1.0), truth=False).radiance[90, 80].mean()
    down = render(Scene((ceiling,)), view, dataclasses.replace(CLEAR, cloud=1.0), truth=False).radiance[5, 80].mean()
    assert down < 0.5 * up
    assert math.isfinite(down)


def test_material_red_is_last_in_bgr():
    scene = Scene((block((0.5, 30.0, 20.0), (10.25, 0.0), RED),))
    blue, green, red = render(scene, camera(pitch=0.0), truth=False).radiance[48, 80]
    assert red > 3.0 * green
    assert red > 3.0 * blue


@pytest.mark.parametrize("supersampling", [0.5, 5.0])
def test_senseless_supersampling_is_refused(supersampling):
    with pytest.raises(RenderError, match="between 1 and 4"):
        Renderer(Scene(()), CLEAR, supersampling=supersampling)


@pytest.mark.parametrize("supersampling", [1.0, 1.5, 2.0, 3.0])
def test_supersampling_keeps_the_mean_and_softens_edges(supersampling):
    scene, view = Scene((block((0.5, 4.0, 60.0), (30.25, 0.0), WHITE),)), camera(pitch=0.0)
    with Renderer(scene, CLEAR, supersampling=supersampling) as renderer:
        row = renderer.render(view, truth=False).radiance[40].mean(axis=1)
    with Renderer(scene, CLEAR, supersampling=4.0) as renderer:
        fine = renderer.render(view, truth=False).radiance[40].mean(axis=1)
    assert row.mean() == pytest.approx(fine.mean(), rel=0.01)
    assert np.abs(row - fine).max() < 0.5 * np.ptp(fine)  # an edge lies at the same place
