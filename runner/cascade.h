#pragma once

#include <opencv2/core/mat.hpp>
#include <string>
#include <utility>
#include <vector>

#include "optimizer/support/status.h"
#include "runner/decode_boxes.h"
#include "runner/session.h"
#include "shared_io/cascade_json.h"

namespace permafrost {

struct Face {
  Box box;  // in pixels, not cut at the edges of the picture; class 0
  std::vector<std::pair<double, double>> points;  // x, y: left eye, right eye, nose, left and right corner of the mouth
};

// Finds faces with the three networks of an MTCNN, each in a file of its own, as its Python package does. Not thread-safe.
//
//   auto cascade = permafrost::Cascade::Open("faces.json", {});
//   if (!cascade.ok()) return cascade.status();
//   auto faces = cascade->Find(cv::imread("people.jpg"));
class Cascade {
 public:
  // Errors: those of the description and of Session::Open.
  static StatusOr<Cascade> Open(const std::string& path, const SessionOptions& options);

  // `pixels`: 8-bit BGR. Best first. Errors: an empty picture, one below the size that is looked for gives no faces,
  // outputs that are not as the description says, whatever OpenCV throws.
  StatusOr<std::vector<Face>> Find(const cv::Mat& pixels);

  const CascadeInfo& info() const { return info_; }
  const std::vector<Session>& sessions() const { return sessions_; }

 private:
  Cascade(CascadeInfo info, std::vector<Session> sessions) : info_(std::move(info)), sessions_(std::move(sessions)) {}
  CascadeInfo info_;
  std::vector<Session> sessions_;
};

}  // namespace permafrost
