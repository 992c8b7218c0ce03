#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "runner/inputs/video.h"
#include "runner/preprocess.h"
#include "runner/writers/folder.h"
#include "runner/writers/writer.h"

namespace permafrost {
namespace {

StatusOr<cv::Mat> DrawItem(const FinishedItem& item, const DecodeOptions& options) {
  auto picture = Draw(item.pixels, ResultsDrawing(item.results, options));
  if (!picture.ok()) return WithContext(picture.status(), StrCat("--draw: ", item.name));
  return picture;
}

class PictureFile : public Writer {
 public:
  PictureFile(std::string path, const DecodeOptions& options) : path_(std::move(path)), options_(options) {}
  Status Write(const FinishedItem& item) override {
    if (!item.status.ok()) return OkStatus();
    ASSIGN_OR_RETURN(const cv::Mat picture, DrawItem(item, options_));
    return WritePicture(path_, picture);
  }

 private:
  const std::string path_;
  const DecodeOptions& options_;
};

class PictureFolder : public Writer {
 public:
  PictureFolder(OutputFolder folder, const DecodeOptions& options) : folder_(std::move(folder)), options_(options) {}
  Status Write(const FinishedItem& item) override {
    if (!item.status.ok()) return OkStatus();
    ASSIGN_OR_RETURN(const cv::Mat picture, DrawItem(item, options_));
    ASSIGN_OR_RETURN(const std::string bytes, EncodePicture(picture, ".png"));
    return folder_.Write(item.file_name + ".png", bytes);
  }
  Status Sync() override { return folder_.Sync(); }

 private:
  OutputFolder folder_;
  const DecodeOptions& options_;
};

class VideoFrames : public Writer {
 public:
  VideoFrames(std::string path, double fps, const DecodeOptions& options)
      : path_(std::move(path)), fps_(fps), options_(options) {}
  Status Write(const FinishedItem& item) override {
    if (!item.status.ok()) return OkStatus();
    ASSIGN_OR_RETURN(const cv::Mat picture, DrawItem(item, options_));
    if (!file_) {
      ASSIGN_OR_RETURN(file_, VideoFile::Create(path_, fps_ > 0 ? fps_ : item.fps));
    }
    return file_->Write(picture);
  }
  Status Finish() override { return file_ ? file_->Finish() : OkStatus(); }

 private:
  const std::string path_;
  const double fps_;
  const DecodeOptions& options_;
  std::optional<VideoFile> file_;
};

// Codecs cannot go on with a file that a killed process left: frames wait as files in a folder beside it and become a
// video at the end.
class GrowingVideo : public Writer {
 public:
  GrowingVideo(std::string path, double fps, int64_t before, const DecodeOptions& options)
      : path_(std::move(path)), folder_(path_ + ".frames"), fps_(fps), next_(before), options_(options) {}

  Status Open() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_ + kDone, ignored);
    if (next_ == 0) std::filesystem::remove_all(folder_, ignored);
    if (next_ > 0 && !std::filesystem::is_directory(folder_, ignored)) return OkStatus();  // it was finished
    ASSIGN_OR_RETURN(frames_, OutputFolder::Make(folder_));
    return OkStatus();
  }

  Status Write(const FinishedItem& item) override {
    const int64_t number = next_++;
    if (!item.status.ok()) return OkStatus();
    ASSIGN_OR_RETURN(const cv::Mat picture, DrawItem(item, options_));
    ASSIGN_OR_RETURN(const std::string bytes, EncodePicture(picture, ".png"));
    if (!frames_) return InvalidArgument(path_, ": the video is finished, more frames cannot come; begin anew");
    std::error_code ignored;
    if (!std::filesystem::exists(folder_ + "/" + kRate, ignored)) {
      RETURN_IF_ERROR(frames_->Write(kRate, std::to_string(fps_ > 0 ? fps_ : item.fps)));
    }
    std::string name = std::to_string(number);
    name.insert(0, kDigits - std::min(kDigits, name.size()), '0');  // sorted by name is sorted by number
    return frames_->Write(name + ".png", bytes);
  }
  Status Sync() override { return frames_ ? frames_->Sync() : OkStatus(); }

  Status Finish() override {
    if (!frames_) return OkStatus();
    std::error_code error;
    std::vector<std::string> names;
    for (std::filesystem::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
      if (it->path().extension() == ".png") names.push_back(it->path().string());
    }
    std::sort(names.begin(), names.end());
    double fps = fps_;
    std::ifstream(folder_ + "/" + kRate) >> fps;
    ASSIGN_OR_RETURN(VideoFile video, VideoFile::Create(path_, fps));
    for (const std::string& name : names) {
      ASSIGN_OR_RETURN(const cv::Mat frame, ReadPixels(name));
      RETURN_IF_ERROR(video.Write(frame));
    }
    RETURN_IF_ERROR(video.Finish());
    // Never a part of the frames under their name: a run that goes on would make a video of them.
    std::filesystem::rename(folder_, folder_ + kDone, error);
    if (error) return InvalidArgument(folder_, ": cannot be renamed: ", error.message());
    std::filesystem::remove_all(folder_ + kDone, error);
    return OkStatus();
  }

 private:
  static constexpr char kRate[] = "frames-per-second", kDone[] = ".done";
  static constexpr size_t kDigits = 12;

  const std::string path_, folder_;
  const double fps_;
  int64_t next_;
  const DecodeOptions& options_;
  std::optional<OutputFolder> frames_;
};

}  // namespace

StatusOr<std::unique_ptr<Writer>> MakePictureWriter(const std::string& path, bool several,
                                                    const DecodeOptions& options) {
  std::error_code ignored;
  const bool has_suffix = std::filesystem::path(path).has_extension();
  const bool is_folder = several || !has_suffix || std::filesystem::is_directory(path, ignored);
  if (several && has_suffix && !std::filesystem::is_directory(path, ignored)) {
    return InvalidArgument("--draw ", path, ": one file for several pictures; give a folder");
  }
  if (!is_folder) return std::unique_ptr<Writer>(std::make_unique<PictureFile>(path, options));
  ASSIGN_OR_RETURN(OutputFolder folder, OutputFolder::Make(path));
  return std::unique_ptr<Writer>(std::make_unique<PictureFolder>(std::move(folder), options));
}

StatusOr<std::unique_ptr<Writer>> MakeVideoWriter(const std::string& path, double fps, const DecodeOptions& options) {
  RETURN_IF_ERROR(VideoFile::Create(path, fps).status());  // its suffix
  return std::unique_ptr<Writer>(std::make_unique<VideoFrames>(path, fps, options));
}

StatusOr<std::unique_ptr<Writer>> MakeGrowingVideoWriter(const std::string& path, double fps, int64_t before,
                                                         const DecodeOptions& options) {
  RETURN_IF_ERROR(VideoFile::Create(path, fps).status());  // its suffix
  auto writer = std::make_unique<GrowingVideo>(path, fps, before, options);
  RETURN_IF_ERROR(writer->Open());
  return std::unique_ptr<Writer>(std::move(writer));
}

}  // namespace permafrost
