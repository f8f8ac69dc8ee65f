"""Other libraries, asked for heatmaps of a network whose twins stand in Keras and PyTorch.

pytorch-grad-cam imports ``torchvision`` for pictures and boxes, which nothing here asks for; the
registry's build of it does not load beside a PyTorch without CUDA. An empty one stands in.
"""

import sys
from unittest.mock import MagicMock

for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules[name] = MagicMock()
