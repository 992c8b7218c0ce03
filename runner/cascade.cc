#include "runner/cascade.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "runner/cv_guard.h"
#include "runner/layout.h"

namespace permafrost {
namespace {

constexpr size_t kMostOfAScale = 5000;   // squares of one picture of the pyramid: the best
constexpr size_t kMostSquares = 2000;    // that go on to the next stage
constexpr size_t kMostAtOnce = 128;      // squares in one batch
constexpr size_t kPoints = 5;
constexpr double kLargestSquare = 1e5;   // pixels: what is larger comes from damage

// Corners in pixels, the first pixel being 1; the last one belongs to the square.
struct Square {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0, score = 0;
  std::array<double, 4> by = {};              // what a network says about the corners, in widths and heights
  std::array<double, 2 * kPoints> points = {};
  double width() const { return x2 - x1 + 1; }
  double height() const { return y2 - y1 + 1; }
};

using Squares = std::vector<Square>;

enum class Share { kOfBoth, kOfSmaller };

// Best first; of two that overlap by more than that the better one stays. Equal scores: the later one is better.
Squares KeepBest(const Squares& squares, double overlap, Share share, size_t most) {
  std::vector<size_t> order(squares.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = order.size() - 1 - i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return squares[a].score > squares[b].score; });
  if (order.size() > most) order.resize(most);
  Squares kept;
  for (const size_t i : order) {
    const Square& square = squares[i];
    const auto covers = [&](const Square& other) {
      const double width = std::max(0.0, std::min(square.x2, other.x2) - std::max(square.x1, other.x1) + 1);
      const double height = std::max(0.0, std::min(square.y2, other.y2) - std::max(square.y1, other.y1) + 1);
      const double both = width * height, a = square.width() * square.height(), b = other.width() * other.height();
      return both / (share == Share::kOfSmaller ? std::min(a, b) : a + b - both) > overlap;
    };
    if (std::none_of(kept.begin(), kept.end(), covers)) kept.push_back(square);
  }
  return kept;
}

void MoveCorners(Square& square, double width, double height) {
  square.x1 += square.by[0] * width;
  square.y1 += square.by[1] * height;
  square.x2 += square.by[2] * width;
  square.y2 += square.by[3] * height;
}

// As wide as high around its middle, in whole pixels.
void MakeSquare(Square& square) {
  const double width = square.x2 - square.x1, height = square.y2 - square.y1, side = std::max(width, height);
  const double x1 = square.x1 + width * 0.5 - side * 0.5, y1 = square.y1 + height * 0.5 - side * 0.5;
  square.x1 = std::trunc(x1);
  square.y1 = std::trunc(y1);
  square.x2 = std::trunc(x1 + side);
  square.y2 = std::trunc(y1 + side);
}

class Finder {
 public:
  Finder(const CascadeInfo& info, std::vector<Session>& sessions, const cv::Mat& pixels)
      : info_(info), sessions_(sessions), pixels_(pixels) {}

  StatusOr<std::vector<Face>> Find() {
    ASSIGN_OR_RETURN(Squares squares, Propose());
    ASSIGN_OR_RETURN(squares, Judge(1, squares));
    squares = KeepBest(squares, info_.stages[1].overlap, Share::kOfBoth, kMostSquares);
    for (Square& square : squares) {
      MoveCorners(square, square.width(), square.height());
      MakeSquare(square);
    }
    ASSIGN_OR_RETURN(squares, Judge(2, squares));
    for (Square& square : squares) {
      const double width = square.width(), height = square.height();
      for (size_t i = 0; i < kPoints; ++i) {
        square.points[i] = width * square.points[i] + square.x1 - 1;
        square.points[kPoints + i] = height * square.points[kPoints + i] + square.y1 - 1;
      }
      MoveCorners(square, width, height);
    }
    squares = KeepBest(squares, info_.stages[2].overlap, Share::kOfSmaller, kMostSquares);
    std::vector<Face> faces;
    for (const Square& square : squares) {
      Face face{{0, static_cast<float>(square.score), square.x1, square.y1, square.x2, square.y2}, {}};
      if (!info_.stages[2].points.empty()) {
        for (size_t i = 0; i < kPoints; ++i) face.points.emplace_back(square.points[i], square.points[kPoints + i]);
      }
      faces.push_back(std::move(face));
    }
    return faces;
  }

