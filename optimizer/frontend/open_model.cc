#include "optimizer/frontend/open_model.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "optimizer/frontend/graphdef/read_graphdef.h"
#include "optimizer/ir/verify.h"
#include "optimizer/support/mapped_file.h"

namespace permafrost {
namespace {

struct Foreign {
  std::string_view magic;
  size_t offset;
  std::string_view what;
};

// Things that people hand over by mistake, told by their first bytes.
constexpr Foreign kForeign[] = {
    {"PK\x03\x04", 0, "a zip archive (a .keras file or a download that has to be unpacked)"},
    {"\x89HDF\r\n\x1a\n", 0, "an HDF5 file (a Keras .h5 model)"},
    {"version https://git-lfs", 0, "a Git LFS pointer; fetch the real file with `git lfs pull`"},
    {"TFL3", 4, "a TensorFlow Lite model"},
    {"\x1f\x8b", 0, "a gzip archive; unpack it first"},
    {"<!DOCTYPE", 0, "an HTML page, not the file that its address promised; download it again"},
    {"<html", 0, "an HTML page, not the file that its address promised; download it again"},
    {"\x7f" "ELF", 0, "a program"},
    {"\x89PNG", 0, "a picture"},
};

std::string_view SkipSpace(std::string_view text) {
  while (!text.empty() && (std::isspace(static_cast<unsigned char>(text[0])) != 0)) text.remove_prefix(1);
  return text;
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](unsigned char x, unsigned char y) {
           return std::tolower(x) == std::tolower(y);
         });
}

std::optional<std::string_view> WhatElse(std::string_view bytes) {
  const std::string_view text = SkipSpace(bytes.substr(0, 4096));
  for (const Foreign& foreign : kForeign) {
    const std::string_view from = foreign.offset > 0 ? bytes : text;
    if (from.size() < foreign.offset + foreign.magic.size()) continue;
    if (EqualsIgnoringCase(from.substr(foreign.offset, foreign.magic.size()), foreign.magic)) return foreign.what;
  }
  return std::nullopt;
}

// Text if the beginning has no control characters but white space and names a field before ':' or '{'.
bool LooksLikeText(std::string_view bytes) {
  for (unsigned char c : bytes.substr(0, 512)) {
    if (c < 0x20 && c != '\n' && c != '\r' && c != '\t') return false;
  }
  std::string_view head = SkipSpace(bytes);
  while (head.starts_with('#')) {
    head.remove_prefix(std::min(head.size(), head.find('\n')));
    head = SkipSpace(head);
  }
  size_t word = 0;
  while (word < head.size() && (std::isalnum(static_cast<unsigned char>(head[word])) != 0 || head[word] == '_')) ++word;
  head = SkipSpace(head.substr(word));
  return word > 0 && (head.starts_with('{') || head.starts_with(':') || head.starts_with('<'));
}

StatusOr<Model> Read(const std::shared_ptr<const MappedFile>& file, const Limits& limits) {
  Model model;
  const std::string_view bytes = file->bytes();
  model.file_bytes = static_cast<int64_t>(bytes.size());
  if (const auto what = WhatElse(bytes)) {
    return InvalidArgument("is ", *what, "; expected a frozen TensorFlow graph (.pb or .pbtxt)");
  }
  model.format = LooksLikeText(bytes) ? Format::kGraphDefText : Format::kGraphDef;
  auto graph = model.format == Format::kGraphDefText ? ReadGraphDefText(bytes, limits)
                                                     : ReadGraphDef(bytes, file, limits);
  RETURN_IF_ERROR(graph.status());
  model.graph = *std::move(graph);
  RETURN_IF_ERROR(Verify(model.graph, Level::kImported));
  return model;
}

}  // namespace

std::string_view NameOf(Format format) {
  switch (format) {
    case Format::kGraphDef: return "GraphDef (binary)";
    case Format::kGraphDefText: return "GraphDef (text)";
    case Format::kUnknown: break;
  }
  return "unknown";
}

StatusOr<Model> OpenModel(const std::string& path, const Limits& limits) {
  ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
  auto model = Read(file, limits);
  if (!model.ok()) return WithContext(model.status(), path);
  return model;
}

}  // namespace permafrost
