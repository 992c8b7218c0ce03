#pragma once

#include <string>
#include <string_view>

#include "optimizer/ir/graph.h"
#include "optimizer/support/limits.h"

namespace permafrost {

// What a file's content says it is, whatever it is called.
enum class Format {
  kGraphDef,
  kGraphDefText,
  kUnknown,
};
std::string_view NameOf(Format format);

struct Model {
  Graph graph;  // imported
  Format format = Format::kUnknown;
  int64_t file_bytes = 0;
  std::string source_sha256;
};

// Reads a model of any format we know, told apart by content. Every error names the file; one about a file that is
// something else says what it is and what to do.
StatusOr<Model> OpenModel(const std::string& path, const Limits& limits);

}  // namespace permafrost
