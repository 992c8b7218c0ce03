#include "optimizer/backends/onnx/recurrent_layers.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "optimizer/passes/rewrite.h"
#include "optimizer/passes/stacked_values.h"

namespace permafrost {
namespace {

class LayerFinder {
 public:
  explicit LayerFinder(const Graph& graph) : graph_(graph) {}

  std::vector<RecurrentLayer> Find() {
    for (NodeId id : graph_.NodeIds()) {
      const Tensor* constant = ConstValue(graph_, {id, 0});
      if (constant != nullptr && !constant->is_splat()) budget_ += 2 * constant->elements();
    }
    steps_ = FindRecurrentSteps(graph_);
    LinkSteps();
    std::vector<RecurrentLayer> layers;
    for (size_t first = 0; first < steps_.size(); ++first) {
      if (links_[first].before || !links_[first].after) continue;
      if (auto layer = Assemble(first)) layers.push_back(*std::move(layer));
    }
    for (size_t i = 0; i < layers.size(); ++i) {
      for (size_t step = 0; step < layers[i].h.size(); ++step) owners_[layers[i].h[step]] = {i, step};
    }
    std::vector<bool> fed(layers.size());
    for (size_t i = 0; i < layers.size(); ++i) fed[i] = FindInput(layers, i);
    return Kept(std::move(layers), fed);
  }

  // Those that are `kept` and, layer by layer, those that stand on them.
  static std::vector<RecurrentLayer> Kept(std::vector<RecurrentLayer> layers, std::vector<bool> kept) {
    for (bool changed = true; changed;) {
      changed = false;
      for (size_t i = 0; i < layers.size(); ++i) {
        if (!kept[i] || !layers[i].below || kept[static_cast<size_t>(*layers[i].below)]) continue;
        kept[i] = false;
        changed = true;
      }
    }
    std::vector<RecurrentLayer> left;
    std::vector<int> place(layers.size(), -1);
    for (size_t i = 0; i < layers.size(); ++i) {
      if (!kept[i]) continue;
      place[i] = static_cast<int>(left.size());
      left.push_back(std::move(layers[i]));
    }
    for (RecurrentLayer& layer : left) {
      if (layer.below) layer.below = place[static_cast<size_t>(*layer.below)];
    }
    return left;
  }

 private:
  struct Link {
    std::optional<size_t> before, after;
    std::vector<RecurrentGate> gates;  // of the step, given the one before it
    Value x;
  };
  struct Fitted {
    Value x;
    std::optional<Value> h;
  };
  struct Line {
    double slope = 1, offset = 0;
    bool operator==(const Line&) const = default;
  };

  void LinkSteps() {
    links_.resize(steps_.size());
    std::map<Value, size_t> by_h, by_c;
    for (size_t i = 0; i < steps_.size(); ++i) {
      by_h[steps_[i].h] = i;
      if (steps_[i].kind == RecurrentKind::kLstm) by_c[steps_[i].c] = i;
    }
    const auto link = [&](const std::map<Value, size_t>& steps, Value state, size_t step) {
      const auto found = steps.find(state);
      if (found != steps.end()) Join(found->second, step);
    };
    for (size_t i = 0; i < steps_.size(); ++i) {
      const RecurrentStep& step = steps_[i];
      if (step.kind == RecurrentKind::kLstm && step.c_before) link(by_c, *step.c_before, i);
      if (step.kind == RecurrentKind::kGru && step.h_before) link(by_h, *step.h_before, i);
      if (step.kind != RecurrentKind::kRnn) continue;
      for (const GateProduct& product : step.gates[0]->sum.products) link(by_h, product.x, i);
    }
  }

  void Join(size_t before, size_t step) {
    Link &from = links_[before], &to = links_[step];
    if (before == step || steps_[before].kind != steps_[step].kind || from.after || to.before) return;
    auto gates = GatesGiven(steps_[step], steps_[before].h, to.x);
    if (!gates || !Fit(steps_[before], steps_[step], *gates)) return;
    to.gates = *std::move(gates);
    to.before = before;
    from.after = step;
  }

  // What the gates take from the state h and what from x: one product each.
  static std::optional<std::vector<RecurrentGate>> GatesGiven(const RecurrentStep& step, Value h, Value& x) {
    std::vector<RecurrentGate> gates;
    std::optional<Value> other;
    for (const auto& gate : step.gates) {
      if (!gate || gate->sum.products.size() != 2) return std::nullopt;
      const GateProduct& first = gate->sum.products[0];
      const GateProduct& second = gate->sum.products[1];
      if ((first.x == h) == (second.x == h)) return std::nullopt;
      const GateProduct &of_h = first.x == h ? first : second, &of_x = first.x == h ? second : first;
      if (other && *other != of_x.x) return std::nullopt;
      other = of_x.x;
      gates.push_back({gate->activation, of_x.weights, of_h.weights, gate->sum.bias, gate->bias_of_h});
    }
    if (other) x = *other;
    return gates;
  }

