#include <filesystem>
#include <utility>

#include "runner/inputs/video.h"
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

}  // namespace permafrost
