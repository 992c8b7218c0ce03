#include "optimizer/pipeline/retired_transforms.h"

#include <algorithm>

namespace permafrost {

const std::vector<RetiredTransform>& RetiredTransforms() {
  constexpr std::string_view kEightBits =
      "OpenCV's importer has no quantised layers; quantize_weights makes the file small, the arithmetic stays float32";
  constexpr std::string_view kFusedOps =
      "OpenCV knows no FusedPadConv2D or FusedResizeAndPadConv2D; it merges a Pad into the convolution behind it by itself";
  static const std::vector<RetiredTransform> rows = {
      {"backport_tensor_array_v3", true, "loops are unrolled, and TensorArrays become the tensors they hold"},
      {"fake_quantize_training", false, "it prepares a training graph; files here are for inference"},
      {"fold_moments", false, "legalize-norms says norms of their own data for OpenCV, TensorFlow has no Moments op"},
      {"freeze_requantization_ranges", false, kEightBits},
      {"fuse_convolutions", false, kFusedOps},
      {"fuse_pad_and_conv", false, kFusedOps},
      {"fuse_quantized_convolution", false, kEightBits},
      {"fuse_remote_graph", false, "it was for one phone's signal processor"},
      {"fuse_resize_and_conv", false, kFusedOps},
      {"fuse_resize_pad_and_conv", false, kFusedOps},
      {"insert_logging", false,
       "any tensor can be an output: --outputs a,b, then permafrost-run --json prints their values"},
      {"place_remote_graph_arguments", false, "it was for one phone's signal processor"},
      {"quantize_nodes", false, kEightBits},
      {"remove_device", true, "files that are written name no devices"},
      {"remove_ema", false,
       "it cleans up after fake_quantize_training; freeze the checkpoint with --ema to take moving averages"},
      {"set_device", false, "files that are written name no devices: choose one where the graph is loaded"},
      {"sparsify_gather", false, "OpenCV has no hash tables, and a table that is read is a constant"},
  };
  return rows;
}

const RetiredTransform* FindRetiredTransform(std::string_view name) {
  const auto same = [&](const RetiredTransform& row) {
    return std::equal(row.name.begin(), row.name.end(), name.begin(), name.end(),
                      [](char a, char b) { return a == (b == '-' ? '_' : b); });
  };
  const std::vector<RetiredTransform>& rows = RetiredTransforms();
  const auto found = std::find_if(rows.begin(), rows.end(), same);
  return found == rows.end() ? nullptr : &*found;
}

}  // namespace permafrost
