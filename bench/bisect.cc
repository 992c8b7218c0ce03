#include "bench/bisect.h"

#include <unistd.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <utility>

#include "runner/layout.h"
#include "shared_io/model_json.h"

namespace permafrost {
namespace {

std::string ChannelsLast(size_t rank) { return rank == 4 ? "NHWC" : rank == 5 ? "NDHWC" : ""; }
std::string ChannelsFirst(size_t rank) { return rank == 4 ? "NCHW" : rank == 5 ? "NCDHW" : ""; }

StatusOr<Array> FloatsOf(const Tensor& tensor) {
  if (!tensor.valid() || SizeOf(tensor.dtype()) == 0) return Unsupported("no numbers");
  return FloatArray(tensor.dims(), tensor.Cast(DType::kFloat32).Values<float>());
}

// A node with a layer, and what that layer may hold.
struct Item {
  NodeId id = kNoNode;
  std::vector<NodeId> holders;     // the node, and those behind it that have no layer of their own
  std::map<NodeId, Array> values;  // of the holders, as far as they are known

  bool complete() const { return values.size() == holders.size(); }
};

class Bisection {
 public:
  Bisection(const Graph& graph, const std::string& path, const LayerSource& source, const BisectOptions& options)
      : graph_(graph), path_(path), source_(source), options_(options) {}

  StatusOr<BisectReport> Run(const std::vector<NamedTensor>& inputs);

 private:
  Status FindLayers();
  Status Pass(const std::vector<NamedTensor>& inputs, bool fusion, bool only_outputs);
  StatusOr<bool> See(NodeId id, const std::vector<Tensor>& outputs);
  Status Flush(bool all);
  Status Judge(const std::vector<Item>& window);
  bool JudgeItem(const Item& item, const Array& actual);
  Status BlameOneOf(const std::vector<Item>& window, const Status& failure);
  void Diverge(ComparedNode node, std::string failure);

  const Graph& graph_;
  const std::string& path_;
  const LayerSource& source_;
  const BisectOptions& options_;
  std::vector<NamedArray> cv_inputs_;
  std::map<NodeId, std::vector<NodeId>> holders_;  // by node with a layer
  std::map<NodeId, NodeId> layer_of_;              // of a holder
  std::set<NodeId> wanted_;
  std::deque<Item> waiting_;
  int64_t waiting_bytes_ = 0;
  bool fusion_ = false, ran_ = false;
  BisectReport report_;
};

Status Bisection::FindLayers() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, source_.names(path_));
  const std::set<std::string> layers(names.begin(), names.end());
  ASSIGN_OR_RETURN(const std::vector<NodeId> order, graph_.TopoOrder());
  const std::set<NodeId> inputs(graph_.inputs().begin(), graph_.inputs().end());
  std::set<NodeId> fixed;  // constants, and what is computed of nothing else
  for (NodeId id : order) {
    const Node& node = graph_.node(id);
    if (inputs.contains(id)) continue;
    if (std::all_of(node.inputs.begin(), node.inputs.end(), [&](Value input) { return fixed.contains(input.node); })) {
      fixed.insert(id);
      continue;
    }
    ++report_.nodes;
    if (layers.contains(node.name)) {
      holders_[id] = {id};
      layer_of_[id] = id;
      continue;
    }
    // Merged into what is before it, if there is just one such layer.
    std::set<NodeId> before;
    for (Value input : node.inputs) {
      if (!fixed.contains(input.node)) before.insert(input.node);
    }
    const auto layer = before.size() == 1 ? layer_of_.find(*before.begin()) : layer_of_.end();
    if (layer == layer_of_.end()) continue;
    layer_of_[id] = layer->second;
    holders_[layer->second].push_back(id);
  }
  if (holders_.empty()) return NotFound(path_, ": no node of the graph has a layer of its name in cv::dnn");
  return OkStatus();
}

StatusOr<bool> Bisection::See(NodeId id, const std::vector<Tensor>& outputs) {
  const auto layer = layer_of_.find(id);
  if (layer == layer_of_.end() || !wanted_.contains(layer->second)) return true;
  if (layer->second == id) waiting_.push_back({id, holders_[id], {}});
  const auto item =
      std::find_if(waiting_.begin(), waiting_.end(), [&](const Item& i) { return i.id == layer->second; });
  auto floats = outputs.empty() ? StatusOr<Array>(Unsupported("no value")) : FloatsOf(outputs[0]);
  Array value = floats.ok() ? std::move(floats).value() : Array();
  waiting_bytes_ += static_cast<int64_t>(value.bytes.size());
  item->values[id] = std::move(value);
  if (waiting_bytes_ >= options_.window_bytes || waiting_.size() >= options_.window_layers) {
    RETURN_IF_ERROR(Flush(false));
  }
  return !report_.first.has_value();
}

