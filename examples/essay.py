# %% [markdown]
# # The essay: three claims, measured
#
# The essay shows two channels and concludes: first layers detect edges, deeper ones encode
# concepts, and maps grow sparser with depth. Here are the two channels, and then each claim as
# a number for every layer.
#
# **What the essay's own code gets wrong, and what layersight does.** It indexes a batch as if
# it were one image, so that what it draws is no channel but a column of pixels of all channels;
# its figure is called the fourth channel, its text the sixth; and it concludes from two maps.
# Here channels are chosen by number, and what is said of all layers is measured on all of them.

# %%
import os
from importlib import resources
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import layersight
import pictures

DEMO = Path(str(resources.files("layersight.assets.demo")))
MODEL = os.environ.get("LAYERSIGHT_MODEL") or DEMO / "cats_dogs.keras"  # your own network here
IMAGE = os.environ.get("LAYERSIGHT_IMAGE") or DEMO / "chelsea.png"  # your own photograph
PHOTOS = os.environ.get("LAYERSIGHT_PHOTOS")  # a folder of two, with images of a class each

# %%
model = layersight.load_model(MODEL)
layersight.summary(model)

# %%
image = layersight.load_image(IMAGE, model)
maps = layersight.activations(model, image, layers=":8")
names = [entry.name for entry in maps.layers]

# %% [markdown]
# The sixth channel of the first layer, number 5, and the second of the second layer, number 1:

# %%
print(maps[names[0]].shape)
maps.plot(layer=names[0], channel=5)

# %%
print(maps[names[1]].shape)
maps.plot(layer=names[1], channel=1)

# %% [markdown]
# ## 1. First layers detect edges
#
# How much of a map do edges of the photograph explain? Eight maps of edges, one for each
# direction, are averaged over the pixels that each position of the layer stands for, and each
# channel that is alive is fitted by them (least squares, corrected for their number). A channel
# of 100 % detects edges and nothing else.


