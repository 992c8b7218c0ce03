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
  explicit NpyFiles(std::string folder) : folder_(std::move(folder)) {}
  Status Write(const Finished& item) override {
    for (const OutputResult& result : item.results) {
      std::string name = item.file_name + "." + result.name + ".npy";
      std::replace(name.begin(), name.end(), '/', '_');
      RETURN_IF_ERROR(WriteNpy(folder_ + "/" + name, result.array));
    }
    return OkStatus();
  }

 private:
  const std::string folder_;
};

class NpzFiles : public Writer {
 public:
  explicit NpzFiles(std::string folder) : folder_(std::move(folder)) {}
  Status Write(const Finished& item) override {
    if (!item.status.ok()) return OkStatus();
    NamedArrays arrays;
    for (const OutputResult& result : item.results) arrays.emplace_back(result.name, result.array);
    return WriteNpz(folder_ + "/" + item.file_name + ".npz", arrays);
  }

 private:
  const std::string folder_;
};

}  // namespace

StatusOr<std::unique_ptr<Writer>> MakeNpyWriter(const std::string& folder) {
  RETURN_IF_ERROR(MakeFolder(folder));
  return std::unique_ptr<Writer>(std::make_unique<NpyFiles>(folder));
}

StatusOr<std::unique_ptr<Writer>> MakeNpzWriter(const std::string& folder) {
  RETURN_IF_ERROR(MakeFolder(folder));
  return std::unique_ptr<Writer>(std::make_unique<NpzFiles>(folder));
}

}  // namespace permafrost
