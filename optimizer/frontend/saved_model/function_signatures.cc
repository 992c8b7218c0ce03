#include "optimizer/frontend/saved_model/function_signatures.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "optimizer/frontend/checkpoint/object_names.h"
#include "optimizer/frontend/saved_model/flat_tensors.h"
#include "optimizer/ir/graph_editor.h"
#include "optimizer/proto/text.h"

namespace permafrost {
namespace {

constexpr size_t kMaxFunctions = 256;

// A function as an object of the model offers it.
struct Offered {
  std::string name;
  std::string function;
  const tf::SavedConcreteFunction* description = nullptr;
  std::vector<FlatTensor> inputs, outputs;
};

class Functions {
 public:
  Functions(const tf::SavedObjectGraph& objects, const std::vector<Asset>& assets, const VariableSource* variables,
            Graph& graph)
      : objects_(objects), assets_(assets), variables_(variables), graph_(graph), editor_(graph) {}

  StatusOr<std::vector<Signature>> Add() {
    RETURN_IF_ERROR(FindObjects());
    std::vector<Signature> signatures;
    for (const Offered& offered : Offers()) {
      ASSIGN_OR_RETURN(Signature signature, AddCall(offered));
      signatures.push_back(std::move(signature));
    }
    std::sort(signatures.begin(), signatures.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return signatures;
  }

 private:
  struct Place {
    std::string path;
    int depth = 0;
  };

  // Every object's first path from the root, nearest first.
  Status FindObjects() {
    places_[0] = {"", 0};
    order_ = {0};
    for (size_t next = 0; next < order_.size(); ++next) {
      const int id = order_[next];
      if (id < 0 || id >= objects_.nodes_size())
        return DataLoss("is damaged: its objects refer to an object that is not there");
      const Place place = places_[id];
      for (const auto& child : objects_.nodes(id).children()) {
        const std::string path = place.path.empty() ? child.local_name() : StrCat(place.path, "/", child.local_name());
        if (places_.emplace(child.node_id(), Place{path, place.depth + 1}).second) order_.push_back(child.node_id());
      }
    }
    return OkStatus();
  }

  static bool IsPrivate(const std::string& path) {
    const std::string name = path.substr(path.rfind('/') + 1);
    return name.starts_with('_') && name != "__call__";
  }

  // Functions of the objects that are nearest to the root.
  std::vector<Offered> Offers() {
    std::vector<Offered> offers;
    int depth = -1;
    for (const int id : order_) {
      const Place& place = places_[id];
      if (depth >= 0 && place.depth > depth) break;
      const auto& object = objects_.nodes(id);
      if (IsPrivate(place.path)) continue;
      std::vector<std::string> traces;
      if (object.has_function()) {
        traces.assign(object.function().concrete_functions().begin(), object.function().concrete_functions().end());
      } else if (object.has_bare_concrete_function()) {
        traces = {object.bare_concrete_function().concrete_function_name()};
      }
      for (Offered& offered : TracesOf(id == 0 ? "__call__" : place.path, traces)) {
        if (offers.size() < kMaxFunctions) offers.push_back(std::move(offered));
        depth = place.depth;
      }
    }
    return offers;
  }

  std::vector<Offered> TracesOf(const std::string& path, const std::vector<std::string>& functions) {
    struct Ranked {
      int training, known_dims;
      Offered offered;
    };
    std::vector<Ranked> ranked;
    for (const std::string& function : functions) {
      const auto description = objects_.concrete_functions().find(function);
      const auto body = graph_.functions().find(function);
      if (description == objects_.concrete_functions().end() || body == graph_.functions().end()) continue;
      if (!seen_.insert(function).second) continue;
      Offered offered{path, function, &description->second, {}, {}};
      const auto& arguments = description->second.canonicalized_input_signature();
      offered.inputs = FlatTensorsOf(arguments);
      offered.outputs = FlatTensorsOf(description->second.output_signature());
      const int64_t captured = description->second.bound_inputs_size();
      const auto taken = static_cast<int64_t>(body->second->inputs().size()) - captured;
      // Those that do not fit are shown without their tensors.
      if (!SettleParts(offered.inputs, taken)) offered.inputs.clear();
      if (!SettleParts(offered.outputs, static_cast<int64_t>(body->second->outputs().size()))) offered.outputs.clear();
      int known_dims = 0;
      for (const FlatTensor& input : offered.inputs) {
        known_dims += input.shape.has_rank() ? 1 : 0;
        for (const int64_t dim : input.shape.dims()) known_dims += dim >= 0 ? 1 : 0;
      }
      ranked.push_back({CountTrue(arguments), known_dims, std::move(offered)});
    }
    std::stable_sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
      return std::pair(a.training, a.known_dims) < std::pair(b.training, b.known_dims);
    });
    std::vector<Offered> offers;
    for (Ranked& trace : ranked) {
      if (trace.training > ranked.front().training) break;
      if (!offers.empty()) trace.offered.name += StrCat("#", offers.size() + 1);
      offers.push_back(std::move(trace.offered));
    }
    return offers;
  }

