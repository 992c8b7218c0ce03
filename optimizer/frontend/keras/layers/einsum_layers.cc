#include <algorithm>
#include <map>

#include "optimizer/frontend/keras/activation.h"
#include "optimizer/frontend/keras/emit.h"
#include "optimizer/frontend/keras/layer_families.h"

namespace permafrost::keras {
namespace {

// "abc,cd->abd" in its parts; "..." at the front or back of input and output is cut off.
struct DenseEquation {
  std::string input, kernel, output;
  bool elided_left = false, elided_right = false;
};

StatusOr<DenseEquation> ParseEquation(const std::string& equation) {
  std::string text;
  for (const char c : equation) {
    if (c != ' ') text += c;
  }
  const size_t comma = text.find(','), arrow = text.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || comma > arrow) {
    return InvalidArgument("its equation is '", equation, "', expected 'input,kernel->output'");
  }
  DenseEquation parts{text.substr(0, comma), text.substr(comma + 1, arrow - comma - 1), text.substr(arrow + 2)};
  parts.elided_left = parts.input.starts_with("...");
  parts.elided_right = parts.input.ends_with("...") && !parts.elided_left;
  for (std::string* part : {&parts.input, &parts.output}) {
    if (parts.elided_left && part->starts_with("...")) part->erase(0, 3);
    if (parts.elided_right && part->ends_with("...")) part->erase(part->size() - 3);
  }
  for (const std::string* part : {&parts.input, &parts.kernel, &parts.output}) {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    if (part->empty() || !std::all_of(part->begin(), part->end(), letter)) {
      return InvalidArgument("its equation '", equation, "' is not one that EinsumDense takes");
    }
  }
  return parts;
}

StatusOr<std::vector<Value>> BuildEinsumDense(LayerContext& layer) {
  ASSIGN_OR_RETURN(const std::string equation, layer.config().String("equation"));
  ASSIGN_OR_RETURN(const DenseEquation parts, ParseEquation(equation));
  const Shape shape = layer.shape(layer.input());
  ASSIGN_OR_RETURN(const int rank, layer.Rank(layer.input()));
  const int elided = rank - static_cast<int>(parts.input.size());
  if (elided < 0 || (elided > 0 && !parts.elided_left && !parts.elided_right)) {
    return InvalidArgument("its equation '", equation, "' does not fit an input of rank ", rank);
  }

  // Sizes of the letters: those of the input are known from it, the rest from output_shape, which says nothing of
  // batch.
  std::map<char, int64_t> sizes;
  const Json& stated = layer.config()["output_shape"];
  std::vector<int64_t> output_shape;
  for (const Json& item : stated.is_array() ? stated : Json::array({stated})) {
    output_shape.push_back(item.is_number_integer() ? item.get<int64_t>() : kUnknownDim);
  }
  const size_t after_batch = parts.output.size() - (parts.elided_left ? 0 : 1);
  for (size_t i = 0; i < after_batch; ++i) {  // aligned at the end, or right behind the batch
    const size_t letter = parts.elided_right ? 1 + i : parts.output.size() - 1 - i;
    if (i >= output_shape.size() || letter >= parts.output.size()) break;
    sizes[parts.output[letter]] = parts.elided_right ? output_shape[i] : output_shape[output_shape.size() - 1 - i];
  }
  for (size_t i = 0; i < parts.input.size(); ++i) {
    const int64_t dim = shape.dim(static_cast<int>(i) + (parts.elided_left ? elided : 0));
    if (dim >= 0) sizes[parts.input[i]] = dim;
  }
  const auto size_of = [&](char letter) -> StatusOr<int64_t> {
    const auto found = sizes.find(letter);
    if (found != sizes.end() && found->second >= 0) return found->second;
    return InvalidArgument("the size of '", letter, "' in its equation '", equation, "' is not known");
  };

  std::vector<int64_t> kernel_dims;
  for (const char letter : parts.kernel) {
    ASSIGN_OR_RETURN(kernel_dims.emplace_back(), size_of(letter));
  }
  ASSIGN_OR_RETURN(const Value kernel, layer.Weight("kernel", kernel_dims));
  ASSIGN_OR_RETURN(Value output, EinsumOf(layer, equation, {layer.input(), kernel}));
  ASSIGN_OR_RETURN(const std::string bias_axes, layer.config().String("bias_axes", ""));
  if (!bias_axes.empty()) {
    size_t first = parts.output.size();
    for (const char letter : bias_axes) first = std::min(first, parts.output.find(letter));
    std::vector<int64_t> bias_dims;
    for (size_t i = first; i < parts.output.size(); ++i) {
      int64_t dim = 1;
      if (bias_axes.find(parts.output[i]) != std::string::npos) {
        ASSIGN_OR_RETURN(dim, size_of(parts.output[i]));
      }
      bias_dims.push_back(dim);
    }
    if (bias_dims.empty())
      return InvalidArgument("its bias_axes '", bias_axes, "' are not in the output '", equation, "'");
    if (!parts.elided_left) bias_dims.resize(bias_dims.size() + static_cast<size_t>(elided), 1);
    ASSIGN_OR_RETURN(const Value bias, layer.Weight("bias", bias_dims));
    ASSIGN_OR_RETURN(output, layer.Emit("AddV2", {output, bias}, {}, "add"));
  }
  return One(Activate(layer, layer.config()["activation"], output));
}

}  // namespace

std::vector<LayerRow> EinsumLayers() {
  return {
      {.class_name = "EinsumDense", .build = BuildEinsumDense},
  };
}

}  // namespace permafrost::keras
