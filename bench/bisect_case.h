#pragma once

#include <string>
#include <vector>

#include "bench/bisect.h"
#include "bench/model_case.h"

namespace permafrost {

// What to bisect: a file, the graph that it says, what to feed it, and where it came from.
struct BisectSubject {
  std::string name, model_path;
  Graph graph;
  std::vector<NamedTensor> inputs;
  std::optional<Graph> source;    // lowered; of an optimized file whose source is at hand
  std::vector<Array> references;  // of a case: TensorFlow's, in the order of the graph's outputs
};

// The optimized file of a case (written below `work_folder` unless `optimized` names it), or its own file when `raw`.
StatusOr<BisectSubject> SubjectOfCase(const ModelCase& model, bool raw, const std::string& optimized,
                                      const std::string& work_folder);
// A file as it stands; `arrays` are its inputs in order, or none for seeded ones. `source` may be empty.
StatusOr<BisectSubject> SubjectOfFile(const std::string& path, const std::string& source,
                                      const std::vector<Array>& arrays, uint64_t seed);

// A net that cv::dnn refuses as a whole, with these words: the node whose own cone it refuses while it runs the cones
// of all its producers. Each is cut out and written below `work_folder`. Errors: no such node (what is refused alone is
// taken together with other nodes).
StatusOr<BisectReport> NarrowRefusal(const BisectSubject& subject, const LayerSource& source,
                                     const std::string& work_folder, const std::string& words);

// What was found, for people and for machines. The kernels' own distance from the case's references is told as well:
// what they have in common with cv::dnn is not OpenCV's.
std::string BisectText(const BisectSubject& subject, const BisectReport& report, const BisectOptions& options);
std::string BisectJson(const BisectSubject& subject, const BisectReport& report, const BisectOptions& options);

}  // namespace permafrost
