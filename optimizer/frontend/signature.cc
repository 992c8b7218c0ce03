#include "optimizer/frontend/signature.h"

#include <algorithm>

namespace permafrost {

StatusOr<const Signature*> ChooseSignature(const std::vector<Signature>& signatures, std::string_view name) {
  const auto find = [&](std::string_view wanted) {
    const auto found = std::find_if(signatures.begin(), signatures.end(),
                                    [&](const Signature& signature) { return signature.name == wanted; });
    return found != signatures.end() ? &*found : nullptr;
  };
  if (const Signature* found = find(name.empty() ? "serving_default" : name)) return found;
  for (const std::string_view usual : {"__call__", "call_and_return_conditional_losses", "serve"}) {
    const Signature* found = name.empty() ? find(usual) : nullptr;
    if (found != nullptr) return found;
  }
  if (name.empty() && signatures.empty()) return nullptr;
  if (name.empty() && signatures.size() == 1) return &signatures[0];
  std::string names;
  for (const Signature& signature : signatures) names += StrCat(names.empty() ? "" : ", ", "'", signature.name, "'");
  if (name.empty())
    return InvalidArgument("has several signatures and no serving_default; name one with --signature: ", names);
  return NotFound("has no signature '", name, "'; ", names.empty() ? "it has none at all" : StrCat("it has ", names));
}

}  // namespace permafrost
