#include "runner/cv_guard.h"
#include "runner/writers/writer.h"

#ifdef PERMAFROST_HIGHGUI
#include <opencv2/highgui.hpp>
#endif

namespace permafrost {
#ifdef PERMAFROST_HIGHGUI
namespace {

constexpr char kTitle[] = "permafrost-run";
constexpr int kEscape = 27;

class Window : public Writer {
 public:
  Window(const DecodeOptions& options, std::atomic<bool>& stop) : options_(options), stop_(stop) {}
  Status Write(const FinishedItem& item) override {
    if (!item.status.ok()) return OkStatus();
    auto picture = Draw(item.pixels, ResultsDrawing(item.results, options_));
    if (!picture.ok()) return WithContext(picture.status(), StrCat("--show: ", item.name));
    return Guarded("--show", [&]() -> Status {
      cv::imshow(kTitle, *picture);
      Take(cv::waitKey(1));
      moving_ = item.fps > 0;
      shown_ = true;
      return OkStatus();
    });
  }
  // A picture stays until a key is pressed.
  Status Finish() override {
    if (!shown_ || moving_ || stop_) return OkStatus();
    return Guarded("--show", [&]() -> Status {
      cv::waitKey(0);
      return OkStatus();
    });
  }

 private:
  void Take(int key) {
    if (key == kEscape || key == 'q') stop_ = true;
  }

  const DecodeOptions& options_;
  std::atomic<bool>& stop_;
  bool moving_ = false, shown_ = false;
};

}  // namespace

StatusOr<std::unique_ptr<Writer>> MakeWindowWriter(const DecodeOptions& options, std::atomic<bool>& stop) {
  RETURN_IF_ERROR(Guarded("--show: no window can be opened", []() -> Status {
    cv::namedWindow(kTitle, cv::WINDOW_NORMAL);
    return OkStatus();
  }));
  return std::unique_ptr<Writer>(std::make_unique<Window>(options, stop));
}

#else

StatusOr<std::unique_ptr<Writer>> MakeWindowWriter(const DecodeOptions&, std::atomic<bool>&) {
  return Unsupported("--show: this build opens no windows; install libopencv-highgui-dev and build again");
}

#endif
}  // namespace permafrost
