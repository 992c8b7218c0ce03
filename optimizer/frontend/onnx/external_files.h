#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "optimizer/support/mapped_file.h"
#include "optimizer/support/status.h"

namespace permafrost::from_onnx {

// The files beside a model that hold its large tensors. Nothing outside the model's folder is opened, whatever the model
// or a link in the folder says.
class ExternalFiles {
 public:
  // The folder of the model's file. Empty: bytes without a file, which can have nothing beside them.
  explicit ExternalFiles(std::string folder) : folder_(std::move(folder)) {}
  // Errors: an absolute path, one that leads out of the folder, no such file.
  StatusOr<std::shared_ptr<const MappedFile>> Open(std::string_view location);
  std::vector<std::string> opened() const;

 private:
  std::string folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>, std::less<>> files_;
};

}  // namespace permafrost::from_onnx
