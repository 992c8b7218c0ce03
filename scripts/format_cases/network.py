"""The network of models/formats: its weights, and what a way of storing it is."""
import dataclasses
import typing

import numpy as np

SHAPE = (12, 10, 3)  # height and width differ: a transpose shows
BATCH = 2
EPSILON = 1e-3
FLAT = 6 * 5 * 8


def weights():
    """Canonical name -> value. Norms far from (0, 1); a softmax that does not saturate."""
    rng = np.random.default_rng(20)

    def kernel(*shape):
        return (rng.standard_normal(shape) * np.sqrt(2 / np.prod(shape[:-1]))).astype(np.float32)

    def norm(channels):
        return {"gamma": rng.uniform(0.5, 1.5, channels), "beta": rng.uniform(-0.3, 0.6, channels),
                "moving_mean": rng.normal(0.2, 0.4, channels), "moving_variance": rng.uniform(0.3, 2.0, channels)}

    values = {"conv/kernel": kernel(3, 3, 3, 8), "depthwise/kernel": kernel(3, 3, 8, 1) * 3,
              "map/kernel": kernel(1, 1, 8, 2), "map/bias": rng.normal(0, 0.3, 2),
              "logits/kernel": kernel(FLAT, 5) * 1.5, "logits/bias": rng.normal(0, 0.3, 5)}
    for name in ("norm", "depthwise_norm"):
        values.update({f"{name}/{part}": value for part, value in norm(8).items()})
    return {name: np.asarray(value, dtype=np.float32) for name, value in values.items()}


WEIGHTS = weights()


def pictures():
    return np.random.default_rng(21).uniform(-1, 1, (BATCH, *SHAPE)).astype(np.float32)


@dataclasses.dataclass
class Way:
    """One way to store the network. make(folder) writes it there and returns what meta.json says beyond these fields:
    model, inputs, outputs (map, then probabilities), and checkpoint, signature, tags, flags, arguments where needed.
    """
    name: str
    releases: tuple  # of TensorFlow; each makes a case of its own
    mode: str  # "tf1": v2 behaviour is off in the process
    format: str
    variables: str
    api: str
    make: typing.Callable
    training: bool = False  # the graph computes batch statistics: the answers are those of its inference twin
    refused: str = ""  # what the error has to say; no case of this kind freezes

    def case_name(self, release):
        return self.name if len(self.releases) == 1 else f"{self.name}_tf{release.replace('.', '_')}"


WAYS = []


def way(name, releases=("2.15",), mode="tf1", **fields):
    def add(make):
        WAYS.append(Way(name=name, releases=releases, mode=mode, make=make, **fields))
        return make
    return add
