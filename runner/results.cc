#include "runner/results.h"

#include <algorithm>
#include <cmath>
#include <iomanip>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "optimizer/support/number_text.h"
#include "runner/decode_heads.h"
#include "runner/layout.h"

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

// Corners, with decimals only where they say something.
std::string BoxText(const Box& box) {
  const int digits = std::max({std::abs(box.x1), std::abs(box.y1), std::abs(box.x2), std::abs(box.y2)}) <= 2 ? 4 : 1;
  return StrCat("x ", Fixed(box.x1, digits), "-", Fixed(box.x2, digits), "  y ", Fixed(box.y1, digits), "-",
                Fixed(box.y2, digits));
}

std::string Quoted(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::string Number(double value) {
  std::ostringstream out;
  out << std::setprecision(9) << value;
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

std::string LabelOf(const DecodeOptions& options, int64_t index) {
  const int64_t at = index - options.first_label;
  return at >= 0 && static_cast<size_t>(at) < options.labels.size() ? options.labels[static_cast<size_t>(at)] : "";
}

namespace {

std::string ClassName(const DecodeOptions& options, int64_t index) {
  const std::string label = LabelOf(options, index);
  return label.empty() ? StrCat("class ", index) : label;
}

Status DecodeKeypoints(const Array& array, const std::optional<Picture>& picture, const DecodeOptions& options,
                       OutputResult& result) {
  ASSIGN_OR_RETURN(result.keypoints, FindPeaks(array, options.keypoints));
  const size_t rank = array.dims.size();
  const auto is_background = [&](const Keypoint& point) {
    return NameOf(options.parts, point.part, "part") == "Background";
  };
  result.keypoints.erase(std::remove_if(result.keypoints.begin(), result.keypoints.end(), is_background),
                         result.keypoints.end());
  for (Keypoint& point : result.keypoints) {
    if (picture) point = ToPicture(point, array.dims[rank - 2], array.dims[rank - 3], *picture);
  }
  return OkStatus();
}

Status DecodeSegments(const Array& array, const std::optional<Picture>& picture, const DecodeOptions& options,
                      OutputResult& result) {
  ASSIGN_OR_RETURN(result.map, FindSegments(array, options.segments));
  if (picture) CutToPicture(result.map, *picture);
  if (picture && options.map_to_picture) result.on_picture = ToPicture(result.map, *picture);
  result.segments = CountSegments(result.map);
  return OkStatus();
}

// `array` is the result's own, with the channels last where they matter.
Status DecodeOne(const Array& array, const std::optional<Picture>& picture, const DecodeOptions& options,
                 OutputResult& result) {
  switch (result.decoder) {
    case Decoder::kClasses: {
      ASSIGN_OR_RETURN(result.classes, TopClasses(array, options.top_k, options.softmax));
      return OkStatus();
    }
    case Decoder::kKeypoints:
      return DecodeKeypoints(array, picture, options, result);
    case Decoder::kSegments:
      return DecodeSegments(array, picture, options, result);
    case Decoder::kHeat: {
      ASSIGN_OR_RETURN(result.heat, FindHeat(array, options.keypoints.parts, picture));
      return OkStatus();
    }
    case Decoder::kImage: {
      ASSIGN_OR_RETURN(result.image, ToImage(array, options.image));
      return OkStatus();
    }
    default:
      return OkStatus();
  }
}

// The decoders of maps and pictures look for channels in the last axis. Nothing: they are there.
StatusOr<std::optional<Array>> ChannelsLast(const std::vector<TensorInfo>& infos, const OutputResult& result) {
  const auto info =
      std::find_if(infos.begin(), infos.end(), [&](const TensorInfo& one) { return one.name == result.name; });
  const bool is_map = result.decoder == Decoder::kKeypoints || result.decoder == Decoder::kSegments ||
                      result.decoder == Decoder::kHeat || result.decoder == Decoder::kImage;
  if (!is_map || info == infos.end() || info->layout != "NCHW" || result.array.dims.size() != 4) {
    return std::optional<Array>();
  }
  ASSIGN_OR_RETURN(Array array, Relayout(result.array, "NCHW", "NHWC"));
  return std::optional<Array>(std::move(array));
}

StatusOr<Boxes> BoxesOf(const std::vector<NamedArray>& outputs, const std::optional<Picture>& picture, const DecodeOptions& options) {
  std::optional<DetectorInfo> detector = options.detector;
  if (!options.recipe.name.empty()) {
    std::vector<HeadShape> shapes;
    for (const NamedArray& output : outputs) shapes.push_back({output.name, output.array.dims});
    DecoderRecipe recipe = options.recipe;
    if (picture) {
      recipe.input_width = picture->input_width;
      recipe.input_height = picture->input_height;
    }
    ASSIGN_OR_RETURN(detector, MakeDetector(recipe, shapes));
  }
  return detector ? DecodeDetector(outputs, *detector, options.boxes) : FindBoxes(outputs, options.boxes);
}

}  // namespace

StatusOr<std::vector<OutputResult>> Decode(std::vector<NamedArray> outputs, const std::vector<TensorInfo>& infos,
                                           const std::optional<Picture>& picture, const DecodeOptions& options) {
  std::optional<Boxes> boxes;
  std::vector<BoxMask> masks;
  const bool known = options.detector || !options.recipe.name.empty();
  if (options.decoder == Decoder::kBoxes || (options.decoder == Decoder::kAuto && (known || LookLikeBoxes(outputs)))) {
    ASSIGN_OR_RETURN(boxes, BoxesOf(outputs, picture, options));
    ASSIGN_OR_RETURN(masks, FindMasks(outputs, boxes->boxes, options.detector ? options.detector->class_offset : 0, boxes->used));
    for (Box& box : boxes->boxes) {
      if (picture) box = ToPicture(box, boxes->relative, *picture);
    }
  }
  std::vector<OutputResult> results;
  for (size_t i = 0; i < outputs.size(); ++i) {
    OutputResult result;
    result.name = std::move(outputs[i].name);
    result.array = std::move(outputs[i].array);
    result.decoder = options.decoder;
    if (boxes && boxes->used[i]) {
      result.decoder = Decoder::kBoxes;
      result.has_boxes = std::find(boxes->used.begin(), boxes->used.end(), true) - boxes->used.begin() ==
                         static_cast<std::ptrdiff_t>(i);
      if (result.has_boxes) {
        result.boxes = std::move(boxes->boxes);
        result.masks = std::move(masks);
      }
    } else if (boxes) {
      result.decoder = Decoder::kRaw;
    } else if (result.decoder == Decoder::kAuto) {
      result.decoder = IsVector(result.array.dims) ? Decoder::kClasses : Decoder::kRaw;
    }
    const auto decode = [&]() -> Status {
      ASSIGN_OR_RETURN(const std::optional<Array> turned, ChannelsLast(infos, result));
      return DecodeOne(turned ? *turned : result.array, picture, options, result);
    };
    RETURN_IF_ERROR(WithContext(decode(), StrCat("output \"", result.name, "\"")));
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
        out << "    " << std::setw(9) << Fixed(best.score, 5) << "  " << ClassName(options, best.index) << "\n";
      }
    }
    for (const Keypoint& point : result.keypoints) {
      out << "    " << std::left << std::setw(14) << NameOf(options.parts, point.part, "part") << std::right << " x "
          << std::setw(7) << Fixed(point.x, 1) << "  y " << std::setw(7) << Fixed(point.y, 1) << "  score "
          << Fixed(point.score, 3) << "\n";
    }
    for (size_t i = 0; i < result.boxes.size(); ++i) {
      const Box& box = result.boxes[i];
      out << "    " << std::setw(9) << Fixed(box.score, 5) << "  " << ClassName(options, box.index) << "  " << BoxText(box);
      if (i < result.masks.size()) out << "  mask " << Fixed(100 * result.masks[i].Share(), 1) << "% of it";
      out << "\n";
    }
    if (result.decoder == Decoder::kHeat) {
      out << "    from " << result.heat.least << " to " << result.heat.most << ", hottest at x " << Fixed(result.heat.x, 1) << "  y "
          << Fixed(result.heat.y, 1) << "\n";
    }
    if (result.has_boxes && result.boxes.empty()) out << "    no box above " << options.boxes.min_score << "\n";
    for (const Segment& segment : result.segments) {
      out << "    " << std::setw(8) << Fixed(100 * segment.share, 2) << "%  " << ClassName(options, segment.index)
          << "\n";
    }
    if (!result.image.empty()) out << "    a picture of " << result.image.cols << "x" << result.image.rows << "\n";
    if (result.decoder == Decoder::kRaw) out << "    " << Summary(result.array) << "\n";
    if (result.decoder == Decoder::kKeypoints && result.keypoints.empty()) {
      out << "    no peak above " << options.keypoints.min_score << "\n";
    }
  }
  return out.str();
}

