"""Models as TensorFlow itself opens them: what scripts/make_reference.py and its fellows record answers from.

open_model(path, ...) recognises by content, as Permafrost does: frozen GraphDefs, checkpoints with their graph, SavedModels,
Keras files. TensorFlow's graph optimisers and oneDNN are off: the answers are those of the graph as the file says it. Not so with
PERMAFROST_TENSORFLOW="as users run it" in the environment: then its speed is TensorFlow's own.
"""
import glob
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
AS_USERS_RUN_IT = os.environ.get("PERMAFROST_TENSORFLOW") == "as users run it"
if not AS_USERS_RUN_IT:
    os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""

try:
    import numpy as np
    import tensorflow as tf
except ImportError as error:
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {error}; run it as: scripts/python_env reference {sys.argv[0]} ...")

from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.framework import op_def_registry

tf1 = tf.compat.v1
tf.get_logger().setLevel("ERROR")


class ModelError(Exception):
    """The model or the case cannot be used."""


# --- what a model offers ---------------------------------------------------------------------------------------------
# kind, inputs(), outputs(), fed_type(name), has(name), is_placeholder(name), run(feeds, outputs)


class SessionModel:
    """A graph in a session that does not rewrite it. Names of a signature stand for the tensors behind them."""

    def __init__(self, kind, graph, inputs=None, outputs=None):
        self.kind = kind
        self.graph = graph
        self.signature_inputs = inputs or {}
        self.signature_outputs = outputs or {}
        threads = int(os.environ.get("PERMAFROST_THREADS", "1"))
        config = tf1.ConfigProto(allow_soft_placement=True, intra_op_parallelism_threads=threads)  # soft: a graph of two devices too
        if AS_USERS_RUN_IT:
            config.inter_op_parallelism_threads = threads
        else:
            config.graph_options.rewrite_options.disable_meta_optimizer = True
            config.graph_options.optimizer_options.opt_level = tf1.OptimizerOptions.L0
        self.session = tf1.Session(graph=self.graph, config=config)

    def inputs(self):
        return list(self.signature_inputs) or [op.name for op in self.graph.get_operations() if op.type == "Placeholder"]

    def outputs(self):
        if self.signature_outputs:
            return list(self.signature_outputs)
        used = {tensor.op.name for op in self.graph.get_operations() for tensor in op.inputs}
        return [op.name for op in self.graph.get_operations()
                if op.name not in used and len(op.outputs) == 1 and op.type not in ("Const", "Placeholder")]

    def has(self, name):
        try:
            self.tensor(name)
            return True
        except ModelError:
            return False

    def tensor(self, name):
        name = {**self.signature_outputs, **self.signature_inputs}.get(name, name)
        try:
            return self.graph.get_tensor_by_name(name if ":" in name else name + ":0")
        except (KeyError, ValueError) as error:
            raise ModelError(f"no tensor {name}; inputs: {', '.join(self.inputs()) or 'none'}") from error

    def is_placeholder(self, name):
        return self.has(name) and self.tensor(name).op.type.startswith("Placeholder")

    def fed_type(self, name):
        """dtype and shape (None: unknown rank; None inside: unknown dim) of what is fed under this name."""
        tensor = self.tensor(name)
        shape = tensor.shape.as_list() if tensor.shape.rank is not None else None
        return np.dtype(tensor.dtype.as_numpy_dtype), shape

    def run(self, feeds, outputs):
        try:
            return self.session.run([self.tensor(name) for name in outputs],
                                    {self.tensor(name): value for name, value in feeds.items()})
        except tf.errors.OpError as error:
            raise ModelError(f"TensorFlow could not run it: {error.message}") from error


class FunctionModel:
    """A signature of a TensorFlow 2 SavedModel."""

    kind = "saved_model"

    def __init__(self, owner, function):
        self.owner = owner  # of the variables: they live as long as it
        self.function = function
        self.given = function.structured_input_signature[1]
        self.made = function.structured_outputs

    def inputs(self):
        return list(self.given)

    def outputs(self):
        return list(self.made)

    def has(self, name):
        return name in self.given or name in self.made

    def is_placeholder(self, name):
        return name in self.given

    def fed_type(self, name):
        if name not in self.given:
            raise ModelError(f"no input {name}; inputs: {', '.join(self.given)}")
        spec = self.given[name]
        return np.dtype(spec.dtype.as_numpy_dtype), spec.shape.as_list() if spec.shape.rank is not None else None

    def run(self, feeds, outputs):
        try:
            answers = self.function(**{name: tf.constant(value) for name, value in feeds.items()})
        except tf.errors.OpError as error:
            raise ModelError(f"TensorFlow could not run it: {error.message}") from error
        return [answers[name].numpy() for name in outputs]


