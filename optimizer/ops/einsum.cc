#include "optimizer/ops/einsum.h"

#include <algorithm>

namespace permafrost {
namespace {

constexpr std::string_view kDots = "...";

// Puts the last `count` of `letters` in the place of the dots.
std::string WithLetters(std::string_view labels, std::string_view letters, size_t count) {
  const size_t dots = labels.find(kDots);
  std::string plain(labels.substr(0, dots));
  if (dots == std::string_view::npos) return plain;
  plain += letters.substr(letters.size() - count);
  plain += labels.substr(dots + kDots.size());
  return plain;
}

}  // namespace

std::optional<std::string> PlainEinsum(std::string_view equation, const std::vector<Shape>& operands) {
  std::string text(equation);
  std::erase(text, ' ');
  if (text.find(kDots) == std::string::npos) return text;
  const size_t arrow = text.find("->");
  if (arrow == std::string::npos) return std::nullopt;
  const std::string_view left = std::string_view(text).substr(0, arrow), right = std::string_view(text).substr(arrow + 2);
  std::string letters;
  for (char c = 'A'; c <= 'Z'; ++c) {
    if (text.find(c) == std::string::npos) letters += c;
  }
  std::string plain;
  size_t most = 0, start = 0;
  std::vector<int64_t> sizes(letters.size(), kUnknownDim);  // of the dots' axes, from the last one
  for (const Shape& shape : operands) {
    if (start > left.size() || !shape.has_rank()) return std::nullopt;
    const size_t end = std::min(left.find(',', start), left.size());
    const std::string_view labels = left.substr(start, end - start);
    const bool dotted = labels.find(kDots) != std::string_view::npos;
    const size_t named = labels.size() - (dotted ? kDots.size() : 0), rank = static_cast<size_t>(shape.rank());
    if (rank < named || (!dotted && rank != named)) return std::nullopt;
    const size_t count = rank - named;
    if (count > letters.size()) return std::nullopt;
    const size_t behind = dotted ? labels.size() - labels.find(kDots) - kDots.size() : 0;
    for (size_t i = 0; i < count; ++i) {
      const int64_t dim = shape.dim(static_cast<int>(rank - behind - 1 - i));
      if (sizes[i] >= 0 && dim >= 0 && sizes[i] != dim) return std::nullopt;
      sizes[i] = std::max(sizes[i], dim);
    }
    most = std::max(most, count);
    plain += (plain.empty() ? "" : ",") + WithLetters(labels, letters, count);
    start = end + 1;
  }
  if (start <= left.size()) return std::nullopt;  // more operands in the equation than there are
  return plain + "->" + WithLetters(right, letters, most);
}

}  // namespace permafrost
