#include <algorithm>
#include <utility>

#include "runner/writers/folder.h"
#include "runner/writers/writer.h"
#include "shared_io/npy.h"
#include "shared_io/npz.h"

namespace permafrost {
namespace {

class NpyFiles : public Writer {
 public:
  explicit NpyFiles(OutputFolder folder) : folder_(std::move(folder)) {}
  Status Write(const FinishedItem& item) override {
    for (const OutputResult& result : item.results) {
      std::string name = item.file_name + "." + result.name + ".npy";
      std::replace(name.begin(), name.end(), '/', '_');
      ASSIGN_OR_RETURN(const std::string bytes, NpyBytes(result.array));
      RETURN_IF_ERROR(folder_.Write(name, bytes));
    }
    return OkStatus();
  }
  Status Sync() override { return folder_.Sync(); }

 private:
  OutputFolder folder_;
};

class NpzFiles : public Writer {
 public:
  explicit NpzFiles(OutputFolder folder) : folder_(std::move(folder)) {}
  Status Write(const FinishedItem& item) override {
    if (!item.status.ok()) return OkStatus();
    NamedArrays arrays;
    for (const OutputResult& result : item.results) arrays.emplace_back(result.name, result.array);
    ASSIGN_OR_RETURN(const std::string bytes, NpzBytes(arrays));
    return folder_.Write(item.file_name + ".npz", bytes);
  }
  Status Sync() override { return folder_.Sync(); }

 private:
  OutputFolder folder_;
};

}  // namespace

StatusOr<std::unique_ptr<Writer>> MakeNpyWriter(const std::string& folder) {
  ASSIGN_OR_RETURN(OutputFolder files, OutputFolder::Make(folder));
  return std::unique_ptr<Writer>(std::make_unique<NpyFiles>(std::move(files)));
}

StatusOr<std::unique_ptr<Writer>> MakeNpzWriter(const std::string& folder) {
  ASSIGN_OR_RETURN(OutputFolder files, OutputFolder::Make(folder));
  return std::unique_ptr<Writer>(std::make_unique<NpzFiles>(std::move(files)));
}

}  // namespace permafrost
