#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optimizer/passes/pass.h"

// Where a graph begins and ends: what the user asked for, and what is chosen when nothing was.
namespace permafrost {

// "name", "name:k". A name may be written with ":0".
struct TensorName {
  std::string node;
  int port = 0;
};

struct InputSpec {
  TensorName tensor;
  std::optional<Shape> shape;  // overrides what the file says
  std::optional<DType> dtype;
};

// `role` ("input") is for the error, which suggests names that exist.
StatusOr<Value> FindTensor(const Graph& graph, const TensorName& name, std::string_view role);

// Turns the Placeholder (or PlaceholderWithDefault) `name` into a constant. A one-element `value` fills the
// placeholder's shape; otherwise its shape must fit. Converted to the placeholder's dtype.
Status SetPlaceholder(GraphEditor& editor, std::string_view name, const Tensor& value);

// Makes each tensor a graph input: the graph is cut there and fed by a Placeholder that takes the node's name (for port
// k > 0 "<node>_<k>"). Errors name what exists instead.
Status CutInputs(GraphEditor& editor, const std::vector<InputSpec>& inputs);

// Makes each tensor a graph output under the name as written.
Status SetOutputs(GraphEditor& editor, const std::vector<TensorName>& outputs);

// Bool placeholders that only choose between training and inference, keep_prob (1) and dropout rate (0) placeholders
// become constants; each is noted. A name such as is_inference or testing gets true, any other bool false.
extern const PassInfo kFixTrainingSwitches;

// Without outputs asked for: the ends of what depends on the data but not on labels; never a loss, accuracy, summary,
// save, init or training op. Scores go before the ArgMax or TopK that ranks them. What was chosen is noted.
extern const PassInfo kChooseOutputs;

// Every placeholder that the outputs need becomes a graph input. Iterators, queues, readers, parsers and decoders are cut
// at the first image-like tensor behind them. Errors: no input found (candidates listed).
extern const PassInfo kChooseInputs;

}  // namespace permafrost
