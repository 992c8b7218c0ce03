#pragma once

#include "optimizer/passes/detection/detector_heads.h"

namespace permafrost {

constexpr std::string_view kBoxEncodings = "box_encodings";
constexpr std::string_view kClassScores = "class_scores";

// Makes the heads the graph's only outputs: box_encodings [1, anchors, 4] and class_scores [1, anchors, classes].
void EmitHeads(GraphEditor& editor, const DetectorHeads& heads);

// The elements of a value of known shape as [1, n]; joined rows are laid flat before they are joined.
Value EmitFlat(GraphEditor& editor, std::string_view name, Value value);

}  // namespace permafrost
