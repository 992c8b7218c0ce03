#include "optimizer/frontend/saved_model/read_saved_model.h"

#include <algorithm>
#include <string>
#include <vector>

#include "optimizer/proto/text.h"
#include "optimizer/proto/wire.h"
#include "permafrost/meta_graph.pb.h"

namespace permafrost {
namespace {

constexpr int kSchemaVersion = 1, kMetaGraphs = 2;

using Tags = std::vector<std::string>;

struct Candidate {
  Tags tags;
  std::string_view bytes;
};

Tags ParseTags(std::string_view text) {
  Tags tags;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    if (comma > 0) tags.emplace_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  std::sort(tags.begin(), tags.end());
  return tags;
}

std::string ToString(const Tags& tags) {
  std::string text;
  for (const std::string& tag : tags) text += (text.empty() ? "" : ",") + tag;
  return "'" + text + "'";
}

StatusOr<Candidate> Choose(const std::vector<Candidate>& candidates, std::string_view asked) {
  const Tags wanted = asked.empty() ? Tags{"serve"} : ParseTags(asked);
  std::string all;
  for (const Candidate& candidate : candidates) {
    if (candidate.tags == wanted) return candidate;
    all += StrCat(all.empty() ? "" : ", ", ToString(candidate.tags));
  }
  if (candidates.empty()) return DataLoss("is a SavedModel without a graph");
  if (!asked.empty()) return NotFound("has no graph with the tags ", ToString(wanted), "; it has ", all);
  if (candidates.size() > 1) {
    return InvalidArgument("has several graphs and none with the tag 'serve'; choose one with --tags: ", all);
  }
  return candidates[0];
}

}  // namespace

bool IsSavedModel(std::string_view bytes) {
  WireScanner scan(bytes);
  WireField field;
  // A GraphDef's first field is a node, a MetaGraphDef's a description.
  if (!scan.Next(field)) return false;
  if (field.number == kSchemaVersion) return !field.is_bytes;
  return field.number == kMetaGraphs && field.is_bytes && IsMetaGraph(field.bytes);
}

bool IsSavedModelText(std::string_view text) {
  while (!text.empty() && (text[0] == '#' || text[0] == ' ' || text[0] == '\n' || text[0] == '\r' || text[0] == '\t')) {
    text.remove_prefix(text[0] == '#' ? std::min(text.size(), text.find('\n')) : 1);
  }
  return text.starts_with("saved_model_schema_version") || text.starts_with("meta_graphs");
}

StatusOr<MetaGraph> ReadSavedModel(std::string_view bytes, const std::shared_ptr<const MappedFile>& file,
                                   std::string_view tags, const Limits& limits) {
  std::vector<Candidate> candidates;
  WireScanner scan(bytes);
  WireField field;
  while (scan.Next(field)) {
    if (field.number != kMetaGraphs || !field.is_bytes) continue;
    const std::string_view graph = field.bytes;
    ASSIGN_OR_RETURN(Tags own, TagsOf(graph));
    candidates.push_back({std::move(own), graph});
  }
  if (!scan.ok()) return DataLoss("is damaged or truncated: a SavedModel that ends within a field");
  ASSIGN_OR_RETURN(const Candidate chosen, Choose(candidates, tags));
  ASSIGN_OR_RETURN(MetaGraph graph, ReadMetaGraph(chosen.bytes, file, limits));
  if (tags.empty() && chosen.tags != Tags{"serve"}) {
    graph.notes.push_back(StrCat("the graph with the tags ", ToString(chosen.tags), " is taken: there is no other"));
  }
  return graph;
}

StatusOr<MetaGraph> ReadSavedModelText(std::string_view text, std::string_view tags, const Limits& limits) {
  tf::SavedModel proto;
  std::string error, bytes;
  if (!ParseText(text, proto, error)) return DataLoss("is not a SavedModel in text form: ", error);
  if (!proto.SerializeToString(&bytes)) return ResourceExhausted("is above protobuf's limit of 2 GiB");
  proto.Clear();
  return ReadSavedModel(bytes, nullptr, tags, limits);
}

}  // namespace permafrost
