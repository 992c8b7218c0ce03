#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "tests/fuzz/fuzz_targets.h"
#include "tests/support/places.h"

namespace permafrost {
namespace {

// Every seed and every input that once broke something.
void Replay(const std::string& corpus, void (*target)(std::string_view)) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(SourceDir() + "/tests/fuzz/corpus/" + corpus)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  ASSERT_FALSE(files.empty());
  for (const auto& path : files) {
    SCOPED_TRACE(path);
    std::ostringstream bytes;
    bytes << std::ifstream(path, std::ios::binary).rdbuf();
    target(bytes.str());
  }
}

TEST(FuzzCorpus, NothingInItBreaksReadingGraphDefs) { Replay("graphdef", FuzzGraphDef); }
TEST(FuzzCorpus, NothingInItBreaksReadingGraphDefText) { Replay("graphdef_text", FuzzGraphDefText); }
TEST(FuzzCorpus, NothingInItBreaksReadingSavedModels) { Replay("saved_model", FuzzSavedModel); }
TEST(FuzzCorpus, NothingInItBreaksReadingGraphText) { Replay("graph_text", FuzzGraphText); }
TEST(FuzzCorpus, NothingInItBreaksFreezingMetaGraphs) { Replay("meta_graph", FuzzMetaGraph); }
TEST(FuzzCorpus, NothingInItBreaksReadingOnnx) { Replay("onnx", FuzzOnnx); }
TEST(FuzzCorpus, NothingInItBreaksReadingTables) { Replay("table", FuzzTable); }
TEST(FuzzCorpus, NothingInItBreaksReadingBundles) { Replay("bundle", FuzzBundle); }
TEST(FuzzCorpus, NothingInItBreaksReadingV1Checkpoints) { Replay("v1_checkpoint", FuzzV1Checkpoint); }
TEST(FuzzCorpus, NothingInItBreaksReadingKerasFiles) { Replay("keras", FuzzKeras); }
TEST(FuzzCorpus, NothingInItBreaksReadingKerasConfigs) { Replay("keras_config", FuzzKerasConfig); }

}  // namespace
}  // namespace permafrost
