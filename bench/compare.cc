#include "bench/compare.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limits>
#include <map>
#include <numeric>
#include <vector>

#include "runner/decode_segments.h"

namespace permafrost {
namespace {

constexpr double kMostZeros = 0.9;
constexpr double kSaturated = 1e-4;
constexpr double kAlike = 1e-6;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

Comparison Failed(Comparison comparison, std::string reason) {
  comparison.verdict = Verdict::kFailed;
  comparison.reason = std::move(reason);
  return comparison;
}

// Why the reference proves nothing; empty if it may.
std::string Mistrust(const std::vector<float>& reference, double zero_fraction) {
  const size_t bad = static_cast<size_t>(
      std::count_if(reference.begin(), reference.end(), [](float value) { return !std::isfinite(value); }));
  if (bad > 0) return StrCat("the reference holds ", bad, " values that are not finite");
  if (zero_fraction > kMostZeros) return StrCat("the reference is ", std::lround(zero_fraction * 100), " % zeros");
  if (std::all_of(reference.begin(), reference.end(),
                  [](float value) { return std::abs(value) < kSaturated || std::abs(value - 1) < kSaturated; })) {
    return "the reference is saturated: every value is 0 or 1";
  }
  const auto [least, most] = std::minmax_element(reference.begin(), reference.end());
  const double largest = std::max(std::abs(*least), std::abs(*most));
  if (reference.size() > 1 && *most - *least <= kAlike * largest) return "all values of the reference are alike";
  return {};
}

bool IsVector(const std::vector<int64_t>& dims) {
  if (dims.empty() || dims.back() < 2) return false;
  return std::all_of(dims.begin() + (dims.size() > 1 ? 1 : 0), dims.end() - 1, [](int64_t dim) { return dim == 1; });
}

// Mean share of the k best of a row that are among the k best of the other.
double TopShared(const std::vector<float>& a, const std::vector<float>& b, size_t classes, size_t k) {
  std::vector<size_t> order(classes);
  const auto best = [&](const std::vector<float>& values, size_t row) {
    std::iota(order.begin(), order.end(), size_t{0});
    const auto higher = [&](size_t x, size_t y) { return values[row * classes + x] > values[row * classes + y]; };
    std::stable_sort(order.begin(), order.end(), higher);
    std::vector<size_t> top(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(k));
    std::sort(top.begin(), top.end());
    return top;
  };
  size_t shared = 0;
  const size_t rows = a.size() / classes;
  for (size_t row = 0; row < rows; ++row) {
    const auto top_a = best(a, row), top_b = best(b, row);
    std::vector<size_t> both;
    std::set_intersection(top_a.begin(), top_a.end(), top_b.begin(), top_b.end(), std::back_inserter(both));
    shared += both.size();
  }
  return static_cast<double>(shared) / static_cast<double>(rows * k);
}

bool IsWhole(ElementType type) { return type != ElementType::kFloat && type != ElementType::kDouble && type != ElementType::kHalf; }

// A picture whose cells say what is there.
bool IsClassMap(const Array& reference, const std::vector<float>& values) {
  constexpr int64_t kLeastSide = 8;
  const std::vector<int64_t>& dims = reference.dims;
  if ((dims.size() != 3 && dims.size() != 4) || dims[0] != 1 || dims[1] < kLeastSide || dims[2] < kLeastSide) return false;
  const size_t channels = dims.size() == 4 ? static_cast<size_t>(dims[3]) : 1;
  if (IsWhole(reference.type)) return channels == 1;
  if (dims.size() == 3 || channels == 0) return false;
  for (size_t cell = 0; cell < values.size(); cell += channels) {
    double sum = 0;
    for (size_t c = 0; c < channels; ++c) {
      if (!(values[cell + c] >= 0 && values[cell + c] <= 1)) return false;
      sum += values[cell + c];
    }
    if (channels > 1 && std::abs(sum - 1) > 1e-3) return false;
  }
  return true;
}

std::optional<double> ClassIou(const Array& actual, const Array& reference) {
  const auto a = FindSegments(actual, {}), b = FindSegments(reference, {});
  if (!a.ok() || !b.ok() || a->classes.size() != b->classes.size()) return std::nullopt;
  struct Cells {
    int64_t both = 0, either = 0, reference = 0;
  };
  std::map<int32_t, Cells> cells;
  for (size_t i = 0; i < a->classes.size(); ++i) {
    const int32_t x = a->classes[i], y = b->classes[i];
    ++cells[y].reference;
    ++cells[y].either;
    if (x == y) ++cells[y].both;
    if (x != y) ++cells[x].either;
  }
  double sum = 0, classes = 0;
  for (const auto& entry : cells) {
    if (entry.second.reference == 0) continue;
    sum += static_cast<double>(entry.second.both) / static_cast<double>(entry.second.either);
    ++classes;
  }
  return classes > 0 ? std::optional(sum / classes) : std::nullopt;
}

double Top1(const std::vector<float>& a, const std::vector<float>& b, size_t classes) {
  size_t same = 0;
  const auto best = [&](const std::vector<float>& values, size_t row) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(row * classes);
    return std::max_element(first, first + static_cast<std::ptrdiff_t>(classes)) - first;
  };
  const size_t rows = a.size() / classes;
  for (size_t row = 0; row < rows; ++row) same += best(a, row) == best(b, row) ? 1 : 0;
  return static_cast<double>(same) / static_cast<double>(rows);
}

void Measure(const std::vector<float>& a, const std::vector<float>& b, Comparison& out) {
  double most = 0, dot = 0, aa = 0, bb = 0;
  size_t zeros = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], y = b[i];
    zeros += y == 0 ? 1 : 0;
    const double difference = a[i] == b[i] ? 0 : std::abs(x - y);  // equal infinities do not differ
    out.max_abs = std::isnan(difference) ? kInfinity : std::max(out.max_abs, difference);
    if (!std::isfinite(x) || !std::isfinite(y)) continue;
    most = std::max(most, std::abs(y));
    dot += x * y;
    aa += x * x;
    bb += y * y;
  }
  out.zero_fraction = static_cast<double>(zeros) / static_cast<double>(a.size());
  out.needed_rel = out.max_abs == 0 ? 0 : most == 0 ? kInfinity : out.max_abs / most;
  out.cosine = aa > 0 && bb > 0 ? dot / std::sqrt(aa * bb) : (aa == bb ? 1 : 0);
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPassed:
      return "PASSED";
    case Verdict::kFailed:
      return "FAILED";
    case Verdict::kMistrusted:
      return "MISTRUSTED";
    case Verdict::kSkipped:
      break;
  }
  return "SKIPPED";
}

