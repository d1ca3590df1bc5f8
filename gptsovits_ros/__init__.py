"""A custom voice for a robot: GPT-SoVITS speech synthesis as a ROS 2 package.

Importing this package loads neither torch nor rclpy.
"""

from pkgutil import extend_path

# The generated interfaces (msg, srv, action) are installed into this package; extend the path so
# that they are found beside the source tree too, when tests run from the repository root.
__path__ = extend_path(__path__, __name__)
__version__ = '0.1.0'
