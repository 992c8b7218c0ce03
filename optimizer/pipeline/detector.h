#pragma once

#include <optional>
#include <string>
#include <vector>

#include "optimizer/passes/detection/find_stages.h"
#include "optimizer/pipeline/optimize.h"

// Detectors on their way from a graph with loops over boxes to a file.
namespace permafrost {

// How a detector is to be written, told by the options; nullopt: as the graph it is.
std::optional<DetectorFormat> FormatOfDetectors(const OptimizeOptions& options);

// What a graph was cut at: one suppression, or those of two stages.
struct DetectorCut {
  Suppression suppression;  // of one stage
  std::optional<DetectorStages> stages;
};

// Cuts an imported graph where its boxes are decoded and its scores converted: these become its outputs, and inputs get
// the size that the graph resizes to, which is `picture` where that is known already. Nullopt: it is no detector, or one that is
// not known; `refusal` then says why.
std::optional<DetectorCut> CutDetector(GraphEditor& editor, const std::optional<std::vector<int64_t>>& picture,
                                       std::vector<std::string>& notes, std::string& refusal);

// What became of that graph once it is flat and its constants are folded: its outputs are those of the format.
StatusOr<DetectorInfo> BuildDetector(Graph& graph, const DetectorCut& cut, DetectorFormat format, const Target& target,
                                     std::vector<std::string>& notes);

// The same graph up to the boxes and scores that are chosen from, which is what can be compared: boxes of nearly the same
// score may change places behind it. What follows begins with rows that are made up. Other graphs come back as they are.
Graph UpToDetections(const Graph& graph);

}  // namespace permafrost
