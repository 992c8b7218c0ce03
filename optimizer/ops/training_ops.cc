#include "optimizer/ops/training_ops.h"

#include <algorithm>
#include <unordered_map>

#include "optimizer/ops/families.h"
#include "optimizer/ops/shape_rules.h"

// Ops that only training, saving and feeding need. None has a kernel and none is pure; they have rows so that graphs
// which hold them can be read, named and cut.
namespace permafrost {
namespace {

Status InferRandom(const InferContext& context, Types& outputs) {
  const Node& node = context.node();
  ASSIGN_OR_RETURN(Shape shape, ShapeFromInput(context, 0));
  const DType dtype = DTypeAttr(node, "dtype", DTypeAttr(node, "Tout", DType::kFloat32));
  outputs = {{dtype, std::move(shape), std::nullopt}};
  return OkStatus();
}

Status InferRandomInts(const InferContext& context, Types& outputs) {
  ASSIGN_OR_RETURN(Shape shape, ShapeFromInput(context, 0));
  outputs = {{context.dtype(1), std::move(shape), std::nullopt}};
  return OkStatus();
}

Status InferMultinomial(const InferContext& context, Types& outputs) {
  ASSIGN_OR_RETURN(const std::optional<int64_t> samples, KnownInt(context, 1));
  outputs = {{DTypeAttr(context.node(), "output_dtype", DType::kInt64),
              Shape({context.shape(0).dim(0), samples.has_value() && *samples >= 0 ? *samples : kUnknownDim}),
              std::nullopt}};
  return OkStatus();
}

Status InferVariable(const InferContext& context, Types& outputs) {
  const Node& node = context.node();
  outputs = {{DTypeAttr(node, "dtype", DType::kInvalid), node.attr_or<Shape>("shape", Shape()), std::nullopt}};
  return OkStatus();
}

Status InferHandle(const InferContext&, Types& outputs) {
  outputs = {{DType::kResource, Shape({}), std::nullopt}};
  return OkStatus();
}

Status InferReadVariable(const InferContext& context, Types& outputs) {
  outputs = {{DTypeAttr(context.node(), "dtype", DType::kInvalid), Shape(), std::nullopt}};
  const Value handle = context.node().inputs[0];
  if (context.graph().IsLive(handle.node) && context.graph().node(handle.node).op == "VarHandleOp") {
    outputs[0].shape = context.graph().node(handle.node).attr_or<Shape>("shape", Shape());
  }
  return OkStatus();
}

Status InferBool(const InferContext&, Types& outputs) {
  outputs = {{DType::kBool, Shape({}), std::nullopt}};
  return OkStatus();
}

Status InferString(const InferContext&, Types& outputs) {
  outputs = {{DType::kString, Shape({}), std::nullopt}};
  return OkStatus();
}

Status InferDType(const InferContext& context, Types& outputs) {
  outputs = {{DTypeAttr(context.node(), "dtype", DTypeAttr(context.node(), "out_type", DType::kInvalid)), Shape(),
              std::nullopt}};
  return OkStatus();
}

Status InferImage(const InferContext& context, Types& outputs) {
  outputs = {{DTypeAttr(context.node(), "dtype", DType::kUint8),
              Shape({kUnknownDim, kUnknownDim,
                     context.node().attr_or<int64_t>("channels", 0) > 0 ? context.node().attr_or<int64_t>("channels", 0)
                                                                        : kUnknownDim}),
              std::nullopt}};
  return OkStatus();
}

// One output for each type that the first of these list attributes names.
Status InferTypeList(const InferContext& context, Types& outputs) {
  const Node& node = context.node();
  for (std::string_view name : {"dtypes", "output_types", "component_types", "Tcomponents", "T", "OUT_TYPE"}) {
    const auto* types = node.attr<std::vector<DType>>(name);
    if (types == nullptr) continue;
    for (DType dtype : *types) outputs.push_back({dtype, Shape(), std::nullopt});
    break;
  }
  for (std::string_view name : {"output_shapes", "shapes"}) {
    const auto* shapes = node.attr<std::vector<Shape>>(name);
    for (size_t i = 0; shapes != nullptr && shapes->size() == outputs.size() && i < outputs.size(); ++i) {
      outputs[i].shape = (*shapes)[i];
    }
  }
  return OkStatus();
}

// The gradient of something has that something's type: input `kInput`.
template <int kInput>
Status LikeInput(const InferContext& context, Types& outputs) {
  outputs = {{context.dtype(kInput), context.shape(kInput), std::nullopt}};
  return OkStatus();
}

Status InferFilterGrad(const InferContext& context, Types& outputs) {
  ASSIGN_OR_RETURN(Shape shape, ShapeFromInput(context, 1));
  outputs = {{context.dtype(0), std::move(shape), std::nullopt}};
  return OkStatus();
}

Status InferBiasGrad(const InferContext& context, Types& outputs) {
  const bool nchw = context.node().attr_or<std::string>("data_format", "NHWC") == "NCHW";
  outputs = {{context.dtype(0), Shape({nchw ? context.shape(0).dim(1) : context.shape(0).dim(-1)}), std::nullopt}};
  return OkStatus();
}

// Per-example loss and its gradient.
Status InferCrossEntropy(const InferContext& context, Types& outputs) {
  outputs = {{context.dtype(0), Shape({context.shape(0).dim(0)}), std::nullopt},
             {context.dtype(0), context.shape(0), std::nullopt}};
  return OkStatus();
}

Status InferInTopK(const InferContext& context, Types& outputs) {
  outputs = {{DType::kBool, Shape({context.shape(0).dim(0)}), std::nullopt}};
  return OkStatus();
}

struct Entry {
  std::string_view name;
  Role role;
  int min_inputs, max_inputs;
  InferFn infer;  // null: as many unknown outputs as there are names, at least one
  std::vector<std::string_view> output_names = {};
};

const std::vector<Entry>& Entries() {
  static const auto* const entries = new std::vector<Entry>{
      {"RandomUniform", Role::kRandom, 1, 1, InferRandom},
      {"RandomUniformInt", Role::kRandom, 3, 3, InferRandomInts},
      {"RandomStandardNormal", Role::kRandom, 1, 1, InferRandom},
      {"TruncatedNormal", Role::kRandom, 1, 1, InferRandom},
      {"ParameterizedTruncatedNormal", Role::kRandom, 5, 5, InferRandom},
      {"RandomGamma", Role::kRandom, 2, 2, nullptr},
      {"RandomPoissonV2", Role::kRandom, 2, 2, nullptr},
      {"RandomShuffle", Role::kRandom, 1, 1, LikeFirstInput},
      {"StatelessRandomUniform", Role::kRandom, 2, 2, InferRandom},
      {"StatelessRandomNormal", Role::kRandom, 2, 2, InferRandom},
      {"StatelessTruncatedNormal", Role::kRandom, 2, 2, InferRandom},
      {"StatelessRandomUniformInt", Role::kRandom, 4, 4, InferRandom},
      {"StatelessRandomUniformV2", Role::kRandom, 4, 4, InferRandom},
      {"StatelessRandomNormalV2", Role::kRandom, 4, 4, InferRandom},
      {"Multinomial", Role::kRandom, 2, 2, InferMultinomial},

      {"VariableV2", Role::kVariable, 0, 0, InferVariable},
      {"Variable", Role::kVariable, 0, 0, InferVariable},
      {"TemporaryVariable", Role::kVariable, 0, 0, InferVariable},
      {"VarHandleOp", Role::kVariable, 0, 0, InferHandle},
      {"ReadVariableOp", Role::kVariable, 1, 1, InferReadVariable},
      {"ResourceGather", Role::kVariable, 2, 2, InferDType},
      {"IsVariableInitialized", Role::kVariable, 1, 1, InferBool},
      {"VarIsInitializedOp", Role::kVariable, 1, 1, InferBool},
      {"Assign", Role::kVariable, 2, 2, LikeInput<1>},
      {"AssignAdd", Role::kVariable, 2, 2, LikeInput<0>},
      {"AssignSub", Role::kVariable, 2, 2, LikeInput<0>},
      {"AssignVariableOp", Role::kVariable, 2, 2, NoOutputs},
      {"AssignAddVariableOp", Role::kVariable, 2, 2, NoOutputs},
      {"AssignSubVariableOp", Role::kVariable, 2, 2, NoOutputs},
      {"ScatterUpdate", Role::kVariable, 3, 3, LikeInput<0>},
      {"ScatterAdd", Role::kVariable, 3, 3, LikeInput<0>},
      {"ResourceScatterAdd", Role::kVariable, 3, 3, NoOutputs},
      {"ResourceScatterUpdate", Role::kVariable, 3, 3, NoOutputs},

      {"ApplyGradientDescent", Role::kOptimizer, 3, 3, LikeInput<0>},
      {"ApplyMomentum", Role::kOptimizer, 5, 5, LikeInput<0>},
      {"ApplyAdam", Role::kOptimizer, 10, 10, LikeInput<0>},
      {"ApplyAdagrad", Role::kOptimizer, 4, 4, LikeInput<0>},
      {"ApplyAdadelta", Role::kOptimizer, 7, 7, LikeInput<0>},
      {"ApplyRMSProp", Role::kOptimizer, 8, 8, LikeInput<0>},
      {"ApplyFtrl", Role::kOptimizer, 8, 8, LikeInput<0>},
      {"ResourceApplyGradientDescent", Role::kOptimizer, 3, 3, NoOutputs},
      {"ResourceApplyMomentum", Role::kOptimizer, 5, 5, NoOutputs},
      {"ResourceApplyKerasMomentum", Role::kOptimizer, 5, 5, NoOutputs},
      {"ResourceApplyAdam", Role::kOptimizer, 10, 10, NoOutputs},
      {"ResourceApplyAdagrad", Role::kOptimizer, 4, 4, NoOutputs},
      {"ResourceApplyRMSProp", Role::kOptimizer, 8, 8, NoOutputs},

      {"Conv2DBackpropFilter", Role::kGradient, 3, 3, InferFilterGrad},
      {"Conv3DBackpropFilterV2", Role::kGradient, 3, 3, InferFilterGrad},
      {"DepthwiseConv2dNativeBackpropFilter", Role::kGradient, 3, 3, InferFilterGrad},
      {"ReluGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"Relu6Grad", Role::kGradient, 2, 2, LikeInput<0>},
      {"LeakyReluGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"EluGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"SeluGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"SoftplusGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"SigmoidGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"TanhGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"SqrtGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"RsqrtGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"ReciprocalGrad", Role::kGradient, 2, 2, LikeInput<0>},
      {"MaxPoolGrad", Role::kGradient, 3, 3, LikeInput<0>},
      {"AvgPoolGrad", Role::kGradient, 2, 2, nullptr},
      {"LRNGrad", Role::kGradient, 3, 3, LikeInput<1>},
      {"BiasAddGrad", Role::kGradient, 1, 1, InferBiasGrad},
      {"ResizeBilinearGrad", Role::kGradient, 2, 2, LikeInput<1>},
      {"FusedBatchNormGrad",
       Role::kGradient,
       5,
       5,
       nullptr,
       {"x_backprop", "scale_backprop", "offset_backprop", "reserve_space_3", "reserve_space_4"}},
      {"FusedBatchNormGradV2",
       Role::kGradient,
       5,
       5,
       nullptr,
       {"x_backprop", "scale_backprop", "offset_backprop", "reserve_space_3", "reserve_space_4"}},
      {"FusedBatchNormGradV3",
       Role::kGradient,
       6,
       6,
       nullptr,
       {"x_backprop", "scale_backprop", "offset_backprop", "reserve_space_4", "reserve_space_5"}},
      {"BroadcastGradientArgs", Role::kGradient, 2, 2, nullptr, {"r0", "r1"}},
      {"ConcatOffset", Role::kGradient, 2, -1, nullptr},

      {"SparseSoftmaxCrossEntropyWithLogits", Role::kLoss, 2, 2, InferCrossEntropy, {"loss", "backprop"}},
      {"SoftmaxCrossEntropyWithLogits", Role::kLoss, 2, 2, InferCrossEntropy, {"loss", "backprop"}},
      {"InTopK", Role::kLoss, 2, 2, InferInTopK},
      {"InTopKV2", Role::kLoss, 3, 3, InferInTopK},

      {"ScalarSummary", Role::kSummary, 2, 2, InferString},
      {"HistogramSummary", Role::kSummary, 2, 2, InferString},
      {"ImageSummary", Role::kSummary, 2, 2, InferString},
      {"AudioSummaryV2", Role::kSummary, 3, 3, InferString},
      {"TensorSummary", Role::kSummary, 1, 1, InferString},
      {"MergeSummary", Role::kSummary, 1, -1, InferString},

      {"Save", Role::kSaveRestore, 2, -1, NoOutputs},
      {"SaveV2", Role::kSaveRestore, 3, -1, NoOutputs},
      {"SaveSlices", Role::kSaveRestore, 3, -1, NoOutputs},
      {"RestoreV2", Role::kSaveRestore, 3, 3, InferTypeList},
      {"Restore", Role::kSaveRestore, 2, 2, nullptr},
      {"RestoreSlice", Role::kSaveRestore, 3, 3, nullptr},
      {"ShardedFilename", Role::kSaveRestore, 3, 3, InferString},
      {"MergeV2Checkpoints", Role::kSaveRestore, 2, 2, NoOutputs},

      {"Iterator", Role::kInputPipeline, 0, 0, InferHandle},
      {"IteratorV2", Role::kInputPipeline, 0, 0, InferHandle},
      {"OneShotIterator", Role::kInputPipeline, 0, 0, InferHandle},
      {"MakeIterator", Role::kInputPipeline, 2, 2, NoOutputs},
      {"IteratorGetNext", Role::kInputPipeline, 1, 1, InferTypeList},
      {"IteratorToStringHandle", Role::kInputPipeline, 1, 1, InferString},
      {"FIFOQueueV2", Role::kInputPipeline, 0, 0, InferHandle},
      {"RandomShuffleQueueV2", Role::kInputPipeline, 0, 0, InferHandle},
      {"PaddingFIFOQueueV2", Role::kInputPipeline, 0, 0, InferHandle},
      {"QueueDequeueV2", Role::kInputPipeline, 1, 1, InferTypeList},
      {"QueueDequeueManyV2", Role::kInputPipeline, 2, 2, InferTypeList},
      {"QueueDequeueUpToV2", Role::kInputPipeline, 2, 2, InferTypeList},
      {"QueueEnqueueV2", Role::kInputPipeline, 2, -1, NoOutputs},
      {"QueueEnqueueManyV2", Role::kInputPipeline, 2, -1, NoOutputs},
      {"QueueCloseV2", Role::kInputPipeline, 1, 1, NoOutputs},
      {"QueueSizeV2", Role::kInputPipeline, 1, 1, nullptr},
      {"ReaderReadV2", Role::kInputPipeline, 2, 2, nullptr, {"key", "value"}},
      {"ReaderReadUpToV2", Role::kInputPipeline, 3, 3, nullptr, {"keys", "values"}},
      {"TFRecordReaderV2", Role::kInputPipeline, 0, 0, InferHandle},
      {"WholeFileReaderV2", Role::kInputPipeline, 0, 0, InferHandle},
      {"ReadFile", Role::kInputPipeline, 1, 1, InferString},
      {"DecodeJpeg", Role::kInputPipeline, 1, 1, InferImage},
      {"DecodePng", Role::kInputPipeline, 1, 1, InferImage},
      {"DecodeBmp", Role::kInputPipeline, 1, 1, InferImage},
      {"DecodeGif", Role::kInputPipeline, 1, 1, nullptr},
      {"DecodeRaw", Role::kInputPipeline, 1, 1, InferDType},
      {"DecodeCSV", Role::kInputPipeline, 1, -1, InferTypeList},
      {"ParseTensor", Role::kInputPipeline, 1, 1, InferDType},
      {"ParseExample",
       Role::kInputPipeline,
       2,
       -1,
       nullptr,
       {"sparse_indices", "sparse_values", "sparse_shapes", "dense_values"}},
      {"ParseExampleV2",
       Role::kInputPipeline,
       2,
       -1,
       nullptr,
       {"sparse_indices", "sparse_values", "sparse_shapes", "dense_values", "ragged_values", "ragged_row_splits"}},
      {"ParseSingleExample",
       Role::kInputPipeline,
       1,
       -1,
       nullptr,
       {"sparse_indices", "sparse_values", "sparse_shapes", "dense_values"}},
  };
  return *entries;
}

Role RoleByName(std::string_view op) {
  if (op == "Assert") return Role::kAssert;
  if (op.starts_with("ResourceApply") || op.starts_with("ResourceSparseApply") || op.starts_with("SparseApply") ||
      op.starts_with("Apply")) {
    return Role::kOptimizer;
  }
  // Conv2DBackpropInput and its 3-D and depthwise forms are transposed convolutions too.
  if (op.ends_with("Grad") || op.ends_with("GradV2") || op.ends_with("GradV3") || op.ends_with("GradGrad") ||
      op.find("BackpropFilter") != std::string_view::npos) {
    return Role::kGradient;
  }
  if (op.ends_with("CandidateSampler") || op == "CTCLoss") return Role::kLoss;
  if (op.ends_with("Summary") || op.ends_with("SummaryV2")) return Role::kSummary;
  if (op.starts_with("Iterator") || op.starts_with("Queue") || op.starts_with("Reader") || op.starts_with("Parse") ||
      op.ends_with("Dataset") || op.ends_with("DatasetV2") || op.ends_with("DatasetV3") || op.ends_with("DatasetV4") ||
      op.ends_with("Iterator") || op.ends_with("Queue") || op.ends_with("QueueV2") || op.ends_with("Reader") ||
      op.ends_with("ReaderV2") || op.starts_with("Decode")) {
    return Role::kInputPipeline;
  }
  if (op.starts_with("StatelessRandom") || op.starts_with("Random")) return Role::kRandom;
  return Role::kNone;
}

}  // namespace

Role RoleOf(std::string_view op) {
  static const auto* const roles = [] {
    auto* built = new std::unordered_map<std::string_view, Role>;
    for (const Entry& entry : Entries()) built->emplace(entry.name, entry.role);
    return built;
  }();
  const auto found = roles->find(op);
  return found != roles->end() ? found->second : RoleByName(op);
}

std::vector<OpDef> TrainingOps() {
  std::vector<OpDef> rows;
  for (const Entry& entry : Entries()) {
    OpDef row{entry.name, entry.min_inputs, entry.max_inputs, {}, entry.infer, nullptr, entry.output_names};
    row.pure = false;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace permafrost
