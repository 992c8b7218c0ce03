#include "runner/pipeline/run_cascade.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>

#include "runner/inputs/video.h"

namespace permafrost {
namespace {

using Clock = std::chrono::steady_clock;

class Run {
 public:
  Run(int64_t skip, Cascade& cascade, const std::vector<std::unique_ptr<Writer>>& writers, const ItemRunOptions& options,
      const RunHooks& hooks)
      : skip_(skip), cascade_(cascade), writers_(writers), options_(options), hooks_(hooks) {}

  StatusOr<RunStats> Go(const std::vector<Item>& items) {
    const auto start = Clock::now();
    for (const Item& item : items) {
      if (Stopped()) break;
      RETURN_IF_ERROR(item.kind == ItemKind::kVideo ? RunVideo(item) : RunPicture(item));
    }
    if (next_ < skip_ && !Stopped()) {
      return InvalidArgument("the journal counts ", skip_, " items, but there are only ", next_);
    }
    stats_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    return std::move(stats_);
  }

 private:
  bool Stopped() const {
    return (hooks_.stop != nullptr && *hooks_.stop) || (options_.limit >= 0 && next_ >= options_.limit);
  }
  // Whether an earlier run has done this item.
  StatusOr<bool> Skip(const std::string& name) {
    if (next_++ >= skip_) return false;
    if (hooks_.skipped) RETURN_IF_ERROR(hooks_.skipped(name));
    return true;
  }

  Status RunPicture(const Item& item) {
    ASSIGN_OR_RETURN(const bool done, Skip(item.name));
    if (done) return OkStatus();
    FinishedItem head{item.name, item.file_name, OkStatus()};
    if (item.kind != ItemKind::kFiles || item.files.size() != 1) {
      head.status = InvalidArgument(item.name, ": a cascade takes pictures");
      return Write(std::move(head));
    }
    auto pixels = ReadPixels(item.files[0].second);
    if (pixels.ok()) return Find(std::move(head), std::move(pixels).value());
    head.status = pixels.status();
    return Write(std::move(head));
  }

  Status RunVideo(const Item& item) {
    const auto fail = [&](const Status& status) -> Status {
      ASSIGN_OR_RETURN(const bool done, Skip(item.name));
      return done ? OkStatus() : Write({item.name, item.file_name, status});
    };
    auto video = Video::Open(item.files[0].second);
    if (!video.ok()) return fail(video.status());
    for (int64_t frame = 0; !Stopped(); ++frame) {
      auto pixels = video->Next();
      if (!pixels.ok()) return fail(pixels.status());
      if (!*pixels) break;
      if (frame % options_.every != 0) continue;
      const std::string name = StrCat(item.name, "#", frame);
      ASSIGN_OR_RETURN(const bool done, Skip(name));
      if (done) continue;
      char number[24];
      std::snprintf(number, sizeof(number), "-%06lld", static_cast<long long>(frame));
      FinishedItem head{name, item.file_name + number, OkStatus()};
      head.fps = video->fps() / static_cast<double>(options_.every);
      RETURN_IF_ERROR(Find(std::move(head), **pixels));
    }
    return OkStatus();
  }

  Status Find(FinishedItem head, cv::Mat pixels) {
    const auto start = Clock::now();
    auto faces = cascade_.Find(pixels);
    stats_.latencies.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    head.status = faces.status();
    if (faces.ok()) head.results = FaceResults(*faces, pixels);
    head.pixels = std::move(pixels);
    return Write(std::move(head));
  }

  Status Write(FinishedItem item) {
    if (!item.status.ok() && options_.fail_fast) return item.status;
    ++stats_.items;
    if (!item.status.ok()) ++stats_.failed;
    for (const auto& writer : writers_) RETURN_IF_ERROR(writer->Write(item));
    return hooks_.written ? hooks_.written(item) : OkStatus();
  }

  const int64_t skip_;
  Cascade& cascade_;
  const std::vector<std::unique_ptr<Writer>>& writers_;
  const ItemRunOptions& options_;
  const RunHooks& hooks_;
  int64_t next_ = 0;
  RunStats stats_;
};

}  // namespace

std::vector<OutputResult> FaceResults(const std::vector<Face>& faces, const cv::Mat& pixels) {
  OutputResult boxes, points;
  boxes.name = "faces";
  points.name = "points";
  boxes.decoder = Decoder::kBoxes;
  points.decoder = Decoder::kKeypoints;
  boxes.has_boxes = true;
  std::vector<float> corners, places;
  for (const Face& face : faces) {
    Box box = face.box;
    box.x1 = std::clamp(box.x1, 0.0, static_cast<double>(pixels.cols));
    box.x2 = std::clamp(box.x2, 0.0, static_cast<double>(pixels.cols));
    box.y1 = std::clamp(box.y1, 0.0, static_cast<double>(pixels.rows));
    box.y2 = std::clamp(box.y2, 0.0, static_cast<double>(pixels.rows));
    boxes.boxes.push_back(box);
    for (const double at : {box.x1, box.y1, box.x2, box.y2}) corners.push_back(static_cast<float>(at));
    for (size_t i = 0; i < face.points.size(); ++i) {
      const auto& [x, y] = face.points[i];
      points.keypoints.push_back({static_cast<int64_t>(i), x, y, box.score});
      places.insert(places.end(), {static_cast<float>(x), static_cast<float>(y)});
    }
  }
  boxes.array = FloatArray({static_cast<int64_t>(faces.size()), 4}, corners);
  points.array = FloatArray({static_cast<int64_t>(places.size() / 2), 2}, places);
  std::vector<OutputResult> results;
  results.push_back(std::move(boxes));
  results.push_back(std::move(points));
  return results;
}

StatusOr<RunStats> RunCascade(const std::vector<Item>& items, int64_t skip, Cascade& cascade,
                              const std::vector<std::unique_ptr<Writer>>& writers, const ItemRunOptions& options,
                              const RunHooks& hooks) {
  return Run(skip, cascade, writers, options, hooks).Go(items);
}

}  // namespace permafrost
