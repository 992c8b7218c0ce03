"""What scripts/measure_onnx asks about an ONNX file (scripts/python_env onnx): prints one line of JSON.

    onnx_facts.py FILE
"""
import collections
import json
import sys

import onnx

model = onnx.load(sys.argv[1])
weights = {initializer.name for initializer in model.graph.initializer}
print(json.dumps({
    "nodes": sum(node.op_type != "Constant" for node in model.graph.node),
    "ops": dict(sorted(collections.Counter(node.op_type for node in model.graph.node).items())),
    "inputs": [(value.name, [dim.dim_value or dim.dim_param for dim in value.type.tensor_type.shape.dim])
               for value in model.graph.input if value.name not in weights],
}))
