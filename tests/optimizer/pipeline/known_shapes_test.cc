// With the shapes of its inputs given, every value of a model has a shape that inference knows: of the cases of models/
// and of ../shared/models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "optimizer/ops/op.h"
#include "optimizer/pipeline/optimize.h"
#include "shared_io/npy.h"
#include "tests/support/places.h"
#include "tests/support/run_program.h"

namespace permafrost {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// How many boxes a detector keeps is not known before it has seen them.
const std::set<std::string> kOpen = {"NonMaxSuppressionV2",
                                     "NonMaxSuppressionV3",
                                     "NonMaxSuppressionV4",
                                     "NonMaxSuppressionV5",
                                     "Where",
                                     "Unique",
                                     "UniqueV2"};

std::string ModelIn(const fs::path& folder, const Json& meta) {
  if (meta.contains("model")) {
    const std::string name = meta["model"];
    return fs::exists(folder / name) ? (folder / name).string() : SourceDir() + "/build/models/" + name;
  }
  std::string found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::set<std::string> endings = {".pb", ".meta", ".h5", ".hdf5", ".keras"};
    const fs::path& path = entry.path();
    if (path.filename() == "model" || endings.contains(path.extension().string())) found = path.string();
  }
  return found;
}

StatusOr<LoweredModel> Lowered(const fs::path& folder) {
  const Json meta = Json::parse(ReadBytes((folder / "meta.json").string()));
  OptimizeOptions options;
  options.model = ModelIn(folder, meta);
  for (size_t i = 0; i < meta["inputs"].size(); ++i) {
    ASSIGN_OR_RETURN(auto specs, ParseInputSpecs(meta["inputs"][i].get<std::string>()));
    if (meta.contains("shapes")) {
      specs[0].shape = Shape(meta["shapes"][i].get<std::vector<int64_t>>());
    } else {
      ASSIGN_OR_RETURN(const Array input, ReadNpy((folder / ("in" + std::to_string(i) + ".npy")).string()));
      specs[0].shape = Shape(input.dims);
    }
    options.inputs.push_back(specs[0]);
  }
  for (const Json& name : meta.contains("shapes") ? meta["outputs"] : Json::array()) {
    ASSIGN_OR_RETURN(const auto names, ParseOutputSpecs(name.get<std::string>()));
    options.outputs.push_back(names[0]);
  }
  const Json flags = meta.value("flags", Json::object());  // outlives items()
  for (const auto& [name, value] : flags.items()) {
    if (name == "signature") {
      options.signature = value;
    } else if (name == "tags") {
      options.open.tags = value;
    } else {
      ASSIGN_OR_RETURN(options.sets.emplace_back(), ParseSetSpec(name + "=" + value.dump()));
    }
  }
  RunOptions run;
  return LowerModel(options, run);
}

// "name (op)" of every node with a used value of unknown shape, but for what hangs on one that has to be open.
std::vector<std::string> NodesOfUnknownShape(const Graph& graph) {
  std::vector<std::string> found;
  const auto order = graph.TopoOrder();
  EXPECT_TRUE(order.ok());
  std::set<NodeId> open;
  std::set<Value> used;
  for (const GraphOutput& output : graph.outputs()) used.insert(output.value);
  for (NodeId id : *order) used.insert(graph.node(id).inputs.begin(), graph.node(id).inputs.end());
  for (NodeId id : *order) {
    const Node& node = graph.node(id);
    const auto hangs = [&](Value input) { return open.contains(input.node); };
    const bool unknown_op = FindOp(node.op) == nullptr;  // of which nothing can be said
    if (unknown_op || kOpen.contains(node.op) || std::any_of(node.inputs.begin(), node.inputs.end(), hangs)) {
      open.insert(id);
      continue;
    }
    for (int port = 0; port < static_cast<int>(node.outputs.size()); ++port) {
      const bool known = graph.type({id, port}).shape.FullyKnown() || !used.contains({id, port});
      if (!known) found.push_back(node.name + " (" + node.op + ")");
    }
  }
  return found;
}

std::vector<std::string> Folders(const fs::path& place) {
  std::vector<std::string> folders;
  if (!fs::exists(place)) return folders;
  for (const auto& entry : fs::recursive_directory_iterator(place)) {
    if (entry.path().filename() == "meta.json") folders.push_back(entry.path().parent_path().string());
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

// How many models were looked at.
int ExpectKnownShapes(const fs::path& place) {
  int looked_at = 0;
  for (const std::string& folder : Folders(place)) {
    SCOPED_TRACE(folder);
    const auto lowered = Lowered(folder);
    if (!lowered.ok()) continue;  // other tests say which models have to open
    EXPECT_THAT(NodesOfUnknownShape(lowered->model.graph), testing::IsEmpty());
    ++looked_at;
  }
  return looked_at;
}

TEST(ShapeInference, KnowsAllShapesOfTheCases) { EXPECT_GT(ExpectKnownShapes(fs::path(SourceDir()) / "models"), 200); }

TEST(ShapeInference, KnowsAllShapesOfTheModelsOfOthers) {
  const char* place = std::getenv("PERMAFROST_SHARED_MODELS");
  const fs::path shared =
      place != nullptr ? fs::path(place) : fs::path(SourceDir()).parent_path() / "shared" / "models";
  if (!fs::exists(shared))
    GTEST_SKIP() << "no folder " << shared.string() << " (PERMAFROST_SHARED_MODELS names another)";
  EXPECT_GT(ExpectKnownShapes(shared), 30);
}

}  // namespace
}  // namespace permafrost
