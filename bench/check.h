#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/compare.h"
#include "bench/model_case.h"
#include "runner/session.h"

namespace permafrost {

struct CheckedOutput {
  std::string name;
  Comparison comparison;
};

// What one file answered on one case.
struct Check {
  Verdict verdict = Verdict::kSkipped;  // the worst of the outputs': failed, then mistrusted
  std::string reason;                   // never empty unless kPassed
  std::vector<CheckedOutput> outputs;
  std::optional<DetectionComparison> detections;  // where both sides are boxes: outputs holds it, too, as "detections"
  std::optional<int64_t> peak_bytes;  // of loading and running it once
  SessionOptions options;             // to open the file with as it was checked
  // OpenCV dropped the name of the one output of a file without model.json; its only last layer gave the right numbers.
  bool other_name = false;

  double NeededRel() const;  // the worst of the outputs
};

// The inputs of the case under the names that the file has for them.
std::vector<NamedArray> CaseInputs(const ModelCase& model);
// Loads the file in cv::dnn, runs it on the case's inputs and compares every output with its reference. All in a child
// process: a crash is a failed check.
Check CheckFile(const std::string& path, const ModelCase& model, double tolerance, const SessionOptions& base);

}  // namespace permafrost