 private:
  // Pictures of one size as one array [n, height, width, 3], or with width before height.
  StatusOr<Array> ToArray(const std::vector<cv::Mat>& pictures) const {
    Array array;
    const int64_t rows = pictures[0].rows, columns = pictures[0].cols;
    array.dims = {static_cast<int64_t>(pictures.size()), info_.turned ? columns : rows, info_.turned ? rows : columns, 3};
    array.bytes.resize(pictures.size() * static_cast<size_t>(rows * columns * 3) * sizeof(float));
    char* to = array.bytes.data();
    RETURN_IF_ERROR(Guarded("preparing a picture", [&]() -> Status {
      for (const cv::Mat& picture : pictures) {
        cv::Mat values;
        picture.convertTo(values, CV_32F, info_.scale, -info_.mean * info_.scale);
        if (!info_.bgr) cv::cvtColor(values, values, cv::COLOR_BGR2RGB);
        if (info_.turned) values = values.t();
        const size_t size = values.total() * values.elemSize();
        std::memcpy(to, values.data, size);
        to += size;
      }
      return OkStatus();
    }));
    return array;
  }

  StatusOr<std::vector<float>> Output(const std::vector<NamedArray>& outputs, const std::string& name,
                                      const std::vector<int64_t>& dims) const {
    const auto found = std::find_if(outputs.begin(), outputs.end(), [&](const NamedArray& one) { return one.name == name; });
    if (found == outputs.end()) return NotFound("the network has no output \"", name, "\"");
    if (!SameUpToOnes(found->array.dims, dims)) {
      return InvalidArgument("output \"", name, "\" has the shape ", DimsText(found->array.dims), ", expected ", DimsText(dims));
    }
    return ToFloats(found->array);
  }

  // Squares that look like faces to the first network, over the whole picture and smaller and smaller copies of it.
  StatusOr<Squares> Propose() {
    const CascadeInfo::Stage& stage = info_.stages[0];
    const double size = static_cast<double>(stage.size);
    Squares all;
    double scale = size / static_cast<double>(info_.least_face);
    for (double side = std::min(pixels_.rows, pixels_.cols) * scale; side >= size; side *= info_.factor, scale *= info_.factor) {
      cv::Mat copy;
      RETURN_IF_ERROR(Guarded("making a picture smaller", [&]() -> Status {
        const cv::Size to(static_cast<int>(std::ceil(pixels_.cols * scale)), static_cast<int>(std::ceil(pixels_.rows * scale)));
        cv::resize(pixels_, copy, to, 0, 0, cv::INTER_AREA);
        return OkStatus();
      }));
      ASSIGN_OR_RETURN(Squares squares, ProposeAt(copy, scale));
      squares = KeepBest(squares, info_.overlap_of_scale, Share::kOfBoth, kMostOfAScale);
      all.insert(all.end(), squares.begin(), squares.end());
    }
    all = KeepBest(all, stage.overlap, Share::kOfBoth, kMostSquares);
    for (Square& square : all) {
      MoveCorners(square, square.x2 - square.x1, square.y2 - square.y1);
      MakeSquare(square);
    }
    return all;
  }

  StatusOr<Squares> ProposeAt(const cv::Mat& copy, double scale) {
    const CascadeInfo::Stage& stage = info_.stages[0];
    ASSIGN_OR_RETURN(Array input, ToArray({copy}));
    ASSIGN_OR_RETURN(const auto outputs, sessions_[0].Run({{"", std::move(input)}}));
    int64_t first = 0, second = 0;  // what the network's map has for height and width
    for (const NamedArray& output : outputs) {
      if (output.name == stage.scores && output.array.dims.size() == 4) first = output.array.dims[1], second = output.array.dims[2];
    }
    ASSIGN_OR_RETURN(const auto scores, Output(outputs, stage.scores, {1, first, second, 2}));
    ASSIGN_OR_RETURN(const auto boxes, Output(outputs, stage.boxes, {1, first, second, 4}));
    Squares squares;
    const double stride = static_cast<double>(info_.stride);
    for (size_t cell = 0; cell < scores.size() / 2; ++cell) {
      if (!(scores[2 * cell + 1] >= static_cast<float>(stage.threshold))) continue;
      const double i = static_cast<double>(cell / static_cast<size_t>(second)), j = static_cast<double>(cell % static_cast<size_t>(second));
      const double x = info_.turned ? i : j, y = info_.turned ? j : i;
      Square square;
      square.x1 = std::trunc((stride * x + 1) / scale);
      square.y1 = std::trunc((stride * y + 1) / scale);
      square.x2 = std::trunc((stride * x + static_cast<double>(stage.size)) / scale);
      square.y2 = std::trunc((stride * y + static_cast<double>(stage.size)) / scale);
      square.score = scores[2 * cell + 1];
      for (size_t k = 0; k < 4; ++k) square.by[k] = boxes[4 * cell + k];
      squares.push_back(square);
    }
    return squares;
  }

