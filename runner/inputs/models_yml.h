#pragma once

#include <string>

#include "optimizer/support/status.h"
#include "shared_io/model_json.h"

namespace permafrost {

// An entry of a models.yml as OpenCV's samples/dnn has it.
struct ModelsYmlEntry {
  Preprocessing values;     // mean, scale, std, width, height, rgb
  std::string classes;      // file of labels, beside the .yml unless it is absolute; "" when there is none
  std::string sample;       // "classification", "object_detection", "segmentation", ... or ""
  int64_t background = -1;  // background_label_id
};

// Errors: no such file or entry, numbers that are none.
StatusOr<ModelsYmlEntry> ReadModelsYml(const std::string& path, const std::string& alias);

// `values` where they are set, else `otherwise`.
Preprocessing Prefer(const Preprocessing& values, const Preprocessing& otherwise);

}  // namespace permafrost
