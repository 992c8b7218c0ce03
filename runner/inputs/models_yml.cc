#include "runner/inputs/models_yml.h"

#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/core/persistence.hpp>

#include "optimizer/support/mapped_file.h"
#include "runner/cv_guard.h"

namespace permafrost {
namespace {

Status Wrong(const char* field, std::string_view expected) {
  return InvalidArgument("its field ", field, " is no ", expected);
}

// One number or three, all finite.
Status ReadThree(const cv::FileNode& entry, const char* field, std::optional<std::array<double, 3>>& three) {
  const cv::FileNode node = entry[field];
  if (node.empty()) return OkStatus();
  std::array<double, 3> values{};
  if (node.isReal() || node.isInt()) {
    values.fill(node.real());
  } else if (node.isSeq() && (node.size() == 3 || node.size() == 1)) {
    for (size_t i = 0; i < 3; ++i) {
      const cv::FileNode item = node[static_cast<int>(node.size() == 1 ? 0 : i)];
      if (!item.isReal() && !item.isInt()) return Wrong(field, "list of numbers");
      values[i] = item.real();
    }
  } else {
    return Wrong(field, "list of three numbers");
  }
  for (const double value : values) {
    if (!std::isfinite(value)) return Wrong(field, "list of finite numbers");
  }
  three = values;
  return OkStatus();
}

Status ReadSize(const cv::FileNode& entry, const char* field, int64_t& size) {
  const cv::FileNode node = entry[field];
  if (node.empty()) return OkStatus();
  if (!node.isInt() || static_cast<int>(node) > 65535) return Wrong(field, "size");
  if (static_cast<int>(node) > 0) size = static_cast<int>(node);  // -1: the picture's
  return OkStatus();
}

Status ReadText(const cv::FileNode& entry, const char* field, std::string& text) {
  const cv::FileNode node = entry[field];
  if (node.empty()) return OkStatus();
  if (!node.isString()) return Wrong(field, "text");
  text = static_cast<std::string>(node);
  return OkStatus();
}

Status ReadEntry(const cv::FileNode& node, ModelsYmlEntry& entry) {
  RETURN_IF_ERROR(ReadThree(node, "mean", entry.values.mean));
  RETURN_IF_ERROR(ReadThree(node, "std", entry.values.std));
  std::optional<std::array<double, 3>> scale;
  RETURN_IF_ERROR(ReadThree(node, "scale", scale));
  if (scale) entry.values.scale = (*scale)[0];
  RETURN_IF_ERROR(ReadSize(node, "width", entry.values.width));
  RETURN_IF_ERROR(ReadSize(node, "height", entry.values.height));
  RETURN_IF_ERROR(ReadText(node, "classes", entry.classes));
  RETURN_IF_ERROR(ReadText(node, "sample", entry.sample));
  const cv::FileNode rgb = node["rgb"], background = node["background_label_id"];
  if (!rgb.empty()) {
    const std::string text = rgb.isString() ? static_cast<std::string>(rgb) : std::to_string(static_cast<int>(rgb));
    entry.values.channel_order = text == "true" || text == "True" || text == "1" ? "RGB" : "BGR";
  }
  if (background.isInt()) entry.background = static_cast<int>(background);
  return OkStatus();
}

}  // namespace

StatusOr<ModelsYmlEntry> ReadModelsYml(const std::string& path, const std::string& alias) {
  RETURN_IF_ERROR(MappedFile::Open(path).status());
  ModelsYmlEntry entry;
  const auto read = [&]() -> Status {
    const cv::FileStorage storage(path, cv::FileStorage::READ);
    const cv::FileNode root = storage.root();
    std::string names;
    for (const cv::FileNode& node : root) {
      if (node.name() == alias && node.isMap()) return WithContext(ReadEntry(node, entry), alias);
      if (node.isMap()) names += StrCat(names.empty() ? "" : ", ", node.name());
    }
    return NotFound("no entry \"", alias, "\"; it has: ", names);
  };
  RETURN_IF_ERROR(WithContext(Guarded("reading", read), path));
  const bool beside = !entry.classes.empty() && entry.classes[0] != '/' && path.find('/') != std::string::npos;
  if (beside) entry.classes = path.substr(0, path.rfind('/') + 1) + entry.classes;
  return entry;
}

Preprocessing Prefer(const Preprocessing& values, const Preprocessing& otherwise) {
  Preprocessing out = values;
  if (!out.scale) out.scale = otherwise.scale;
  if (!out.mean) out.mean = otherwise.mean;
  if (!out.std) out.std = otherwise.std;
  if (out.channel_order.empty()) out.channel_order = otherwise.channel_order;
  if (out.width == 0) out.width = otherwise.width;
  if (out.height == 0) out.height = otherwise.height;
  if (!out.crop) out.crop = otherwise.crop;
  return out;
}

}  // namespace permafrost