class CalledModel(FunctionModel):
    """A function of the root object of a SavedModel that has no signatures."""

    def __init__(self, owner, function):
        super().__init__(owner, function)
        self.given = {spec.name: spec for spec in function.structured_input_signature[0] if isinstance(spec, tf.TensorSpec)}

    def run(self, feeds, outputs):
        answers = self.function(*[tf.constant(feeds[name]) for name in self.given])
        return [answers[name].numpy() for name in outputs]


class KerasModel:
    """A Keras model in inference mode. A tensor goes by the name of its layer or by Keras's own name of the tensor."""

    def __init__(self, kind, model):
        self.kind = kind
        self.model = model
        self.given = dict(zip(self.input_names(), model.inputs))
        self.made = dict(zip(self.output_names(), model.outputs))

    def input_names(self):
        return [getattr(tensor, "_keras_history")[0].name for tensor in self.model.inputs]

    def output_names(self):
        """The output's layer; a layer that gives several gets `:k`, as in TensorFlow's tensor names."""
        names = []
        for tensor in self.model.outputs:
            name = getattr(tensor, "_keras_history")[0].name
            names.append(f"{name}:{names.count(name)}" if name in names else name)
        return names

    def inputs(self):
        return list(self.given)

    def outputs(self):
        return list(self.made)

    def has(self, name):
        return any(name in (own, tensor.name, tensor.name.removesuffix(":0"))
                   for own, tensor in [*self.given.items(), *self.made.items()]) or self.inside(name) is not None

    def inside(self, name):
        """The output of a layer that the model does not give, by the layer's name or that of its node ("LAYER/concat"), or None."""
        found = [layer.output for layer in self.model.layers if layer.name in (name, name.rpartition("/")[0])]
        return found[0] if found and not isinstance(found[0], (list, tuple)) else None

    def is_placeholder(self, name):
        return name in self.given

    def fed_type(self, name):
        if name not in self.given:
            raise ModelError(f"no input {name}; inputs: {', '.join(self.given)}")
        tensor = self.given[name]
        return np.dtype(getattr(tensor.dtype, "as_numpy_dtype", tensor.dtype)), list(tensor.shape)

    def run(self, feeds, outputs):
        values = [tf.constant(feeds[name]) for name in self.given]
        answers = self.model(values if len(values) > 1 else values[0], training=False)
        answers = answers if isinstance(answers, (list, tuple)) else [answers]
        if isinstance(answers, dict):
            answers = list(answers.values())
        results = []
        for name in outputs:
            found = [answer for (own, tensor), answer in zip(self.made.items(), answers)
                     if name in (own, tensor.name, tensor.name.removesuffix(":0"))]
            if not found and self.inside(name) is not None:
                found = [tf.keras.Model(self.model.inputs, self.inside(name))(values if len(values) > 1 else values[0], training=False)]
            if not found:
                raise ModelError(f"no output {name}; outputs: {', '.join(self.made)}")
            results.append(np.asarray(found[0]))
        return results


# --- graphs ----------------------------------------------------------------------------------------------------------


def drop_unknown_attributes(graph_def):
    """Attributes that an emitter wrote for another reader (cv::dnn's `axis` on Softmax) are no errors, but worth a word."""
    dropped = set()
    functions = {function.signature.name for function in graph_def.library.function}
    for node in graph_def.node:
        if node.op in functions:
            continue
        op_def = op_def_registry.get(node.op)
        if op_def is None:
            raise ModelError(f"node {node.name}: op {node.op} is unknown to TensorFlow {tf.__version__}")
        known = {attr.name for attr in op_def.attr}
        for attr in [a for a in node.attr if not a.startswith("_") and a not in known]:
            del node.attr[attr]
            dropped.add(f"{node.op}.{attr}")
    if dropped:
        print(f"make_reference: attributes unknown to TensorFlow were ignored: {', '.join(sorted(dropped))}", file=sys.stderr)


