"""Package description for colcon and pip; `setup.cfg` holds what needs no code."""

from glob import glob

from setuptools import setup

SHARE = "share/perception_fm"

setup(
    # Not in setup.cfg: from there it arrives as an object that colcon cannot read back.
    python_requires=">=3.10",
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/perception_fm"]),
        (SHARE, ["package.xml"]),
        (f"{SHARE}/launch", sorted(glob("launch/*.launch.py"))),
        (f"{SHARE}/config", sorted(glob("config/*.yaml") + glob("config/*.rviz") + glob("config/*.xml"))),
        (f"{SHARE}/config/scenarios", sorted(glob("config/scenarios/*.yaml"))),
        (f"{SHARE}/config/datasets", sorted(glob("config/datasets/*.yaml"))),
        (f"{SHARE}/config/training", sorted(glob("config/training/*.yaml"))),
    ],
)
