#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/model_case.h"
#include "bench/statistics.h"
#include "runner/preprocess.h"
#include "runner/session.h"

namespace permafrost {

struct LabelledPicture {
  std::string path;
  int64_t label = 0;
};

// `path` is a folder with a folder of pictures for each class, or a list: a picture and its class a line, pictures
// relative to the list. A class is a name of `classes`; without these a number, or (folders only) the position of the
// folder among all by name. Errors: no picture, a class that is none.
StatusOr<std::vector<LabelledPicture>> ListLabelled(const std::string& path, const std::vector<std::string>& classes);

// One file of a case, as it was checked.
struct ClassifiedFile {
  std::string name, path;
  SessionOptions session;
};

struct LabelledFile {
  std::string name;
  Share top1, top5;                 // of all pictures; what failed is wrong
  int64_t failed = 0;               // pictures that could not be read or run
  std::string first_failure;
  std::optional<double> agreement;  // share of pictures with the first file's best class; not of the first
};
struct LabelledReport {
  int64_t pictures = 0;
  std::string output;  // the one with most values a picture
  std::vector<LabelledFile> files;
};

// Runs every file on the same arrays, made of the pictures as the first file with a model.json wants them, or as the
// case's input looks like. Errors: a file that does not open, a case with several inputs.
StatusOr<LabelledReport> ClassifyLabelled(const ModelCase& model, const std::vector<ClassifiedFile>& files,
                                          const std::vector<LabelledPicture>& pictures, const PictureOptions& options,
                                          const std::function<void(std::string_view)>& progress);

std::string LabelledText(const std::string& case_name, const LabelledReport& report);

}  // namespace permafrost
