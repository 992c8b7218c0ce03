#include "bench/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

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
  if (IsVector(reference.dims)) out.top1 = Top1(*a, *b, static_cast<size_t>(reference.dims.back()));
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
