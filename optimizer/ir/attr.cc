#include "optimizer/ir/attr.h"

#include <algorithm>

namespace permafrost {

bool SameAttr(const Attr& a, const Attr& b) {
  if (a.index() != b.index()) return false;
  return std::visit(
      [&](const auto& left) {
        using T = std::decay_t<decltype(left)>;
        if constexpr (std::is_same_v<T, Tensor>) {
          return SameTensor(left, std::get<T>(b));
        } else {
          return left == std::get<T>(b);
        }
      },
      a);
}

bool SameAttrs(const AttrMap& a, const AttrMap& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& left, const auto& right) {
    return left.first == right.first && SameAttr(left.second, right.second);
  });
}

}  // namespace permafrost
