#include "runner/inputs/load.h"

#include <algorithm>
#include <cstring>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <string_view>
#include <utility>

#include "optimizer/support/mapped_file.h"
#include "optimizer/support/zip_archive.h"
#include "shared_io/npy.h"
#include "shared_io/npz.h"

namespace permafrost {
namespace {

constexpr size_t kMostOfStdin = size_t{4} << 30;

StatusOr<std::string> ReadStdin() {
  std::string bytes;
  std::string chunk(1 << 16, '\0');
  while (std::cin.read(chunk.data(), static_cast<std::streamsize>(chunk.size())) || std::cin.gcount() > 0) {
    bytes.append(chunk, 0, static_cast<size_t>(std::cin.gcount()));
    if (bytes.size() > kMostOfStdin) return ResourceExhausted("stdin: gives more than 4 GB");
  }
  if (bytes.empty()) return DataLoss("stdin: gives nothing; is it closed?");
  return bytes;
}

// The inputs that a file feeds: the named one, or those that an .npz names, or the only one.
Status Feed(std::string_view bytes, const std::string& path, const std::string& input_name,
            const std::vector<TensorInfo>& inputs, const PictureOptions& options, Loaded& loaded) {
  const auto find = [&](const std::string& name) {
    return std::find_if(inputs.begin(), inputs.end(), [&](const TensorInfo& input) { return input.name == name; });
  };
  if (IsZip(bytes) || path.ends_with(".npz")) {
    auto parsed = ParseNpz(bytes);
    if (!parsed.ok()) return WithContext(parsed.status(), path);
    NamedArrays arrays = std::move(parsed).value();
    if (arrays.size() == 1 && (!input_name.empty() || inputs.size() == 1)) {
      loaded.feeds.push_back({input_name.empty() ? inputs[0].name : input_name, std::move(arrays[0].second)});
      return OkStatus();
    }
    bool found = false;
    for (auto& array : arrays) {
      if (find(array.first) == inputs.end() || (!input_name.empty() && array.first != input_name)) continue;
      loaded.feeds.push_back({array.first, std::move(array.second)});
      found = true;
    }
    if (found) return OkStatus();
    std::string names;
    for (const auto& array : arrays) names += StrCat(names.empty() ? "" : ", ", array.first);
    return NotFound(path, ": none of its arrays is named like an input; it holds: ", names);
  }
  const TensorInfo& input = input_name.empty() ? inputs[0] : *find(input_name);
  if (input_name.empty() && inputs.size() != 1) {
    return InvalidArgument(path, ": the model has ", inputs.size(), " inputs; give each by name");
  }
  if (bytes.starts_with("\x93NUMPY") || path.ends_with(".npy")) {
    auto array = ParseNpy(bytes);
    if (!array.ok()) return WithContext(array.status(), path);
    loaded.feeds.push_back({input.name, std::move(array).value()});
    return OkStatus();
  }
  ASSIGN_OR_RETURN(cv::Mat pixels, DecodePixels(bytes, path));
  ASSIGN_OR_RETURN(Picture picture, ToPictureInput(pixels, input, options, path));
  loaded.feeds.push_back({input.name, std::move(picture.array)});
  if (!loaded.picture) {
    loaded.picture = std::move(picture);
    loaded.pixels = std::move(pixels);
  }
  return OkStatus();
}

StatusOr<Array> RandomArray(const TensorInfo& input, const PictureOptions& options, std::mt19937& random) {
  Array array{ElementType::kFloat, input.shape, {}};
  if (!input.rank_known) {
    array.dims = {1, options.values.height, options.values.width, options.grey ? 1 : 3};
    if (options.values.height < 1) {
      return InvalidArgument("input \"", input.name,
                             "\": its shape is not known; give --size, an .npy, or a model.json");
    }
  }
  for (size_t i = 0; i < array.dims.size(); ++i) {
    if (array.dims[i] >= 0) continue;
    const char axis = i < input.layout.size() ? input.layout[i] : i == 0 ? 'N' : '?';
    if (axis == 'N') array.dims[i] = 1;
    if (axis == 'H') array.dims[i] = options.values.height;
    if (axis == 'W') array.dims[i] = options.values.width;
    if (array.dims[i] < 1) {
      return InvalidArgument("input \"", input.name, "\": the shape ", DimsText(input.shape),
                             " is not all known; give --size or an .npy");
    }
  }
  ASSIGN_OR_RETURN(const int64_t count, ElementCount(array.dims));
  if (count > int64_t{1} << 30) return ResourceExhausted("input \"", input.name, "\": ", DimsText(array.dims));
  array.bytes.resize(static_cast<size_t>(count) * sizeof(float));
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    const float value = static_cast<float>(random() >> 8) * 0x1p-24F;
    std::memcpy(array.bytes.data() + i * sizeof(float), &value, sizeof(float));
  }
  return array;
}

}  // namespace

StatusOr<Loaded> LoadItem(const Item& item, const std::vector<TensorInfo>& inputs, const PictureOptions& options) {
  Loaded loaded;
  if (item.kind == ItemKind::kRandom) {
    std::mt19937 random(static_cast<uint32_t>(item.seed ^ (item.seed >> 32)));
    for (const TensorInfo& input : inputs) {
      ASSIGN_OR_RETURN(Array array, RandomArray(input, options, random));
      loaded.feeds.push_back({input.name, std::move(array)});
    }
    return loaded;
  }
  for (const auto& [input_name, path] : item.files) {
    std::string from_stdin;
    std::shared_ptr<const MappedFile> file;
    if (path == "-") {
      ASSIGN_OR_RETURN(from_stdin, ReadStdin());
    } else {
      ASSIGN_OR_RETURN(file, MappedFile::Open(path));
    }
    RETURN_IF_ERROR(Feed(file ? file->bytes() : std::string_view(from_stdin), path == "-" ? "stdin" : path, input_name,
                         inputs, options, loaded));
  }
  return loaded;
}

StatusOr<Loaded> LoadFrame(const cv::Mat& frame, const std::string& name, const TensorInfo& input,
                           const PictureOptions& options) {
  Loaded loaded;
  ASSIGN_OR_RETURN(loaded.picture, ToPictureInput(frame, input, options, name));
  loaded.feeds.push_back({input.name, std::move(loaded.picture->array)});
  loaded.pixels = frame;
  return loaded;
}

}  // namespace permafrost
