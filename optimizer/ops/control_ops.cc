#include <algorithm>

#include "optimizer/ops/families.h"
#include "optimizer/ops/infer.h"
#include "optimizer/ops/kernel.h"
#include "optimizer/ops/shape_rules.h"

// Ops that hand values on: identities, branches, loops, calls. Branches, loops and calls have no kernels: lowering
// takes them out before anything runs.
namespace permafrost {
namespace {

Status SameValues(const InferContext& context, Types& outputs) {
  for (int i = 0; i < context.inputs(); ++i) outputs.push_back(context.input(i));
  return OkStatus();
}

// Print hands its first input on.
Status SameFirstValue(const InferContext& context, Types& outputs) {
  outputs = {context.input(0)};
  return OkStatus();
}

Kernel ForwardAll(const Node&, const std::vector<Tensor>& inputs) { return inputs; }

Status InferEnsureShape(const InferContext& context, Types& outputs) {
  const Shape wanted = context.node().attr_or<Shape>("shape", Shape());
  const Shape& shape = context.shape(0);
  bool fits = !wanted.has_rank() || !shape.has_rank() || wanted.rank() == shape.rank();
  for (int i = 0; fits && wanted.has_rank() && i < shape.rank(); ++i) {
    fits = wanted.dim(i) < 0 || shape.dim(i) < 0 || wanted.dim(i) == shape.dim(i);
  }
  if (!fits) return InvalidArgument("the value has shape ", shape.ToString(), ", expected ", wanted.ToString());
  outputs = {{context.dtype(0), MergeShapes(shape, wanted), context.ints(0)}};
  return OkStatus();
}

Kernel EnsureShapeKernel(const Node& node, const std::vector<Tensor>& inputs) {
  const Shape wanted = node.attr_or<Shape>("shape", Shape());
  const Shape shape = inputs[0].shape();
  bool fits = !wanted.has_rank() || wanted.rank() == shape.rank();
  for (int i = 0; fits && wanted.has_rank() && i < shape.rank(); ++i) {
    fits = wanted.dim(i) < 0 || wanted.dim(i) == shape.dim(i);
  }
  if (!fits) return InvalidArgument("the value has shape ", shape.ToString(), ", expected ", wanted.ToString());
  return One(inputs[0]);
}

Status InferSwitch(const InferContext& context, Types& outputs) {
  outputs = {context.input(0), context.input(0)};
  return OkStatus();
}

// What all inputs have in common. An input that comes round a loop is not known yet, and so neither is the output.
Status InferMerge(const InferContext& context, Types& outputs) {
  ValueType merged = context.input(0);
  for (int i = 1; i < context.inputs(); ++i) {
    const ValueType& other = context.input(i);
    if (merged.dtype == DType::kInvalid) merged.dtype = other.dtype;
    if (merged.ints != other.ints) merged.ints.reset();
    if (!other.shape.has_rank() || other.shape.rank() != merged.shape.rank()) merged.shape = Shape();
    for (int d = 0; d < merged.shape.rank(); ++d) {
      if (merged.shape.dim(d) != other.shape.dim(d)) merged.shape.set_dim(d, kUnknownDim);
    }
  }
  outputs = {std::move(merged), {DType::kInt32, Shape({}), std::nullopt}};
  return OkStatus();
}

Status InferLoopCond(const InferContext&, Types& outputs) {
  outputs = {{DType::kBool, Shape({}), std::nullopt}};
  return OkStatus();
}

// Outputs of a call: dtypes as attribute `Tout` says, else as the body's results have them.
Status InferCall(const InferContext& context, Types& outputs) {
  const Node& node = context.node();
  if (const auto* types = node.attr<std::vector<DType>>("Tout"); types != nullptr) {
    for (DType dtype : *types) outputs.push_back({dtype, Shape(), std::nullopt});
  } else {
    for (std::string_view name : {"f", "then_branch", "else_branch"}) {
      const auto* function = node.attr<FunctionName>(name);
      if (function == nullptr) continue;
      const auto body = context.graph().functions().find(function->name);
      if (body == context.graph().functions().end()) continue;
      for (const GraphOutput& result : body->second->outputs()) {
        outputs.push_back({body->second->type(result.value).dtype, Shape(), std::nullopt});
      }
      break;
    }
  }
  if (const auto* shapes = node.attr<std::vector<Shape>>("output_shapes");
      shapes != nullptr && shapes->size() == outputs.size()) {
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i].shape = (*shapes)[i];
  }
  return OkStatus();
}

// A loop's variables keep their dtypes; their shapes may change from turn to turn.
Status InferWhile(const InferContext& context, Types& outputs) {
  for (int i = 0; i < context.inputs(); ++i) outputs.push_back({context.dtype(i), Shape(), std::nullopt});
  if (const auto* shapes = context.node().attr<std::vector<Shape>>("output_shapes");
      shapes != nullptr && shapes->size() == outputs.size()) {
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i].shape = (*shapes)[i];
  }
  return OkStatus();
}