  StatusOr<Signature> AddCall(const Offered& offered) {
    Signature signature{offered.name, "tf.function", {}, {}};
    const Graph& body = *graph_.functions().find(offered.function)->second;
    const bool plain = std::all_of(offered.inputs.begin(), offered.inputs.end(), [](const FlatTensor& input) {
      return input.parts == 1 && input.dtype != DType::kInvalid;
    });
    const auto captured = static_cast<size_t>(offered.description->bound_inputs_size());
    const bool fits = body.inputs().size() == offered.inputs.size() + captured && plain;
    std::string prefix = offered.name;
    std::replace(prefix.begin(), prefix.end(), '#', '_');
    prefix.erase(0, std::min(prefix.find_first_not_of('_'), prefix.size()));

    std::vector<Value> arguments;
    size_t position = 0;
    for (const FlatTensor& input : offered.inputs) {
      if (position >= body.inputs().size()) break;
      const std::string& alias = body.node(body.inputs()[position]).name;
      position += static_cast<size_t>(input.parts);
      std::string tensor;
      if (fits) {
        Node node;
        node.name = StrCat(prefix, "_", alias);
        node.op = "Placeholder";
        node.attrs = {{"dtype", input.dtype}, {"shape", input.shape}};
        arguments.push_back({editor_.AddNode(std::move(node)), 0});
        tensor = StrCat(editor_.node(arguments.back().node).name, ":0");
      }
      signature.inputs.push_back({alias, tensor, input.dtype, input.shape});
    }
    std::string call;
    if (fits) {
      for (const int object : offered.description->bound_inputs()) {
        ASSIGN_OR_RETURN(const Value value, Captured(object));
        arguments.push_back(value);
      }
      Node node;
      node.name = prefix;
      node.op = "StatefulPartitionedCall";
      node.inputs = std::move(arguments);
      node.attrs["f"] = FunctionName{offered.function};
      call = editor_.node(editor_.AddNode(std::move(node))).name;
    }
    int64_t port = 0;
    for (const FlatTensor& output : offered.outputs) {
      const bool number = output.path.empty() || std::all_of(output.path.begin(), output.path.end(),
                                                             [](unsigned char c) { return c >= '0' && c <= '9'; });
      const std::string alias = number ? StrCat("output_", output.path.empty() ? "0" : output.path) : output.path;
      const bool dense = !call.empty() && output.parts == 1 && output.dtype != DType::kInvalid;
      signature.outputs.push_back({alias, dense ? StrCat(call, ":", port) : "", output.dtype, output.shape});
      port += output.parts;
    }
    return signature;
  }

  // The value in the graph that stands for a captured object, made where the graph has none.
  StatusOr<Value> Captured(int id) {
    if (const auto found = captured_.find(id); found != captured_.end()) return found->second;
    if (id < 0 || id >= objects_.nodes_size())
      return DataLoss("is damaged: a function captures an object that is not there");
    const auto& object = objects_.nodes(id);
    std::optional<NodeId> node;
    if (object.has_constant()) node = graph_.Find(object.constant().operation());
    if (object.has_asset()) {
      const auto index = static_cast<size_t>(object.asset().asset_file_def_index());
      if (index < assets_.size()) node = graph_.Find(assets_[index].tensor.substr(0, assets_[index].tensor.find(':')));
    }
    if (object.has_variable()) node = VariableFor(id, object.variable());
    if (!node) {
      // A table or another thing that is no tensor: refused by name where an output needs it.
      Node table;
      table.name = places_.contains(id) ? places_[id].path : StrCat("object_", id);
      table.op = "HashTableV2";
      table.attrs = {{"key_dtype", DType::kString}, {"value_dtype", DType::kInt64}};
      node = editor_.AddNode(std::move(table));
    }
    return captured_.emplace(id, Value{*node, 0}).first->second;
  }

