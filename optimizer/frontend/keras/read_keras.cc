#include "optimizer/frontend/keras/read_keras.h"

#include "optimizer/frontend/keras/build_graph.h"
#include "optimizer/frontend/keras/hdf5/hdf5_file.h"
#include "optimizer/frontend/keras/stored_weights.h"
#include "optimizer/support/zip_archive.h"

namespace permafrost {
namespace {

using keras::Config;
using keras::Hdf5File;
using keras::Json;

constexpr uint64_t kMaxJsonBytes = uint64_t{256} << 20;

// "2.15.0" -> 2; 0 when it is no version.
int MajorOf(std::string_view version) {
  return version.size() > 1 && version[0] >= '0' && version[0] <= '9' && version[1] == '.' ? version[0] - '0' : 0;
}

std::string FirstOf(const std::vector<std::string>* strings) {
  return strings == nullptr || strings->empty() ? "" : strings->front();
}

Status NoModel(const Hdf5File& file) {
  const bool weights = file.Attribute("", "layer_names") != nullptr || file.Attribute("", "layer_names0") != nullptr ||
                       file.groups.contains("layers") || file.groups.contains("_layer_checkpoint_dependencies");
  if (!weights) return InvalidArgument("is an HDF5 file, but none that Keras wrote: it has no attribute 'model_config'");
  return InvalidArgument("holds weights only: the architecture (attribute 'model_config') is missing; build the model in "
                         "Keras, load these weights into it and store all with model.save('model.keras')");
}

StatusOr<KerasModel> BuildListed(const Hdf5File& file, const Json& model, int keras_major, const Limits& limits,
                                 const InputShapes& shapes) {
  keras::WantedWeights wanted;
  RETURN_IF_ERROR(keras::BuildGraph(model, keras_major, keras::RecordWeights(wanted), limits, shapes).status());
  RETURN_IF_ERROR(keras::AssignListed(file, wanted));
  return keras::BuildGraph(model, keras_major, keras::ListedWeights(file, wanted), limits, shapes);
}

StatusOr<const ZipEntry*> FindEntry(const std::vector<ZipEntry>& entries, std::string_view name) {
  for (const ZipEntry& entry : entries) {
    if (entry.name == name) return &entry;
  }
  return InvalidArgument("is a zip archive without '", name,
                         "', so no .keras model; if a model is packed in it, unpack it and give that");
}

StatusOr<Json> ReadJson(const std::vector<ZipEntry>& entries, std::string_view name) {
  ASSIGN_OR_RETURN(const ZipEntry* entry, FindEntry(entries, name));
  ASSIGN_OR_RETURN(const std::string text, Unpack(*entry, kMaxJsonBytes));
  auto json = keras::ParseJson(text);
  if (!json.ok()) return WithContext(json.status(), name);
  return json;
}

StatusOr<Hdf5File> ReadZippedWeights(const ZipEntry& entry, std::shared_ptr<const MappedFile> owner,
                                     const Limits& limits) {
  if (entry.deflated) {
    ASSIGN_OR_RETURN(const std::string bytes, Unpack(entry, static_cast<uint64_t>(limits.max_tensor_bytes), owner.get()));
    return keras::ReadHdf5(bytes, nullptr, limits);
  }
  RETURN_IF_ERROR(CheckStored(entry, owner.get()));
  return keras::ReadHdf5(entry.data, std::move(owner), limits);
}

}  // namespace

bool IsKerasH5(std::string_view bytes) { return keras::IsHdf5(bytes); }
bool IsKerasZip(std::string_view bytes) { return IsZip(bytes); }

StatusOr<KerasModel> ReadKerasH5(std::string_view bytes, std::shared_ptr<const MappedFile> owner, const Limits& limits,
                                 const InputShapes& shapes) {
  ASSIGN_OR_RETURN(const Hdf5File file, keras::ReadHdf5(bytes, std::move(owner), limits));
  const std::string config = FirstOf(file.Attribute("", "model_config"));
  if (config.empty()) return NoModel(file);
  std::string version = FirstOf(file.Attribute("", "keras_version"));
  if (version.empty()) version = FirstOf(file.Attribute("model_weights", "keras_version"));
  const int major = MajorOf(version);
  if (major < 2) {
    return Unsupported("was written by Keras ", version.empty() ? "1" : version,
                       "; Keras 2.0 to 2.15 and Keras 3 are read: load it in Keras 2.0 to 2.2 and save it again");
  }
  if (FirstOf(file.Attribute("", "backend")) == "theano") {
    return Unsupported("was written by Keras on Theano, which stores convolutions the other way round; load it in Keras "
                       "on TensorFlow and save it again");
  }
  auto model = keras::ParseJson(config);
  if (!model.ok()) return WithContext(model.status(), "attribute 'model_config'");
  return BuildListed(file, *model, major, limits, shapes);
}

StatusOr<KerasModel> ReadKerasZip(std::string_view bytes, std::shared_ptr<const MappedFile> owner, const Limits& limits,
                                  const InputShapes& shapes) {
  ASSIGN_OR_RETURN(const auto entries, ListZip(bytes));
  ASSIGN_OR_RETURN(const Json model, ReadJson(entries, "config.json"));
  ASSIGN_OR_RETURN(const Json metadata, ReadJson(entries, "metadata.json"));
  ASSIGN_OR_RETURN(const std::string version, Config(metadata).String("keras_version", ""));
  const int major = MajorOf(version);
  if (major < 2) return InvalidArgument("metadata.json gives '", version, "' as the version of Keras, expected 2 or 3");
  ASSIGN_OR_RETURN(const ZipEntry* weights, FindEntry(entries, "model.weights.h5"));
  auto file = ReadZippedWeights(*weights, std::move(owner), limits);
  if (!file.ok()) return WithContext(file.status(), "model.weights.h5");
  return keras::BuildGraph(model, major, keras::PathWeights(*file), limits, shapes);
}

}  // namespace permafrost
