#include "optimizer/frontend/keras/model_layers.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <queue>
#include <utility>

namespace permafrost::keras {
namespace {

constexpr int kMaxDepth = 64;  // of models in models and layers in wrappers
constexpr std::string_view kConstantValue = "_CONSTANT_VALUE";
constexpr const char* kWaysOut =
    "; replace it by built-in layers, or store what it computes with TensorFlow (model.export or a frozen graph) and "
    "give that";

std::string Shown(const Json& json) {
  std::string text = json.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() > 80 ? text.substr(0, 80) + "..." : text;
}

bool IsIndex(const Json& json) { return json.is_number_integer() && json >= 0 && json <= INT32_MAX; }

// ["conv1", 0, 0], which Keras 2 follows with the keyword arguments of the call.
std::optional<TensorRef> AsTensorRef(const Json& json) {
  if (!json.is_array() || json.size() < 3 || json.size() > 4) return std::nullopt;
  if (!json[0].is_string() || !IsIndex(json[1]) || !IsIndex(json[2])) return std::nullopt;
  if (json.size() == 4 && !json[3].is_object()) return std::nullopt;
  return TensorRef{json[0].get<std::string>(), json[1].get<size_t>(), json[2].get<size_t>()};
}

// {"class_name": "__keras_tensor__", "config": {"keras_history": ["conv1", 0, 0]}}
std::optional<TensorRef> AsKerasTensor(const Json& json) {
  const Config object(json);
  if (object["class_name"] != "__keras_tensor__") return std::nullopt;
  return AsTensorRef(Config(object["config"])["keras_history"]);
}

Status FindRefs(const Json& json, std::vector<TensorRef>& refs) {
  if (const auto ref = AsTensorRef(json)) {
    refs.push_back(*ref);
    return OkStatus();
  }
  if (!json.is_array() && !json.is_object()) {
    return InvalidArgument("the model names a tensor as ", Shown(json), ", expected [layer, call, output]");
  }
  for (const Json& item : json) RETURN_IF_ERROR(FindRefs(item, refs));
  return OkStatus();
}

// Turns one recorded call into arguments. `look_up` gives a tensor's value.
class CallReader {
 public:
  using LookUp = std::function<StatusOr<Value>(const TensorRef&)>;
  explicit CallReader(LookUp look_up) : look_up_(std::move(look_up)) {}

  StatusOr<Call> Read(const Json& node) {
    Call call;
    if (node.is_object() && node.contains("args")) {  // Keras 3
      for (const Json& item : node["args"]) {
        ASSIGN_OR_RETURN(Argument argument, ReadArgument(item));
        call.args.push_back(std::move(argument));
      }
      RETURN_IF_ERROR(ReadKwargs(Config(node)["kwargs"], call));
      return call;
    }
    keras2_ = true;
    ASSIGN_OR_RETURN(Argument first, ReadArgument(node));
    if (first.list && first.list->size() == 1 && (*first.list)[0].tensor) first = Argument((*first.list)[0]);
    call.args.push_back(std::move(first));
    RETURN_IF_ERROR(ReadKwargs(kwargs_, call));
    return call;
  }

 private:
  Status ReadKwargs(const Json& kwargs, Call& call) {
    if (!kwargs.is_object()) return OkStatus();
    for (const auto& [name, value] : kwargs.items()) {
      ASSIGN_OR_RETURN(Argument argument, ReadArgument(value));
      call.kwargs.emplace(name, std::move(argument));
    }
    return OkStatus();
  }

  StatusOr<Argument> ReadArgument(const Json& json) {
    std::optional<TensorRef> ref = AsKerasTensor(json);
    if (!ref && keras2_) ref = AsTensorRef(json);
    if (ref) {
      if (json.is_array() && json.size() == 4 && kwargs_.empty()) kwargs_ = json[3];
      ASSIGN_OR_RETURN(const Value value, look_up_(*ref));
      return ArgumentOf(value);
    }
    Argument argument;
    if (keras2_ && json.is_array() && json.size() >= 3 && json[0] == kConstantValue) {
      if (json.size() == 4 && kwargs_.empty()) kwargs_ = json[3];
      argument.json = json[2];
      return argument;
    }
    const bool tuple = json.is_object() && json.contains("class_name") && json["class_name"] == "__tuple__" &&
                       json.contains("items") && json["items"].is_array();
    const Json& items = tuple ? json["items"] : json;
    if (!items.is_array()) {
      argument.json = json;
      if (keras2_ && json.is_object() && !json.contains("class_name")) return ReadList(json);
      return argument;
    }
    return ReadList(items);
  }