// Judges what waits, in order; at the end even items whose merged nodes no output depends on.
Status Bisection::Flush(bool all) {
  std::vector<Item> window;
  while (!waiting_.empty() && !report_.first && (all || waiting_.front().complete())) {
    for (const auto& [id, value] : waiting_.front().values) waiting_bytes_ -= static_cast<int64_t>(value.bytes.size());
    window.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return window.empty() ? OkStatus() : Judge(window);
}

Status Bisection::Judge(const std::vector<Item>& window) {
  LayerOrder order{cv_inputs_, {}, fusion_};
  for (const Item& item : window) order.layers.push_back(graph_.node(item.id).name);
  const auto actual = source_.values(path_, order);
  if (!actual.ok()) return BlameOneOf(window, actual.status());
  ran_ = true;
  for (size_t i = 0; i < window.size(); ++i) {
    if (!JudgeItem(window[i], (*actual)[i])) break;
  }
  return OkStatus();
}

Status Bisection::BlameOneOf(const std::vector<Item>& window, const Status& failure) {
  for (const Item& item : window) {
    const auto actual = source_.values(path_, {cv_inputs_, {graph_.node(item.id).name}, fusion_});
    if (actual.ok()) {
      ran_ = true;
      if (!JudgeItem(item, (*actual)[0])) return OkStatus();
      continue;
    }
    if (!ran_) return actual.status();  // not even the first layer: OpenCV refuses the whole net
    const Node& node = graph_.node(item.id);
    Diverge({node.name, node.op, item.values.at(item.id).dims, {}, false, "", {}}, Message(actual.status()));
    return OkStatus();
  }
  return failure;  // each alone goes, all together do not
}

// How far the layer is from one value, in the better of the orders that its axes may have.
ComparedNode CompareAxes(const Array& expected, const Array& actual, double tolerance) {
  ComparedNode best;
  best.dims = expected.dims;
  best.cv_dims = actual.dims;
  best.comparison.verdict = Verdict::kFailed;
  best.comparison.needed_rel = std::numeric_limits<double>::infinity();
  best.comparison.reason = StrCat("has the shape ", DimsText(actual.dims));
  for (const bool channels_first : {true, false}) {
    Array reference = expected;
    if (channels_first) {
      const size_t rank = expected.dims.size();
      if (ChannelsLast(rank).empty()) continue;
      auto moved = Relayout(expected, ChannelsLast(rank), ChannelsFirst(rank));
      if (!moved.ok()) continue;
      reference = std::move(moved).value();
    }
    if (!SameUpToOnes(actual.dims, reference.dims)) continue;
    Array given = actual;
    given.dims = reference.dims;
    const Comparison comparison = Compare(given, reference, tolerance);
    const bool first = best.comparison.reason.rfind("has the shape", 0) == 0;
    if (!first && comparison.needed_rel >= best.comparison.needed_rel) continue;
    best.comparison = comparison;
    best.channels_first = channels_first;
  }
  return best;
}

// Values that are not finite in the graph itself prove nothing.
bool IsFinite(const Array& array) {
  const auto values = ToFloats(array);
  return values.ok() && std::all_of(values->begin(), values->end(), [](float value) { return std::isfinite(value); });
}

// False if the layer holds none of the values that it may hold.
bool Bisection::JudgeItem(const Item& item, const Array& actual) {
  std::optional<ComparedNode> best;
  for (NodeId holder : item.holders) {
    const auto value = item.values.find(holder);
    if (value == item.values.end() || value->second.bytes.empty() || !IsFinite(value->second)) continue;
    ComparedNode node = CompareAxes(value->second, actual, options_.tolerance);
    if (holder != item.id) node.holds = graph_.node(holder).name;
    if (!best || node.comparison.needed_rel < best->comparison.needed_rel) best = std::move(node);
  }
  if (!best) return true;
  best->name = graph_.node(item.id).name;
  best->op = graph_.node(item.id).op;
  if (best->comparison.verdict != Verdict::kFailed) {
    report_.compared.push_back(*std::move(best));
    return true;
  }
  Diverge(*std::move(best), "");
  return false;
}

void Bisection::Diverge(ComparedNode node, std::string failure) {
  Divergence found;
  found.only_fused = fusion_;
  found.failure = std::move(failure);
  std::set<std::string> producers;
  for (Value input : graph_.node(*graph_.Find(node.name)).inputs) {
    const auto layer = layer_of_.find(input.node);
    if (layer != layer_of_.end()) producers.insert(graph_.node(layer->second).name);
  }
  for (const ComparedNode& other : report_.compared) {
    if (producers.contains(other.name)) found.inputs.push_back(other);
  }
  found.node = std::move(node);
  report_.first = std::move(found);
}

Status Bisection::Pass(const std::vector<NamedTensor>& inputs, bool fusion, bool only_outputs) {
  fusion_ = fusion;
  report_.compared.clear();
  wanted_.clear();
  if (only_outputs) {
    for (const GraphOutput& output : graph_.outputs()) {
      const auto layer = layer_of_.find(output.value.node);
      if (layer != layer_of_.end()) wanted_.insert(layer->second);
    }
  } else {
    for (const auto& [id, holders] : holders_) wanted_.insert(id);
  }
  RETURN_IF_ERROR(
      EvaluateNodes(graph_, inputs, [&](NodeId id, const std::vector<Tensor>& outputs) { return See(id, outputs); }));
  RETURN_IF_ERROR(Flush(true));
  waiting_.clear();
  waiting_bytes_ = 0;
  return OkStatus();
}

StatusOr<BisectReport> Bisection::Run(const std::vector<NamedTensor>& inputs) {
  report_.release = source_.release;
  ASSIGN_OR_RETURN(cv_inputs_, CvInputs(path_, inputs));
  RETURN_IF_ERROR(FindLayers());
  RETURN_IF_ERROR(Pass(inputs, /*fusion=*/false, /*only_outputs=*/false));
  if (report_.first) return std::move(report_);
  const std::vector<ComparedNode> compared = report_.compared;
  RETURN_IF_ERROR(Pass(inputs, /*fusion=*/true, /*only_outputs=*/true));
  if (report_.first) {
    const std::optional<Divergence> at_the_output = std::exchange(report_.first, std::nullopt);
    RETURN_IF_ERROR(Pass(inputs, /*fusion=*/true, /*only_outputs=*/false));
    if (!report_.first) report_.first = at_the_output;
    return std::move(report_);
  }
  report_.compared = compared;
  return std::move(report_);
}

}  // namespace