def parsed(path, make):
    """The message of that type which the file holds, binary or text, or None."""
    content = path.read_bytes()
    message = make()
    try:
        if content[:4096].lstrip()[:1].isalpha() and all(byte >= 9 for byte in content[:4096]):
            text_format.Parse(content.decode(), message, allow_unknown_field=True)
        else:
            message.ParseFromString(content)
    except (text_format.ParseError, DecodeError, UnicodeDecodeError):
        return None
    return message


def imported(graph_def):
    drop_unknown_attributes(graph_def)
    graph = tf.Graph()
    with graph.as_default():
        try:
            tf1.import_graph_def(graph_def, name="")
        except (ValueError, KeyError) as error:
            raise ModelError(f"TensorFlow does not take this graph: {error}") from error
    return graph


def restore(model, saver_def, prefix):
    with model.graph.as_default():
        try:
            tf1.train.Saver(saver_def=saver_def).restore(model.session, str(prefix))
        except (ValueError, KeyError, tf.errors.OpError) as error:
            raise ModelError(f"{prefix}: TensorFlow cannot restore it: {error}") from error


def checkpoint_prefix(path):
    """A prefix, one of its files, the state file or a folder -> the prefix, looked up beside the state file."""
    path = pathlib.Path(path)
    folder = path if path.is_dir() else path.parent if path.name == "checkpoint" else None
    if folder is not None:
        state = tf.train.get_checkpoint_state(str(folder))
        if state is None:
            raise ModelError(f"{folder} holds no checkpoint state file")
        return folder / pathlib.Path(state.model_checkpoint_path).name
    name = path.name
    for ending in (".index", ".meta"):
        name = name.removesuffix(ending)
    prefix = path.with_name(name.split(".data-")[0])
    shards = sorted(path.parent.glob(f"{glob.escape(prefix.name)}-?????-of-?????"))  # of a V1 checkpoint: TensorFlow takes the pattern
    return path.with_name(f"{prefix.name}-?????-of-{shards[0].name[-5:]}") if shards else prefix


def read_graph(path, options):
    """A GraphDef; with options["checkpoint"] its variables too, restored by the graph's own saver."""
    graph_def = parsed(path, tf1.GraphDef)
    if graph_def is None:
        raise ModelError(f"{path} is no GraphDef")
    if not graph_def.node:
        raise ModelError(f"{path} holds no node")
    checkpoint = options.get("checkpoint")
    model = SessionModel("meta" if checkpoint else "pb", imported(graph_def))
    if checkpoint:
        saver = tf1.train.SaverDef(filename_tensor_name="save/Const:0", restore_op_name="save/restore_all",
                                   save_tensor_name="save/control_dependency:0", version=tf1.train.SaverDef.V2)
        restore(model, saver, checkpoint_prefix(checkpoint))
    return model


def is_meta_graph(path):
    if not path.is_file():
        return False
    meta = parsed(path, tf1.MetaGraphDef)
    # The function library of a GraphDef has the place of a MetaGraph's graph: its nodes would have no op.
    return meta is not None and len(meta.graph_def.node) > 0 and bool(meta.graph_def.node[0].op)


def read_meta_graph(path, options):
    meta = parsed(path, tf1.MetaGraphDef)
    model = SessionModel("meta", imported(meta.graph_def))
    default = path.with_suffix("") if path.suffix == ".meta" else path
    restore(model, meta.saver_def, checkpoint_prefix(options.get("checkpoint") or default))
    return model


def is_training_folder(path):
    return path.is_dir() and (path / "graph.pbtxt").is_file()


def read_training_folder(path, options):
    return read_graph(path / "graph.pbtxt", {"checkpoint": path, **options})


# --- SavedModels -----------------------------------------------------------------------------------------------------


