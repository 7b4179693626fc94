"""The ROS edge: messages in, core types through, messages out. It decides nothing about perception."""