Comparison Compare(const Array& actual, const Array& reference, double tolerance) {
  Comparison out;
  out.needed_rel = kInfinity;
  if (actual.dims != reference.dims) {
    return Failed(out, StrCat("shape ", DimsText(actual.dims), ", expected ", DimsText(reference.dims)));
  }
  const auto a = ToFloats(actual);
  const auto b = ToFloats(reference);
  if (!a.ok() || !b.ok()) return Failed(out, Message(a.ok() ? b.status() : a.status()));
  if (a->empty()) {
    out.verdict = Verdict::kMistrusted;
    out.reason = "no values";
    out.needed_rel = 0;
    return out;
  }
  Measure(*a, *b, out);
  if (IsVector(reference.dims)) {
    constexpr size_t kTop = 5;
    const size_t classes = static_cast<size_t>(reference.dims.back());
    out.top1 = Top1(*a, *b, classes);
    if (classes > kTop) out.top5 = TopShared(*a, *b, classes, kTop);
  }
  if (IsClassMap(reference, *b)) out.class_iou = ClassIou(actual, reference);
  const std::string mistrust = Mistrust(*b, out.zero_fraction);
  const auto not_finite = [](float value) { return !std::isfinite(value); };
  if (std::none_of(b->begin(), b->end(), not_finite) && std::any_of(a->begin(), a->end(), not_finite)) {
    return Failed(out, "holds values that are not finite");
  }
  if (!(out.needed_rel <= tolerance)) {
    return Failed(out, StrCat("off by ", out.needed_rel, " of the largest value, tolerance ", tolerance));
  }
  out.verdict = mistrust.empty() ? Verdict::kPassed : Verdict::kMistrusted;
  out.reason = mistrust;
  return out;
}

}  // namespace permafrost