  // What is compared and copied stays in proportion to what the graph holds, whatever it shares.
  bool CanRead(const std::vector<BiasPart>& parts) {
    for (const BiasPart& part : parts) budget_ -= ConstValue(graph_, {part.constant, 0})->elements();
    return budget_ >= 0;
  }
  bool CanCopy(const std::vector<RecurrentGate>& gates) {
    for (const RecurrentGate& gate : gates) {
      for (const WeightBlock& block : {gate.from_x, gate.from_h}) {
        if (copied_.insert(block).second) budget_ -= block.elements();
      }
      if (!CanRead(gate.bias) || !CanRead(gate.bias_of_h)) return false;
    }
    return budget_ >= 0;
  }

  static bool IsNear(double a, double b) { return std::abs(a - b) <= 1e-6 * std::max(1.0, std::abs(a)); }

  bool SameBias(const std::vector<BiasPart>& a, Line of_a, const std::vector<BiasPart>& b, Line of_b, int64_t columns) {
    if (a == b && of_a == of_b) return true;
    if (!CanRead(a) || !CanRead(b)) return false;
    const auto x = BiasOf(graph_, a, columns), y = BiasOf(graph_, b, columns);
    return x && y && std::equal(x->begin(), x->end(), y->begin(), [&](float p, float q) {
             return IsNear(of_a.slope * p + of_a.offset, of_b.slope * q + of_b.offset);
           });
  }

  bool SameWeights(const WeightBlock& a, Line of_a, const WeightBlock& b, Line of_b) {
    if (of_a == of_b) return a == b;
    if (a.rows != b.rows || a.columns != b.columns) return false;
    budget_ -= 2 * a.elements();
    if (budget_ < 0) return false;
    std::vector<float> p(static_cast<size_t>(a.columns)), q(p.size());
    for (int64_t row = 0; row < a.rows; ++row) {
      ReadRow(a, row, p);
      ReadRow(b, row, q);
      const auto alike = [&](float x, float y) { return IsNear(of_a.slope * x, of_b.slope * y); };
      if (!std::equal(p.begin(), p.end(), q.begin(), alike)) return false;
    }
    return true;
  }
  void ReadRow(const WeightBlock& block, int64_t row, std::vector<float>& to) const {
    const Tensor& tensor = *ConstValue(graph_, {block.constant, 0});
    tensor.Read((block.row + row) * tensor.dims()[1] + block.column, block.columns, reinterpret_cast<char*>(to.data()));
  }

  // The step computed with these gates, maybe without a state. `like`: a later step of theirs.
  std::optional<Fitted> Fit(const RecurrentStep& step, const RecurrentStep& like,
                            const std::vector<RecurrentGate>& gates) {
    if (step.kind == RecurrentKind::kLstm && step.output != like.output) return std::nullopt;
    if (step.reset_after && step.reset_after != like.reset_after) return std::nullopt;
    std::optional<Value> x, h;
    for (size_t i = 0; i < gates.size(); ++i) {
      if (!step.gates[i]) continue;  // then there is no state, see below
      const StepGate& gate = *step.gates[i];
      const int64_t columns = gates[i].from_x.columns;
      Line own, wanted;
      if (gate.activation != gates[i].activation) {
        // Slope and offset of a hard sigmoid may be in the weights of a step that has no state.
        if (gate.activation.op != "HardSigmoid" || gates[i].activation.op != "HardSigmoid") return std::nullopt;
        own = {gate.activation.alpha, gate.activation.beta};
        wanted = {gates[i].activation.alpha, gates[i].activation.beta};
      }
      if (!SameBias(gate.sum.bias, own, gates[i].bias, wanted, columns) ||
          !SameBias(gate.bias_of_h, {}, gates[i].bias_of_h, {}, columns)) {
        return std::nullopt;
      }
      bool has_x = false;
      for (const GateProduct& product : gate.sum.products) {
        const bool of_x = SameWeights(product.weights, own, gates[i].from_x, wanted);
        if (!of_x && (product.weights != gates[i].from_h || own != wanted)) return std::nullopt;
        std::optional<Value>& known = of_x ? x : h;
        if (known && *known != product.x) return std::nullopt;
        known = product.x;
        has_x = has_x || of_x;
      }
      if (!has_x) return std::nullopt;
    }
    const bool complete =
        std::all_of(step.gates.begin(), step.gates.end(), [](const auto& gate) { return gate.has_value(); });
    if (!complete && h && IsZeros(*h)) h.reset();  // what it is multiplied with elsewhere went
    if (!x || (!complete && (h || step.h_before || step.c_before))) return std::nullopt;
    if (step.kind == RecurrentKind::kGru && h && step.h_before != h) return std::nullopt;
    if (step.kind == RecurrentKind::kGru && !h) h = step.h_before;  // its products were zeros
    return Fitted{*x, h};
  }

