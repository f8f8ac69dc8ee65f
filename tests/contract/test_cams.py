"""Every method of the CAM family on a Keras network, against its twin in NumPy and the papers."""

import keras
import pytest

import cam_network as nets
import cam_papers as papers
from layersight.errors import ModelInputError
from layersight.loading import load_model

TOLERANCE = 1e-4
SIZE = (nets.HEIGHT, nets.WIDTH)


def twin(network):
    """The same network in Keras."""
    layers = keras.layers
    picture = keras.Input((*SIZE, nets.COLOURS), name="picture")
    extra = keras.Input((nets.CLASSES,), name="extra")
    bend = "tanh" if network.smooth else "relu"
    value = layers.AveragePooling2D(2)(picture)
    value = layers.Conv2D(5, 1, activation=bend, name="fine")(value)
    value = layers.AveragePooling2D(2)(value)
    value = layers.Conv2D(7, 1, activation=bend, name="coarse")(value)
    if network.head == "flat":
        value = layers.Flatten()(value)
    else:
        value = layers.GlobalAveragePooling2D(name="vector")(value)
    if network.head != "pooled":
        value = layers.Dense(6, activation="tanh", name="middle")(value)
    value = layers.Add()([layers.Dense(nets.CLASSES, name="last")(value), extra])
    model = keras.Model([picture, extra], layers.Activation("softmax", name="top")(value))
    for name in ("fine", "coarse", "middle", "last"):
        if name != "middle" or network.head != "pooled":
            kernel, bias = getattr(network, name)
            layer = model.get_layer(name)
            layer.set_weights([kernel.reshape(layer.kernel.shape), bias])
    return load_model(model)


@pytest.fixture(scope="module", params=["pooled", "flat"])
def pair(request):
    network = nets.Network(request.param, dead=[1], twins=[(0, 3)])
    return network, twin(network)


@pytest.fixture(scope="module")
def images():
    return nets.pictures(3)


GOALS = {"logits": nets.class_goal(2, 0, 3), "probability": nets.class_goal(1, before=False)}


@pytest.mark.parametrize("goal", GOALS.values(), ids=GOALS)
@pytest.mark.parametrize("layer", ["fine", "coarse"])
@pytest.mark.parametrize("method", papers.PAPERS)
def test_methods_by_gradients(pair, images, method, layer, goal):
    network, model = pair
    made = network.run(images.values)
    slopes = network.slopes(made, goal)
    paper = papers.PAPERS[method]
    expected = [paper(*one) for one in zip(made[layer], slopes[layer], strict=True)]
    papers.close(nets.run(method, model, images, goal, (layer,)), expected, TOLERANCE)


@pytest.mark.parametrize("goal", GOALS.values(), ids=GOALS)
@pytest.mark.parametrize("layer", ["fine", "coarse"])
@pytest.mark.parametrize("size", [4, 16])
def test_score_cam(pair, images, size, layer, goal):
    network, model = pair
    expected = papers.score_cams(network, images, goal, layer)
    found = nets.run("score-cam", model, images, goal, (layer,), batch_size=size)
    papers.close(found, expected, TOLERANCE)


@pytest.mark.parametrize("goal", GOALS.values(), ids=GOALS)
@pytest.mark.parametrize("layer", ["fine", "coarse"])
@pytest.mark.parametrize("size", [4, 16])
def test_ablation_cam(pair, images, size, layer, goal):
    network, model = pair
    expected = papers.ablation_cams(network, images, goal, layer)
    found = nets.run("ablation-cam", model, images, goal, (layer,), batch_size=size)
    papers.close(found, expected, TOLERANCE)


@pytest.mark.parametrize("layer", ["fine", "coarse"])
def test_eigencam(pair, images, layer):
    network, model = pair
    expected = [papers.eigencam(maps) for maps in network.run(images.values)[layer]]
    papers.close(
        nets.run("eigencam", model, images, GOALS["logits"], (layer,)), expected, TOLERANCE
    )


@pytest.mark.parametrize("goal", GOALS.values(), ids=GOALS)
def test_refine_cam(pair, images, goal):
    network, model = pair
    made = network.run(images.values)
    slopes = network.slopes(made, goal)
    layers = ("fine", "coarse")
    expected = [
        papers.refine_cam([(made[name][place], slopes[name][place]) for name in layers], SIZE)
        for place in range(len(images))
    ]
    papers.close(nets.run("refine-cam", model, images, goal, layers), expected, TOLERANCE)


@pytest.mark.parametrize("head", ["pooled", "hidden", "flat"])
def test_cam(head, images):
    network = nets.Network(head)
    model = twin(network)
    if head == "pooled":
        maps, dense = network.run(images.values)["coarse"], network.last[0]
        expected = [papers.cam(maps[place], dense[:, unit]) for place, unit in enumerate((2, 0, 3))]
        found = nets.run("cam", model, images, GOALS["logits"])
        papers.close(found, expected, TOLERANCE)
    else:
        with pytest.raises(ModelInputError, match="one dense layer behind 'coarse'; use grad-cam"):
            nets.run("cam", model, images, GOALS["logits"])