  // A square of the picture, black beyond its edges, brought to the size of a network.
  StatusOr<cv::Mat> Cut(const Square& square, int64_t size) const {
    cv::Mat cut;
    RETURN_IF_ERROR(Guarded("cutting a square out", [&]() -> Status {
      const cv::Rect wanted(static_cast<int>(square.x1) - 1, static_cast<int>(square.y1) - 1, static_cast<int>(square.width()),
                            static_cast<int>(square.height()));
      const cv::Rect there = wanted & cv::Rect(0, 0, pixels_.cols, pixels_.rows);
      cv::Mat piece = cv::Mat::zeros(wanted.size(), CV_8UC3);
      if (!there.empty()) pixels_(there).copyTo(piece(there - wanted.tl()));
      piece.convertTo(piece, CV_64F);  // as the Python package does: the resized pixels are not rounded
      cv::resize(piece, cut, cv::Size(static_cast<int>(size), static_cast<int>(size)), 0, 0, cv::INTER_AREA);
      return OkStatus();
    }));
    return cut;
  }

  static bool CanCut(const Square& square) {
    for (const double at : {square.x1, square.y1, square.x2, square.y2}) {
      if (!(std::abs(at) < kLargestSquare)) return false;
    }
    return square.width() >= 1 && square.height() >= 1;
  }

  // The squares that a later network takes for faces, with what it says about them.
  StatusOr<Squares> Judge(size_t index, const Squares& squares) {
    Squares good;
    std::vector<Square> chunk;
    for (size_t i = 0; i <= squares.size(); ++i) {
      if (i < squares.size() && CanCut(squares[i])) chunk.push_back(squares[i]);
      if (chunk.empty() || (i < squares.size() && chunk.size() < kMostAtOnce)) continue;
      RETURN_IF_ERROR(JudgeChunk(index, chunk, good));
      chunk.clear();
    }
    return good;
  }

  Status JudgeChunk(size_t index, const Squares& chunk, Squares& good) {
    const CascadeInfo::Stage& stage = info_.stages[index];
    std::vector<cv::Mat> cuts;
    for (const Square& square : chunk) {
      ASSIGN_OR_RETURN(cuts.emplace_back(), Cut(square, stage.size));
    }
    ASSIGN_OR_RETURN(Array input, ToArray(cuts));
    ASSIGN_OR_RETURN(const auto outputs, sessions_[index].Run({{"", std::move(input)}}));
    const int64_t count = static_cast<int64_t>(chunk.size());
    ASSIGN_OR_RETURN(const auto scores, Output(outputs, stage.scores, {count, 2}));
    ASSIGN_OR_RETURN(const auto boxes, Output(outputs, stage.boxes, {count, 4}));
    std::vector<float> points;
    if (!stage.points.empty()) {
      ASSIGN_OR_RETURN(points, Output(outputs, stage.points, {count, 2 * kPoints}));
    }
    for (size_t i = 0; i < chunk.size(); ++i) {
      if (!(scores[2 * i + 1] > static_cast<float>(stage.threshold))) continue;
      Square& square = good.emplace_back(chunk[i]);
      square.score = scores[2 * i + 1];
      for (size_t k = 0; k < 4; ++k) square.by[k] = boxes[4 * i + k];
      for (size_t k = 0; k < points.size() / chunk.size(); ++k) square.points[k] = points[2 * kPoints * i + k];
    }
    return OkStatus();
  }

  const CascadeInfo& info_;
  std::vector<Session>& sessions_;
  const cv::Mat& pixels_;
};

}  // namespace

StatusOr<Cascade> Cascade::Open(const std::string& path, const SessionOptions& options) {
  ASSIGN_OR_RETURN(CascadeInfo info, ReadCascade(path));
  const std::string folder = path.substr(0, path.rfind('/') + 1);
  std::vector<Session> sessions;
  for (const CascadeInfo::Stage& stage : info.stages) {
    ASSIGN_OR_RETURN(Session session, Session::Open(folder + stage.file, options));
    sessions.push_back(std::move(session));
  }
  return Cascade(std::move(info), std::move(sessions));
}

StatusOr<std::vector<Face>> Cascade::Find(const cv::Mat& pixels) {
  if (pixels.empty() || pixels.type() != CV_8UC3) return InvalidArgument("a picture of 8-bit BGR is expected");
  return Finder(info_, sessions_, pixels).Find();
}

}  // namespace permafrost
