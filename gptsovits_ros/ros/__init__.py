"""The ROS side: the only room that imports rclpy or message packages, and never torch."""
