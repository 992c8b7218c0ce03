#include "optimizer/frontend/meta_graph/read_meta_graph.h"

#include <algorithm>
#include <cctype>

#include "optimizer/frontend/graphdef/read_graphdef.h"
#include "optimizer/proto/text.h"
#include "optimizer/proto/wire.h"
#include "permafrost/meta_graph.pb.h"

namespace permafrost {
namespace {

constexpr int kGraphDef = 2;

// A NodeDef has a printable op in field 2; a FunctionDef, the first thing in a GraphDef's library, has no field 2.
bool IsNode(std::string_view bytes) {
  WireScanner scan(bytes);
  WireField field;
  while (scan.Next(field)) {
    if (field.number == 2) {
      return field.is_bytes && !field.bytes.empty() &&
             std::all_of(field.bytes.begin(), field.bytes.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
    }
  }
  return false;
}

}  // namespace

bool IsMetaGraph(std::string_view bytes) {
  // At most one description, then the graph; a GraphDef begins with a row of nodes.
  WireScanner scan(bytes);
  WireField field;
  for (int descriptions = 0; scan.Next(field);) {
    if (field.number == 1 && ++descriptions > 1) return false;
    if (field.number != kGraphDef) continue;
    if (!field.is_bytes) return false;
    WireScanner graph(field.bytes);
    WireField node;
    return graph.Next(node) && node.number == 1 && node.is_bytes && IsNode(node.bytes);
  }
  return false;
}

bool IsMetaGraphText(std::string_view text) {
  while (!text.empty()) {
    if (std::isspace(static_cast<unsigned char>(text[0])) != 0) {
      text.remove_prefix(1);
    } else if (text[0] == '#') {
      text.remove_prefix(std::min(text.size(), text.find('\n')));
    } else {
      break;
    }
  }
  for (std::string_view field : {"meta_info_def", "graph_def", "saver_def", "collection_def", "signature_def"}) {
    if (text.starts_with(field)) return true;
  }
  return false;
}

StatusOr<Graph> ReadMetaGraph(std::string_view bytes, const std::shared_ptr<const MappedFile>& file,
                              const Limits& limits) {
  WireScanner scan(bytes);
  WireField field;
  std::string_view graph_def;
  while (scan.Next(field)) {
    if (field.number == kGraphDef && field.is_bytes) graph_def = field.bytes;
  }
  if (!scan.ok()) return DataLoss("is damaged or truncated: a MetaGraphDef that ends within a field");
  return ReadGraphDef(graph_def, file, limits);
}

StatusOr<Graph> ReadMetaGraphText(std::string_view text, const Limits& limits) {
  tf::MetaGraphDef proto;
  std::string error, bytes;
  if (!ParseText(text, proto, error)) return DataLoss("is not a MetaGraphDef in text form: ", error);
  if (!proto.graph_def().SerializeToString(&bytes)) return ResourceExhausted("is above protobuf's limit of 2 GiB");
  proto.Clear();
  return ReadGraphDef(bytes, nullptr, limits);
}

}  // namespace permafrost