# %%
def edge_maps(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """How steeply a picture rises in eight directions: ``(height * width, 8)``."""
    down, right = np.gradient(pixels.astype("float32").mean(axis=-1))
    angles = np.arange(8) * np.pi / 4
    steep = [np.maximum(0, np.cos(a) * right + np.sin(a) * down) for a in angles]
    # Strides are powers of two; without padding a map leaves out the image's margins.
    margins = []
    for side, cells in zip(pixels.shape[:2], (height, width), strict=True):
        margins.append(max(0.0, (side - 2 ** round(np.log2(side / cells)) * cells) / 2))
    top, left = margins
    box = (left, top, pixels.shape[1] - left, pixels.shape[0] - top)
    size, mean = (width, height), Image.Resampling.BOX
    small = [Image.fromarray(edge).resize(size, mean, box) for edge in steep]
    return np.stack([np.asarray(edge).ravel() for edge in small], axis=1)


def explained(values: np.ndarray, by: np.ndarray) -> float:
    """The share of the variance that ``by`` explains, corrected for its columns."""
    terms = np.column_stack([by, np.ones(len(by))])
    rest = values - terms @ np.linalg.lstsq(terms, values, rcond=None)[0]
    free = len(values) - terms.shape[1]
    left = (rest @ rest / free) / (values.var() * len(values) / (len(values) - 1))
    return float(1 - left)


best, middle = [], []
for entry in maps.layers:
    by = edge_maps(image.pixels, *entry.values.shape[1:3])
    alive = entry.values[0][..., ~entry.statistics.dead[0]].astype(float)
    shares = [explained(alive[..., c].ravel(), by) for c in range(alive.shape[-1])]
    best.append(max(0.0, max(shares)))
    middle.append(max(0.0, float(np.median(shares))))
    print(f"{entry.name:16} best channel {best[-1]:4.0%}, median {middle[-1]:4.0%}")

# %% [markdown]
# ## 2. Deeper layers encode concepts
#
# How well does one channel tell two classes? The channel is chosen on half of the images, by
# the mean of its map, and tried on the other half: 50 % is chance, 100 % is a channel that
# tells all pairs of images apart. This needs images whose class is known. Unless you name a
# folder of yours, these are drawn X-rays with clouds and without, and the network is the one
# that was trained on such.


# %%
def tells(means: np.ndarray, second: np.ndarray) -> np.ndarray:
    """For each channel, how often an image of the second class has more of it."""
    more = means[second][:, None] > means[~second][None]
    same = means[second][:, None] == means[~second][None]
    return np.asarray((more + 0.5 * same).mean(axis=(0, 1)))


if PHOTOS:
    told, folders = model, sorted(path for path in Path(PHOTOS).iterdir() if path.is_dir())[:2]
    files = [sorted(folder.iterdir())[:24] for folder in folders]
    shown = [file for pair in zip(*files, strict=False) for file in pair]
else:
    told = layersight.load_model("xrays.keras")
    shown = [pictures.xray(number, opacity=number % 2 == 1) for number in range(100, 148)]
many = layersight.activations(told, shown, layers=":8", batch_size=8)
second = np.arange(len(shown)) % 2 == 1
half = len(shown) // 2
concepts = []
for entry in many.layers:
    means = entry.statistics.mean
    known = tells(means[:half], second[:half])
    chosen = np.abs(known - 0.5).argmax()
    sign = 1 if known[chosen] >= 0.5 else -1
    concepts.append(float(tells(sign * means[half:], second[half:])[chosen]))
    print(f"{entry.name:16} channel {entry.channels[chosen]:3} tells {concepts[-1]:4.0%}")

# %% [markdown]
# ## 3. Maps grow sparser with depth
#
# The share of exact zeros, and of channels that are constant for this photograph.

# %%
zeros = [entry.sparsity() for entry in maps.layers]
dead = [entry.dead() / len(entry.channels) for entry in maps.layers]
for name, share, blank in zip(names, zeros, dead, strict=True):
    print(f"{name:16} {share:4.0%} zeros, {blank:4.0%} of the channels dead")

# %% [markdown]
# ## The three claims in one picture
#
# Convolutions are the filled points, pooling layers the hollow ones: pooling keeps the greatest
# of four values, so that it has fewer zeros than the convolution before it, whatever the depth.

# %%
figure, axes = plt.subplots(1, 3, figsize=(11.5, 3.4), sharex=True, layout="constrained")
convolutions = [entry.layer.role == "convolution" for entry in maps.layers]
panels = {
    "1. edges explain of the best channel, median (grey)": {"": best, "grey": middle},
    "2. pairs of images that one channel tells": {"": concepts},
    "3. zeros, dead channels (grey)": {"": zeros, "grey": dead},
}
for axis, (title, lines) in zip(axes, panels.items(), strict=True):
    for label, values in lines.items():
        colour = "#8a8f94" if label else "#0b6570"
        place = np.arange(1, len(values) + 1)
        axis.plot(place, values, color=colour, linewidth=1, alpha=0.5)
        filled = [colour if each else "white" for each in convolutions[: len(values)]]
        axis.scatter(place, values, color=filled, edgecolors=colour, zorder=2, s=34)
    axis.set_title(title, fontsize=9, loc="left")
    axis.set_xlabel("layer")
    axis.set_ylim(0, 1.04)
    axis.yaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axis.spines[["top", "right"]].set_visible(False)
axes[1].axhline(0.5, color="#8a8f94", linewidth=0.8, linestyle=":")
plt.show()

# %% [markdown]
# ## What is left of the claims
#
# The numbers above are those of one network and one photograph. For what the repository ships:
# *edges* explain the best channel of the first convolution well and that of each later one
# less, while the median channel is no edge detector in any layer, so the first claim holds for
# some channels. *Concepts*: on the X-rays no single channel tells the classes before the last
# convolution, where one tells nearly all pairs, so the second holds. *Zeros* rise up to the
# third convolution and fall again in the fourth: the third holds in part.

# %%
order = [place for place, each in enumerate(convolutions) if each]
for claim, shares in {"edges": best, "concepts": concepts, "zeros": zeros}.items():
    found = [shares[place] for place in order if place < len(shares)]
    print(f"{claim:9}", " ".join(f"{share:4.0%}" for share in found))
