"""rosbag2 recordings without a ROS installation: write, read, and convert drives of other formats."""