  // A list that holds no tensor at any depth stays JSON.
  StatusOr<Argument> ReadList(const Json& items) {
    Argument argument;
    argument.list.emplace();
    for (const Json& item : items) {
      ASSIGN_OR_RETURN(Argument inner, ReadArgument(item));
      argument.list->push_back(std::move(inner));
    }
    if (!TensorsOf(argument).empty()) return argument;
    Argument plain;
    plain.json = items;
    return plain;
  }

  LookUp look_up_;
  bool keras2_ = false;
  Json kwargs_;
};

// The tensors that a recorded call needs.
std::vector<TensorRef> NeedsOf(const Json& node) {
  std::vector<TensorRef> needs;
  CallReader reader([&](const TensorRef& ref) -> StatusOr<Value> {
    needs.push_back(ref);
    return Value{0, 0};
  });
  reader.Read(node).status().IgnoreError();
  return needs;
}

bool IsKerasModule(std::string_view module) {
  for (const std::string_view prefix : {"keras", "tf_keras", "tensorflow", "builtins"}) {
    if (module == prefix || module.starts_with(StrCat(prefix, "."))) return true;
  }
  return false;
}

// Keras writes where a class comes from in three ways; classes of a user's are told from Keras's own of the same name.
Status CheckOwn(const Config& object, std::string_view class_name) {
  const Json& registered = object["registered_name"];
  const std::string name = registered.is_string() ? registered.get<std::string>() : std::string(class_name);
  const size_t arrow = name.find('>');
  if (arrow != std::string::npos && FindLayer(name) != nullptr) return OkStatus();  // has a row of its own
  const bool foreign_package = arrow != std::string::npos && !IsKerasModule(name.substr(0, arrow));
  const Json& module = object["module"];
  const bool foreign_module = (module.is_string() && !IsKerasModule(module.get<std::string>())) ||
                              (module.is_null() && object.json().contains("module"));
  if (!foreign_package && !foreign_module) return OkStatus();
  return Unsupported("its class '", name, "' is the model author's own Python code, which the file does not hold",
                     kWaysOut);
}

// A .h5 of Keras 3 does not say where classes come from; but the config of an operator lacks what every layer's has.
bool LooksLikeOperator(const Config& object) {
  const Json& calls = object["inbound_nodes"];
  const Config config(object["config"]);
  return calls.is_array() && !calls.empty() && calls[0].is_object() && config.json().is_object() &&
         !config.json().contains("trainable") && !config.json().contains("dtype") && !config.json().contains("layers");
}

std::string TableName(const Config& object, std::string_view class_name) {
  const Json& module = object["module"];
  if (module.is_string() && module.get<std::string>().find(".ops") != std::string::npos) {
    return StrCat("ops>", class_name);
  }
  if (!module.is_string() && LooksLikeOperator(object)) return StrCat("ops>", class_name);
  const size_t arrow = class_name.find('>');
  return std::string(arrow == std::string_view::npos ? class_name : class_name.substr(arrow + 1));
}

std::string NameIn(const Config& object) {
  // The config of this one keeps the name without a prefix that calls use.
  if (object["class_name"] == "TensorFlowOpLayer" && object["name"].is_string())
    return object["name"].get<std::string>();
  const Json& inner = Config(object["config"])["name"];
  if (inner.is_string()) return inner.get<std::string>();
  return object["name"].is_string() ? object["name"].get<std::string>() : "";
}

// A class we cannot build.
Status UnknownClass(const Layer& layer) {
  if (layer.class_name == "Lambda") {
    return Unsupported("a Lambda layer holds Python code, and code in a file is never run", kWaysOut);
  }
  return Unsupported("Permafrost does not know this class", kWaysOut);
}

Status FillFunctional(ModelLayers& model, const Config& config) {
  RETURN_IF_ERROR(FindRefs(config["input_layers"], model.inputs));
  RETURN_IF_ERROR(FindRefs(config["output_layers"], model.outputs));
  if (model.outputs.empty()) return InvalidArgument("the model has no output layers");
  for (const std::vector<TensorRef>* refs : {&model.inputs, &model.outputs}) {
    for (const TensorRef& ref : *refs) {
      if (!model.by_name.contains(ref.layer)) {
        return InvalidArgument("the model's inputs and outputs name the layer '", ref.layer, "', which it lacks");
      }
    }
  }
  return OkStatus();
}

// Keras 2.0 wrote a Sequential as a bare list of layers.
StatusOr<const Json*> LayersJson(const Config& config) {
  const Json* layers = config.json().is_array() ? &config.json() : &config["layers"];
  if (!layers->is_array() || layers->empty()) return InvalidArgument("the model's config has no list of layers");
  return layers;
}

Status FillModel(Layer& model) {
  auto filled = std::make_unique<ModelLayers>();
  ASSIGN_OR_RETURN(const Json* layers, LayersJson(model.config));
  for (const Json& json : *layers) {
    const Config object(json);
    ASSIGN_OR_RETURN(const std::string class_name, object.String("class_name"));
    LayerId id{NameIn(object), TableName(object, class_name), true};
    if (id.name.empty()) id.name = StrCat("layer", filled->ids.size());
    const Json& trainable = Config(object["config"])["trainable"];
    id.trainable = !(trainable.is_boolean() && !trainable.get<bool>());
    if (!filled->by_name.emplace(id.name, filled->ids.size()).second) {
      return InvalidArgument("the model has two layers called '", id.name, "'");
    }
    filled->ids.push_back(std::move(id));
    filled->calls.push_back(object["inbound_nodes"]);
    filled->configs.push_back(Config(object["config"]));
  }
  auto weights = model.weights->OfLayers(filled->ids);
  for (size_t i = 0; i < filled->ids.size(); ++i) {
    if (filled->ids[i].class_name == "InputLayer") {
      filled->layers.emplace_back();
      continue;
    }
    ASSIGN_OR_RETURN(auto layer, MakeLayer((*layers)[i], model.scope, std::move(weights[i])));
    filled->layers.push_back(std::move(layer));
  }
  if (model.class_name != "Sequential") RETURN_IF_ERROR(FillFunctional(*filled, model.config));
  model.model = std::move(filled);
  return OkStatus();
}

StatusOr<std::vector<Value>> CallSequential(Build& build, ModelLayers& model, const Call& call) {
  if (call.args.empty()) return InvalidArgument("is called without a tensor");
  Call next{{call.args[0]}, {}};
  std::vector<Value> values = TensorsOf(call.args[0]);
  for (const auto& layer : model.layers) {
    if (layer == nullptr) continue;
    ASSIGN_OR_RETURN(values, CallLayer(build, *layer, next));
    next.args = {values.size() == 1 ? ArgumentOf(values[0]) : ArgumentOf(values)};
  }
  return values;
}

// One call of one layer of a Functional.
struct Step {
  size_t layer = 0;
  size_t node = 0;
  bool operator>(const Step& other) const { return std::pair(layer, node) > std::pair(other.layer, other.node); }
  bool operator<(const Step& other) const { return std::pair(layer, node) < std::pair(other.layer, other.node); }
};

class FunctionalCall {
 public:
  FunctionalCall(Build& build, ModelLayers& model) : build_(build), model_(model) {}

