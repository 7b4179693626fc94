"""The patch of a box in both views: how it moves with the plane."""

import numpy as np
from motion_scene import wall_at_30_m

from perception_fm.motion.box_patch import BoxPatch
from perception_fm.motion.path_boxes import box_geometry


def test_flow_is_how_the_earlier_view_changes_with_the_plane():
    scene = wall_at_30_m()
    box = box_geometry(18.0, scene.path, scene.plane, 0.0, 2.5, 1.9)
    patch = BoxPatch.cut(scene.pyramid(12.0), scene.view(12.0, 6.0), box, 1.9)
    m = box.upright + np.array([0.01, 0.02, 0.0])
    across, down = patch.flow(m)
    step = 1e-5

    def seen(plane, x, y):
        pixel = patch.view.pixels_from_patch(patch.rays_from_patch, plane, 0) @ np.array([x, y, 1.0])
        return pixel[:2] / pixel[2]

    for row, column in ((0, 0), (13, 27), (39, 31)):
        nearer = seen(m + np.array([0.0, 0.0, step]), column, row)
        moved = seen(m, column + step * across[row, column], row + step * down[row, column])
        np.testing.assert_allclose(nearer, moved, atol=1e-6)


def test_both_views_are_equally_blurred_when_compared():
    """The earlier view was 6 m farther off, so it is magnified by 1.5, and its blur with it."""
    scene = wall_at_30_m()
    box = box_geometry(12.0, scene.path, scene.plane, 0.5, 2.5, 1.9)
    sharp = BoxPatch.cut(scene.pyramid(18.0), scene.view(18.0, 6.0), box, 1.9)
    alike = sharp.as_blurred_as_before(1.5)

    def left(patch):
        return float(np.mean((patch.now - patch.before(box.upright, np.zeros(2))) ** 2))

    assert left(alike) < 0.7 * left(sharp)
    assert sharp.as_blurred_as_before(1.0) is sharp