  std::optional<RecurrentLayer> Assemble(size_t first) {
    const size_t second = *links_[first].after;
    const RecurrentStep& like = steps_[second];
    const auto fitted = Fit(steps_[first], like, links_[second].gates);
    if (!fitted) return std::nullopt;
    RecurrentLayer layer;
    layer.kind = like.kind;
    layer.gates = links_[second].gates;
    layer.output = like.output;
    layer.reset_after = like.reset_after.value_or(false);
    layer.h_before = fitted->h;
    layer.c_before = steps_[first].c_before;
    std::vector<Value> inputs = {fitted->x};
    layer.h = {steps_[first].h};
    layer.c = steps_[first].c;
    for (auto at = links_[first].after; at; at = links_[*at].after) {
      const bool same = std::equal(
          layer.gates.begin(), layer.gates.end(), links_[*at].gates.begin(),
          [](const RecurrentGate& a, const RecurrentGate& b) { return a.from_x == b.from_x && a.from_h == b.from_h; });
      if (!same) return std::nullopt;
      inputs.push_back(links_[*at].x);
      layer.h.push_back(steps_[*at].h);
      layer.c = steps_[*at].c;
    }
    if (!HasOneSize(layer, inputs.front()) || !CanCopy(layer.gates)) return std::nullopt;
    const auto adds_rows = [&](const RecurrentGate& gate) {
      return BiasOf(graph_, gate.bias, layer.units()) && BiasOf(graph_, gate.bias_of_h, layer.units());
    };
    if (!std::all_of(layer.gates.begin(), layer.gates.end(), adds_rows)) return std::nullopt;
    if (!SettleStates(layer, inputs.front())) return std::nullopt;
    inputs_.push_back(std::move(inputs));
    return layer;
  }

  // Nothing is spread over units or rows.
  bool HasOneSize(const RecurrentLayer& layer, Value x) const {
    const int64_t units = layer.units(), rows = graph_.type(x).shape.dim(0);
    const auto gate_fits = [&](const RecurrentGate& gate) {
      return gate.from_x.rows == layer.gates[0].from_x.rows && gate.from_x.columns == units &&
             gate.from_h.rows == units && gate.from_h.columns == units;
    };
    const auto output_fits = [&](Value h) {
      const Shape& shape = graph_.type(h).shape;
      return shape.IsRank(2) && shape.dim(0) == rows && shape.dim(1) == units;
    };
    return std::all_of(layer.gates.begin(), layer.gates.end(), gate_fits) &&
           std::all_of(layer.h.begin(), layer.h.end(), output_fits);
  }

  bool IsZeros(Value value) {
    const Node& node = graph_.node(value.node);
    if (node.op == "ZerosLike") return true;
    if (node.op == "Fill") return ScalarBehind(graph_, node.inputs[1]) == 0.0;
    const Tensor* tensor = ConstValue(graph_, value);
    if (tensor == nullptr) return false;
    if (const auto single = tensor->SingleValue()) return *single == 0;
    budget_ -= tensor->elements();
    if (budget_ < 0) return false;
    const std::vector<float> values = tensor->Values<float>();
    return std::all_of(values.begin(), values.end(), [](float v) { return v == 0; });
  }

  // A state of zeros is none; any other has a row for every row of x.
  bool SettleStates(RecurrentLayer& layer, Value x) {
    for (std::optional<Value>* state : {&layer.h_before, &layer.c_before}) {
      if (*state && IsZeros(**state)) state->reset();
      if (!*state) continue;
      const Shape& shape = graph_.type(**state).shape;
      if (!shape.IsRank(2) || shape.dim(1) != layer.units() || shape.dim(0) != graph_.type(x).shape.dim(0))
        return false;
    }
    return true;
  }

  struct Source {
    std::optional<int> below;
    Value x;
    int axis = 0;
    int64_t count = 0;
    bool operator==(const Source&) const = default;
  };
  struct Taken {
    Source source;
    int64_t index;
  };

