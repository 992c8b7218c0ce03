#include "optimizer/frontend/open_model.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <optional>

#include "optimizer/frontend/checkpoint/open_checkpoint.h"
#include "optimizer/frontend/checkpoint/table_reader.h"
#include "optimizer/frontend/graphdef/read_graphdef.h"
#include "optimizer/frontend/meta_graph/read_meta_graph.h"
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

StatusOr<Graph> ReadGraph(const std::shared_ptr<const MappedFile>& file, const Limits& limits, Format& format) {
  const std::string_view bytes = file->bytes();
  if (LooksLikeText(bytes)) {
    const bool meta = IsMetaGraphText(bytes);
    format = meta ? Format::kMetaGraphText : Format::kGraphDefText;
    return meta ? ReadMetaGraphText(bytes, limits) : ReadGraphDefText(bytes, limits);
  }
  const bool meta = IsMetaGraph(bytes);
  format = meta ? Format::kMetaGraph : Format::kGraphDef;
  return meta ? ReadMetaGraph(bytes, file, limits) : ReadGraphDef(bytes, file, limits);
}

// model.meta belongs to the checkpoint model.
std::string CheckpointBeside(const std::string& path, Format format) {
  constexpr std::string_view kMeta = ".meta";
  const bool meta = format == Format::kMetaGraph || format == Format::kMetaGraphText;
  if (!meta || !path.ends_with(kMeta)) return "";
  const std::string prefix = path.substr(0, path.size() - kMeta.size());
  return HasCheckpoint(prefix) ? prefix : "";
}

StatusOr<Model> Read(const std::shared_ptr<const MappedFile>& file, const Limits& limits) {
  Model model;
  const std::string_view bytes = file->bytes();
  model.file_bytes = static_cast<int64_t>(bytes.size());
  if (const auto what = WhatElse(bytes)) {
    return InvalidArgument("is ", *what, "; expected a frozen TensorFlow graph (.pb or .pbtxt)");
  }
  if (IsTable(bytes)) {
    return InvalidArgument("is part of a checkpoint, which holds the variables but no graph; give the graph (.meta, .pb "
                           "or .pbtxt) and this with --checkpoint");
  }
  auto graph = ReadGraph(file, limits, model.format);
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
    case Format::kMetaGraph: return "MetaGraphDef (binary)";
    case Format::kMetaGraphText: return "MetaGraphDef (text)";
    case Format::kUnknown: break;
  }
  return "unknown";
}

StatusOr<Model> OpenModel(const std::string& path, const Limits& limits, const std::string& checkpoint) {
  ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
  auto model = Read(file, limits);
  if (!model.ok()) return WithContext(model.status(), path);
  const std::string prefix = checkpoint.empty() ? CheckpointBeside(path, model->format) : checkpoint;
  if (!prefix.empty()) {
    ASSIGN_OR_RETURN(model->variables, OpenCheckpoint(prefix, limits));
  }
  return model;
}

}  // namespace permafrost