StatusOr<std::vector<NamedArray>> CvInputs(const std::string& model_path, const std::vector<NamedTensor>& inputs) {
  std::map<std::string, TensorInfo> described;
  if (const std::string json = ModelInfoPath(model_path); ::access(json.c_str(), F_OK) == 0) {
    ASSIGN_OR_RETURN(const ModelInfo info, ReadModelInfo(json));
    for (const TensorInfo& input : info.inputs) described[input.name] = input;
  }
  std::vector<NamedArray> arrays;
  for (const NamedTensor& input : inputs) {
    ASSIGN_OR_RETURN(Array array, FloatsOf(input.value));
    const auto found = described.find(input.name);
    if (found == described.end()) {
      ASSIGN_OR_RETURN(array, Relayout(array, ChannelsLast(array.dims.size()), ChannelsFirst(array.dims.size())));
      arrays.push_back({input.name, std::move(array)});
      continue;
    }
    const TensorInfo& info = found->second;
    ASSIGN_OR_RETURN(array, Relayout(array, info.layout, info.cv_layout));
    if (info.rank_known) RETURN_IF_ERROR(Reshape(array, info.cv_shape));
    arrays.push_back({info.cv_name, std::move(array)});
  }
  return arrays;
}

StatusOr<BisectReport> Bisect(const Graph& graph, const std::string& model_path, const std::vector<NamedTensor>& inputs,
                              const LayerSource& source, const BisectOptions& options) {
  return Bisection(graph, model_path, source, options).Run(inputs);
}

std::vector<std::string> SourceNodes(const std::string& name, const Graph& source) {
  constexpr size_t kMost = 8;
  for (std::string origin = name; !origin.empty();) {
    if (source.Find(origin)) return {origin};
    for (const GraphOutput& output : source.outputs()) {
      if (output.name == origin) return {source.node(output.value.node).name};
    }
    std::vector<std::string> below;
    for (NodeId id : source.NodeIds()) {
      const Node& node = source.node(id);
      if (!node.IsConst() && node.name.rfind(origin + "/", 0) == 0 && below.size() < kMost) below.push_back(node.name);
    }
    if (!below.empty()) return below;
    const size_t slash = origin.rfind('/');
    origin.resize(slash == std::string::npos ? 0 : slash);
  }
  return {};
}

}  // namespace permafrost
