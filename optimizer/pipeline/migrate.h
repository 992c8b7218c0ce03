#pragma once

#include <string>
#include <vector>

#include "optimizer/pipeline/optimize.h"
#include "optimizer/pipeline/source_calls.h"

namespace permafrost {

// From readNetFromTensorflow to readNetFromONNX, for everything in a project's folder.
struct MigrateOptions {
  std::string folder;
  bool force = false;    // write over ONNX files that are there already
  bool dry_run = false;  // write nothing
  OptimizeOptions each;  // how a model is written: target, limits; model and output are filled in
};

struct MigratedModel {
  enum class Outcome { kWritten, kKept, kFailed };
  std::string model, onnx;  // from the folder on
  Format format = Format::kUnknown;
  Outcome outcome = Outcome::kFailed;
  std::string error;  // why it failed, or was left alone
  ModelInfo info;     // of what was written
  std::vector<std::string> notes;
  std::vector<ModelCall> calls;  // that load this model
};

struct MigrationReport {
  std::vector<MigratedModel> models;     // by path
  std::vector<ModelCall> unknown_calls;  // that load a model whose name the call does not say
  int failed = 0;
};

// Walks the folder (links and names with a dot in front are passed over) and writes an ONNX file beside every TensorFlow
// or Keras model in it; a SavedModel's goes beside its folder. A model that fails is reported and the rest go on. Files
// that only describe a graph to OpenCV's importer, the second argument of readNetFromTensorflow, are no models.
// Errors: the folder cannot be read.
StatusOr<MigrationReport> Migrate(const MigrateOptions& options);

// What loads the model and feeds it, before and after, in lines of C++ or Python. The lines that differ start with "- "
// and "+ ", the others with two blanks.
std::vector<std::string> CodeChange(const MigratedModel& model, bool python);

}  // namespace permafrost
