#pragma once

#include <string>
#include <utility>
#include <vector>

#include "bench/detections.h"
#include "optimizer/support/status.h"
#include "shared_io/array.h"

namespace permafrost {

// A folder that holds a model, inputs and what TensorFlow answered: meta.json, in.npy or in<i>.npy, out<i>.npy. Of a detector it may hold
// detection_boxes.npy, _scores, _classes and _masks instead of the latter: what it finds on each of the pictures in in.npy, of which the
// first counts.
struct ModelCase {
  std::string name, folder;
  std::string kind;        // "pb", "saved_model", "h5", ...
  std::string model_path;  // a file, or the folder of a SavedModel
  std::string opencv_graph;  // OpenCV's own text graph of a frozen .pb, whose layers are the outputs then; mostly none
  std::vector<std::string> input_names, output_names;
  std::vector<std::pair<std::string, std::string>> flags;  // placeholder and its value as JSON text
  std::vector<Array> inputs, outputs;
  DetectionLimits detections;  // for outputs that are boxes: "detections" of meta.json
  bool own_outputs = false;  // the file's outputs are the model's own, no matter what output_names are
  bool judged_by_kernels = false;  // the outputs are those of our reference kernels, not TensorFlow's
};

// `models_folders` are looked through, after the case's own folder, for the model that meta.json names.
// Errors: a file that is missing or damaged, fewer arrays than names.
StatusOr<ModelCase> LoadModelCase(const std::string& folder, const std::vector<std::string>& models_folders);

bool IsModelCase(const std::string& folder);
// The cases in the folder, by name. Errors: no folder, no case in it.
StatusOr<std::vector<std::string>> ListModelCases(const std::string& folder);

}  // namespace permafrost