  StatusOr<std::vector<Value>> Run(const std::vector<Value>& inputs) {
    if (inputs.size() != model_.inputs.size()) {
      return InvalidArgument("is called with ", inputs.size(), " tensors and has ", model_.inputs.size(), " inputs");
    }
    for (size_t i = 0; i < inputs.size(); ++i) {
      done_[{model_.by_name.find(model_.inputs[i].layer)->second, model_.inputs[i].node}] = {inputs[i]};
    }
    if (build_.keras_major < 3) FindFirstNodes();
    RETURN_IF_ERROR(Plan());
    while (!ready_.empty()) {
      const Step step = ready_.top();
      ready_.pop();
      RETURN_IF_ERROR(RunStep(step));
    }
    std::vector<Value> outputs;
    for (const TensorRef& ref : model_.outputs) {
      ASSIGN_OR_RETURN(const Value value, Find(OutputRef(ref)));
      outputs.push_back(value);
    }
    return outputs;
  }

 private:
  // Keras 3 numbers the calls of a Functional in a model from 1, but only where it lists the outputs.
  TensorRef OutputRef(TensorRef ref) const {
    const auto layer = model_.by_name.find(ref.layer);
    if (build_.keras_major < 3 || layer == model_.by_name.end() || model_.layers[layer->second] == nullptr) return ref;
    const std::string& class_name = model_.ids[layer->second].class_name;
    if (IsModelClass(class_name) && class_name != "Sequential" && ref.node > 0) --ref.node;
    return ref;
  }

