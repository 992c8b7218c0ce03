#include "optimizer/pipeline/find_cascade.h"

namespace permafrost {
namespace {

struct Known {
  int64_t side;    // of the input; -1: any
  size_t outputs;
  int64_t size;    // of the square that it judges
  double threshold;
};
constexpr Known kStages[] = {{-1, 2, 12, 0.6}, {24, 2, 24, 0.7}, {48, 3, 48, 0.7}};

bool IsPicture(const TensorInfo& input, int64_t side) {
  return input.rank_known && input.shape.size() == 4 && input.shape[1] == side && input.shape[2] == side && input.shape[3] == 3;
}

const TensorInfo* OutputOf(const ModelInfo& net, int64_t numbers) {
  for (const TensorInfo& output : net.outputs) {
    if (output.rank_known && !output.shape.empty() && output.shape.back() == numbers) return &output;
  }
  return nullptr;
}

std::optional<CascadeInfo::Stage> StageOf(const ModelInfo& net, const Known& known) {
  if (net.inputs.size() != 1 || !IsPicture(net.inputs[0], known.side) || net.outputs.size() != known.outputs) return std::nullopt;
  const TensorInfo *scores = OutputOf(net, 2), *boxes = OutputOf(net, 4), *points = OutputOf(net, 10);
  if (scores == nullptr || boxes == nullptr || (known.outputs == 3 && points == nullptr)) return std::nullopt;
  CascadeInfo::Stage stage{net.file, known.size, scores->name, boxes->name, "", known.threshold, 0.7};
  if (points != nullptr) stage.points = points->name;
  return stage;
}

}  // namespace

std::optional<CascadeInfo> FindCascade(const std::vector<ModelInfo>& nets) {
  CascadeInfo cascade;
  for (const Known& known : kStages) {
    const size_t before = cascade.stages.size();
    for (const ModelInfo& net : nets) {
      const auto stage = StageOf(net, known);
      if (stage) cascade.stages.push_back(*stage);
    }
    if (cascade.stages.size() != before + 1) return std::nullopt;
  }
  return cascade;
}

}  // namespace permafrost
