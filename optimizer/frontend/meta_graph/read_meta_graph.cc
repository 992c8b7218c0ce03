#include "optimizer/frontend/meta_graph/read_meta_graph.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "optimizer/frontend/graphdef/read_graphdef.h"
#include "optimizer/proto/text.h"
#include "optimizer/proto/wire.h"
#include "permafrost/meta_graph.pb.h"

namespace permafrost {
namespace {

constexpr int kGraphDef = 2, kSignatureDef = 5, kAssetFileDef = 6, kObjectGraphDef = 7;

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

using TensorInfos = google::protobuf::Map<std::string, tf::TensorInfo>;

std::vector<SignatureTensor> TensorsOf(const TensorInfos& infos) {
  std::vector<SignatureTensor> tensors;
  for (const auto& [alias, info] : infos) {
    SignatureTensor tensor{alias, info.name(), DTypeFromProto(info.dtype()).value_or(DType::kInvalid), Shape()};
    if (alias.empty()) tensor.alias = info.name().substr(0, info.name().rfind(':'));  // called by its own name
    if (!info.tensor_shape().unknown_rank()) {
      std::vector<int64_t> dims;
      for (const auto& dim : info.tensor_shape().dim()) dims.push_back(std::max<int64_t>(dim.size(), -1));
      tensor.shape = Shape(std::move(dims));
    }
    tensors.push_back(std::move(tensor));
  }
  std::sort(tensors.begin(), tensors.end(),
            [](const SignatureTensor& a, const SignatureTensor& b) { return a.alias < b.alias; });
  return tensors;
}

// `entry` is one of the map's.
Status AddSignature(std::string_view entry, std::vector<Signature>& signatures) {
  std::string_view name, value;
  WireScanner pair(entry);
  WireField field;
  while (pair.Next(field)) {
    if (field.number == 1 && field.is_bytes) name = field.bytes;
    if (field.number == 2 && field.is_bytes) value = field.bytes;
  }
  tf::SignatureDef proto;
  if (!pair.ok() || !ParseWire(value, proto)) {
    return DataLoss("is damaged: signature '", name, "' cannot be read");
  }
  // Entry points for TensorFlow's loader: they initialise, and compute nothing for a caller.
  if (name == "__saved_model_init_op" || name == "__saved_model_train_op") return OkStatus();
  signatures.push_back({std::string(name), proto.method_name(), TensorsOf(proto.inputs()), TensorsOf(proto.outputs())});
  return OkStatus();
}

Status AddAsset(std::string_view bytes, std::vector<Asset>& assets) {
  tf::AssetFileDef proto;
  if (!ParseWire(bytes, proto)) {
    return DataLoss("is damaged: an asset cannot be read");
  }
  const std::filesystem::path path(proto.filename());
  if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end()) {
    return InvalidArgument("asset '", proto.filename(),
                           "': its path leaves the model's folder; expected a file in assets/");
  }
  assets.push_back({proto.tensor_info().name(), proto.filename()});
  return OkStatus();
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

StatusOr<MetaGraph> ReadMetaGraph(std::string_view bytes, const std::shared_ptr<const MappedFile>& file,
                                  const Limits& limits) {
  MetaGraph result;
  std::string_view graph_def, object_graph;
  WireScanner scan(bytes);
  WireField field;
  while (scan.Next(field)) {
    if (!field.is_bytes) continue;
    if (field.number == kGraphDef) {
      graph_def = field.bytes;
    } else if (field.number == kSignatureDef) {
      RETURN_IF_ERROR(AddSignature(field.bytes, result.signatures));
    } else if (field.number == kAssetFileDef) {
      RETURN_IF_ERROR(AddAsset(field.bytes, result.assets));
    } else if (field.number == kObjectGraphDef) {
      object_graph = field.bytes;
    }
  }
  if (!scan.ok()) return DataLoss("is damaged or truncated: a MetaGraphDef that ends within a field");
  ASSIGN_OR_RETURN(result.graph, ReadGraphDef(graph_def, file, limits));
  if (result.signatures.empty()) result.object_graph = std::string(object_graph);
  std::sort(result.signatures.begin(), result.signatures.end(),
            [](const Signature& a, const Signature& b) { return a.name < b.name; });
  return result;
}

StatusOr<MetaGraph> ReadMetaGraphText(std::string_view text, const Limits& limits) {
  tf::MetaGraphDef proto;
  std::string error, bytes;
  if (!ParseText(text, proto, error)) return DataLoss("is not a MetaGraphDef in text form: ", error);
  if (!proto.SerializeToString(&bytes)) return ResourceExhausted("is above protobuf's limit of 2 GiB");
  proto.Clear();
  return ReadMetaGraph(bytes, nullptr, limits);
}

StatusOr<std::vector<std::string>> TagsOf(std::string_view bytes) {
  constexpr int kMetaInfo = 1, kTags = 4;
  std::vector<std::string> tags;
  WireScanner scan(bytes);
  WireField field;
  while (scan.Next(field)) {
    if (field.number != kMetaInfo || !field.is_bytes) continue;
    WireScanner info(field.bytes);
    while (info.Next(field)) {
      if (field.number == kTags && field.is_bytes) tags.emplace_back(field.bytes);
    }
    if (!info.ok()) return DataLoss("is damaged: the description of a graph cannot be read");
  }
  if (!scan.ok()) return DataLoss("is damaged or truncated: a MetaGraphDef that ends within a field");
  std::sort(tags.begin(), tags.end());
  return tags;
}

}  // namespace permafrost