  std::optional<Step> StepOf(const TensorRef& ref) const {
    const auto layer = model_.by_name.find(ref.layer);
    if (layer == model_.by_name.end()) return std::nullopt;
    const size_t first = layer->second < first_node_.size() ? first_node_[layer->second] : 0;
    return Step{layer->second, ref.node >= first ? ref.node - first : SIZE_MAX};
  }

  // A model in a model was called once already in Keras 2, when it was made from its inputs: that call is not recorded, and
  // the others are numbered from 1.
  void FindFirstNodes() {
    std::vector<size_t> least(model_.layers.size(), SIZE_MAX);
    const auto count = [&](const TensorRef& ref) {
      if (const auto layer = model_.by_name.find(ref.layer); layer != model_.by_name.end()) {
        least[layer->second] = std::min(least[layer->second], ref.node);
      }
    };
    for (const TensorRef& ref : model_.outputs) count(ref);
    for (const Json& calls : model_.calls) {
      if (!calls.is_array()) continue;
      for (const Json& call : calls) {
        for (const TensorRef& ref : NeedsOf(call)) count(ref);
      }
    }
    first_node_.assign(model_.layers.size(), 0);
    for (size_t i = 0; i < model_.layers.size(); ++i) {
      if (model_.layers[i] == nullptr || !IsModelClass(model_.ids[i].class_name) || least[i] != 1) continue;
      first_node_[i] = 1;
    }
  }

  // Counts what every call waits for. A call that waits for something that never comes is found in Find.
  Status Plan() {
    for (size_t layer = 0; layer < model_.layers.size(); ++layer) {
      if (model_.layers[layer] == nullptr || !model_.calls[layer].is_array()) continue;
      for (size_t node = 0; node < model_.calls[layer].size(); ++node) {
        const Step step{layer, node};
        if (done_.contains(step)) continue;
        size_t waiting = 0;
        for (const TensorRef& ref : NeedsOf(model_.calls[layer][node])) {
          const auto need = StepOf(ref);
          if (!need) {
            return InvalidArgument("layer '", model_.ids[layer].name, "' is called on '", ref.layer,
                                   "', which the model lacks");
          }
          if (done_.contains(*need)) continue;
          users_[*need].push_back(step);
          ++waiting;
        }
        waiting_[step] = waiting;
        if (waiting == 0) ready_.push(step);
      }
    }
    return OkStatus();
  }

  Status RunStep(const Step& step) {
    CallReader reader([this](const TensorRef& ref) { return Find(ref); });
    auto call = reader.Read(model_.calls[step.layer][step.node]);
    if (!call.ok()) return WithContext(call.status(), StrCat("layer '", model_.ids[step.layer].name, "'"));
    ASSIGN_OR_RETURN(done_[step], CallLayer(build_, *model_.layers[step.layer], *std::move(call)));
    for (const Step& user : users_[step]) {
      if (--waiting_[user] == 0) ready_.push(user);
    }
    return OkStatus();
  }

  StatusOr<Value> Find(const TensorRef& ref) const {
    const auto step = StepOf(ref);
    const auto found = step ? done_.find(*step) : done_.end();
    if (found == done_.end()) {
      return InvalidArgument("needs call ", ref.node, " of layer '", ref.layer, "', which waits for itself or is not there");
    }
    if (ref.tensor >= found->second.size()) {
      return InvalidArgument("needs output ", ref.tensor, " of layer '", ref.layer, "', which has ", found->second.size());
    }
    return found->second[ref.tensor];
  }

