"""Networks of keras.applications whose answers prove something: random weights, norm statistics near those of the activations but
away from them, and logits (no softmax that could hide a difference). For TensorFlow 2.15 and for Keras 3."""
import tensorflow_models  # sets the environment first
import keras
import numpy as np
import tensorflow as tf

KERAS3 = not keras.__version__.startswith("2")
# One or two of each family; the last two families are gone from Keras 3.
APPLICATIONS = ["MobileNet", "MobileNetV2", "MobileNetV3Small", "MobileNetV3Large", "VGG16", "ResNet50", "ResNet50V2", "ResNetRS50",
                "RegNetX002", "RegNetY002", "InceptionV3", "InceptionResNetV2", "Xception", "DenseNet121", "NASNetMobile",
                "EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny"]
NAMES = [name for name in APPLICATIONS if hasattr(tf.keras.applications, name)]


def pictures(shape, count, seed):
    """Patches and slopes, 0..255: noise alone would average out behind the pooling."""
    rng = np.random.default_rng(seed)
    height, width, channels = shape
    patches = np.kron(rng.uniform(20, 235, (count, 7, 7, channels)), np.ones((1, height // 7 + 1, width // 7 + 1, 1)))[:, :height, :width]
    return np.clip(patches + rng.normal(0, 12, patches.shape), 0, 255).astype(np.float32)


def scaled(name, value):
    """What the model wants to see: those that rescale themselves take 0..255."""
    own = name.startswith(("MobileNetV3", "EfficientNet", "ConvNeXt", "ResNetRS", "RegNet"))
    return value if own else value / 127.5 - 1


def shape_of(model):
    return tuple(size or 224 for size in model.input_shape[1:])


def layers_of(model):
    for layer in model.layers:
        yield from layers_of(layer) if getattr(layer, "layers", None) else [layer]


def spread(model, name, rng):
    """Random weights that keep the activations' size; norms near what they see (one step in training mode), and off it."""
    norms = []
    for layer in layers_of(model):
        if isinstance(layer, tf.keras.layers.Normalization):
            layer.set_weights([rng.uniform(0.3, 0.6, w.shape) if w.dtype.kind == "f" else w for w in layer.get_weights()])
            layer.finalize_state()
            continue
        for variable in layer.weights:
            part, shape = variable.name.split("/")[-1].split(":")[0], list(variable.shape)
            if len(shape) > 1:
                fan_in = np.prod(shape[:2]) if "depthwise" in part else np.prod(shape[:-1])
                variable.assign(rng.standard_normal(shape) * np.sqrt((2 if len(shape) == 4 else 1) / fan_in))
            elif "moving" not in part:
                variable.assign(rng.uniform(0.6, 1.4, shape) if "gamma" in part else rng.normal(0, 0.2, shape))
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            norms.append(layer)
    before = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    if norms:
        model(scaled(name, pictures(shape_of(model), 4, 7)), training=True)
    for layer, momentum in zip(norms, before):
        layer.momentum = momentum
        mean, variance = np.array(layer.moving_mean), np.array(layer.moving_variance)
        layer.moving_mean.assign(mean + 0.2 * np.sqrt(variance) * rng.normal(0, 1, mean.shape))
        layer.moving_variance.assign(variance * rng.uniform(0.7, 1.5, variance.shape) + 1e-3)


def build(name):
    """The network, with what it answers to two pictures: (model, pictures, logits). The logits are None if they prove nothing."""
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(5)
    model = getattr(tf.keras.applications, name)(weights=None, classifier_activation=None)
    spread(model, name, np.random.default_rng(6))
    value = scaled(name, pictures(shape_of(model), 2, 8))
    want = model.predict(value, verbose=0)
    other = model.predict(value[::-1] * 0.9, verbose=0)
    deaf = not np.all(np.isfinite(want)) or np.abs(other[::-1] - want).max() < 1e-3 * np.abs(want).max()
    return model, value, None if deaf else want