OpDef Impure(OpDef row) {
  row.pure = false;
  return row;
}

}  // namespace

std::vector<OpDef> ControlOps() {
  const AttrSpec t = TypeOfInput("T");
  std::vector<OpDef> rows = {
      {"Identity", 1, 1, {t}, SameValues, ForwardAll},
      {"IdentityN", 1, -1, {}, SameValues, ForwardAll},
      {"StopGradient", 1, 1, {t}, SameValues, ForwardAll},
      {"PreventGradient", 1, 1, {t, Default("message", std::string())}, SameValues, ForwardAll},
      {"CheckNumerics", 1, 1, {t, Default("message", std::string())}, SameValues, ForwardAll},
      {"Snapshot", 1, 1, {t}, SameValues, ForwardAll},
      {"EnsureShape", 1, 1, {t, Required("shape")}, InferEnsureShape, EnsureShapeKernel},
      {"NoOp", 0, 0, {}, NoOutputs},
      Impure({"Print", 1, -1, {t}, SameFirstValue}),
      Impure({"PrintV2", 1, 1, {}, NoOutputs}),
      Impure({"Assert", 1, -1, {Default("summarize", int64_t{3})}, NoOutputs}),
      Impure({"LoopCond", 1, 1, {}, InferLoopCond}),
      Impure({"ControlTrigger", 0, 0, {}, NoOutputs}),
  };
  for (std::string_view name : {"Switch", "RefSwitch"}) {
    rows.push_back(Impure({name, 2, 2, {t}, InferSwitch, nullptr, {"output_false", "output_true"}}));
  }
  for (std::string_view name : {"Merge", "RefMerge"}) {
    rows.push_back(Impure({name, 1, -1, {CountOfInputs("N"), t}, InferMerge, nullptr, {"output", "value_index"}}));
  }
  const std::vector<AttrSpec> enter = {t, Required("frame_name"), Default("is_constant", false),
                                       Default("parallel_iterations", int64_t{10})};
  for (std::string_view name : {"Enter", "RefEnter"}) rows.push_back(Impure({name, 1, 1, enter, SameValues}));
  for (std::string_view name : {"Exit", "RefExit", "NextIteration", "RefNextIteration"}) {
    rows.push_back(Impure({name, 1, 1, {t}, SameValues}));
  }
  for (std::string_view name : {"If", "StatelessIf"}) {
    rows.push_back(
        Impure({name, 1, -1, {TypeOfInput("Tcond"), Required("then_branch"), Required("else_branch")}, InferCall}));
  }
  for (std::string_view name : {"Case", "StatelessCase"}) {
    rows.push_back(Impure({name, 1, -1, {Required("branches")}, InferCall}));
  }
  for (std::string_view name : {"While", "StatelessWhile"}) {
    rows.push_back(Impure({name, 0, -1, {Required("cond"), Required("body")}, InferWhile}));
  }
  for (std::string_view name : {"PartitionedCall", "StatefulPartitionedCall"}) {
    rows.push_back(Impure({name, 0, -1, {Required("f")}, InferCall}));
  }
  return rows;
}

}  // namespace permafrost
