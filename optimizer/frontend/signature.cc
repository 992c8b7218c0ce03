#include "optimizer/frontend/signature.h"

#include <algorithm>

namespace permafrost {

StatusOr<const Signature*> ChooseSignature(const std::vector<Signature>& signatures, std::string_view name) {
  const std::string_view wanted = name.empty() ? "serving_default" : name;
  const auto found = std::find_if(signatures.begin(), signatures.end(),
                                  [&](const Signature& signature) { return signature.name == wanted; });
  if (found != signatures.end()) return &*found;
  if (name.empty() && signatures.empty()) return nullptr;
  if (name.empty() && signatures.size() == 1) return &signatures[0];
  std::string names;
  for (const Signature& signature : signatures) names += StrCat(names.empty() ? "" : ", ", "'", signature.name, "'");
  if (name.empty())
    return InvalidArgument("has several signatures and no serving_default; name one with --signature: ", names);
  return NotFound("has no signature '", name, "'; ", names.empty() ? "it has none at all" : StrCat("it has ", names));
}

}  // namespace permafrost