  Build& build_;
  ModelLayers& model_;
  std::vector<size_t> first_node_;  // of each layer
  std::map<Step, std::vector<Value>> done_;
  std::map<Step, std::vector<Step>> users_;
  std::map<Step, size_t> waiting_;
  std::priority_queue<Step, std::vector<Step>, std::greater<>> ready_;
};

StatusOr<std::vector<Value>> CallRow(Build& build, Layer& layer, Call call) {
  const LayerRow* row = FindLayer(layer.class_name);
  if (row == nullptr) return UnknownClass(layer);
  std::vector<Value> tensors;
  for (const Argument& argument : call.args) {
    for (const Value tensor : TensorsOf(argument)) tensors.push_back(tensor);
  }
  LayerContext context(build, layer, std::move(call));
  const auto count = static_cast<int>(context.inputs().size());
  if (count < row->min_inputs || (row->max_inputs >= 0 && count > row->max_inputs)) {
    return InvalidArgument("is called on ", count, " tensors, expected ",
                           row->max_inputs == row->min_inputs ? "" : "at least ", row->min_inputs);
  }
  bool masked = false;
  for (const Value tensor : tensors) masked |= build.masked.contains(tensor);
  if (masked && row->mask == MaskUse::kUses) {
    return Unsupported("takes the mask of a Masking or Embedding layer before it, and masks are not modelled; save the "
                       "model without mask_zero or Masking if its inputs have a fixed length");
  }
  ASSIGN_OR_RETURN(std::vector<Value> outputs, row->build(context));
  if (masked && row->mask == MaskUse::kPasses) build.masked.insert(outputs.begin(), outputs.end());
  return outputs;
}

// Keras 3's quantize() leaves kernels as integers and their scales as weights beside them.
bool IsQuantized(const Layer& layer) {
  const Config policy(layer.config["dtype"]);
  const Json& class_name = policy["class_name"];
  const Json& name = policy.json().is_object() ? Config(policy["config"])["name"] : policy.json();
  return (class_name.is_string() && class_name.get<std::string>().starts_with("Quantized")) ||
         (name.is_string() && name.get<std::string>().find("_from_") != std::string::npos);
}

// "mixed_float16" and the like; empty where the policy computes in float32.
std::string OtherPolicy(const Layer& layer) {
  const Json* policy = &layer.config["dtype"];
  if (policy->is_object()) policy = &Config(Config(*policy)["config"])["name"];
  if (!policy->is_string()) return "";
  std::string name = policy->get<std::string>();
  const auto dtype = ParseDType(name);
  if (name.starts_with("mixed_") || (dtype && IsFloating(*dtype) && *dtype != DType::kFloat32)) return name;
  return "";
}

void TakeNotes(Build& build, const Layer& layer, const Call& call) {
  if (const std::string policy = OtherPolicy(layer); !policy.empty() && layer.calls == 0) ++build.policies[policy];
  const auto training = call.kwargs.find("training");
  if (training == call.kwargs.end()) return;
  const Json& value = training->second.json;
  if (value == true || (value.is_number() && value != 0)) build.trained.insert(layer.scope);
}

}  // namespace

bool IsModelClass(std::string_view class_name) {
  return class_name == "Sequential" || class_name == "Functional" || class_name == "Model";
}

Status OpenModelLayers(Layer& model) { return model.model != nullptr ? OkStatus() : FillModel(model); }

StatusOr<std::unique_ptr<Layer>> MakeLayer(const Json& json, std::string_view scope, std::unique_ptr<Weights> weights) {
  const Config object(json);
  ASSIGN_OR_RETURN(const std::string class_name, object.String("class_name"));
  auto layer = std::make_unique<Layer>();
  const std::string name = NameIn(object);
  layer->class_name = TableName(object, class_name);
  layer->scope = scope.empty() ? name : StrCat(scope, "/", name.empty() ? layer->class_name : name);
  layer->config = Config(object["config"]);
  layer->weights = std::move(weights);
  if (Status own = CheckOwn(object, class_name); !own.ok()) {
    return WithContext(own, StrCat("layer '", name, "' (", class_name, ")"));
  }
  return layer;
}

StatusOr<std::vector<Value>> CallModel(Build& build, Layer& model, const Call& call) {
  RETURN_IF_ERROR(OpenModelLayers(model));
  ++model.calls;
  if (model.class_name == "Sequential") return CallSequential(build, *model.model, call);
  std::vector<Value> inputs;
  if (!call.args.empty()) inputs = TensorsOf(call.args[0]);
  return FunctionalCall(build, *model.model).Run(inputs);
}

StatusOr<std::vector<Value>> CallLayer(Build& build, Layer& layer, Call call) {
  const std::string context = StrCat("layer '", layer.scope, "' (", layer.class_name, ")");
  if (build.depth >= kMaxDepth) return Unsupported(context, ": layers are nested more than ", kMaxDepth, " deep");
  if (++build.calls > build.max_nodes) {
    return ResourceExhausted("the model calls layers more than --max-nodes (", build.max_nodes, ") times");
  }
  if (IsQuantized(layer)) {
    return Unsupported(context,
                       ": its weights were quantized by Keras (model.quantize), which is not read; save the model "
                       "before it is quantized");
  }
  TakeNotes(build, layer, call);
  ++build.depth;
  const bool is_model = IsModelClass(layer.class_name);
  auto values = is_model ? CallModel(build, layer, call) : CallRow(build, layer, std::move(call));
  --build.depth;
  if (values.ok() || is_model) return values;
  return WithContext(values.status(), context);
}

}  // namespace permafrost::keras