def saved_model_folder(path):
    """The folder itself, the folder of the file, or the newest export (a number) in it; None when there is no SavedModel."""
    if path.is_file():
        path = path.parent
    exports = sorted((int(child.name), child) for child in path.iterdir() if child.is_dir() and child.name.isdigit())
    for folder in [path, *(child for _, child in reversed(exports))]:
        if any((folder / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
            return folder
    return None


def is_saved_model(path):
    if path.is_file() and path.name not in ("saved_model.pb", "saved_model.pbtxt"):
        return False
    return saved_model_folder(path) is not None


def read_saved_model(path, options):
    """One meta graph (options["tags"]; default: the only one, or the one that serves) and one of its signatures."""
    folder = saved_model_folder(path)
    proto = next(found for name in ("saved_model.pb", "saved_model.pbtxt") if (folder / name).is_file()
                 for found in [parsed(folder / name, saved_model_pb2.SavedModel)])
    if proto is None:
        raise ModelError(f"{folder}: damaged saved_model.pb")
    choices = [set(meta.meta_info_def.tags) for meta in proto.meta_graphs]
    tags = set(options["tags"]) if options.get("tags") else choices[0] if len(choices) == 1 else {"serve"}
    if tags not in choices:
        raise ModelError(f"{folder}: no meta graph has the tags {sorted(tags)}; there are {[sorted(c) for c in choices]}")
    meta = proto.meta_graphs[choices.index(tags)]
    signatures = {name: value for name, value in meta.signature_def.items() if not name.startswith("__")}
    if not signatures and meta.object_graph_def.nodes and tf.executing_eagerly():
        loaded = tf.saved_model.load(str(folder), list(tags))
        return CalledModel(loaded, getattr(loaded, options.get("signature") or "__call__").concrete_functions[0])
    name = options.get("signature") or ("serving_default" if "serving_default" in signatures or len(signatures) != 1
                                        else next(iter(signatures)))
    if name not in signatures:
        raise ModelError(f"{folder}: no signature {name}; there are {', '.join(sorted(signatures)) or 'none'}")
    if meta.object_graph_def.nodes and tf.executing_eagerly():
        tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": not AS_USERS_RUN_IT})
        loaded = tf.saved_model.load(str(folder), list(tags))
        return FunctionModel(loaded, loaded.signatures[name])
    model = SessionModel("saved_model", tf.Graph())
    with model.graph.as_default():
        tf1.saved_model.loader.load(model.session, list(tags), str(folder))
    model.signature_inputs = {key: info.name for key, info in signatures[name].inputs.items()}
    model.signature_outputs = {key: info.name for key, info in signatures[name].outputs.items()}
    return model


# --- Keras files -----------------------------------------------------------------------------------------------------


def has_magic(magic):
    def test(path):
        with path.open("rb") if path.is_file() else open(os.devnull, "rb") as file:
            return file.read(len(magic)) == magic
    return test


def keras_reader(kind):
    def read(path, options):
        del options
        # Keras goes by the suffix; a file may have another.
        suffix = {"h5": (".h5", ".hdf5"), "keras": (".keras",)}[kind]
        alias = None
        if path.suffix not in suffix:
            alias = path.with_name(path.name + suffix[0])
            os.symlink(path.resolve(), alias)
        try:
            tf.keras.backend.clear_session()
            return KerasModel(kind, tf.keras.models.load_model(str(alias or path), compile=False))
        except (ValueError, KeyError, OSError, TypeError) as error:
            raise ModelError(f"{path}: this Keras does not load it: {str(error).splitlines()[0]}") from error
        finally:
            if alias:
                alias.unlink()
    return read


# Recognised in this order. To add a format, write a reader and put it here with the test that knows its content.
READERS = [
    (has_magic(b"\x89HDF\r\n\x1a\n"), keras_reader("h5")),
    (has_magic(b"PK\x03\x04"), keras_reader("keras")),
    (is_training_folder, read_training_folder),
    (is_saved_model, read_saved_model),
    (is_meta_graph, read_meta_graph),
    (pathlib.Path.is_file, read_graph),
]


def open_model(path, **options):
    """options: checkpoint (for a GraphDef), tags and signature (for a SavedModel)."""
    path = pathlib.Path(path)
    if not path.exists():
        raise ModelError(f"{path} does not exist")
    for recognises, read in READERS:
        if recognises(path):
            return read(path, options)
    raise ModelError(f"{path}: no reader for this kind of model")
