#include "optimizer/frontend/graphdef/check_detection_layers.h"

#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace permafrost {
namespace {

// What a convolution or product gives: numbers of a cell, or of a row.
struct Head {
  NodeId node = kNoNode;
  int64_t columns = 0;
  bool product = false;
};

const Tensor* ConstantAt(const Graph& graph, const Node& node, size_t input) {
  return node.inputs.size() > input ? graph.node(node.inputs[input].node).attr<Tensor>("value") : nullptr;
}

// scores[:, :, 1:], which leaves a background out: how many columns go. Nullopt: another slice.
std::optional<int64_t> ColumnsCut(const Graph& graph, const Node& node) {
  const Tensor *begin = ConstantAt(graph, node, 1), *size = ConstantAt(graph, node, 2);
  if (begin == nullptr || size == nullptr || begin->elements() < 1 || begin->elements() > 8 || size->elements() != begin->elements()) return std::nullopt;
  const std::vector<int64_t> first = begin->Values<int64_t>(), count = size->Values<int64_t>();
  for (size_t i = 0; i < first.size(); ++i) {
    if (count[i] != -1 || (first[i] != 0 && i + 1 < first.size())) return std::nullopt;
  }
  return first.back();
}

// The heads that are joined to `value`, in their order; empty: not all of them can be followed.
class HeadFinder {
 public:
  explicit HeadFinder(const Graph& graph) : graph_(graph) {}

  std::vector<Head> Find(Value value) {
    std::vector<Head> heads;
    return Follow(value.node, 0, heads) ? heads : std::vector<Head>();
  }

 private:
  bool Follow(NodeId id, int64_t cut, std::vector<Head>& heads) {
    static const std::set<std::string_view> kPasses = {"cv::Flatten", "cv::Reshape", "cv::Identity", "cv::Squeeze", "cv::Sigmoid", "cv::Softmax",
                                                       "cv::BiasAdd", "cv::Transpose", "cv::Permute"};
    constexpr int kMostSteps = 2000;  // text can tie heads into a cycle
    while (++steps_ < kMostSteps) {
      const Node& node = graph_.node(id);
      if (node.op == "cv::ConcatV2" && node.inputs.size() > 1 && cut == 0) {
        for (size_t i = 0; i + 1 < node.inputs.size(); ++i) {
          if (!Follow(node.inputs[i].node, 0, heads)) return false;
        }
        return true;
      }
      if (node.op == "cv::Slice") {
        const auto more = ColumnsCut(graph_, node);
        if (!more || *more < 0 || *more > 1) return false;
        cut += *more;
      } else if (!kPasses.contains(node.op)) {
        return Take(id, cut, heads);
      }
      if (node.inputs.empty()) return false;
      id = node.inputs[0].node;
    }
    return false;
  }

  bool Take(NodeId id, int64_t cut, std::vector<Head>& heads) const {
    const Node& node = graph_.node(id);
    const Tensor* weights = ConstantAt(graph_, node, 1);
    if (weights == nullptr) return false;
    const bool product = node.op == "cv::MatMul";
    if (!(node.op == "cv::Conv2D" && weights->rank() == 4) && !(product && weights->rank() == 2)) return false;
    const bool turned = product && node.attr_or<bool>("transpose_b", false);
    const int64_t columns = turned ? weights->dims()[0] : weights->dims().back();
    if (columns <= cut || columns > INT32_MAX || (cut != 0 && !product)) return false;
    heads.push_back({id, columns - cut, product});
    return true;
  }

  const Graph& graph_;
  int steps_ = 0;
};

// The classes that weights have; nullopt: they do not say.
std::optional<int64_t> ClassesOf(const std::vector<Head>& boxes, const std::vector<Head>& scores, bool shared) {
  std::optional<int64_t> classes;
  for (size_t i = 0; i < scores.size(); ++i) {
    int64_t own = scores[i].columns;  // a row of scores is a box
    if (shared) {
      if (boxes.size() != scores.size() || scores[i].columns * 4 % boxes[i].columns != 0) return std::nullopt;
      own = scores[i].columns * 4 / boxes[i].columns;
    } else if (!scores[i].product) {
      return std::nullopt;
    }
    if (classes && *classes != own) return std::nullopt;
    classes = own;
  }
  return classes;
}

}  // namespace

Status CheckDetectionLayers(const Graph& graph) {
  for (NodeId id : graph.NodeIds()) {
    const Node& node = graph.node(id);
    const auto* said = node.attr<int64_t>("num_classes");
    if (node.op != "cv::DetectionOutput" || node.inputs.size() < 2 || said == nullptr) continue;
    const std::vector<Head> boxes = HeadFinder(graph).Find(node.inputs[0]), scores = HeadFinder(graph).Find(node.inputs[1]);
    const auto classes = ClassesOf(boxes, scores, node.attr_or<bool>("share_location", true));
    if (!classes || *classes == *said) continue;
    return InvalidArgument("node '", node.name, "' (DetectionOutput): num_classes is ", *said, ", expected ", *classes, ": so many classes have the weights of node '",
                           graph.node(scores[0].node).name, "'; write the text graph again with the pipeline.config that this model was trained by");
  }
  return OkStatus();
}

}  // namespace permafrost
