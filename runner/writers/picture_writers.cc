#include <filesystem>
#include <utility>

#include "runner/inputs/video.h"
#include "runner/writers/folder.h"
#include "runner/writers/writer.h"

namespace permafrost {
namespace {

class PictureFiles : public Writer {
 public:
  // An empty folder: `path` is the one file.
  PictureFiles(std::string path, bool is_folder, const DecodeOptions& options)
      : path_(std::move(path)), is_folder_(is_folder), options_(options) {}
  Status Write(const Finished& item) override {
    if (!item.status.ok()) return OkStatus();
    auto picture = Draw(item.pixels, ResultsDrawing(item.results, options_));
    if (!picture.ok()) return WithContext(picture.status(), StrCat("--draw: ", item.name));
    return WritePicture(is_folder_ ? path_ + "/" + item.file_name + ".png" : path_, *picture);
  }

 private:
  const std::string path_;
  const bool is_folder_;
  const DecodeOptions& options_;
};

class VideoFrames : public Writer {
 public:
  VideoFrames(std::string path, double fps, const DecodeOptions& options)
      : path_(std::move(path)), fps_(fps), options_(options) {}
  Status Write(const Finished& item) override {
    if (!item.status.ok()) return OkStatus();
    auto picture = Draw(item.pixels, ResultsDrawing(item.results, options_));
    if (!picture.ok()) return WithContext(picture.status(), StrCat("--draw: ", item.name));
    if (!file_) {
      ASSIGN_OR_RETURN(file_, VideoFile::Create(path_, fps_ > 0 ? fps_ : item.fps));
    }
    return file_->Write(*picture);
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
  if (is_folder) RETURN_IF_ERROR(MakeFolder(path));
  return std::unique_ptr<Writer>(std::make_unique<PictureFiles>(path, is_folder, options));
}

StatusOr<std::unique_ptr<Writer>> MakeVideoWriter(const std::string& path, double fps, const DecodeOptions& options) {
  RETURN_IF_ERROR(VideoFile::Create(path, fps).status());  // its suffix
  return std::unique_ptr<Writer>(std::make_unique<VideoFrames>(path, fps, options));
}

}  // namespace permafrost
