# %% [markdown]
# # The lab: every channel of a chest-X-ray network, as one document
#
# The lab loads a network that looks at chest X-rays, shows it one, and ends with a document of
# all maps of the first eight layers. Here the X-rays are drawn and the network is trained on
# such drawings, so that nothing has to be fetched; with a network and an X-ray of your own the
# same cells run on them.
#
# **What the lab's own code gets wrong, and what layersight does.** It sizes its figure by a
# name that is nowhere defined, and stops there; it standardises the activations in place, so
# that the numbers which it prints as activations (20 to 160 behind a ReLU, and none of them 0)
# are those of its pictures, and a second run standardises them once more; it stretches each map
# to the shape of its cell; and it divides by zero. Here the arrays stay as they are, maps keep
# their shape, and the document is one call.

# %%
import os
from pathlib import Path

import numpy as np
from PIL import Image

import layersight
import pictures

OUT = Path(os.environ.get("LAYERSIGHT_OUT") or "out")
MODEL = os.environ.get("LAYERSIGHT_MODEL") or "xrays.keras"  # your own network here
IMAGE = os.environ.get("LAYERSIGHT_IMAGE") or pictures.save(  # and your own X-ray
    pictures.xray(7, opacity=True), OUT / "person7_clouds.png"
)

# %%
model = layersight.load_model(MODEL, labels=("clear", "clouds"))
layersight.summary(model)

# %% [markdown]
# ## The X-ray, before and after it is made a tensor
#
# The file is grey; the network takes three channels, so each gets the same.

# %%
Image.open(IMAGE).resize((300, 300))

# %%
image = layersight.load_image(IMAGE, model)
print(image.values[None].shape)
image

# %% [markdown]
# ## The numbers behind a picture
#
# The name of the third layer, the shape of the first, its values at the top left position, and
# the same values standardised as the lab does it (over the channels of one position; the
# pictures standardise each map over its positions).

# %%
print(model.info.layers[2].name)

# %%
maps = layersight.activations(model, image, layers=":8", predictions=True)
first = maps[maps.layers[0].name]
print(first.shape)
corner = first[0, 0, 0]
print(corner)
print((corner - corner.mean()) / corner.std() * 64 + 128)

# %% [markdown]
# ## The complete document
#
# All channels of eight layers, sixteen in a row, with names and numbers; as a PDF beside this
# notebook, and here:

# %%
written = layersight.save(maps, OUT / "Intermediate_Activations_Visualized.pdf")
print(written.name)
maps

# %% [markdown]
# ## The same from a DICOM file
#
# Hospitals keep X-rays as DICOM: 12 bits, with a window that says which values are to be seen.
# It is read as it is, and what was done is told.

# %%
import pydicom
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian


def save_dicom(grey: np.ndarray, path: Path) -> Path:
    """Writes a grey picture as a DICOM file of 12 bits with a window over all of them."""
    data = pydicom.Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.826.0.1.3680043.8.498.1"
    data.Rows, data.Columns = grey.shape
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = 16, 12, 11, 0
    data.WindowCenter, data.WindowWidth = 2048, 4096
    data.PixelData = (grey.astype(np.uint16) * 16 + 8).tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


grey = np.asarray(Image.open(IMAGE).convert("L"))
scan = layersight.load_image(save_dicom(grey, OUT / "scan.dcm"), model)
scan

# %%
from_scan = layersight.activations(model, scan, layers=":8")
apart = max(np.abs(from_scan[name] - maps[name]).max() for name in maps)
print(f"the maps of both files differ by {apart:.2g} at most, of {first.max():.2g}")

# %% [markdown]
# ## And which pixels decided
#
# What the lab does not ask: where in the X-ray the network found it. Three methods, which need not
# agree. Grad-CAM weighs a channel by its mean gradient, as if it did not matter where it answers;
# this network flattens its maps and weighs every position by itself, as HiResCAM does. Integrated
# gradients look at the pixels and at no layer.

# %%
methods = ["grad-cam", "hirescam", "integrated-gradients"]
layersight.heatmap(model, image, method=methods).plot()
