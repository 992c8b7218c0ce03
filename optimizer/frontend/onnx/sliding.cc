#include "optimizer/frontend/onnx/sliding.h"

#include <algorithm>

namespace permafrost::from_onnx {
namespace {

// -1: depends on the size, which is not known.
int64_t SamePads(const Sliding& window, size_t i) {
  const int64_t reach = ReachOf(window, i), stride = window.strides[i], in = window.in[i];
  if (stride == 1) return reach - 1;
  if (in == kUnknownDim) return reach == 1 ? 0 : -1;
  const int64_t out = (in + stride - 1) / stride;
  return std::max<int64_t>(0, (out - 1) * stride + reach - in);
}

}  // namespace

Sizes Framed(const Sizes& space, int64_t ends) {
  Sizes all = {ends};
  all.insert(all.end(), space.begin(), space.end());
  all.push_back(ends);
  return all;
}

int64_t ReachOf(const Sliding& window, size_t i) { return (window.kernel[i] - 1) * window.dilations[i] + 1; }

void NamePadding(Sliding& window) {
  const auto zero = [](int64_t pad) { return pad == 0; };
  if (std::all_of(window.before.begin(), window.before.end(), zero) &&
      std::all_of(window.after.begin(), window.after.end(), zero)) {
    window.padding = "VALID";
    return;
  }
  bool same = true;
  for (size_t i = 0; i < window.in.size(); ++i) {
    const int64_t total = SamePads(window, i);
    same = same && total >= 0 && window.before[i] == total / 2 && window.after[i] == total - total / 2;
  }
  window.padding = same ? "SAME" : "EXPLICIT";
}

Status CheckSizes(const Sizes& sizes, size_t count, int64_t least, std::string_view what) {
  constexpr int64_t kMost = 1 << 24;
  const bool good = sizes.size() == count &&
                    std::all_of(sizes.begin(), sizes.end(), [&](int64_t size) { return size >= least && size <= kMost; });
  return good ? OkStatus() : InvalidArgument(what, " is ", Shape(sizes).ToString(), ", expected ", count, " numbers from ",
                                             least, " to ", kMost);
}

StatusOr<Sliding> ReadSliding(OpImport& op, Sizes kernel) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  if (rank < 3 || rank > 5) return Unsupported("slides over data of rank ", rank, ", expected 3 to 5");
  const auto axes = static_cast<size_t>(rank - 2);
  Sliding window;
  if (kernel.empty()) kernel = op.IntList("kernel_shape");
  window.kernel = kernel;
  window.strides = op.IntList("strides", Sizes(axes, 1));
  window.dilations = op.IntList("dilations", Sizes(axes, 1));
  for (int i = 2; i < rank; ++i) window.in.push_back(op.shape(0).dim(i));
  Sizes pads = op.IntList("pads", Sizes(2 * axes, 0));
  RETURN_IF_ERROR(CheckSizes(window.kernel, axes, 1, "kernel_shape"));
  RETURN_IF_ERROR(CheckSizes(window.strides, axes, 1, "strides"));
  RETURN_IF_ERROR(CheckSizes(window.dilations, axes, 1, "dilations"));
  RETURN_IF_ERROR(CheckSizes(pads, 2 * axes, 0, "pads"));
  window.before.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(axes));
  window.after.assign(pads.begin() + static_cast<std::ptrdiff_t>(axes), pads.end());
  if (axes == 1) {
    window.line = true;
    for (Sizes* sizes : {&window.in, &window.kernel, &window.strides, &window.dilations}) sizes->insert(sizes->begin(), 1);
    for (Sizes* sizes : {&window.before, &window.after}) sizes->insert(sizes->begin(), 0);
  }
  window.axes = static_cast<int>(window.in.size());
  return window;
}

Status AutoPad(OpImport& op, Sliding& window) {
  const std::string mode = op.String("auto_pad", "NOTSET");
  if (mode == "NOTSET" || mode.empty()) return OkStatus();
  std::fill(window.before.begin(), window.before.end(), 0);
  std::fill(window.after.begin(), window.after.end(), 0);
  if (mode == "VALID") return OkStatus();
  if (mode != "SAME_UPPER" && mode != "SAME_LOWER") return InvalidArgument("auto_pad is '", mode, "'");
  for (size_t i = 0; i < window.in.size(); ++i) {
    const int64_t total = SamePads(window, i);
    if (total < 0) {
      if (mode == "SAME_UPPER") {  // whoever runs it works it out
        window.padding = "SAME";
        continue;
      }
      return Unsupported("auto_pad SAME_LOWER of an unknown size; --inputs can give the model's inputs their shapes");
    }
    window.before[i] = mode == "SAME_UPPER" ? total / 2 : total - total / 2;
    window.after[i] = total - window.before[i];
  }
  return OkStatus();
}

StatusOr<Value> Opened(OpImport& op, const Sliding& window, Value x) {
  return window.line ? op.Emit("ExpandDims", {x, op.Index("ExpandDims/dim", 1)}) : StatusOr<Value>(x);
}
StatusOr<Value> Closed(OpImport& op, const Sliding& window, Value x) {
  return window.line ? op.Emit("Squeeze", {x}, {{"squeeze_dims", Sizes{1}}}) : StatusOr<Value>(x);
}

StatusOr<Value> Padded(OpImport& op, Value x, const Sizes& before, const Sizes& after, double fill) {
  std::vector<int32_t> sides = {0, 0};
  for (size_t i = 0; i < before.size(); ++i) {
    sides.push_back(static_cast<int32_t>(before[i]));
    sides.push_back(static_cast<int32_t>(after[i]));
  }
  sides.insert(sides.end(), {0, 0});
  const Value paddings = op.Const("paddings", Tensor::Of<int32_t>({static_cast<int64_t>(sides.size() / 2), 2}, sides));
  if (fill == 0) return op.Emit("Pad", {x, paddings});
  return op.Emit("PadV2", {x, paddings, op.Number("filling", fill, op.type(x).dtype)});
}

AttrMap AttrsOf(const Sliding& window) {
  AttrMap attrs = {{"strides", Framed(window.strides)},
                   {"padding", window.padding},
                   {"data_format", std::string(window.volume() ? "NDHWC" : "NHWC")}};
  if (window.padding == "EXPLICIT") {
    Sizes sides = {0, 0};
    for (size_t i = 0; i < window.before.size(); ++i) {
      sides.push_back(window.before[i]);
      sides.push_back(window.after[i]);
    }
    sides.insert(sides.end(), {0, 0});
    attrs["explicit_paddings"] = sides;
  }
  return attrs;
}

StatusOr<Value> PaddedVolume(OpImport& op, Sliding& window, Value x, double fill) {
  if (!window.volume() || window.padding != "EXPLICIT") return x;
  window.padding = "VALID";
  return Padded(op, x, window.before, window.after, fill);
}

}  // namespace permafrost::from_onnx
