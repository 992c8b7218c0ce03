#include <algorithm>
#include <limits>

#include "optimizer/frontend/onnx/sliding.h"

namespace permafrost::from_onnx {
namespace {

// Windows that begin inside the padded data and end outside of them count with ceil_mode. More padding at the end.
Status CeilMode(OpImport& op, Sliding& window, Sizes& beyond) {
  beyond.assign(window.in.size(), 0);
  if (op.Int("ceil_mode", 0) == 0 || op.String("auto_pad", "NOTSET") != "NOTSET") return OkStatus();
  for (size_t i = 0; i < window.in.size(); ++i) {
    if (window.strides[i] == 1) continue;
    if (window.in[i] == kUnknownDim) {
      return Unsupported("ceil_mode of an unknown size; --inputs can give the model's inputs their shapes");
    }
    const int64_t room = window.in[i] + window.before[i] + window.after[i] - ReachOf(window, i), stride = window.strides[i];
    if (room < 0) return InvalidArgument("its window is larger than its input");
    int64_t windows = (room + stride - 1) / stride + 1;
    if ((windows - 1) * stride >= window.in[i] + window.before[i]) --windows;
    beyond[i] = std::max<int64_t>(0, (windows - 1) * stride - room);
    window.after[i] += beyond[i];
  }
  return OkStatus();
}

AttrMap PoolAttrs(const Sliding& window) {
  AttrMap attrs = AttrsOf(window);
  attrs["ksize"] = Framed(window.kernel);
  return attrs;
}

bool IsDilated(const Sliding& window) {
  return std::any_of(window.dilations.begin(), window.dilations.end(), [](int64_t d) { return d != 1; });
}

// TensorFlow's pools have no gaps: what lies under each element of the window, combined.
StatusOr<Value> PoolByTaps(OpImport& op, const Sliding& window, Value x, std::string_view combine, double fill) {
  constexpr int64_t kMost = 128;
  int64_t taps = 1;
  for (const int64_t size : window.kernel) taps = size > kMost ? kMost + 1 : std::min(taps * size, kMost + 1);
  const bool known = std::find(window.in.begin(), window.in.end(), kUnknownDim) == window.in.end();
  if (!known || taps > kMost) return Unsupported("a pooling with dilations over data of unknown size, or of ", taps, " elements");
  ASSIGN_OR_RETURN(x, Padded(op, x, window.before, window.after, fill));
  Sizes reached;  // by the window at its last place
  for (size_t i = 0; i < window.in.size(); ++i) {
    const int64_t room = window.in[i] + window.before[i] + window.after[i] - ReachOf(window, i);
    if (room < 0) return InvalidArgument("its window is larger than its input");
    reached.push_back(room / window.strides[i] * window.strides[i] + 1);
  }
  Value result = x;
  for (int64_t tap = 0; tap < taps; ++tap) {
    Sizes begin = Framed(Sizes(window.in.size()), 0), end = begin;
    int64_t left = tap;
    for (size_t i = window.in.size(); i-- > 0;) {
      begin[i + 1] = left % window.kernel[i] * window.dilations[i];
      end[i + 1] = begin[i + 1] + reached[i];
      left /= window.kernel[i];
    }
    const int64_t ends = 1 | int64_t{1} << (window.in.size() + 1);
    ASSIGN_OR_RETURN(const Value part, op.Emit("StridedSlice", {x, op.Indices("begin", begin), op.Indices("end", end),
                                                                op.Indices("strides", Framed(window.strides))},
                                               {{"begin_mask", ends}, {"end_mask", ends}}, "tap"));
    if (tap == 0) {
      result = part;
    } else {
      ASSIGN_OR_RETURN(result, op.Emit(combine, {result, part}));
    }
  }
  return result;
}

Status MaxPool(OpImport& op) {
  ASSIGN_OR_RETURN(Sliding window, ReadSliding(op, {}));
  RETURN_IF_ERROR(AutoPad(op, window));
  Sizes beyond;
  RETURN_IF_ERROR(CeilMode(op, window, beyond));
  if (window.padding != "SAME") NamePadding(window);
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  ASSIGN_OR_RETURN(x, Opened(op, window, x));
  if (IsDilated(window)) {
    ASSIGN_OR_RETURN(x, PoolByTaps(op, window, x, "Maximum", std::numeric_limits<float>::lowest()));
  } else {
    ASSIGN_OR_RETURN(x, PaddedVolume(op, window, x, std::numeric_limits<float>::lowest()));
    ASSIGN_OR_RETURN(x, op.Emit(window.volume() ? "MaxPool3D" : "MaxPool", {x}, PoolAttrs(window)));
  }
  ASSIGN_OR_RETURN(x, Closed(op, window, x));
  return op.Set(0, x, Lie::kChannelsLast);
}

constexpr std::string_view kUnknownPadding =
    "a mean over padding of an unknown size; --inputs can give the model's inputs their shapes";

// By how much a mean over whole windows has to be multiplied where part of a window does not count.
StatusOr<std::optional<Tensor>> Corrections(OpImport& op, const Sliding& window, const Sizes& beyond, bool counts_pads) {
  std::vector<std::vector<double>> factors;
  bool needed = false;
  int64_t elements = 1;
  for (size_t i = 0; i < window.in.size(); ++i) {
    factors.emplace_back();
    const int64_t first = counts_pads ? -window.before[i] : 0;
    constexpr int64_t kMostWindows = 1 << 20;
    if (window.in[i] / window.strides[i] > kMostWindows) return Unsupported("a mean over an input of ", window.in[i]);
    if (window.in[i] == kUnknownDim) {
      if (beyond[i] == 0 && (counts_pads || (window.before[i] == 0 && window.after[i] == 0))) {
        factors.back() = {1.0};
        continue;
      }
      return Unsupported(kUnknownPadding);
    }
    const int64_t end = window.in[i] + (counts_pads ? window.after[i] : 0);  // with what ceil_mode adds
    const int64_t room = window.in[i] + window.before[i] + window.after[i] - ReachOf(window, i);
    for (int64_t at = -window.before[i]; at <= room - window.before[i]; at += window.strides[i]) {
      const auto before = [&](int64_t place) {  // elements of the window that lie in front of it
        const int64_t step = window.dilations[i];
        return std::clamp<int64_t>((place - at + step - 1) / step, 0, window.kernel[i]);
      };
      const int64_t counted = before(end) - before(first);
      if (counted < 1) return InvalidArgument("a window lies outside of its input");
      factors.back().push_back(static_cast<double>(window.kernel[i]) / static_cast<double>(counted));
      needed = needed || counted != window.kernel[i];
    }
    if (factors.back().empty()) return InvalidArgument("its window is larger than its input");
    constexpr int64_t kMost = 1 << 22;
    elements *= static_cast<int64_t>(factors.back().size());
    if (elements > kMost) return Unsupported("a mean over padding with ", elements, " results");
  }
  if (!needed) return std::optional<Tensor>();
  std::vector<float> all = {1.0F};
  Sizes dims = {1};
  for (const auto& axis : factors) {
    std::vector<float> next;
    for (const float outer : all) {
      for (const double inner : axis) next.push_back(static_cast<float>(outer * inner));
    }
    all = std::move(next);
    dims.push_back(static_cast<int64_t>(axis.size()));
  }
  dims.push_back(1);
  return std::optional<Tensor>(Tensor::Of<float>(dims, all).Cast(op.dtype(0)).Dense());
}

Status Corrected(OpImport& op, const Sliding& window, Value x, const std::optional<Tensor>& correction) {
  if (correction) {
    ASSIGN_OR_RETURN(x, op.Emit("Mul", {x, op.Const("correction", *correction)}));
  }
  ASSIGN_OR_RETURN(x, Closed(op, window, x));
  return op.Set(0, x, Lie::kChannelsLast);
}

Status AveragePool(OpImport& op) {
  ASSIGN_OR_RETURN(Sliding window, ReadSliding(op, {}));
  RETURN_IF_ERROR(AutoPad(op, window));
  Sizes beyond;
  RETURN_IF_ERROR(CeilMode(op, window, beyond));
  const bool counts_pads = op.Int("count_include_pad", 0) != 0;
  if (window.padding == "SAME" && counts_pads) return Unsupported(kUnknownPadding);
  if (window.padding != "SAME") NamePadding(window);
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  ASSIGN_OR_RETURN(x, Opened(op, window, x));
  const std::string_view name = window.volume() ? "AvgPool3D" : "AvgPool";
  // TensorFlow's SAME does not count the padding.
  std::optional<Tensor> correction;
  if (IsDilated(window)) {
    double part = 1;
    for (const int64_t size : window.kernel) part /= static_cast<double>(size);
    ASSIGN_OR_RETURN(correction, Corrections(op, window, beyond, counts_pads));
    ASSIGN_OR_RETURN(x, PoolByTaps(op, window, x, "AddV2", 0));
    ASSIGN_OR_RETURN(x, op.WithNumber("Mul", x, part));
    return Corrected(op, window, x, correction);
  }
  if (window.padding == "EXPLICIT" || (window.padding == "SAME" && counts_pads)) {
    ASSIGN_OR_RETURN(correction, Corrections(op, window, beyond, counts_pads));
    ASSIGN_OR_RETURN(x, Padded(op, x, window.before, window.after, 0));
    window.padding = "VALID";
  }
  ASSIGN_OR_RETURN(x, op.Emit(name, {x}, PoolAttrs(window)));
  return Corrected(op, window, x, correction);
}

// The p-th root of a sum of p-th powers; 1 and 2 in their own words.
StatusOr<Value> Powered(OpImport& op, Value x, double p) {
  ASSIGN_OR_RETURN(x, op.Emit(p == 2 ? "Square" : "Abs", {x}));
  return p == 1 || p == 2 ? StatusOr<Value>(x) : op.WithNumber("Pow", x, p);
}
StatusOr<Value> Rooted(OpImport& op, Value x, double p) {
  if (p == 1) return x;
  return p == 2 ? op.Emit("Sqrt", {x}) : op.WithNumber("Pow", x, 1 / p);
}

StatusOr<double> ReadPower(OpImport& op) {
  const int64_t p = op.Int("p", 2);
  if (p < 1 || p > 64) return InvalidArgument("p is ", p);
  return static_cast<double>(p);
}

Status LpPool(OpImport& op) {
  ASSIGN_OR_RETURN(const double p, ReadPower(op));
  ASSIGN_OR_RETURN(Sliding window, ReadSliding(op, {}));
  RETURN_IF_ERROR(AutoPad(op, window));
  Sizes beyond;
  RETURN_IF_ERROR(CeilMode(op, window, beyond));
  if (window.padding == "SAME") return Unsupported("pads data of unknown size");
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  ASSIGN_OR_RETURN(x, Opened(op, window, x));
  ASSIGN_OR_RETURN(x, Powered(op, x, p));
  if (IsDilated(window)) {
    ASSIGN_OR_RETURN(x, PoolByTaps(op, window, x, "AddV2", 0));
  } else {
    double elements = 1;
    for (const int64_t size : window.kernel) elements *= static_cast<double>(size);
    NamePadding(window);
    if (window.padding != "VALID") {
      ASSIGN_OR_RETURN(x, Padded(op, x, window.before, window.after, 0));
    }
    window.padding = "VALID";
    ASSIGN_OR_RETURN(x, op.Emit(window.volume() ? "AvgPool3D" : "AvgPool", {x}, PoolAttrs(window)));
    ASSIGN_OR_RETURN(x, op.WithNumber("Mul", x, elements));
  }
  ASSIGN_OR_RETURN(x, Rooted(op, x, p));
  ASSIGN_OR_RETURN(x, Closed(op, window, x));
  return op.Set(0, x, Lie::kChannelsLast);
}

Status GlobalLpPool(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  if (rank < 3) return InvalidArgument("its input has rank ", rank, ", expected 3 or more");
  ASSIGN_OR_RETURN(const double p, ReadPower(op));
  Sizes axes;
  for (int i = 1; i + 1 < rank; ++i) axes.push_back(i);
  ASSIGN_OR_RETURN(Value x, op.Last(0));
  ASSIGN_OR_RETURN(x, Powered(op, x, p));
  ASSIGN_OR_RETURN(x, op.Emit("Sum", {x, op.Indices("axes", axes)}, {{"keep_dims", true}}));
  ASSIGN_OR_RETURN(x, Rooted(op, x, p));
  return op.Set(0, x, Lie::kChannelsLast);
}

Status GlobalPool(OpImport& op) {
  ASSIGN_OR_RETURN(const int rank, op.Rank(0));
  if (rank < 3) return InvalidArgument("its input has rank ", rank, ", expected 3 or more");
  Sizes axes;
  for (int i = 1; i + 1 < rank; ++i) axes.push_back(i);
  ASSIGN_OR_RETURN(const Value x, op.Last(0));
  ASSIGN_OR_RETURN(const Value y, op.Emit(RowOf(op).tf, {x, op.Indices("axes", axes)}, {{"keep_dims", true}}));
  return op.Set(0, y, Lie::kChannelsLast);
}

}  // namespace

std::vector<ImportRow> PoolImports() {
  return {
      {"AveragePool", AveragePool},
      {"GlobalAveragePool", GlobalPool, 1, 1, "Mean"},
      {"GlobalLpPool", GlobalLpPool},
      {"GlobalMaxPool", GlobalPool, 1, 1, "Max"},
      {"LpPool", LpPool},
      {"MaxPool", MaxPool},
  };
}

}  // namespace permafrost::from_onnx