  // Where an input of a step comes from.
  std::optional<Taken> SourceOf(const std::vector<RecurrentLayer>& layers, Value value) const {
    const auto of_layer = [&](Value output) -> std::optional<Taken> {
      const auto owner = owners_.find(output);
      if (owner == owners_.end()) return std::nullopt;
      const RecurrentLayer& layer = layers[owner->second.first];
      Source source;
      source.below = static_cast<int>(owner->second.first);
      source.count = layer.steps();
      return Taken{source, layer.Time(static_cast<int64_t>(owner->second.second))};
    };
    if (const auto taken = of_layer(value)) return taken;
    const Node& node = graph_.node(value.node);
    std::optional<Element> element = TakenElement(graph_, node);
    if (node.op == "Unpack") {
      const int rank = graph_.type(node.inputs[0]).shape.rank();
      const int64_t axis = node.attr_or<int64_t>("axis", 0);
      element = Element{node.inputs[0], static_cast<int>(axis < 0 ? axis + rank : axis), value.port,
                        static_cast<int64_t>(node.outputs.size())};
    }
    if (!element) return std::nullopt;
    if (const auto packed = PackedElement(graph_, *element)) return of_layer(*packed);
    const Element moved = LookThroughMoves(graph_, *element);
    if (!graph_.type(moved.value).shape.IsRank(3)) return std::nullopt;
    return Taken{{std::nullopt, moved.value, moved.axis, moved.count}, moved.index};
  }

  bool FindInput(std::vector<RecurrentLayer>& layers, size_t index) {
    RecurrentLayer& layer = layers[index];
    const std::vector<Value>& inputs = inputs_[index];
    const auto first = SourceOf(layers, inputs[0]);
    depths_.push_back(0);
    const int64_t steps = layer.steps();
    if (!first || first->source.count != steps || (first->index != 0 && first->index != steps - 1)) return false;
    // Those below stand before it, and not too many.
    constexpr int kMostStacked = 100;
    if (first->source.below) {
      const auto below = static_cast<size_t>(*first->source.below);
      if (below >= index || depths_[below] >= kMostStacked) return false;
      depths_[index] = depths_[below] + 1;
    }
    const bool backwards = first->index != 0;
    for (int64_t i = 1; i < steps; ++i) {
      const auto next = SourceOf(layers, inputs[static_cast<size_t>(i)]);
      if (!next || next->source != first->source || next->index != (backwards ? steps - 1 - i : i)) return false;
    }
    layer.below = first->source.below;
    layer.x = first->source.x;
    layer.axis = first->source.axis;
    layer.reversed = backwards;
    return true;
  }

  const Graph& graph_;
  std::vector<RecurrentStep> steps_;
  std::vector<Link> links_;
  std::vector<std::vector<Value>> inputs_;  // of each layer, step by step
  std::map<Value, std::pair<size_t, size_t>> owners_;
  std::vector<int> depths_;  // of stacked layers
  std::set<WeightBlock> copied_;
  int64_t budget_ = int64_t{1} << 26;  // elements
};

}  // namespace

std::optional<std::vector<float>> BiasOf(const Graph& graph, const std::vector<BiasPart>& parts, int64_t columns) {
  std::vector<float> sum(static_cast<size_t>(columns), 0.0F);
  for (const BiasPart& part : parts) {
    const Tensor& tensor = *ConstValue(graph, {part.constant, 0});
    if (tensor.elements() == 1) {
      const float number = tensor.Values<float>()[0];
      for (float& value : sum) value += number;
      continue;
    }
    const int64_t width = tensor.rank() < 1 ? 0 : tensor.dims().back();
    if (tensor.elements() == 0 || part.column + columns > width) return std::nullopt;
    const std::vector<float> values = tensor.Values<float>();
    for (size_t i = 0; i < values.size(); ++i) {
      const auto column = static_cast<int64_t>(i) % width;
      if (column < part.column || column >= part.column + columns) continue;
      if (values[i] != values[static_cast<size_t>(column)]) return std::nullopt;
      if (static_cast<int64_t>(i) < width) sum[static_cast<size_t>(column - part.column)] += values[i];
    }
  }
  return sum;
}

std::vector<RecurrentLayer> FindRecurrentLayers(const Graph& graph,
                                                const std::function<bool(const RecurrentLayer&)>& wanted) {
  std::vector<RecurrentLayer> layers = LayerFinder(graph).Find();
  std::vector<bool> kept;
  for (const RecurrentLayer& layer : layers) kept.push_back(wanted(layer));
  return LayerFinder::Kept(std::move(layers), std::move(kept));
}

}  // namespace permafrost