  // The graph's own handle if names tell the variables apart, else one that has the name of its key in the checkpoint.
  NodeId VariableFor(int id, const tf::SavedVariable& variable) {
    if (names_.empty()) {
      for (const auto& object : objects_.nodes()) {
        if (object.has_variable()) ++names_[object.variable().name()];
      }
      unique_ = std::all_of(names_.begin(), names_.end(), [](const auto& name) { return name.second == 1; });
    }
    const auto own = graph_.Find(variable.name());
    if (unique_ && own && graph_.node(*own).op == "VarHandleOp") return *own;
    if (keys_.empty() && variables_ != nullptr) keys_ = KeysOf(*variables_);
    const auto key = keys_.find(id);
    constexpr std::string_view kSuffix = "/.ATTRIBUTES/VARIABLE_VALUE";
    std::string name = key == keys_.end() ? places_[id].path : key->second;
    const std::string shared_name = name;
    if (name.ends_with(kSuffix)) name.resize(name.size() - kSuffix.size());
    std::vector<int64_t> dims;
    for (const auto& dim : variable.shape().dim()) dims.push_back(std::max<int64_t>(dim.size(), kUnknownDim));
    Node node;
    node.name = std::move(name);
    node.op = "VarHandleOp";
    node.attrs = {{"dtype", DTypeFromProto(variable.dtype()).value_or(DType::kInvalid)},
                  {"shape", variable.shape().unknown_rank() ? Shape() : Shape(std::move(dims))},
                  {"shared_name", shared_name}};
    return editor_.AddNode(std::move(node));
  }

  // Keys in the checkpoint, by object: both graphs of objects are walked in step.
  std::map<int, std::string> KeysOf(const VariableSource& variables) const {
    std::map<int, std::string> keys;
    tf::TrackableObjectGraph stored;
    if (!ReadObjectGraph(variables, stored).ok() || stored.nodes_size() == 0) return keys;
    std::map<int, int> matched = {{0, 0}};  // of the file: of the checkpoint
    std::vector<int> work = {0};
    for (size_t next = 0; next < work.size(); ++next) {
      const int id = work[next];
      const int other = matched[id];
      if (other < 0 || other >= stored.nodes_size() || id < 0 || id >= objects_.nodes_size()) continue;
      for (const auto& attribute : stored.nodes(other).attributes()) {
        if (attribute.name() == "VARIABLE_VALUE") keys[id] = attribute.checkpoint_key();
      }
      std::map<std::string, int> children;
      for (const auto& child : stored.nodes(other).children()) children[child.local_name()] = child.node_id();
      for (const auto& child : objects_.nodes(id).children()) {
        const auto same = children.find(child.local_name());
        if (same != children.end() && matched.emplace(child.node_id(), same->second).second) {
          work.push_back(child.node_id());
        }
      }
    }
    return keys;
  }

  const tf::SavedObjectGraph& objects_;
  const std::vector<Asset>& assets_;
  const VariableSource* variables_;
  Graph& graph_;
  GraphEditor editor_;
  std::map<int, Place> places_;
  std::vector<int> order_;  // objects, nearest to the root first
  std::set<std::string> seen_;
  std::map<int, Value> captured_;
  std::map<std::string, int> names_;
  bool unique_ = false;
  std::map<int, std::string> keys_;
};

}  // namespace

StatusOr<std::vector<Signature>> AddFunctionSignatures(std::string_view object_graph, const std::vector<Asset>& assets,
                                                       const VariableSource* variables, Graph& graph) {
  tf::SavedObjectGraph objects;
  if (!ParseWire(object_graph, objects)) return DataLoss("is damaged: its graph of objects cannot be read");
  if (objects.nodes_size() == 0) return std::vector<Signature>();
  return Functions(objects, assets, variables, graph).Add();
}

}  // namespace permafrost
