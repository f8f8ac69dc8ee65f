"""Puts an empty ``torchvision`` in place, to be imported before pytorch-grad-cam.

That library imports it for pictures and boxes, which nothing here asks for; and the registry's
build of it does not load beside a PyTorch without CUDA.
"""

import sys
from unittest.mock import MagicMock

for name in ("torchvision", "torchvision.transforms", "torchvision.transforms.functional"):
    sys.modules[name] = MagicMock()