using Json = nlohmann::ordered_json;

namespace {

void AddLabel(const DecodeOptions& options, int64_t index, Json& entry) {
  if (const std::string label = LabelOf(options, index); !label.empty()) entry["label"] = label;
}

std::string Line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string ErrorJson(std::string_view input, std::string_view error) {
  return Line({{"input", input}, {"error", error}});
}

std::string ResultsJson(std::string_view input, const std::vector<OutputResult>& results,
                        const DecodeOptions& options) {
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
          AddLabel(options, item.index, entry);
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
    } else if (result.decoder == Decoder::kBoxes) {
      if (result.has_boxes) one["boxes"] = Json::array();
      for (size_t i = 0; i < result.boxes.size(); ++i) {
        const Box& box = result.boxes[i];
        Json entry = {{"index", box.index}, {"score", box.score}, {"x1", box.x1},
                      {"y1", box.y1},       {"x2", box.x2},       {"y2", box.y2}};
        if (i < result.masks.size()) entry["mask_share"] = result.masks[i].Share();
        AddLabel(options, box.index, entry);
        one["boxes"].push_back(std::move(entry));
      }
    } else if (result.decoder == Decoder::kSegments) {
      one["segments"] = Json::array();
      for (const Segment& segment : result.segments) {
        Json entry = {{"index", segment.index}, {"cells", segment.cells}, {"share", segment.share}};
        AddLabel(options, segment.index, entry);
        one["segments"].push_back(std::move(entry));
      }
    } else if (result.decoder == Decoder::kHeat) {
      one["least"] = result.heat.least;
      one["most"] = result.heat.most;
      one["hottest"] = {{"x", result.heat.x}, {"y", result.heat.y}};
    } else if (result.decoder == Decoder::kImage) {
      one["width"] = result.image.cols;
      one["height"] = result.image.rows;
    } else {
      one["values"] = ToFloats(result.array).value_or(std::vector<float>());
    }
    json["outputs"].push_back(std::move(one));
  }
  return Line(json);
}

