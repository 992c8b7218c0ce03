#include "runner/results.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

namespace permafrost {
namespace {

std::string NameOf(const std::vector<std::string>& names, int64_t index, std::string_view kind) {
  if (index >= 0 && static_cast<size_t>(index) < names.size()) return names[static_cast<size_t>(index)];
  return StrCat(kind, " ", index);
}

bool IsVector(const std::vector<int64_t>& dims) {
  int64_t longest = 0;
  size_t wide = 0;
  for (size_t i = dims.size() > 1 ? 1 : 0; i < dims.size(); ++i) {
    longest = std::max(longest, dims[i]);
    wide += dims[i] > 1 ? 1 : 0;
  }
  return longest > 1 && wide == 1;
}

std::string Fixed(double value, int digits) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(digits) << value;
  return out.str();
}

std::string Summary(const Array& array) {
  const auto values = ToFloats(array);
  if (!values.ok() || values->empty()) return "empty";
  float least = std::numeric_limits<float>::infinity(), most = -least;
  double sum = 0;
  for (const float value : *values) {
    least = std::min(least, value);
    most = std::max(most, value);
    sum += value;
  }
  std::string text = StrCat("min ", least, "  max ", most, "  mean ", sum / static_cast<double>(values->size()));
  if (values->size() <= 8) {
    text += "  values";
    for (const float value : *values) text += StrCat(" ", value);
  }
  return text;
}

}  // namespace

StatusOr<std::vector<OutputResult>> Decode(std::vector<NamedArray> outputs, const std::optional<Picture>& picture,
                                           const DecodeOptions& options) {
  std::vector<OutputResult> results;
  for (NamedArray& output : outputs) {
    OutputResult result;
    result.name = std::move(output.name);
    result.array = std::move(output.array);
    result.decoder = options.decoder;
    if (result.decoder == Decoder::kAuto)
      result.decoder = IsVector(result.array.dims) ? Decoder::kClasses : Decoder::kRaw;
    const std::string where = StrCat("output \"", result.name, "\"");
    if (result.decoder == Decoder::kClasses) {
      auto classes = TopClasses(result.array, options.top_k, options.softmax);
      if (!classes.ok()) return WithContext(classes.status(), where);
      result.classes = std::move(classes).value();
    } else if (result.decoder == Decoder::kKeypoints) {
      auto points = FindPeaks(result.array, options.keypoints);
      if (!points.ok()) return WithContext(points.status(), where);
      result.keypoints = std::move(points).value();
      const size_t rank = result.array.dims.size();
      const auto is_background = [&](const Keypoint& point) {
        return NameOf(options.parts, point.part, "part") == "Background";
      };
      result.keypoints.erase(std::remove_if(result.keypoints.begin(), result.keypoints.end(), is_background),
                             result.keypoints.end());
      for (Keypoint& point : result.keypoints) {
        if (picture) point = ToPicture(point, result.array.dims[rank - 2], result.array.dims[rank - 3], *picture);
      }
    }
    results.push_back(std::move(result));
  }
  return results;
}

std::string ResultsText(std::string_view input, const std::vector<OutputResult>& results,
                        const DecodeOptions& options) {
  std::ostringstream out;
  out << input << "\n";
  for (const OutputResult& result : results) {
    out << "  " << result.name << " " << DimsText(result.array.dims) << "\n";
    for (size_t row = 0; row < result.classes.size(); ++row) {
      if (result.classes.size() > 1) out << "    picture " << row << " of the batch\n";
      for (const ClassScore& best : result.classes[row]) {
        out << "    " << std::setw(9) << Fixed(best.score, 5) << "  " << NameOf(options.labels, best.index, "class")
            << "\n";
      }
    }
    for (const Keypoint& point : result.keypoints) {
      out << "    " << std::left << std::setw(14) << NameOf(options.parts, point.part, "part") << std::right << " x "
          << std::setw(7) << Fixed(point.x, 1) << "  y " << std::setw(7) << Fixed(point.y, 1) << "  score "
          << Fixed(point.score, 3) << "\n";
    }
    if (result.decoder == Decoder::kRaw) out << "    " << Summary(result.array) << "\n";
    if (result.decoder == Decoder::kKeypoints && result.keypoints.empty()) {
      out << "    no peak above " << options.keypoints.min_score << "\n";
    }
  }
  return out.str();
}

std::string ResultsJson(std::string_view input, const std::vector<OutputResult>& results,
                        const DecodeOptions& options) {
  using Json = nlohmann::ordered_json;
  Json json;
  json["input"] = input;
  json["outputs"] = Json::array();
  for (const OutputResult& result : results) {
    Json one;
    one["name"] = result.name;
    one["shape"] = result.array.dims;
    if (result.decoder == Decoder::kClasses) {
      one["classes"] = Json::array();
      for (const auto& row : result.classes) {
        Json best = Json::array();
        for (const ClassScore& item : row) {
          Json entry = {{"index", item.index}, {"score", item.score}};
          if (static_cast<size_t>(item.index) < options.labels.size()) {
            entry["label"] = options.labels[static_cast<size_t>(item.index)];
          }
          best.push_back(std::move(entry));
        }
        one["classes"].push_back(std::move(best));
      }
    } else if (result.decoder == Decoder::kKeypoints) {
      one["keypoints"] = Json::array();
      for (const Keypoint& point : result.keypoints) {
        Json entry = {{"part", point.part}, {"x", point.x}, {"y", point.y}, {"score", point.score}};
        if (static_cast<size_t>(point.part) < options.parts.size()) {
          entry["name"] = options.parts[static_cast<size_t>(point.part)];
        }
        one["keypoints"].push_back(std::move(entry));
      }
    } else {
      one["values"] = ToFloats(result.array).value_or(std::vector<float>());
    }
    json["outputs"].push_back(std::move(one));
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

void ResultMarks(const std::vector<OutputResult>& results, const DecodeOptions& options, std::vector<Mark>& marks,
                 std::vector<std::string>& lines) {
  for (const OutputResult& result : results) {
    for (const Keypoint& point : result.keypoints) {
      marks.push_back({point.x, point.y, NameOf(options.parts, point.part, "part")});
    }
    if (result.classes.empty()) continue;
    for (const ClassScore& best : result.classes[0]) {
      lines.push_back(StrCat(NameOf(options.labels, best.index, "class"), "  ", Fixed(best.score, 3)));
    }
  }
}

}  // namespace permafrost
