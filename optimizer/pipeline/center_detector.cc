#include "optimizer/pipeline/center_detector.h"

#include <algorithm>

#include "optimizer/ops/infer.h"
#include "optimizer/passes/detection/find_centers.h"
#include "optimizer/pipeline/describe_detector.h"
#include "optimizer/pipeline/picture_size.h"

namespace permafrost {
namespace {

constexpr std::string_view kCenters = "centers", kSizes = "sizes", kOffsets = "offsets";

}  // namespace

bool PrepareCenters(GraphEditor& editor, std::vector<std::string>& notes) {
  const auto peaks = FindPeaks(editor.graph());
  if (!peaks) return false;
  FixPictures(editor, SizeOfPictures(editor.graph(), {{*peaks, 0}}), notes);
  return true;
}

StatusOr<DetectorInfo> BuildCenters(Graph& graph, std::vector<std::string>& notes) {
  ASSIGN_OR_RETURN(const CenterHeads heads, ReadCenters(graph));
  DetectorInfo info;
  info.family = "centernet";
  info.kind = std::string(DetectorInfo::kCenters);
  info.centers = std::string(kCenters);
  info.sizes = std::string(kSizes);
  info.offsets = std::string(kOffsets);
  info.score_converter = std::string(heads.converter);
  info.classes = heads.classes;
  info.class_offset = heads.label_offset;
  info.peak_window = heads.window;
  info.max_detections = info.max_detections_per_class = heads.most;
  info.clip = true;
  DescribePicture(graph, info);
  GraphEditor editor(graph);
  editor.SetGraphOutputs({{info.centers, heads.centers}, {info.sizes, heads.sizes}, {info.offsets, heads.offsets}});
  editor.PruneDead();
  RETURN_IF_ERROR(InferTypes(editor));
  notes.push_back(StrCat("a detector of middles: ", heads.classes, heads.classes == 1 ? " class, " : " classes, ", heads.rows, "x",
                         heads.columns, " cells, ", heads.converter, " scores, the ", heads.most,
                         " best peaks; its heads are written, permafrost-run decodes them as model.json says"));
  return info;
}

}  // namespace permafrost