std::string CsvHeader() { return "input,output,kind,index,label,score,x,y,width,height,error\n"; }

std::string ResultsCsv(std::string_view input, const std::vector<OutputResult>& results, const DecodeOptions& options) {
  std::string out;
  for (const OutputResult& result : results) {
    const std::string start = StrCat(Quoted(input), ",", Quoted(result.name), ",");
    const auto line = [&](std::string_view kind, int64_t index, const std::string& label, double score,
                          std::string_view place) {
      out += StrCat(start, kind, ",", index, ",", Quoted(label), ",", Number(score), ",", place, ",\n");
    };
    for (const auto& row : result.classes) {
      for (const ClassScore& item : row) line("class", item.index, LabelOf(options, item.index), item.score, ",,,");
    }
    for (const Box& box : result.boxes) {
      line("box", box.index, LabelOf(options, box.index), box.score,
           StrCat(Number(box.x1), ",", Number(box.y1), ",", Number(box.x2 - box.x1), ",", Number(box.y2 - box.y1)));
    }
    for (const Segment& segment : result.segments) {
      line("segment", segment.index, LabelOf(options, segment.index), segment.share, ",,,");
    }
    for (const Keypoint& point : result.keypoints) {
      const bool named = static_cast<size_t>(point.part) < options.parts.size();
      line("keypoint", point.part, named ? options.parts[static_cast<size_t>(point.part)] : "", point.score,
           StrCat(Number(point.x), ",", Number(point.y), ",,"));
    }
    if (result.decoder == Decoder::kHeat) {
      line("heat", 0, "", result.heat.most, StrCat(Number(result.heat.x), ",", Number(result.heat.y), ",,"));
    }
    if (result.decoder != Decoder::kRaw) continue;
    const std::vector<float> values = ToFloats(result.array).value_or(std::vector<float>());
    for (size_t i = 0; i < values.size(); ++i) line("value", static_cast<int64_t>(i), "", values[i], ",,,");
  }
  return out;
}

std::string ErrorCsv(std::string_view input, std::string_view error) {
  return StrCat(Quoted(input), ",,error,,,,,,,,", Quoted(error), "\n");
}

Drawing ResultsDrawing(const std::vector<OutputResult>& results, const DecodeOptions& options) {
  Drawing drawing;
  for (const OutputResult& result : results) {
    for (const Keypoint& point : result.keypoints) {
      drawing.marks.push_back({point.x, point.y, NameOf(options.parts, point.part, "part")});
    }
    if (!result.masks.empty()) drawing.masks = result.masks;
    if (!result.heat.on_picture.empty()) drawing.heat = result.heat.on_picture;
    for (const Box& box : result.boxes) {
      drawing.boxes.emplace_back(box, StrCat(ClassName(options, box.index), " ", Fixed(box.score, 2)));
    }
    if (!result.map.classes.empty()) {
      drawing.segments = result.on_picture.classes.empty() ? result.map : result.on_picture;
      for (const Segment& segment : result.segments) {
        drawing.legend.emplace_back(
            segment.index, StrCat(ClassName(options, segment.index), "  ", Fixed(100 * segment.share, 1), "%"));
      }
    }
    if (!result.image.empty()) drawing.image = result.image;
    if (result.classes.empty()) continue;
    for (const ClassScore& best : result.classes[0]) {
      drawing.lines.push_back(StrCat(ClassName(options, best.index), "  ", Fixed(best.score, 3)));
    }
  }
  return drawing;
}

}  // namespace permafrost
