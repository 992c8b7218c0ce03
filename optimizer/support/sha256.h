#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "optimizer/support/status.h"

struct evp_md_ctx_st;  // EVP_MD_CTX

namespace permafrost {

// SHA-256 over bytes as they come by.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void Add(std::string_view bytes);
  std::string HexDigest();  // once, at the end: 64 lower-case digits

 private:
  evp_md_ctx_st* context_;
};

// Hash of a whole file.
StatusOr<std::string> Sha256OfFile(const std::string& path);

}  // namespace permafrost
